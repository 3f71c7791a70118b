"""Records: incidents on one connection."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest
from drafts import BOARD, NOW, fields
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Fields, Filters, Incident, Severity, Status
from records import (
    Conflict,
    Foreign,
    Missing,
    choices,
    connect,
    create,
    edit,
    export,
    find,
    get,
    insert,
    known,
    migrate,
    note,
    notes,
    stored,
    twins,
    writing,
)

SCHEMA = (BOARD / "schema.sql").read_text("utf-8")
LATER = NOW + timedelta(hours=1)


def change(db: Connection, incident: Incident, author: str = "Ada", text: str = "", **changes: Any) -> Incident:
    """Change an incident as it was seen."""
    given = {"title": incident.title, "service": incident.service, "severity": incident.severity,
             "status": incident.status, "owner": incident.owner, "tags": list(incident.tags),
             "opened": incident.opened.isoformat(), "description": incident.description}  # fmt: skip
    return edit(db, incident.id, incident.version, fields(**given | changes), author=author, text=text, now=LATER)


def refs(db: Connection, **filters: Any) -> list[str]:
    """Return the titles that a list shows."""
    return [each.title for each in find(db, Filters(**filters), "fts5").items]


def test_what_is_stored_comes_back(db: Connection) -> None:
    """Every field, as it was."""
    given = fields(owner="Ada", tags=["b", "a"], opened="2026-11-20T10:00", description="Two\nlines")
    made = create(db, given, NOW)
    assert made == get(db, made.id)
    assert given == Fields(**{name: getattr(made, name) for name in Fields.__struct_fields__})
    assert ("INC-1", 1, NOW, None) == (made.ref, made.version, made.updated, made.resolved)


@pytest.mark.parametrize("id", [0, -1, 7, 2**63, 2**80])
def test_a_number_that_is_not_there_is_missing(db: Connection, id: int) -> None:
    """Also one that SQLite cannot count to."""
    with pytest.raises(Missing, match=f"INC-{id}"):
        get(db, id)
    assert not known(db, 7)


def test_an_incident_that_is_over_may_be_added(db: Connection) -> None:
    """It was resolved when it was reported."""
    assert NOW == create(db, fields(status=Status.RESOLVED, opened="2026-11-01T10:00"), NOW).resolved


def test_a_change_is_noted(db: Connection) -> None:
    """The timeline says what it was and what it is, and the version goes up."""
    made = create(db, fields(), NOW)
    now = change(db, made, severity=Severity.LOW, tags=["db"], owner="Mira", description="new")
    assert (2, LATER) == (now.version, now.updated)
    (entry,) = notes(db, made.id)
    assert ("Ada", "change", LATER) == (entry.author, entry.kind, entry.at)
    expected = ["severity: high → low", "owner: none → Mira", "tags: none → db", "description changed"]
    assert expected == entry.text.splitlines()


def test_the_same_again_changes_nothing(db: Connection) -> None:
    """No version, no entry, no new time."""
    made = create(db, fields(), NOW)
    assert made == change(db, made)
    assert [] == notes(db, made.id)


def test_resolving_has_a_time_that_reopening_forgets(db: Connection) -> None:
    """And later changes do not move it."""
    made = change(db, create(db, fields(), NOW), status=Status.RESOLVED)
    assert LATER == made.resolved
    assert LATER == change(db, made, title="Other title").resolved
    assert change(db, get(db, made.id), status=Status.OPEN).resolved is None


def test_who_was_slower_learns_what_was_changed(db: Connection) -> None:
    """The second change of one version is refused, and changes nothing."""
    made = create(db, fields(), NOW)
    first = change(db, made, "Mira", owner="Mira", status=Status.WATCHING)
    with pytest.raises(Conflict) as raised:
        change(db, made, title="Something else", text="mine")
    assert first == raised.value.current == get(db, made.id)
    assert [("Mira", "status: open → watching\nowner: none → Mira")] == [(e.author, e.text) for e in raised.value.since]
    assert {"status", "owner"} == raised.value.fields
    assert 1 == len(notes(db, made.id))


def test_only_later_changes_are_told(db: Connection) -> None:
    """Those before the version that was seen are known."""
    seen = change(db, create(db, fields(), NOW), title="First change")
    change(db, seen, owner="Mira")
    with pytest.raises(Conflict) as raised:
        change(db, seen, title="Second change")
    assert {"owner"} == raised.value.fields


def test_the_same_change_twice_is_no_conflict(db: Connection) -> None:
    """A button that was pressed twice does no harm."""
    made = create(db, fields(), NOW)
    first = change(db, made, status=Status.RESOLVED)
    assert first == change(db, made, status=Status.RESOLVED)


def test_a_version_from_nowhere_is_a_conflict(db: Connection) -> None:
    """One that is yet to come was never seen."""
    made = create(db, fields(), NOW)
    with pytest.raises(Conflict) as raised:
        edit(db, made.id, 99, fields(title="Other title"), author="", text="", now=NOW)
    assert [] == raised.value.since


def test_a_note_keeps_the_version(db: Connection) -> None:
    """Nobody's edit is refused because somebody wrote a note; the list shows the incident as touched."""
    made = create(db, fields(), NOW)
    before = stored(db, made.id).tag
    added = note(db, made.id, author="Mira", text="Looked into it", now=LATER)
    assert [added] == notes(db, made.id)
    assert (1, LATER) == (get(db, made.id).version, get(db, made.id).updated)
    assert before != stored(db, made.id).tag
    assert 2 == change(db, made, title="Other title").version


def test_a_note_to_nothing_is_missing(db: Connection) -> None:
    """And nothing is written."""
    with pytest.raises(Missing):
        note(db, 5, author="", text="x", now=NOW)
    assert 0 == db.execute("select count(*) from notes").fetchone()[0]


def test_the_index_follows_every_change(db: Connection) -> None:
    """Title, service, owner, tags, description and notes are found; what they were before is not."""
    made = create(db, fields(owner="Ada", tags=["net"], description="cable"), NOW)
    note(db, made.id, author="Mira", text="replaced the switch", now=NOW)
    for word in ("payments", "billing", "ada", "net", "cable", "switch", "INC-1"):
        assert ["Payments time out"] == refs(db, q=word), word
    change(db, made, title="All is well", tags=[])
    assert [] == refs(db, q="payments")
    assert [] == refs(db, q="net")
    assert ["All is well"] == refs(db, q="switch well")


def many(db: Connection, count: int = 40) -> None:
    """Add incidents that differ in everything."""
    with writing(db):
        for n in range(count):
            status = list(Status)[n % 3]
            made = fields(
                title=f"Case {n:02}", service=f"service-{n % 4}", severity=list(Severity)[n % 4], status=status,
                owner=["", "Ada", "Mira"][n % 3], tags=["odd"] if n % 2 else [], opened=f"2026-10-{n % 28 + 1:02}",
            )  # fmt: skip
            moment = made.opened + timedelta(days=n % 5)
            insert(db, made, updated=moment, resolved=moment if status is Status.RESOLVED else None)


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({"status": [Status.OPEN]}, lambda n: n % 3 == 0),
        ({"status": [Status.OPEN, Status.WATCHING]}, lambda n: n % 3 < 2),
        ({"severity": [Severity.LOW]}, lambda n: n % 4 == 3),
        ({"service": "service-2"}, lambda n: n % 4 == 2),
        ({"owner": "Ada"}, lambda n: n % 3 == 1),
        ({"owner": "-"}, lambda n: n % 3 == 0),
        ({"tag": "odd"}, lambda n: n % 2 == 1),
        ({"q": "07 cas"}, lambda n: n == 7),
        ({"q": "case", "tag": "odd", "status": [Status.RESOLVED], "severity": [Severity.HIGH]}, lambda n: n % 12 == 5),
        ({"q": " INC-4 "}, lambda n: n == 3),
        ({"q": "#7"}, lambda n: n == 6),
        ({"q": "inc-99"}, lambda n: False),
        ({"service": "nowhere"}, lambda n: False),
        ({"q": "!?"}, lambda n: False),
    ],
)
def test_filters_narrow_together(db: Connection, filters: dict[str, Any], fits: Any) -> None:
    """Each one, and all of them at once; the total counts what fits on all pages."""
    many(db)
    found = find(db, Filters(**filters, sort="title", size=5), "fts5")
    expected = [f"Case {n:02}" for n in range(40) if fits(n)]
    assert (expected[:5], len(expected)) == ([each.title for each in found.items], found.total)


KEYS: dict[str, Any] = {
    "updated": lambda each: (each.updated, each.id),
    "opened": lambda each: (each.opened, each.id),
    "title": lambda each: (each.title.lower(), each.id),
    "service": lambda each: each.service,
    "owner": lambda each: each.owner,
    "severity": lambda each: list(Severity).index(each.severity),
    "status": lambda each: list(Status).index(each.status),
}


@pytest.mark.parametrize("sort", [*KEYS, *[f"-{name}" for name in KEYS]])
def test_every_order_is_complete(db: Connection, sort: str) -> None:
    """Page after page shows every incident once, in order."""
    many(db)
    pages = [find(db, Filters(sort=sort, page=n, size=7), "fts5") for n in range(1, 7)]  # type: ignore[arg-type]
    shown = [each for page in pages for each in page.items]
    assert list(range(1, 41)) == sorted(each.id for each in shown)
    assert {40} == {page.total for page in pages}
    key = KEYS[sort.lstrip("-")]
    values = [key(each) for each in shown]
    assert sorted(values, reverse=sort.startswith("-")) == values


def test_a_page_past_the_end_is_empty(db: Connection) -> None:
    """With the total still right."""
    many(db, 3)
    found = find(db, Filters(page=9), "fts5")
    assert ([], 3, 1) == (found.items, found.total, found.pages)


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "incidents_updated"),
        ({"sort": "opened"}, "incidents_opened"),
        ({"sort": "title"}, "incidents_title"),
        ({"service": "billing"}, "incidents_service"),
        ({"owner": "Ada"}, "incidents_owner"),
        ({"status": [Status.OPEN]}, "incidents_status"),
        ({"severity": [Severity.LOW]}, "incidents_severity"),
    ],
)
def test_the_list_uses_its_indexes(db: Connection, filters: dict[str, Any], index: str) -> None:
    """No order of a plain list sorts the whole table."""
    many(db)
    seen: list[str] = []
    db.set_trace_callback(seen.append)
    find(db, Filters(**filters), "fts5")
    db.set_trace_callback(None)
    query = next(each for each in seen if "limit" in each)
    plan = [row[3] for row in db.execute(f"explain query plan {query}")]
    assert any(f"INDEX {index}" in step for step in plan), plan
    assert not any("USE TEMP B-TREE FOR ORDER BY" == step for step in plan), plan


def test_export_meets_each_incident_once(db: Connection) -> None:
    """In the order of the numbers, whatever is changed or added on the way."""
    many(db, 10)
    seen: list[int] = []
    after = 0
    while chunk := export(db, Filters(tag="odd"), "fts5", after, 2):
        seen += [each.incident.id for each in chunk]
        after = seen[-1]
        change(db, get(db, after), title=f"Changed {after}")
    assert [2, 4, 6, 8, 10] == seen


def test_choices_are_what_occurs(db: Connection) -> None:
    """Sorted, without the empty one."""
    many(db, 6)
    found = choices(db)
    assert ["service-0", "service-1", "service-2", "service-3"] == found["services"]
    assert (["Ada", "Mira"], ["odd"]) == (found["owners"], found["tags"])


def test_a_twin_has_title_service_and_time(db: Connection) -> None:
    """All three of them."""
    made = create(db, fields(opened="2026-11-20T10:00"), NOW)
    assert made.id == twins(db, made.title, made.service, made.opened)
    assert twins(db, made.title, "search", made.opened) is None
    assert twins(db, made.title, made.service, NOW) is None


def test_an_error_leaves_nothing_behind(db: Connection) -> None:
    """What was written before it is taken back."""

    def fail() -> None:
        with writing(db):
            create(db, fields(), NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert 0 == db.execute("select count(*) from incidents").fetchone()[0]
    assert not db.in_transaction


@pytest.mark.parametrize(
    "wrong",
    ["update incidents set status = 2", "update incidents set severity = 9", "update incidents set title = 'x'",
     "update incidents set updated = '2000-01-01T00:00:00Z'", "insert into tags values (99, 'x')",
     "update notes set kind = 'joke'"],
)  # fmt: skip
def test_the_tables_guard_themselves(db: Connection, wrong: str) -> None:
    """What no incident can be is refused, whoever writes it."""
    note(db, create(db, fields(), NOW).id, author="", text="x", now=NOW)
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(wrong)


def test_a_reader_cannot_write(db: Connection, tmp_path: Path) -> None:
    """Its connection refuses."""
    with closing(connect(tmp_path / "records.db", wait=1, read_only=True)) as reader:
        assert [] == find(reader, Filters(), "fts5").items
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            create(reader, fields(), NOW)


def test_a_second_start_finds_its_tables(db: Connection) -> None:
    """Nothing is made twice, nothing is lost."""
    create(db, fields(), NOW)
    assert ("fts5", False) == migrate(db, SCHEMA)
    assert 1 == find(db, Filters(), "fts5").total


@pytest.mark.parametrize("setup", ["pragma user_version = 7", "create table recipes (id)"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, setup: str) -> None:
    """It stays as it is."""
    with closing(connect(tmp_path / "other.db", wait=1)) as other:
        other.execute(setup)
        before = list(other.execute("select * from sqlite_master"))
        with pytest.raises(Foreign):
            migrate(other, SCHEMA)
        assert before == list(other.execute("select * from sqlite_master"))


TEXT = st.text(max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(TEXT, TEXT)
def test_any_text_can_be_kept_and_found(db: Connection, text: str, author: str) -> None:
    """No character of a note breaks the store."""
    made = create(db, fields(), NOW)
    kept = text.encode(errors="replace").decode()  # half of a surrogate pair comes from no client
    note(db, made.id, author=author.encode(errors="replace").decode(), text=kept, now=NOW)
    assert kept == notes(db, made.id)[-1].text


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """One of them turns it into WAL and the others wait, which SQLite by itself does not do."""

    def opened(path: Path) -> str:
        meet.wait()
        with closing(connect(path, wait=30)) as db:
            return str(db.execute("pragma journal_mode").fetchone()[0])

    meet = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        for number in range(60):
            assert ["wal"] * 4 == list(pool.map(opened, [tmp_path / f"{number}.db"] * 4))


def test_a_file_that_stays_locked_is_an_error_after_the_wait(tmp_path: Path) -> None:
    """The wait has its bound."""
    with closing(sqlite3.connect(tmp_path / "locked.db", isolation_level=None)) as other:
        other.execute("begin exclusive")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connect(tmp_path / "locked.db", wait=0.05)
