"""Errors: pages in the look of the board, problems for programs; and the paths that tell how the board is."""

import asyncio
from collections.abc import Callable

import pytest
from arlen import App, Client, StartupError
from drafts import draft

from store import Store

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "url", "status", "heading"),
    [
        ("GET", "/nowhere", 404, "Not Found"),
        ("GET", "/incidents/5", 404, "Not Found"),
        ("GET", "/static/none.css", 404, "Not Found"),
        ("GET", "/static/../app.py", 400, "Bad Request"),
        ("GET", "/static/%2e%2e/app.py", 400, "Bad Request"),
        ("DELETE", "/incidents", 405, "Method Not Allowed"),
        ("GET", "/incidents?page=-1", 422, "Unprocessable"),
    ],
)
async def test_a_refusal_is_a_page_of_the_board(page: Client, method: str, url: str, status: int, heading: str) -> None:
    """With the reason, ways on, and the number that helps to find it in the log."""
    reply = await page.request(method, url)
    assert status == reply.status
    assert reply.page.one("h1").text.startswith(heading)
    assert reply.page.one(".trace code").text == reply.headers["x-request-id"]
    assert {"/", "/incidents"} <= {each["href"] for each in reply.page.all("main .actions a")}


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/problem+json", ""])
async def test_programs_get_a_problem(page: Client, accept: str) -> None:
    """Unless they ask for a page."""
    reply = await page.get("/incidents/5", headers={"accept": accept})
    assert (404, "application/problem+json") == (reply.status, reply.headers["content-type"])
    assert ("incident_not_found", "There is no incident INC-5.") == (reply.json()["code"], reply.json()["detail"])


async def test_plain_text_is_for_terminals(page: Client) -> None:
    """One line."""
    reply = await page.get("/incidents/5", headers={"accept": "text/plain"})
    assert "There is no incident INC-5.\n" == reply.text


async def test_a_broken_board_says_nothing_internal(make: Callable[..., App], fresh: str) -> None:
    """The page has the request id; the reason is in the log."""
    app = make(url=fresh)
    async with Client(app, headers={"accept": "text/html"}) as client:
        await app.services.resolve(Store).db.execute("drop view listed")
        reply = await client.get("/incidents")
        assert (500, "Internal Server Error") == (reply.status, reply.page.one("h1").text)
        for word in ("sql", "listed", "undefined"):
            assert word not in reply.text.lower()


async def test_a_busy_board_asks_to_come_back(make: Callable[..., App], home: str, engine: str) -> None:
    """503 with Retry-After, as a page and as a problem."""
    few = {"sqlite": "?waiting=1", "postgresql": "&size=1&max_waiting=1"}[engine]
    async with Client(make(url=home + few), headers={"accept": "application/json"}) as client:
        replies = await asyncio.gather(*[client.post("/incidents", json=draft()) for _ in range(20)])
        refused = [each for each in replies if each.status == 503]
        assert refused
        assert {201, 503} >= {each.status for each in replies}
        assert ("store_busy", "1") == (refused[0].json()["code"], refused[0].headers["retry-after"])
        found = (await client.get("/incidents")).json()["total"]
        assert found == len(replies) - len(refused)


@pytest.mark.parametrize(("path", "word"), [("/healthz", "ok"), ("/livez", "live"), ("/readyz", "ready")])
async def test_health_is_told(page: Client, path: str, word: str) -> None:
    """As text and as JSON."""
    assert f"{word}\n" == (await page.get(path, headers={"accept": "*/*"})).text
    assert word == (await page.get(path, headers={"accept": "application/json"})).json()["status"]


async def test_a_draining_board_is_not_ready(page: Client) -> None:
    """And still answers."""
    page.app.drain()
    assert (503, 200) == ((await page.get("/readyz")).status, (await page.get("/incidents")).status)


@pytest.mark.parametrize("path", ["/", "/incidents", "/nowhere", "/static/app.css", "/incidents.csv", "/healthz"])
async def test_every_answer_has_its_headers(page: Client, path: str) -> None:
    """The policy that forbids foreign and inline scripts and styles, and the others."""
    headers = (await page.get(path)).headers
    assert "default-src 'self'" == headers["content-security-policy"]
    assert ("nosniff", "SAMEORIGIN") == (headers["x-content-type-options"], headers["x-frame-options"])


async def test_a_board_that_cannot_start_says_why(make: Callable[..., App]) -> None:
    """And what to do."""
    with pytest.raises(StartupError, match=r"cannot open the database .*fix: make the folder /dev/null"):
        async with Client(make(url="sqlite:////dev/null/board.db")):
            pass


def test_a_setting_that_does_not_exist_is_named(make: Callable[..., App]) -> None:
    """With the one that was meant."""
    with pytest.raises(StartupError, match="did you mean 'sample'"):
        make(ARLEN_BOARD__SAMPEL="x")


def test_a_database_of_another_kind_is_named(make: Callable[..., App]) -> None:
    """With what there is."""
    with pytest.raises(StartupError, match="did you mean postgresql"):
        make(url="postgrsql://localhost/board")


async def test_production_needs_its_secret(make: Callable[..., App]) -> None:
    """Messages are signed; without a secret it says how to make one."""
    with pytest.raises(StartupError, match="ARLEN_WEB__SECRET"):
        async with Client(make("production")):
            pass
    async with Client(make("production", ARLEN_WEB__SECRET="x" * 40)) as client:
        assert 200 == (await client.get("/", headers={"accept": "text/html"})).status


async def test_a_new_board_in_production_is_empty(make: Callable[..., App], tmp_path: object) -> None:
    """Its file says so; the sample is for trying it out."""
    words = {"ARLEN_WEB__SECRET": "x" * 40}
    app = make("production", **words)
    assert "" == app.config.dump()["board.sample"]["value"]
