"""Incidents: the list, the page of one, and the forms, as a browser sees them."""

from typing import Any

import pytest
from arlen import Client
from arlen_core.clock import VirtualClock
from arlen_core.pages import Page
from drafts import NOW, draft

pytestmark = pytest.mark.anyio


async def opened(client: Client, **changes: Any) -> str:
    """Open an incident by the form, and return the address of its page."""
    reply = await client.post("/incidents", form=draft(**changes))
    assert 303 == reply.status
    return str(reply.headers["location"])


def titles(page: Page) -> list[str]:
    """Return the titles in the list."""
    return [each.text for each in page.all("table.incidents tbody .title > a")]


async def test_an_empty_board_says_what_to_do(page: Client) -> None:
    """With links to the two ways of filling it."""
    shown = (await page.get("/incidents")).page
    assert "No incidents yet" == shown.one(".empty h2").text
    assert ["/incidents/new", "/import"] == [each["href"] for each in shown.all(".empty a")]


async def test_the_list_shows_a_page_of_thousands(full: Client) -> None:
    """The total, the rows, and the way on."""
    shown = (await full.get("/incidents")).page
    assert "5,000 incidents" == shown.one(".count").text
    assert 25 == len(titles(shown))
    assert "1\N{EN DASH}25 of 5,000" == shown.one(".pager p").text
    assert "Next" == shown.all(".pager a")[-1].text
    assert ["1", "2", "3", "200"] == [each.text for each in shown.all(".pager a[aria-label]")]


async def test_pages_follow_each_other(full: Client) -> None:
    """Next and Previous lead from one to another without a gap or a repetition, and keep the filters."""
    seen: list[str] = []
    url = "/incidents?status=open&status=watching&size=10"
    while url:
        shown = (await full.get(url)).page
        seen += [each["href"] for each in shown.all("tbody .title > a")]
        url = next((each["href"] for each in shown.all('a[rel="next"]')), "")
        assert all("status=watching" in each["href"] for each in shown.all(".pager a"))
    total = int(shown.one(".count b").text)
    assert total == len(seen) == len(set(seen))


async def test_every_page_of_everything_is_whole(full: Client) -> None:
    """Two hundred pages have every number once."""
    seen: set[str] = set()
    for number in range(1, 51):
        shown = (await full.get(f"/incidents?size=100&page={number}&sort=severity")).page
        seen |= {each.text for each in shown.all(".title .ref")}
    assert {f"INC-{n}" for n in range(1, 5001)} == seen


async def test_a_page_past_the_end_leads_back(full: Client) -> None:
    """To the last one."""
    shown = (await full.get("/incidents?q=INC-17&page=9")).page
    assert "There is no page 9" == shown.one(".empty h2").text
    assert "page" not in shown.one(".empty a")["href"]


async def test_filters_stay_chosen(full: Client) -> None:
    """The form shows what the list shows, and the links change one thing at a time."""
    shown = (await full.get("/incidents?q=mail&status=open&severity=low&service=mail-relay&owner=-&tag=mail")).page
    form = shown.form(".filters form")
    expected = [("q", "mail"), ("status", "open"), ("severity", "low"), ("service", "mail-relay"), ("owner", "-"),
                ("tag", "mail")]  # fmt: skip
    assert expected == form.fields
    clear = [each["href"] for each in shown.all(".filters a")]
    assert ["/incidents"] == clear


async def test_the_form_of_the_filters_works_as_a_browser_sends_it(full: Client) -> None:
    """Empty fields are no filters."""
    form = (await full.get("/incidents")).page.form(".filters form")
    shown = (await full.submit(form, severity=["critical"], status=["open", "watching"])).page
    assert {"Severity: Critical"} == set(shown.texts("td.severity"))


async def test_nothing_found_says_so(full: Client) -> None:
    """And what was looked for."""
    shown = (await full.get("/incidents?q=xyl%3Cophone&status=open")).page
    assert "Nothing fits" == shown.one(".empty h2").text
    assert "“xyl<ophone” and fits the other filters" in shown.one(".empty").text
    assert [] == shown.all(".pager")


async def test_headings_sort_and_say_how(full: Client) -> None:
    """The present order is marked, and asked for again it turns around."""
    shown = (await full.get("/incidents?sort=title&tag=mail")).page
    assert [("title", "ascending")] == [(each["class"], each["aria-sort"]) for each in shown.all("[aria-sort]")]
    assert "/incidents?tag=mail&sort=-title" == shown.one("thead th.title a")["href"]
    assert "/incidents?tag=mail&sort=severity" == shown.one("thead th.severity a")["href"]
    assert sorted(titles(shown), key=str.lower) == titles(shown)


@pytest.mark.parametrize("query", ["page=0", "page=x", "size=1000", "status=gone", "sort=colour", "q=" + "x" * 201])
async def test_filters_that_make_no_sense_are_refused(page: Client, query: str) -> None:
    """With a page that says which."""
    reply = await page.get(f"/incidents?{query}")
    assert 422 == reply.status
    assert query.partition("=")[0] in reply.page.one(".errors").text


async def test_reporting_leads_to_the_incident(page: Client) -> None:
    """A message says that it worked; the page has all that was written."""
    form = (await page.get("/incidents/new")).page.form("main form")
    reply = await page.submit(
        form, title="Payments time out", service="Billing", severity="critical", owner="Mira", tags="net, db",
        opened="2026-11-22T10:00", description="Since ten.\n\nNobody can pay.", author="Ada",
    )  # fmt: skip
    assert (303, "/incidents/1") == (reply.status, reply.headers["location"])
    shown = (await page.get("/incidents/1")).page
    assert "INC-1 is open. Thank you for reporting it." == shown.one(".flash.good").text
    assert "Payments time out" == shown.one("h1").text
    assert ["Severity: Critical", "Status: Open"] == shown.texts(".state .badge")
    assert "Since ten.\n\nNobody can pay." in shown.one("section .prose").html
    assert ["db", "net"] == shown.texts(".facts .tags a")
    assert [] == (await page.get("/incidents/1")).page.all(".flash")


async def test_the_form_knows_the_name_again(page: Client) -> None:
    """Who wrote once need not say so again."""
    await opened(page, author="Zoë Ünal")
    for url, selector in (
        ("/incidents/new", "main form"),
        ("/incidents/1", ".composer"),
        ("/incidents/1/edit", "main form"),
    ):
        assert ("author", "Zoë Ünal") in (await page.get(url)).page.form(selector).fields, url


async def test_a_form_with_errors_comes_back_whole(page: Client) -> None:
    """Every error beside its field, every value kept, nothing saved."""
    sent = {"title": "<x", "service": "Bad Service", "severity": "high", "owner": "a:b", "tags": "no_good",
            "opened": "2031-01-01T10:00", "description": " kept\n\nas it was", "author": "Ada"}  # fmt: skip
    reply = await page.post("/incidents", form=sent)
    assert 422 == reply.status
    form = reply.page.form("main form")
    assert sent | {"status": "open"} == dict(form.fields)
    for name in ("title", "service", "owner", "tags", "opened"):
        control = reply.page.one(f"#incident-{name}")
        assert "true" == control["aria-invalid"], name
        described = control["aria-describedby"].split()
        assert f"incident-{name}-errors" in described
        assert all(reply.page.one(f"#{each}").text for each in described)
    assert ["title", "service", "owner", "tags", "opened"] == [
        each["href"].removeprefix("#incident-") for each in reply.page.all(".error-summary a")
    ]
    assert reply.page.one("title").text.startswith("Please correct: ")
    assert 0 == (await page.get("/incidents.json")).json()["total"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"severity": "grave"}, "severity"), ({"status": "lost"}, "status"), ({"title": "x" * 121}, "title"),
     ({"description": "x" * 10_001}, "description"), ({"owner": "x" * 61}, "owner"), ({"author": "x" * 61}, "author")],
)  # fmt: skip
async def test_each_limit_is_told_at_its_field(page: Client, changes: dict[str, str], field: str) -> None:
    """Also those that a browser would not let happen."""
    reply = await page.post("/incidents", form=draft(**changes))
    assert (422, "true") == (reply.status, reply.page.one(f"#incident-{field}").get("aria-invalid"))


async def test_markup_is_text(page: Client) -> None:
    """Nobody's title runs in anybody's browser."""
    evil = '<script>alert("x")</script>'
    url = await opened(page, title=evil, owner=evil[:50], description=evil, author=evil[:50])
    await page.post(f"{url}/notes", form={"text": evil, "author": evil[:50]})
    for address in (url, f"{url}/edit", "/incidents", "/", f"/incidents?q={evil}"):
        reply = await page.get(address)
        assert "<script>alert" not in reply.text, address
        assert 1 == len(reply.page.all("script")), address


async def test_editing_keeps_what_is_there(page: Client) -> None:
    """The form is filled; saving it unchanged changes nothing."""
    url = await opened(page, owner="Mira", tags="b a", opened="2026-11-20T08:15", description="Two\nlines")
    before = (await page.get(f"{url}.json")).json()
    form = (await page.get(f"{url}/edit")).page.form("main form")
    assert {"tags": "a b", "opened": "2026-11-20T08:15", "version": "1"}.items() <= dict(form.fields).items()
    assert 303 == (await page.submit(form)).status
    assert before == (await page.get(f"{url}.json")).json()


async def test_a_change_shows_on_the_timeline(page: Client, clock: VirtualClock) -> None:
    """Who, when, from what to what."""
    url = await opened(page)
    clock.shift(3600)
    form = (await page.get(f"{url}/edit")).page.form("main form")
    await page.submit(form, severity="low", status="watching", author="Mira")
    clock.shift(7200)
    shown = (await page.get(url)).page
    assert "Mira changed 2 h ago" == shown.one(".timeline .change .by b").text + " " + " ".join(
        shown.all(".timeline .change .by")[1].text.split()[1:]
    )
    assert "status: open → watching severity: high → low" == shown.one(".timeline .change .prose").text


async def test_a_lost_update_shows_both_sides(page: Client) -> None:
    """Nothing of the slower one is lost: the form has it, with the new version to save it by."""
    url = await opened(page, description="old")
    slow = (await page.get(f"{url}/edit")).page.form("main form")
    fast = (await page.get(f"{url}/edit")).page.form("main form")
    assert 303 == (await page.submit(fast, title="Payments fail", description="new", author="Mira")).status
    reply = await page.submit(slow, title="Payments are slow", owner="Ada", author="Ada")
    assert 409 == reply.status
    assert ["title: Payments time out → Payments fail Mira, just now", "description changed Mira, just now"] == (
        reply.page.texts(".conflict li")
    )
    assert "new" == reply.page.one(".conflict .prose").text
    again = reply.page.form("main form")
    assert {"title": "Payments are slow", "owner": "Ada", "version": "2"}.items() <= dict(again.fields).items()
    assert "Payments fail" == (await page.get(f"{url}.json")).json()["title"]
    assert 303 == (await page.submit(again)).status
    assert "Payments are slow" == (await page.get(f"{url}.json")).json()["title"]


async def test_errors_come_before_conflicts(page: Client) -> None:
    """What could not be saved anyway is corrected first."""
    url = await opened(page)
    form = (await page.get(f"{url}/edit")).page.form("main form")
    await page.submit(form, title="Other title")
    assert 422 == (await page.submit(form, title="x")).status


@pytest.mark.parametrize("version", ["", "0", "x", "-1"])
async def test_a_form_without_its_version_is_refused(page: Client, version: str) -> None:
    """It says so at the top, and keeps what was written."""
    url = await opened(page)
    reply = await page.post(f"{url}/edit", form=draft(title="Kept", version=version))
    assert 422 == reply.status
    assert "Version" in reply.page.one(".error-summary").text
    assert ("title", "Kept") in reply.page.form("main form").fields


@pytest.mark.parametrize("url", ["/incidents/99", "/incidents/99/edit", "/incidents/0", f"/incidents/{'9' * 30}"])
async def test_what_is_not_there_is_a_page_that_says_so(page: Client, url: str) -> None:
    """With ways on."""
    reply = await page.get(url)
    assert (404, "Not Found") == (reply.status, reply.page.one("h1").text)
    assert "/incidents" in [each["href"] for each in reply.page.all("main a")]


async def test_pages_tell_the_time_of_the_board(page: Client, clock: VirtualClock) -> None:
    """Not that of the reader's machine."""
    url = await opened(page)
    assert "22 Nov 2026, 12:00" == (await page.get(url)).page.all(".facts dd")[2].text
    clock.shift(86_400 * 3)
    assert "3 d" == (await page.get(url)).page.all(".facts dd")[3].text
    assert NOW.isoformat() == (await page.get(url)).page.all(".facts time")[0]["datetime"]
