"""Dashboard: how things stand."""

import pytest
from arlen import Client
from drafts import draft

pytestmark = pytest.mark.anyio


async def test_an_empty_board_is_quiet(page: Client) -> None:
    """And shows what to do first."""
    shown = (await page.get("/")).page
    assert "All quiet" == shown.one(".empty h2").text
    assert [] == shown.all("svg.share")


async def test_the_numbers_are_those_of_the_lists(full: Client) -> None:
    """Each number leads to the incidents that it counts."""
    shown = (await full.get("/")).page
    links = [(int(each.all("b")[0].text.replace(",", "")), each["href"]) for each in shown.all(".tiles a")]
    rows = [
        (int(row.all(".number")[0].text.split()[0]), row.all("th a")[0]["href"]) for row in shown.all(".bars tbody tr")
    ]
    assert 4 + 4 + 7 == len(links) + len(rows)
    for count, url in links + rows:
        assert count == (await full.get(url, headers={"accept": "application/json"})).json()["total"], url


async def test_the_chart_has_its_numbers_beside_it(full: Client) -> None:
    """Twelve weeks with two bars each, a title for those who hear it, and a table."""
    shown = (await full.get("/")).page
    assert 24 == len(shown.all(".weeks rect"))
    assert "weeks-title" == shown.one(".weeks svg")["aria-labelledby"]
    assert "last 12 weeks" in shown.one("#weeks-title").text
    rows = shown.all(".weeks details tbody tr")
    titles = [each.text for each in shown.all(".weeks g title")]
    for row, title in zip(rows, titles, strict=True):
        opened, resolved = (each.text for each in row.all("td"))
        assert title.endswith(f": {opened} opened, {resolved} resolved")


async def test_a_new_incident_shows_at_once(page: Client) -> None:
    """In every part of the page."""
    await page.post("/incidents", form=draft(severity="critical"))
    shown = (await page.get("/")).page
    assert ["1", "0", "1", "0"] == [each.text for each in shown.all(".tiles b")]
    assert ["Payments time out"] * 2 == shown.texts(".brief a")
    assert "billing" == shown.one("#by-service ~ table th a").text


async def test_everything_resolved_is_good_news(page: Client) -> None:
    """No bars, but a word."""
    await page.post("/incidents", form=draft(status="resolved"))
    assert "Nothing. Every service is fine." in (await page.get("/")).page.one("main").text


async def test_browsers_that_ask_for_an_icon_get_one(page: Client) -> None:
    """At the address that they guess."""
    reply = await page.get("/favicon.ico", follow=True)
    assert (200, "image/svg+xml") == (reply.status, reply.headers["content-type"].partition(";")[0])
