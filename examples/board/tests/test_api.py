"""The JSON API: the same handlers, for programs."""

import asyncio
import csv
import io
from typing import Any

import pytest
from arlen import Client
from arlen_core.clock import VirtualClock
from drafts import draft

pytestmark = pytest.mark.anyio


async def opened(api: Client, **changes: Any) -> dict[str, Any]:
    """Open an incident and return it."""
    reply = await api.post("/incidents", json=draft(**changes))
    assert 201 == reply.status, reply.text
    return dict(reply.json())


async def test_opening_answers_with_the_incident(api: Client) -> None:
    """201, where it is, and what it is."""
    reply = await api.post("/incidents", json=draft(owner="Mira", tags=["net, db"], opened="2026-11-22T09:00:00+01:00"))
    assert (201, "/incidents/1") == (reply.status, reply.headers["location"])
    expected = {
        "ref": "INC-1", "id": 1, "title": "Payments time out", "service": "billing", "severity": "high",
        "status": "open", "owner": "Mira", "tags": ["db", "net"], "opened": "2026-11-22T08:00:00Z",
        "updated": "2026-11-22T12:00:00Z", "resolved": None, "description": "", "version": 1,
    }  # fmt: skip
    assert expected == reply.json()


@pytest.mark.parametrize("headers", [{"accept": "application/json"}, {"accept": "*/*"}, {}])
async def test_who_speaks_json_is_answered_in_json(page: Client, headers: dict[str, str]) -> None:
    """Also without an Accept header, or with one that takes anything."""
    plain = Client(page.app, headers=headers)
    assert 201 == (await plain.post("/incidents", json=draft())).status
    assert "application/problem+json" == (await plain.post("/incidents", json={})).headers["content-type"]


async def test_one_incident_is_the_same_by_suffix_and_by_accept(page: Client, api: Client) -> None:
    """With its timeline."""
    await opened(api)
    await api.post("/incidents/1/notes", json={"text": "Looked into it", "author": "Ada"})
    by_suffix, by_accept = await page.get("/incidents/1.json"), await api.get("/incidents/1")
    assert by_suffix.json() == by_accept.json()
    (note,) = by_accept.json()["notes"]
    assert {"id": 1, "at": "2026-11-22T12:00:00Z", "author": "Ada", "kind": "note", "text": "Looked into it"} == note
    assert "accept" in by_accept.headers["vary"]


async def test_the_list_pages_through_everything(full: Client) -> None:
    """`next` leads to the next page, and the last page has none."""
    seen: list[int] = []
    url = "/incidents.json?q=mail&severity=high&severity=medium&size=100&sort=opened"
    while url:
        found = (await full.get(url)).json()
        assert ["items", "total", "page", "pages", "size", "next"] == list(found)
        seen += [each["id"] for each in found["items"]]
        url = found["next"]
    assert found["total"] == len(seen) == len(set(seen)) > 100


async def test_an_unchanged_incident_is_not_sent_again(api: Client) -> None:
    """304 by its entity tag, until it changes or somebody writes a note."""
    await opened(api)
    tag = (await api.get("/incidents/1")).headers["etag"]
    again = await api.get("/incidents/1", headers={"if-none-match": tag})
    assert (304, b"") == (again.status, again.body)
    await api.post("/incidents/1/notes", json={"text": "x"})
    changed = await api.get("/incidents/1", headers={"if-none-match": tag})
    assert 200 == changed.status
    assert tag != changed.headers["etag"]


async def test_a_change_names_the_version_it_was_made_from(api: Client) -> None:
    """By If-Match, or by `version`; without either nothing is changed."""
    made = await opened(api)
    assert 428 == (await api.patch("/incidents/1", json={"severity": "low"})).status
    tag = (await api.get("/incidents/1")).headers["etag"]
    first = await api.patch("/incidents/1", json={"severity": "low"}, headers={"if-match": tag})
    assert (200, "low", 2) == (first.status, first.json()["severity"], first.json()["version"])
    second = await api.patch("/incidents/1", json={"owner": "Mira", "version": first.json()["version"]})
    assert (200, "Mira", "low") == (second.status, second.json()["owner"], second.json()["severity"])
    assert made["title"] == second.json()["title"]


async def test_the_entity_tag_of_an_answer_serves_the_next_change(api: Client) -> None:
    """No need to read it again."""
    await opened(api)
    tag = (await api.get("/incidents/1")).headers["etag"]
    for severity in ("low", "medium", "critical"):
        reply = await api.patch("/incidents/1", json={"severity": severity}, headers={"if-match": tag})
        assert 200 == reply.status
        tag = reply.headers["etag"]


async def test_a_lost_update_is_refused(api: Client) -> None:
    """409 for a version and 412 for an entity tag; nothing is saved, and the answer says what differs."""
    await opened(api)
    tag = (await api.get("/incidents/1")).headers["etag"]
    await api.patch("/incidents/1", json={"severity": "low", "owner": "Mira", "version": 1})
    late = await api.patch("/incidents/1", json={"severity": "critical", "version": 1})
    assert (409, "edit_conflict") == (late.status, late.json()["code"])
    assert "at version 2 now. Nothing was saved" in late.json()["detail"]
    assert [{"field": "severity", "code": "changed", "message": "is now “low”"}] == late.json()["errors"]
    assert 412 == (await api.patch("/incidents/1", json={"severity": "high"}, headers={"if-match": tag})).status
    assert 412 == (await api.patch("/incidents/1", json={"severity": "high"}, headers={"if-match": '"9.9"'})).status
    now = (await api.get("/incidents/1")).json()
    assert ("low", 2) == (now["severity"], now["version"])


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"title": "x"}, "title", "too_short"),
        ({"title": 5}, "title", "invalid_type"),
        ({"severity": "severe"}, "severity", "invalid_enum"),
        ({"status": None, "colour": "red"}, "colour", "unknown_field"),
        ({"service": "Bad Service"}, "service", "invalid_pattern"),
        ({"tags": "db"}, "tags", "invalid_type"),
        ({"tags": ["a_b"]}, "tags", "invalid_pattern"),
        ({"opened": "soon"}, "opened", "invalid_format"),
        ({"owner": "a:b"}, "owner", "invalid_pattern"),
        ({"version": "1"}, "version", "invalid_type"),
    ],
)
async def test_a_change_that_breaks_a_rule_is_refused(
    api: Client, changes: dict[str, Any], field: str, code: str
) -> None:
    """422 with the field and the reason; nothing is saved."""
    before = await opened(api)
    reply = await api.patch("/incidents/1", json={"version": 1} | changes)
    assert 422 == reply.status
    assert (field, code) in [(row["field"], row["code"]) for row in reply.json()["errors"]]
    assert before["version"] == (await api.get("/incidents/1")).json()["version"]


async def test_a_time_can_be_corrected(api: Client) -> None:
    """But not to one in the future."""
    await opened(api)
    reply = await api.patch("/incidents/1", json={"opened": "2026-11-21T07:00", "version": 1})
    assert "2026-11-21T07:00:00Z" == reply.json()["opened"]
    assert 422 == (await api.patch("/incidents/1", json={"opened": "2027-01-01", "version": 2})).status


async def test_the_whole_form_can_be_sent_as_json(api: Client) -> None:
    """With the same answer and the same conflict."""
    await opened(api)
    sent = draft(title="Payments fail", version=1)
    reply = await api.post("/incidents/1/edit", json=sent)
    assert (200, "Payments fail", 2) == (reply.status, reply.json()["title"], reply.json()["version"])
    late = await api.post("/incidents/1/edit", json=sent | {"title": "Payments are slow"})
    assert (409, ["title"]) == (late.status, [row["field"] for row in late.json()["errors"]])


async def test_every_error_of_a_new_incident_is_listed(api: Client) -> None:
    """As a problem document (RFC 9457)."""
    reply = await api.post("/incidents", json={"title": "x", "severity": "severe", "tags": [5]})
    problem = reply.json()
    assert (422, "validation_failed") == (reply.status, problem["code"])
    assert {"title", "service", "severity", "tags[0]"} == {row["field"] for row in problem["errors"]}
    assert problem["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    ("url", "sent"),
    [("/incidents", draft()), ("/incidents/1/edit", draft(version=1)), ("/incidents/1/notes", {"text": "x"}),
     ("/incidents/1/status", {"status": "open", "version": 1})],
)  # fmt: skip
async def test_a_field_that_does_not_exist_is_refused(api: Client, url: str, sent: dict[str, Any]) -> None:
    """A misspelt name is told, not lost."""
    await opened(api)
    reply = await api.post(url, json=sent | {"ownr": "Ada"})
    assert (422, [("ownr", "unknown_field")]) == (
        reply.status, [(row["field"], row["code"]) for row in reply.json()["errors"]],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [(b"{", "application/json", 400), (b"\xff", "application/json", 400), (b"[]", "application/json", 422),
     (b"x", "text/plain", 415), (b"", "", 415), (b"null", "application/json", 422),
     (b"x" * 1_100_000, "application/json", 413)],
)  # fmt: skip
async def test_a_body_that_is_none_is_refused(api: Client, body: bytes, media: str, status: int) -> None:
    """With the status that says why."""
    headers = {"content-type": media} if media else {}
    assert status == (await api.post("/incidents", body=body, headers=headers)).status


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [("GET", "/incidents/7", 404), ("PATCH", "/incidents/7", 404), ("POST", "/incidents/7/notes", 404),
     ("POST", "/incidents/7/status", 404), ("POST", "/incidents/7/edit", 404), ("DELETE", "/incidents/7", 405),
     ("PUT", "/incidents", 405), ("GET", "/incidents/seven", 404)],
)  # fmt: skip
async def test_what_is_not_there_is_a_problem(api: Client, method: str, url: str, status: int) -> None:
    """With a code and, for a wrong method, the right ones."""
    whole = {"title": "abc", "service": "billing", "version": 1}
    sent = {"notes": {"text": "x"}, "status": {"status": "open", "version": 1}, "edit": whole, "7": {"version": 1}}
    body = sent.get(url.rpartition("/")[2]) if method != "GET" else None
    reply = await api.request(method, url, json=body)
    assert (status, status) == (reply.status, reply.json()["status"])
    if status == 405:
        assert "GET" in reply.headers["allow"]


async def test_the_overview_is_json_too(full: Client) -> None:
    """With every number of the page."""
    found = (await full.get("/", headers={"accept": "application/json"})).json()
    assert 5000 == sum(found["statuses"].values())
    assert ["critical", "high", "medium", "low"] == list(found["severities"]) == list(found["paces"])
    assert 12 == len(found["weeks"])
    assert {"service", "total", "severe"} == set(found["services"][0])


async def test_export_has_every_incident_that_fits(full: Client) -> None:
    """As CSV, by suffix or by Accept, streamed; the page does not matter."""
    reply = await full.get("/incidents.csv?severity=critical&page=7&sort=title")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    total = (await full.get("/incidents.json?severity=critical")).json()["total"]
    assert ("text/csv; charset=utf-8", total) == (reply.headers["content-type"], len(rows))
    assert 'attachment; filename="incidents.csv"' == reply.headers["content-disposition"]
    assert {"critical"} == {row["severity"] for row in rows}
    other = await full.get("/incidents?severity=critical", headers={"accept": "text/csv"})
    assert reply.body == other.body


async def test_export_comes_in_pieces(full: Client) -> None:
    """The whole file is never held, and a client may leave in the middle."""
    async with full.stream("GET", "/incidents.csv") as reply:
        sizes = [len(chunk) async for chunk in reply]
    assert len(sizes) > 20
    assert max(sizes) < 200_000
    async with full.stream("GET", "/incidents.csv") as reply:
        async for _ in reply:
            break
    assert 200 == (await full.get("/incidents")).status


async def test_what_is_asked_for_in_no_known_form_is_refused(page: Client) -> None:
    """406, by suffix or by Accept."""
    for url, accept in (("/incidents.xml", "*/*"), ("/incidents", "image/png"), ("/incidents/new.json", "*/*")):
        assert (await page.get(url, headers={"accept": accept})).status in {404, 406}, url


async def test_head_and_options_work_by_themselves(page: Client, api: Client) -> None:
    """HEAD has the headers of GET; OPTIONS names the methods."""
    await opened(api)
    head, get = await api.head("/incidents/1"), await api.get("/incidents/1")
    assert (200, b"", get.headers["etag"]) == (head.status, head.body, head.headers["etag"])
    assert {"GET", "HEAD", "OPTIONS", "PATCH"} == set(
        (await api.options("/incidents/1")).headers["allow"].replace(",", " ").split()
    )


async def test_times_move_with_the_clock(api: Client, clock: VirtualClock) -> None:
    """A change is as old as it is."""
    await opened(api)
    clock.shift(90)
    reply = await api.patch("/incidents/1", json={"status": "resolved", "version": 1})
    assert ("2026-11-22T12:01:30Z",) * 2 == (reply.json()["updated"], reply.json()["resolved"])


async def test_many_writers_at_once_lose_nothing(api: Client) -> None:
    """Of those that change one version one wins and the others are told; every note is kept."""
    await opened(api)
    changes = [api.patch("/incidents/1", json={"title": f"Title {n}", "version": 1}) for n in range(12)]
    noted = [api.post("/incidents/1/notes", json={"text": f"Note {n}"}) for n in range(12)]
    statuses = [each.status for each in await asyncio.gather(*changes, *noted)]
    assert (1, 11, 12) == tuple(statuses.count(status) for status in (200, 409, 201))
    found = (await api.get("/incidents/1")).json()
    assert 2 == found["version"]
    assert {f"Note {n}" for n in range(12)} == {each["text"] for each in found["notes"] if each["kind"] == "note"}


async def test_retrying_after_a_conflict_loses_nothing(api: Client) -> None:
    """Writers who read again and try again all get their change in, one after the other."""
    await opened(api)

    async def add(tag: str) -> None:
        while True:
            now = (await api.get("/incidents/1")).json()
            sent = {"tags": [*now["tags"], tag], "version": now["version"]}
            reply = await api.patch("/incidents/1", json=sent)
            if reply.status == 200:
                return
            assert 409 == reply.status

    await asyncio.gather(*[add(f"tag-{n}") for n in range(8)])
    found = (await api.get("/incidents/1")).json()
    assert [f"tag-{n}" for n in range(8)] == found["tags"]
    assert 9 == found["version"]
