"""Plugin: the document and its page, served; and responses that it does not describe, found."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

import pytest
from msgspec import Struct

from arlen_core import App, Context, HTTPError, Response, Router, Stream
from arlen_core.errors import ConfigError, Disconnected, StartupError
from arlen_core.plugins import Plugin
from arlen_core.requests import Request
from arlen_core.responses import json, text
from arlen_core.settings import HEADERS
from arlen_core.testing import Client, run
from arlen_openapi import Answer, OpenAPI, Settings, document, encode, pages
from arlen_openapi.watches import Watch

pytestmark = pytest.mark.anyio

QUIET = {"ARLEN_LOG__ACCESS": "false", "ARLEN_LOG__LEVEL": "error"}


class Note(Struct):
    title: str


def made(env: str = "test", **words: Any) -> App:
    """Return an application with the plugin, and these settings."""
    app = App("made", env=env, environ=QUIET | {f"ARLEN_OPENAPI__{name.upper()}": str(v) for name, v in words.items()})
    app.use(OpenAPI())
    return app


async def handler() -> Note:
    """Show a note."""
    return Note("x")


# -- serving


@pytest.mark.parametrize("path", ["/openapi.json", "/.well-known/openapi.json"])
async def test_the_document_is_served(path: str) -> None:
    """In two places, as one line of JSON, with a tag by which clients need not fetch it again."""
    app = made()
    app.get("/x")(handler)
    async with Client(app) as client:
        reply = await client.get(path)
        again = await client.get(path, headers={"if-none-match": reply.headers["etag"]})
        head = await client.head(path)
    assert (200, "application/json", encode(document(app))) == (reply.status, reply.media, reply.body)
    assert ("no-cache", 304, b"") == (reply.headers["cache-control"], again.status, again.body)
    assert (200, b"") == (head.status, head.body)


async def test_the_document_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the first request that asks for it."""
    app, calls = made(check="off"), []
    monkeypatch.setattr("arlen_openapi.plugin.document", lambda *args: calls.append(args) or {"openapi": "3.1.1"})
    async with Client(app) as client:
        for _ in range(3):
            await client.get("/openapi.json")
    assert 1 == len(calls)


async def test_a_route_may_come_before_the_next_start() -> None:
    """It is in the document then, and its responses are looked at."""
    app = made()
    async with Client(app) as client:
        await client.get("/openapi.json")

    @app.get("/x")
    async def teapot() -> Note:
        raise HTTPError(418)

    async with Client(app) as client:
        assert ["/x"] == list((await client.get("/openapi.json")).json()["paths"])
        assert 500 == (await client.get("/x")).status


async def test_the_document_can_be_elsewhere() -> None:
    """Or nowhere, and then there is no page either."""
    async with Client(made(path="/api.json", ui_path="/read/it")) as client:
        assert [200, 404, 200] == [(await client.get(p)).status for p in ("/api.json", "/openapi.json", "/read/it")]
        assert 'data-document="../api.json"' in (await client.get("/read/it")).text
    async with Client(made(path="", ui="true")) as client:
        assert [404, 404] == [(await client.get(path)).status for path in ("/openapi.json", "/docs")]


async def test_a_mounted_document_says_where_it_is() -> None:
    """Its addresses are below the prefix; settings that name servers count more."""
    outer, inner = App("outer", env="test", environ=QUIET), made()
    outer.mount("/in", inner)
    async with Client(outer) as client:
        assert [{"url": "/in"}] == (await client.get("/in/openapi.json")).json()["servers"]
        assert 'data-document="./openapi.json"' in (await client.get("/in/docs")).text


def test_settings_that_are_given_count() -> None:
    """In place of the section; and the plugin needs an application."""
    app = App("made", env="test", environ=QUIET | {"ARLEN_OPENAPI__TITLE": "section"})
    plugin = app.use(OpenAPI(Settings(title="given")))
    assert "given" == plugin.document()["info"]["title"]
    with pytest.raises(StartupError, match="belongs to no application"):
        OpenAPI().document()


def test_a_wrong_setting_is_named() -> None:
    """As every wrong setting is."""
    with pytest.raises(ConfigError, match="check"):
        made(check="perhaps")


@pytest.mark.parametrize("name", ["path", "ui_path"])
@pytest.mark.parametrize("value", ["/", "//", "api", "/a//b", "/{id}", "/a b", "/a?b"])
def test_a_path_that_cannot_be_served_is_refused_by_name(name: str, value: str) -> None:
    """The error has the name of the setting, and says what to write."""
    with pytest.raises(ConfigError, match=rf"^openapi\.{name}: ") as caught:
        made(**{name: value})
    assert f"{name} = " in caught.value.fix


async def test_a_slash_at_the_end_of_a_path_is_left_out() -> None:
    """`/api/` is `/api`; the files of the page are below it."""
    async with Client(made(path="/api.json/", ui_path="/api/")) as client:
        assert [200, 200, 200] == [(await client.get(p)).status for p in ("/api.json", "/api", "/api/page.css")]


def test_the_page_needs_a_path_of_its_own() -> None:
    """It cannot be where the document is."""
    with pytest.raises(ConfigError, match=r"^openapi\.ui_path: "):
        made(path="/api", ui_path="/api/")


def test_plugins_that_wait_are_in_the_document() -> None:
    """What other plugins add when the application starts is there before it has started."""

    class Later(Plugin):
        name = "later"

        def register(self, app: App) -> None:
            app.get("/later")(handler)

    app = made()
    app.use(Later())
    assert (["/later"], "created") == (list(document(app)["paths"]), app.state)


async def test_the_configuration_can_enable_it() -> None:
    """By its name, which is that of an entry point."""
    app = App("made", env="test", environ=QUIET | {"ARLEN_PLUGINS__ENABLED": '["openapi"]'})
    async with Client(app) as client:
        assert 200 == (await client.get("/openapi.json")).status


# -- the page


@pytest.mark.parametrize(
    ("env", "words", "status"),
    [("development", {}, 200), ("test", {}, 200), ("production", {}, 404), ("production", {"ui": "true"}, 200),
     ("development", {"ui": "false"}, 404)],
)  # fmt: skip
async def test_where_the_page_is(env: str, words: dict[str, str], status: int) -> None:
    """On in development, off in production unless it is asked for."""
    async with Client(made(env, **words)) as client:
        assert status == (await client.get("/docs")).status


async def test_the_page_passes_the_policy_of_the_application() -> None:
    """No script and no style inside of it, no address of anybody else, and all its files are there."""
    if not pages.available():
        pytest.skip("arlen-openapi[ui] is not installed")
    async with Client(made()) as client:
        page = await client.get("/docs")
        assert HEADERS["content-security-policy"] == page.headers["content-security-policy"]
        assert [] == re.findall(r"<script>|<style|style=|https?:|\bon\w+=", page.text)
        files = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
        assert ["swagger-ui.css", "page.css", "swagger-ui-bundle.js", "start.js"] == [each[5:] for each in files]
        replies = [await client.get(f"/{each}") for each in files]
    assert [200] * 4 == [each.status for each in replies]
    assert {"text/css", "text/javascript"} == {each.media for each in replies}
    assert b"data:" not in replies[0].body.replace(b"metadata:", b"")


async def test_the_page_finds_its_files_below_a_slash() -> None:
    """With `http.slash = "ignore"` it answers `/docs/` too, and its files are where they were."""
    app = App("notes", env="test", environ={"ARLEN_HTTP__SLASH": "ignore"})
    app.use(OpenAPI())
    async with Client(app) as client:
        page = await client.get("/docs/")
    found = re.findall(r'href="([^"]+css)"', page.text)
    assert "/docs/page.css" == urljoin("/docs/", found[-1])


@pytest.mark.parametrize(
    ("ui_path", "path", "asked"),
    [
        ("/docs", "/openapi.json", "/docs"),
        ("/docs", "/openapi.json", "/docs/"),
        ("/read/it", "/openapi.json", "/read/it"),
        ("/read/it", "/api/v1.json", "/read/it/"),
        ("/docs", "/a:b.json", "/docs"),
    ],
)
async def test_the_page_works_behind_a_proxy_that_cuts_a_prefix(ui_path: str, path: str, asked: str) -> None:
    """The addresses of the document and of the files are relative, so a browser keeps the prefix."""
    words = {"ARLEN_HTTP__SLASH": "ignore", "ARLEN_OPENAPI__UI_PATH": ui_path, "ARLEN_OPENAPI__PATH": path}
    app = App("notes", env="test", environ=QUIET | words)
    app.use(OpenAPI())
    async with Client(app) as client:
        page = (await client.get(asked)).text
    told = re.findall(r'(?:data-document|href|src)="([^"]+)"', page)
    seen = {urljoin(f"https://example.org/cut{asked}", each) for each in told}
    assert {f"https://example.org/cut{path}"} == {each for each in seen if each.endswith(".json")}
    assert {f"https://example.org/cut{ui_path}"} == {each.rpartition("/")[0] for each in seen if ".json" not in each}


async def test_pictures_are_files_of_their_own() -> None:
    """A policy of `default-src 'self'` takes no picture that is written into a style sheet."""
    if not pages.available():
        pytest.skip("arlen-openapi[ui] is not installed")
    sheet = pages.assets()["swagger-ui.css"].body.decode()
    names = set(re.findall(r"url\(([0-9a-f]{12}\.\w+)\)", sheet))
    async with Client(made()) as client:
        replies = [await client.get(f"/docs/{name}") for name in sorted(names)]
    assert names
    assert {200} == {each.status for each in replies}
    assert {"image"} == {each.media.partition("/")[0] for each in replies}
    drawn = [ET.fromstring(each.body).tag for each in replies if each.media == "image/svg+xml"]
    assert {"{http://www.w3.org/2000/svg}svg"} == set(drawn)


async def test_files_have_tags() -> None:
    """A browser that has one need not fetch it again; what is no file of the page is not found."""
    async with Client(made()) as client:
        first = await client.get("/docs/start.js")
        again = await client.get("/docs/start.js", headers={"if-none-match": first.headers["etag"]})
        assert [304, 404, 404] == [
            again.status,
            (await client.get("/docs/other.js")).status,
            (await client.get("/docs/..%2fplugin.py")).status,
        ]


async def test_without_the_files_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """How to get them, and where the document is."""
    monkeypatch.setattr(pages, "SOURCE", "no_such_package_here")
    pages.assets.cache_clear()
    async with Client(made()) as client:
        page = await client.get("/docs")
        sheet = await client.get("/docs/page.css")
        script = await client.get("/docs/swagger-ui-bundle.js")
    pages.assets.cache_clear()
    assert "arlen-openapi[ui]" in page.text
    assert 'href="./openapi.json"' in page.text
    assert ([200, 404], []) == ([sheet.status, script.status], re.findall("<script", page.text))


def test_the_title_is_escaped() -> None:
    """A name is a name, not HTML."""
    assert "<b>" not in pages.page("<b>x</b>", "docs", '/a"b')
    assert "&quot;b" in pages.page("x", "docs", '/a"b')


# -- responses that the document does not describe


def found(kind: Any, response: Response, **options: Any) -> str:
    """Return what is wrong with a response of a handler that returns a `kind`."""
    app = App("watched", env="test", environ=QUIET)

    async def show() -> Any: ...

    show.__annotations__["return"] = kind
    app.get("/x", **options)(show)
    request = Request(options.pop("method", "GET"))
    request.template = "/x"
    return Watch(app).wrong(request, response)


@pytest.mark.parametrize(
    ("kind", "response"),
    [
        (Note, json({"title": "x"})), (Note, json({"title": "x", "more": 1})), (str, text("x")),
        (None, Response(b"", 204, media="")), (Note | None, Response(b"", 204, media="")),
        (Response, Response(b"x", media="image/png")), (Response, Response(b"", media="")),
        (Any, json([1])), (list[int], json([1, 2])), (dict[str, Any], json({"a": None})),
    ],
)  # fmt: skip
def test_a_described_response(kind: Any, response: Response) -> None:
    """Of a described status, media type and body."""
    assert "" == found(kind, response)


@pytest.mark.parametrize(
    ("kind", "response", "reason"),
    [
        (Note, json({"title": "x"}, 201), "the status 201 is not described; it describes 200, 500"),
        (Note, text("x"), "200 is text/plain; it is described with application/json"),
        (None, Response(b"x", 204, media="text/plain"), "204 is text/plain; it is described with no body"),
        (Note, Response(b"", media=""), "200 has no body; it is described with application/json"),
        (Note, Response(b"x", media=""), "200 is of no media type; it is described with application/json"),
        (Note, json({"name": "x"}), "the body of 200 is not what is described: Object missing required field `title`"),
        (list[int], json(["x"]), "the body of 200 is not what is described: Expected `int`, got `str` - at `$[0]`"),
        (Note, Response(b"{", media="application/json"), "the body of 200 is not what is described: Input data was"),
    ],
)
def test_a_response_that_is_not_described(kind: Any, response: Response, reason: str) -> None:
    """The reason says what it is, and what it should be."""
    assert found(kind, response).startswith(reason)


def test_declared_responses_are_described() -> None:
    """Those of the route, with their types."""
    told = {200: [list[int], Answer(media="text/csv")], 418: Answer(body=Note)}
    assert "" == found(Response, json([1]), responses=told)
    assert "" == found(Response, Response("1", media="text/csv; charset=utf-8"), responses=told)
    assert "the body of 200" in found(Response, json(["x"]), responses=told)
    assert "" == found(Response, json({"title": "x"}, 418), responses=told)
    assert "the body of 418" in found(Response, json({}, 418), responses=told)


def test_streams_have_a_status_and_a_media_type() -> None:
    """What they will hold is not known."""

    async def some() -> Any:
        yield "x"

    assert "" == found(Stream, Stream(some(), media="text/csv"))
    assert "" == found(Note, Stream(some(), media="application/json"))
    assert "200 is text/csv" in found(Note, Stream(some(), media="text/csv"))


def test_what_is_not_looked_at(bare: App) -> None:
    """Routes that the document leaves out, what no route answered, and clients that have gone."""
    bare.get("/x")(handler)
    bare.get("/hidden", openapi=False)(handler)
    watch, answer = Watch(bare), text("x", 418)
    request = Request()
    assert "" == watch.wrong(request, answer)
    request.template = "/hidden"
    assert "" == watch.wrong(request, answer)
    request.template = "/x"
    assert "418" in watch.wrong(request, answer)
    request.failure = Disconnected("gone")
    assert "" == watch.wrong(request, answer)


def test_head_is_get_without_a_body(bare: App) -> None:
    """It has the same status and media type."""
    bare.get("/x")(handler)
    request = Request("HEAD")
    request.template = "/x"
    assert "" == Watch(bare).wrong(request, json(1))
    assert "418" in Watch(bare).wrong(request, json(1, 418))


def test_two_routes_of_one_path(bare: App) -> None:
    """What either of them describes is described."""

    async def words() -> str: ...  # type: ignore[empty-body]

    bare.get("/x", headers={"x-version": "2"})(words)
    bare.get("/x")(handler)
    request = Request()
    request.template = "/x"
    assert ["", "", "the status 418"] == [
        Watch(bare).wrong(request, each)[:14] for each in (text("x"), json({"title": "x"}), text("x", 418))
    ]


@pytest.mark.parametrize(("env", "check", "status"), [
    ("test", None, 500), ("development", None, 418), ("production", None, 418), ("production", "raise", 500),
    ("test", "off", 418), ("test", "log", 418),
])  # fmt: skip
async def test_what_happens_to_it(env: str, check: str | None, status: int) -> None:
    """It is an error in tests, a line in the log in development, and nobody looks in production."""
    app = made(env, **({"check": check} if check else {}))

    @app.get("/x/{id:int}")
    async def teapot(id: int) -> Note:
        raise HTTPError(418)

    async with Client(app) as client:
        reply = await client.get("/x/1")
    assert status == reply.status
    if status == 500:
        expected = "GET /x/{id:int}: the status 418 is not described; it describes 200, 400, 404, 500"
        assert ("response_contract_failed", expected) == (reply.json()["code"], reply.json()["detail"])


async def test_it_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """With the route and the reason."""
    app = made("development")

    @app.get("/x")
    async def teapot() -> Note:
        raise HTTPError(418)

    async with Client(app) as client:
        await client.get("/x")
    said = capsys.readouterr()
    assert "openapi.response.undescribed" in said.err + said.out
    assert "the status 418" in said.err + said.out


async def test_off_is_not_there() -> None:
    """Without the watch nothing is done for a response."""
    assert ((), 1) == (
        made("production").hooks.functions("before_response"),
        len(made("test").hooks.functions("before_response")),
    )


async def test_mounted_applications_are_watched_too() -> None:
    """By the template below their prefix."""
    outer, inner = made(), App("inner", env="test", environ=QUIET)

    @inner.get("/{id}")
    async def teapot(id: str) -> Note:
        raise HTTPError(418)

    outer.mount("/in", inner)
    async with Client(outer) as client:
        reply = await client.get("/in/x")
    assert (500, "GET /in/{id}: the status 418") == (reply.status, reply.json()["detail"][:28])


async def test_a_mounted_plugin_watches_its_own() -> None:
    """Its templates are those without the prefix."""
    outer, inner = App("outer", env="test", environ=QUIET), made()

    @inner.get("/x")
    async def teapot() -> Note:
        raise HTTPError(418)

    outer.mount("/in", inner)
    async with Client(outer) as client:
        assert 500 == (await client.get("/in/x")).status


def test_what_applications_send_is_described(samples: Any) -> None:
    """Every route of the samples, asked as it should be and as it should not."""
    pytest.importorskip("multipart", reason="arlen-core[multipart] is not installed, which reads uploads")
    calls: dict[str, list[tuple[str, str, dict[str, Any], int]]] = {
        "crud": [
            ("GET", "/notes?colour=red&starred=yes", {}, 200), ("GET", "/notes?page=0", {}, 422),
            ("POST", "/notes", {"json": {"title": "New"}}, 401),
            ("POST", "/notes", {"json": {"title": "Tea"}, "headers": {"x-key": "good"}}, 409),
            ("POST", "/notes", {"form": {"title": "New", "tags": ["a"]}, "headers": {"x-key": "good"}}, 201),
            ("GET", "/notes/x", {}, 404), ("GET", "/notes/9", {}, 404),
            ("GET", "/notes/1", {"headers": {"x-greedy": "1"}}, 429),
            ("PATCH", "/notes/1", {"json": {"stars": 9}, "headers": {"x-key": "good"}}, 422),
            ("PATCH", "/notes/1", {"json": {"title": "x" * 2000}, "headers": {"x-key": "good"}}, 413),
            ("DELETE", "/notes/1", {"headers": {"x-key": "good"}}, 204),
        ],
        "forms": [
            ("POST", "/photos", {"files": {"picture": ("a.png", b"123")}, "form": {"caption": "x"}}, 201),
            ("POST", "/photos", {"json": {}}, 422), ("POST", "/orders", {"form": {}}, 422),
            ("GET", "/page", {"headers": {"accept": "image/png"}}, 406), ("GET", "/page.json", {}, 200),
            ("GET", "/files/a/b", {}, 404), ("GET", "/rows", {"headers": {"accept": "application/json"}}, 200),
            ("GET", "/rows", {}, 200), ("GET", "/lines?count=9", {}, 422), ("GET", "/lines", {}, 200),
            ("PUT", "/raw", {"body": b"x" * 200_000}, 413), ("GET", "/old", {}, 301), ("GET", "/csv", {}, 200),
            ("GET", "/text?kind=c", {}, 422), ("GET", "/secret", {}, 200),
        ],
        "mounts": [
            ("GET", "/v2/accounts/ada", {}, 200), ("GET", "/staff/v1/ping", {}, 403), ("GET", "/v1/ping", {}, 200),
            ("GET", "/v1/accounts/" + "x" * 30, {}, 422),
        ],
    }  # fmt: skip
    for name, rows in calls.items():
        for method, path, words, status in rows:
            assert (name, path, status) == (name, path, run(samples[name](), method, path, **words).status)


async def test_options_of_a_router_reach_the_watch() -> None:
    """What is declared for all routes of a router is described for each of them."""
    app, group = made(), Router("/g", options={"responses": {418: "A teapot."}})

    @group.get("/x")
    async def teapot(ctx: Context) -> Note:
        raise HTTPError(418)

    app.include(group)
    async with Client(app) as client:
        assert 418 == (await client.get("/g/x")).status
