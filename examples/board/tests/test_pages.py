"""Pages: what holds for every page of the board: markup that machines, keyboards and screen readers understand."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from arlen import App, Client
from arlen_core.pages import Element, Page
from arlen_core.replies import Reply
from drafts import BOARD, draft

pytestmark = [pytest.mark.anyio, pytest.mark.engines("sqlite")]

PAGES = (
    "/", "/incidents", "/incidents?q=mail&status=open&page=2", "/incidents?q=xylophone", "/incidents?page=999",
    "/incidents/4998", "/incidents/4998/edit", "/incidents/new", "/import", "/nowhere", "/incidents?page=x", "refused",
    "conflict", "report", "late", "empty",
)  # fmt: skip


TEXTS: dict[str, str] = {}
"""Pages that were fetched once."""


@pytest.fixture(params=PAGES)
async def shown(request: pytest.FixtureRequest, make: Callable[..., App], home: str, filled: str) -> Page:
    """Every kind of page, one after the other."""
    name = request.param
    if name not in TEXTS:
        async with Client(make(url=home if name == "empty" else filled), headers={"accept": "text/html"}) as client:
            TEXTS[name] = (await fetch(client, name)).text
    return Page(TEXTS[name])


async def fetch(full: Client, name: str) -> Reply:
    """Fetch a page by its address, or by the name of the accident that leads to it."""
    if name == "refused":
        return await full.post("/incidents", form={"title": "x", "severity": "grave", "author": "a:b"})
    if name == "report":
        return await full.post("/import", form={"text": "title,service\nx,billing\nDisk full,billing\n"})
    if name == "conflict":
        await full.post("/incidents/4998/edit", form=draft(description="theirs", version=1))
        return await full.post("/incidents/4998/edit", form=draft(title="Mine is other", version=1))
    if name == "late":
        await full.post("/incidents/4998/status", form={"status": "resolved", "version": 1})
        return await full.post("/incidents/4998/status", form={"status": "open", "version": 1, "text": "x"})
    if name == "empty":
        return await full.get("/")
    return await full.get(name)


async def test_a_page_has_its_landmarks(shown: Page) -> None:
    """A language, a title of its own, one heading of the first rank, and a way past the navigation."""
    assert "en" == shown.one("html")["lang"]
    assert re.fullmatch(r".+ · Lookout", shown.one("head > title").text)
    assert shown.one("h1").text
    for landmark in ("header.top", "nav[aria-label=Main]", "main#content", "footer", "form[role=search]"):
        shown.one(landmark)
    assert "#content" == shown.all("body a")[0]["href"]
    assert "width=device-width" in shown.one("meta[name=viewport]")["content"]


async def test_headings_leave_out_no_rank(shown: Page) -> None:
    """They are a table of contents."""
    ranks = [int(each.tag[1]) for each in shown.all("h1, h2, h3, h4")]
    assert 1 == ranks[0]
    assert all(after <= before + 1 for before, after in pairwise(ranks)), ranks


async def test_ids_are_unique_and_found(shown: Page) -> None:
    """What refers to another element finds it."""
    ids = [each["id"] for each in shown.all("[id]")]
    assert sorted(set(ids)) == sorted(ids)
    for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls", "list"):
        for each in shown.all(f"[{name}]"):
            assert set(each[name].split()) <= set(ids), each
    for each in shown.all('a[href^="#"]'):
        assert each["href"][1:] in ids


async def test_every_control_has_a_name(shown: Page) -> None:
    """By its label, also for those who do not see it; groups have a legend, buttons a word."""
    labelled = {each["for"] for each in shown.all("label[for]")}
    for each in shown.all("input:not([type=hidden]), select, textarea"):
        inside = [label for label in shown.all("label") if each.html in label.html]
        assert each.get("id") in labelled or inside, each
    assert all(each.text for each in shown.all("button, a, legend, label, th, summary, dt"))
    assert len(shown.all("fieldset")) == len(shown.all("fieldset > legend"))


async def test_pictures_are_named_or_decoration(shown: Page) -> None:
    """Nobody hears of a triangle; the chart says what it shows."""
    for each in shown.all("svg"):
        assert each.get("aria-hidden") == "true" or each.get("aria-labelledby"), each
    assert [] == shown.all("img:not([alt])")


async def test_tables_have_headings(shown: Page) -> None:
    """Columns and rows say what they are."""
    for table in shown.all("table"):
        assert table.all("thead th")
        assert all("scope" in each for each in table.all("th")), table


async def test_the_policy_of_the_page_is_kept(shown: Page) -> None:
    """No style and no script in the page, nothing from elsewhere."""
    assert [] == shown.all("[style], style, iframe, object, embed, base")
    assert all(each.get("src") and not each.text for each in shown.all("script"))
    assert [] == [each for each in shown.all("*") for name in ("onclick", "onload", "onchange") if name in each]
    local = [each.get("href") or each.get("src") for each in shown.all("link, script, a, img, form[action]")]
    assert all(not address.startswith(("http", "//", "javascript:")) for address in local)


async def test_forms_that_change_something_post(shown: Page) -> None:
    """And those that do not, do not."""
    for each in shown.all("form"):
        if each.get("method", "get") == "get":
            assert "/incidents" == each["action"]
        else:
            assert each["action"].startswith(("/incidents", "/import"))
            assert "submit" == each.all("button")[0].get("type", "submit")


async def test_errors_are_announced(shown: Page) -> None:
    """Each wrong control points at its reason, and the summary at each control."""
    wrong: list[Element] = shown.all('[aria-invalid="true"]')
    for each in wrong:
        reasons = [shown.one(f"#{name}") for name in each["aria-describedby"].split()]
        assert any("errors" in reason.get("class") for reason in reasons)
    if wrong:
        summary = shown.one(".error-summary")
        assert "alert" == summary["role"]
        assert {f"#{each['id']}" for each in wrong} <= {each["href"] for each in summary.all("a")}


async def test_assets_may_be_kept_for_a_year(page: Client) -> None:
    """Their addresses change with their content."""
    shown = (await page.get("/")).page
    for each in (
        shown.one("link[rel=stylesheet]")["href"],
        shown.one("script")["src"],
        shown.one("link[rel=icon]")["href"],
    ):
        reply = await page.get(each)
        assert 200 == reply.status
        assert "immutable" in reply.headers["cache-control"]
        assert reply.body == (BOARD / "public" / re.sub(r"\.[0-9a-f]{16}\.", ".", Path(each).name)).read_bytes()


def test_templates_have_no_marks_of_haste() -> None:
    """No `|safe` outside the icons, no inline style, no comment that a reader of the page would see."""
    for file in (BOARD / "templates").rglob("*.html"):
        text = file.read_text("utf-8")
        assert "|safe" not in text or file.name == "icons.html", file
        assert "<!--" not in text, file
        assert " style=" not in text, file
