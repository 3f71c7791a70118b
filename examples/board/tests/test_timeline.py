"""Timeline: notes, and the way from open to resolved and back."""

from typing import Any

import pytest
from arlen import Client
from arlen_core.clock import VirtualClock
from drafts import draft

pytestmark = pytest.mark.anyio


@pytest.fixture
async def url(page: Client) -> str:
    """The address of an open incident."""
    return str((await page.post("/incidents", form=draft())).headers["location"])


async def state(page: Client, url: str) -> tuple[str, int, list[str]]:
    """Return status, version and the texts of the timeline."""
    found = (await page.get(f"{url}.json")).json()
    return found["status"], found["version"], [each["text"] for each in found["notes"]]


async def test_a_note_joins_the_timeline(page: Client, url: str, clock: VirtualClock) -> None:
    """The browser is sent to the note itself."""
    clock.shift(60)
    form = (await page.get(url)).page.form(".composer")
    reply = await page.submit(form, text="Looked into it.\r\n\r\nIt is the cable. ", author="Mira")
    assert (303, f"{url}#note-1") == (reply.status, reply.headers["location"])
    shown = (await page.get(url)).page
    assert "Your note is on the timeline." == shown.one(".flash").text
    assert "Looked into it.\n\nIt is the cable.</p>" in shown.one("#note-1 .prose").html
    assert "Mira just now" == shown.one("#note-1 .by").text
    assert ("open", 1) == (await state(page, url))[:2]


@pytest.mark.parametrize("text", ["", "  \r\n\t ", "\x00\x07"])
async def test_an_empty_note_is_refused(page: Client, url: str, text: str) -> None:
    """With the error at the field; the name is kept."""
    reply = await page.post(f"{url}/notes", form={"text": text, "author": "Mira"})
    assert 422 == reply.status
    assert "is required" == reply.page.one("#note-text-errors").text
    assert ("author", "Mira") in reply.page.form(".composer").fields
    assert [] == (await state(page, url))[2]


@pytest.mark.parametrize(
    ("sent", "field"), [({"text": "x" * 10_001}, "text"), ({"text": "kept", "author": "a:b"}, "author"),
                        ({"text": "kept", "author": "x" * 61}, "author")],
)  # fmt: skip
async def test_a_note_that_breaks_a_rule_is_kept_for_correction(
    page: Client, url: str, sent: dict[str, str], field: str
) -> None:
    """What was written is in the form again."""
    reply = await page.post(f"{url}/notes", form=sent)
    assert 422 == reply.status
    assert "true" == reply.page.one(f"#note-{field}")["aria-invalid"]
    assert ("text", sent["text"]) in reply.page.form(".composer").fields


async def test_resolving_and_reopening(page: Client, url: str) -> None:
    """Each step is noted, with a word about why if there is one; the buttons are those that make sense."""
    assert ["watching", "resolved"] == [each["value"] for each in (await page.get(url)).page.all("button[name=status]")]
    steps = [("watching", ""), ("resolved", "Cable replaced"), ("open", "Broke again")]
    for version, (status, text) in enumerate(steps, 1):
        sent = {"status": status, "version": version, "text": text, "author": "Mira"}
        reply = await page.post(f"{url}/status", form=sent)
        assert (303, url) == (reply.status, reply.headers["location"])
    expected = ["status: open → watching", "status: watching → resolved", "Cable replaced", "status: resolved → open",
                "Broke again"]  # fmt: skip
    assert ("open", 4, expected) == await state(page, url)


@pytest.mark.parametrize(
    ("status", "buttons"),
    [("open", ["Watch", "Resolve"]), ("watching", ["Resolve", "Back to open"]), ("resolved", ["Reopen"])],
)
async def test_only_steps_that_lead_on_are_offered(page: Client, url: str, status: str, buttons: list[str]) -> None:
    """Nobody resolves what is resolved."""
    await page.post(f"{url}/status", form={"status": status, "version": 1})
    assert buttons == (await page.get(url)).page.texts("button[name=status]")


async def test_a_step_from_an_old_page_is_refused(page: Client, url: str) -> None:
    """The page shows what is there now, and keeps what was written."""
    await page.post(f"{url}/status", form={"status": "resolved", "version": 1, "author": "Mira"})
    reply = await page.post(
        f"{url}/status", form={"status": "watching", "version": 1, "text": "keep me", "author": "A"}
    )
    assert 409 == reply.status
    assert "it is resolved now. Nothing was saved" in reply.page.one(".error-summary").text
    form = reply.page.form(".composer")
    assert {("text", "keep me"), ("version", "2")} <= set(form.fields)
    assert ("resolved", 2) == (await state(page, url))[:2]


async def test_a_step_twice_is_one_step(page: Client, url: str) -> None:
    """A button pressed twice does no harm."""
    for _ in range(2):
        assert 303 == (await page.post(f"{url}/status", form={"status": "resolved", "version": 1})).status
    assert ("resolved", 2, ["status: open → resolved"]) == await state(page, url)


@pytest.mark.parametrize(
    "sent",
    [{"status": "gone", "version": 1}, {"status": "open"}, {"version": 1}, {"status": "open", "version": "x"},
     {"status": "open", "version": 1, "author": "a:b"}, {}],
)  # fmt: skip
async def test_a_step_that_makes_no_sense_is_refused(page: Client, api: Client, url: str, sent: dict[str, Any]) -> None:
    """By form and as JSON."""
    assert 422 == (await page.post(f"{url}/status", form=sent)).status
    assert 422 == (await api.post(f"{url}/status", json=sent)).status
    assert ("open", 1, []) == await state(page, url)


async def test_programs_do_the_same(api: Client, page: Client, url: str) -> None:
    """With JSON both ways."""
    note = await api.post(f"{url}/notes", json={"text": "Seen", "author": "Ada"})
    assert (201, "Seen", "note") == (note.status, note.json()["text"], note.json()["kind"])
    done = await api.post(f"{url}/status", json={"status": "resolved", "version": 1, "text": "Fixed"})
    assert (200, "resolved", 2) == (done.status, done.json()["status"], done.json()["version"])
    late = await api.post(f"{url}/status", json={"status": "open", "version": 1, "text": "Why?"})
    assert (409, "edit_conflict", []) == (late.status, late.json()["code"], late.json()["errors"])
    assert 422 == (await api.post(f"{url}/notes", json={"text": " "})).status
    assert ["Seen", "status: open → resolved", "Fixed"] == (await state(page, url))[2]
