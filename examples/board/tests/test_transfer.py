"""Transfer: CSV files in, as a person and as a program."""

import csv
import io
from typing import Any

import pytest
from arlen import Client
from drafts import draft

pytestmark = pytest.mark.anyio

GOOD = "title,service,severity\nDisk full,billing,high\nMails late,mail-relay,low\n"
MIXED = (
    'title,service,severity\nDisk full,billing,high\nx,billing,grave\n"One, two",search\nMails late,mail-relay,low\n'
)


async def total(client: Client) -> int:
    """Return how many incidents there are."""
    return int((await client.get("/incidents.json")).json()["total"])


async def upload(client: Client, text: str | bytes, **options: Any) -> Any:
    """Send a file as the form does."""
    data = text.encode() if isinstance(text, str) else text
    return await client.post("/import", files={"file": ("some.csv", data, "text/csv")}, **options)


async def test_the_form_explains_itself(page: Client) -> None:
    """It takes a file, and names the columns."""
    shown = (await page.get("/import")).page
    assert "multipart/form-data" == shown.one("main form")["enctype"]
    assert ("file", ".csv,text/csv") == (shown.one("#import-file")["type"], shown.one("#import-file")["accept"])
    assert "at most 8 MB" in shown.one("main form .hint").text


async def test_a_good_file_leads_to_the_list(page: Client) -> None:
    """With a message."""
    reply = await upload(page, GOOD)
    assert (303, "/incidents") == (reply.status, reply.headers["location"].partition("?")[0])
    assert "2 incidents imported." == (await page.get("/incidents")).page.one(".flash").text
    assert 2 == await total(page)


async def test_bad_rows_are_reported_and_handed_back(page: Client) -> None:
    """Line, field, reason; the good ones are in, the bad ones in a field to be corrected."""
    reply = await upload(page, MIXED)
    assert 200 == reply.status
    assert "2 rows need you" == reply.page.one("h1").text
    assert "2 incidents were imported" in reply.page.one(".lead").text
    rows = [[cell.text for cell in row.all("th, td")] for row in reply.page.all(".report tbody tr")]
    assert ["3", "title", "must have at least 3 characters", "x, billing, grave"] == rows[0]
    assert ["severity", "must be one of: critical, high, medium, low"] == rows[1]
    assert ["4", "row", "has 2 fields, the header has 3", "One, two, search"] == rows[2]
    (text,) = [value for name, value in reply.page.form("main form").fields if name == "text"]
    left = list(csv.reader(io.StringIO(text)))
    assert [["title", "service", "severity"], ["x", "billing", "grave"], ["One, two", "search"]] == left


async def test_corrected_rows_are_taken(page: Client) -> None:
    """Nothing of the file is lost, and nothing comes in twice."""
    form = (await upload(page, MIXED)).page.form("main form")
    reply = await page.submit(form, text='title,service,severity\nxyz,billing,low\n"One, two",search,low\n')
    assert 303 == reply.status
    assert 4 == await total(page)


async def test_rows_may_be_pasted(page: Client) -> None:
    """Without a file."""
    form = (await page.get("/import")).page.form("main form")
    assert 303 == (await page.submit(form, text=GOOD.replace(",", "\t"))).status
    assert 2 == await total(page)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "choose a file, or paste some rows"),
        (b"   \n", "choose a file, or paste some rows"),
        (b"colour\nred\n", "title and service missing"),
        ("title,service\nÄrger,billing\n".encode("latin-1"), "line 2 is not UTF-8"),
        (b'title,service\n"Disk full,billing\n', "line 2 cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "is not UTF-8"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_whole(page: Client, data: bytes, reason: str) -> None:
    """With the reason at the field."""
    reply = await upload(page, data)
    assert 422 == reply.status
    assert reason in reply.page.one("#import-file-errors").text
    assert 0 == await total(page)


async def test_pasted_rows_that_cannot_be_read_stay_in_the_form(page: Client) -> None:
    """As they were."""
    reply = await page.post("/import", form={"text": "colour\nred\n"})
    assert (422, [("text", "colour\nred\n")]) == (reply.status, reply.page.form("main form").fields)


async def test_nothing_good_is_no_success(page: Client) -> None:
    """422 when no row could be taken."""
    reply = await upload(page, "title,service\nx,billing\n")
    assert 422 == reply.status
    assert "No incidents were imported" in reply.page.one(".lead").text


async def test_the_same_file_again_brings_nothing(page: Client) -> None:
    """What is here already is told apart, by its number."""
    await upload(page, GOOD)
    exported = (await page.get("/incidents.csv")).text
    reply = await upload(page, exported)
    assert 422 == reply.status
    assert "INC-1 is here already; leave the id empty to add it as another one" in reply.page.one(".report").text
    assert 2 == await total(page)


async def test_a_board_can_move(page: Client, make: Any, fresh: str) -> None:
    """What one board exports another imports, timelines included."""
    await page.post("/incidents", form=draft(description="=danger\n-x", tags="a b"))
    await page.post("/incidents/1/notes", form={"text": "Two\n\nlines: of text", "author": "Ada"})
    await page.post("/incidents/1/status", form={"status": "resolved", "version": 1, "text": "Done"})
    exported = (await page.get("/incidents.csv")).text
    async with Client(make(url=fresh)) as other:
        assert {"added": [1], "bad": []}.items() <= (await self_import(other, exported)).items()
        before, after = (await page.get("/incidents/1.json")).json(), (await other.get("/incidents/1.json")).json()
    for each in (before, after):
        each.pop("version")
        for note in each["notes"]:
            note.pop("id")
    assert before == after


async def self_import(client: Client, text: str) -> dict[str, Any]:
    """Import as a program does."""
    headers = {"content-type": "text/csv", "accept": "application/json"}
    reply = await client.post("/import", body=text.encode(), headers=headers)
    assert 200 == reply.status
    return dict(reply.json())


async def test_programs_send_the_file_itself(api: Client) -> None:
    """And get the report as JSON."""
    made = await self_import(api, MIXED)
    assert ([1, 2], ["title", "service", "severity"]) == (made["added"], made["header"])
    assert [(3, ["x", "billing", "grave"]), (4, ["One, two", "search"])] == [(b["line"], b["raw"]) for b in made["bad"]]
    assert [["title", "severity"], ["row"]] == [[row["field"] for row in bad["errors"]] for bad in made["bad"]]


@pytest.mark.parametrize(
    ("body", "media", "status", "code"),
    [
        (b"colour\nred\n", "text/csv", 422, "validation_failed"),
        (b"{}", "application/json", 415, "not_a_form"),
        (b"x" * (9 << 20), "text/csv", 413, "payload_too_large"),
    ],
)
async def test_programs_get_problems(api: Client, body: bytes, media: str, status: int, code: str) -> None:
    """With status, code and reason; nothing is imported."""
    reply = await api.post("/import", body=body, headers={"content-type": media})
    assert (status, code) == (reply.status, reply.json()["code"])
    assert 0 == await total(api)


async def test_a_file_of_megabytes_is_taken(api: Client) -> None:
    """More than an ordinary body may have: the route says so."""
    text = "title,service,description\n" + "".join(f"Case {n},billing,{'x' * 900}\n" for n in range(3000))
    reply = await upload(api, text)
    assert (200, 3000) == (reply.status, len(reply.json()["added"]))


async def test_a_report_has_a_bound(page: Client) -> None:
    """The page lists two hundred bad rows and hands back all of them, as long as they fit into it."""
    reply = await upload(page, "title,service\n" + "x,billing\n" * 300)
    assert 200 == len(reply.page.all(".report tbody tr"))
    assert "and 100 more rows" in reply.page.one("main").text
    assert 301 == len(dict(reply.page.form("main form").fields)["text"].splitlines())
    reply = await upload(page, "title,service\n" + f"x,{'y' * 5000}\n" * 300)
    assert [] == reply.page.all("main form")
    assert "Correct them in your file" in reply.page.one("main").text
