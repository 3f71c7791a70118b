"""Records: incidents in a database, on each engine."""

from datetime import timedelta
from typing import Any

import pytest
from arlen_data import Database
from arlen_data.errors import IntegrityError, ReadOnlyTransaction
from drafts import NOW, fields
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import records
from lists import page
from models import Fields, Filters, Incident, Note, Severity, Status
from records import Conflict, Missing
from sheets import Row, Sheet
from store import Store

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(hours=1)


async def change(store: Store, incident: Incident, author: str = "Ada", text: str = "", **changes: Any) -> Incident:
    """Change an incident as it was seen, an hour later."""
    given = {"title": incident.title, "service": incident.service, "severity": incident.severity,
             "status": incident.status, "owner": incident.owner, "tags": list(incident.tags),
             "opened": incident.opened.isoformat(), "description": incident.description}  # fmt: skip
    store._clock = lambda: LATER
    return await store.edit(incident.id, incident.version, fields(**given | changes), author=author, text=text)


async def notes(store: Store, id: int) -> list[Note]:
    """Return a timeline."""
    return (await store.get(id)).notes


async def refs(store: Store, **filters: Any) -> list[str]:
    """Return the titles that a list shows."""
    return [each.title for each in (await store.find(Filters(**filters))).items]


async def test_what_is_stored_comes_back(store: Store) -> None:
    """Every field, as it was; times are of UTC, and tags are in order."""
    given = fields(owner="Ada", tags=["b", "a"], opened="2026-11-20T10:00", description="Two\nlines")
    made = await store.create(given)
    assert made == (await store.get(made.id)).incident
    assert given == Fields(**{name: getattr(made, name) for name in Fields.__struct_fields__})
    assert ("INC-1", 1, NOW, None) == (made.ref, made.version, made.updated, made.resolved)
    assert "UTC" == str(made.opened.tzinfo)


@pytest.mark.parametrize("id", [0, -1, 7, 2**63, 2**80])
async def test_a_number_that_is_not_there_is_missing(store: Store, id: int) -> None:
    """Also one that no database can count to."""
    with pytest.raises(Missing, match=f"INC-{id}"):
        await store.get(id)
    with pytest.raises(Missing, match=f"INC-{id}"):
        await store.note(id, author="", text="x")
    assert 0 == await store.db.value("select count(*) from notes")


async def test_an_incident_that_is_over_may_be_added(store: Store) -> None:
    """It was resolved when it was reported."""
    made = await store.create(fields(status=Status.RESOLVED, opened="2026-11-01T10:00"))
    assert NOW == made.resolved


async def test_a_change_is_noted(store: Store) -> None:
    """The timeline says what it was and what it is, and the version goes up."""
    made = await store.create(fields())
    now = await change(store, made, severity=Severity.LOW, tags=["db"], owner="Mira", description="new")
    assert (2, LATER) == (now.version, now.updated)
    (entry,) = await notes(store, made.id)
    assert ("Ada", "change", LATER) == (entry.author, entry.kind, entry.at)
    expected = ["severity: high → low", "owner: none → Mira", "tags: none → db", "description changed"]
    assert expected == entry.text.splitlines()


async def test_the_same_again_changes_nothing(store: Store) -> None:
    """No version, no entry, no new time."""
    made = await store.create(fields())
    assert made == await change(store, made)
    assert [] == await notes(store, made.id)


async def test_resolving_has_a_time_that_reopening_forgets(store: Store) -> None:
    """And later changes do not move it."""
    made = await change(store, await store.create(fields()), status=Status.RESOLVED)
    assert LATER == made.resolved
    made = await change(store, made, title="Other title")
    assert LATER == made.resolved
    assert (await change(store, made, status=Status.OPEN)).resolved is None


async def test_who_was_slower_learns_what_was_changed(store: Store) -> None:
    """The second change of one version is refused, and changes nothing."""
    made = await store.create(fields())
    first = await change(store, made, "Mira", owner="Mira", status=Status.WATCHING)
    with pytest.raises(Conflict) as raised:
        await change(store, made, title="Something else", text="mine")
    assert first == raised.value.current == (await store.get(made.id)).incident
    assert [("Mira", "status: open → watching\nowner: none → Mira")] == [(e.author, e.text) for e in raised.value.since]
    assert {"status", "owner"} == raised.value.fields
    assert 1 == len(await notes(store, made.id))


async def test_who_was_overtaken_on_the_way_learns_it_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several write at a time, somebody may come between the look and the change: the version decides."""
    made = await store.create(fields())
    old = await change(store, made, owner="Mira")
    seen = [made]

    async def get(db: Any, id: int) -> Incident:
        return seen.pop() if seen else await original(db, id)

    original = records.get
    monkeypatch.setattr(records, "get", get)
    with pytest.raises(Conflict) as raised:
        await change(store, made, title="Something else")
    assert old == raised.value.current


async def test_only_later_changes_are_told(store: Store) -> None:
    """Those before the version that was seen are known."""
    seen = await change(store, await store.create(fields()), title="First change")
    await change(store, seen, owner="Mira")
    with pytest.raises(Conflict) as raised:
        await change(store, seen, title="Second change")
    assert {"owner"} == raised.value.fields


async def test_the_same_change_twice_is_no_conflict(store: Store) -> None:
    """A button that was pressed twice does no harm."""
    made = await store.create(fields())
    first = await change(store, made, status=Status.RESOLVED)
    assert first == await change(store, made, status=Status.RESOLVED)


async def test_a_version_from_nowhere_is_a_conflict(store: Store) -> None:
    """One that is yet to come was never seen."""
    made = await store.create(fields())
    with pytest.raises(Conflict) as raised:
        await store.edit(made.id, 99, fields(title="Other title"), author="")
    assert [] == raised.value.since


async def test_a_note_keeps_the_version(store: Store) -> None:
    """Nobody's edit is refused because somebody wrote a note; the list shows the incident as touched."""
    made = await store.create(fields())
    before = await store.get(made.id)
    store._clock = lambda: LATER
    added = await store.note(made.id, author="Mira", text="Looked into it")
    found = await store.get(made.id)
    assert [added] == found.notes
    assert (1, LATER) == (found.incident.version, found.incident.updated)
    assert before.tag != found.tag
    assert 2 == (await change(store, made, title="Other title")).version


async def test_the_index_follows_every_change(store: Store) -> None:
    """Title, service, owner, tags, description and notes are found; what they were before is not."""
    made = await store.create(fields(owner="Ada", tags=["net"], description="cable"))
    await store.note(made.id, author="Mira", text="replaced the switch")
    for word in ("payments", "billing", "ada", "net", "cable", "switch", "INC-1"):
        assert ["Payments time out"] == await refs(store, q=word), word
    await change(store, made, title="All is well", tags=[])
    assert [] == await refs(store, q="payments")
    assert [] == await refs(store, q="net")
    assert ["All is well"] == await refs(store, q="switch well")


async def many(store: Store, count: int = 40) -> None:
    """Add incidents that differ in everything."""
    rows = []
    for n in range(count):
        status = list(Status)[n % 3]
        made = fields(
            title=f"Case {n:02}", service=f"service-{n % 4}", severity=list(Severity)[n % 4], status=status,
            owner=["", "Ada", "Mira"][n % 3], tags=["odd"] if n % 2 else [], opened=f"2026-10-{n % 28 + 1:02}",
        )  # fmt: skip
        moment = made.opened + timedelta(days=n % 5)
        rows.append(Row(n, None, made, moment, moment if status is Status.RESOLVED else None, [], []))
    await store.take(Sheet([], rows, []))


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({"status": [Status.OPEN]}, lambda n: n % 3 == 0),
        ({"status": [Status.OPEN, Status.WATCHING]}, lambda n: n % 3 < 2),
        ({"severity": [Severity.LOW]}, lambda n: n % 4 == 3),
        ({"service": "service-2"}, lambda n: n % 4 == 2),
        ({"owner": "Ada"}, lambda n: n % 3 == 1),
        ({"owner": "-"}, lambda n: n % 3 == 0),
        ({"owner": "-Ada"}, lambda n: False),
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
async def test_filters_narrow_together(store: Store, filters: dict[str, Any], fits: Any) -> None:
    """Each one, and all of them at once; the total counts what fits on all pages."""
    await many(store)
    found = await store.find(Filters(**filters, sort="title", size=5))
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


async def test_every_order_is_complete(store: Store) -> None:
    """Page after page shows every incident once, in order."""
    await many(store)
    for sort in [*KEYS, *[f"-{name}" for name in KEYS]]:
        pages = [await store.find(Filters(sort=sort, page=n, size=7)) for n in range(1, 7)]  # type: ignore[arg-type]
        shown = [each for page in pages for each in page.items]
        assert list(range(1, 41)) == sorted(each.id for each in shown)
        assert {40} == {page.total for page in pages}
        key = KEYS[sort.lstrip("-")]
        values = [key(each) for each in shown]
        assert sorted(values, reverse=sort.startswith("-")) == values, sort


async def test_titles_sort_alike_on_every_engine(store: Store) -> None:
    """Without the case of plain letters, and then by their bytes."""
    for title in ("zebra", "Apple", "apple 2", "Banana", "éclair", "_under", "Émile", "Zebra"):
        await store.create(fields(title=title))
    expected = ["_under", "Apple", "apple 2", "Banana", "zebra", "Zebra", "Émile", "éclair"]
    assert expected == await refs(store, sort="title")


async def test_a_page_past_the_end_is_empty(store: Store) -> None:
    """With the total still right."""
    await many(store, 3)
    found = await store.find(Filters(page=9))
    assert ([], 3, 1) == (found.items, found.total, found.pages)


PLANS = {"sqlite": "explain query plan ", "postgresql": "explain "}
SCANS = ("seqscan", "bitmapscan", "sort")
"""What forty rows are read by faster than by an index."""


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
async def test_the_list_uses_its_indexes(store: Store, filters: dict[str, Any], index: str) -> None:
    """No order of a plain list sorts the whole table."""
    await many(store)
    compiled = page(Filters(**filters), store.index).compile(store.db.capabilities.dialect)
    async with store.db.transaction() as tx:
        for scan in SCANS if tx.capabilities.dialect == "postgresql" else ():
            await tx.execute(f"set local enable_{scan} = off")
        rows = await tx.all(PLANS[tx.capabilities.dialect] + compiled.sql, *compiled.params)
    plan = [str(row[-1]) for row in rows]
    assert any(index in step for step in plan), plan
    assert not any("USE TEMP B-TREE FOR ORDER BY" == step or "->  Sort" in step for step in plan), plan


async def test_export_meets_each_incident_once(store: Store) -> None:
    """In the order of the numbers, with its timeline, whatever is changed or added on the way."""
    await many(store, 10)
    for number in (2, 10):
        await store.note(number, author="Ada", text="first")
        await store.note(number, author="Ada", text="second")
    seen: list[tuple[int, str, list[str]]] = []
    async for chunk in store.export(Filters(tag="odd")):
        seen += [(each.incident.id, each.incident.title, [note.text for note in each.notes]) for each in chunk]
        await change(store, (await store.get(4)).incident, title="Changed meanwhile")
    texts = ["first", "second"]
    expected = [(2, texts), (4, []), (6, []), (8, []), (10, texts)]
    assert [(number, f"Case {number - 1:02}", told) for number, told in expected] == seen


async def test_choices_are_what_occurs(store: Store) -> None:
    """Sorted, without the empty one."""
    await many(store, 6)
    found = await store.choices()
    assert ["service-0", "service-1", "service-2", "service-3"] == found["services"]
    assert (["Ada", "Mira"], ["odd"]) == (found["owners"], found["tags"])


@pytest.mark.parametrize(
    "wrong",
    ["update incidents set status = 2", "update incidents set severity = 9", "update incidents set title = 'x'",
     "update incidents set updated = '2000-01-01 00:00:00.000000+00:00'", "insert into tags values (99, 'x')",
     "update notes set kind = 'joke'"],
)  # fmt: skip
async def test_the_tables_guard_themselves(store: Store, wrong: str) -> None:
    """What no incident can be is refused, whoever writes it."""
    await store.note((await store.create(fields())).id, author="", text="x")
    with pytest.raises(IntegrityError):
        await store.db.execute(wrong)


async def test_an_error_leaves_nothing_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before it is taken back."""
    monkeypatch.setattr(records, "said", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await store.create(fields())
    assert 0 == await store.db.value("select count(*) from incidents")


async def test_what_only_reads_cannot_write(db: Database, store: Store) -> None:
    """The database refuses."""
    with pytest.raises(ReadOnlyTransaction):
        async with db.transaction(read_only=True) as tx:
            await records.add(tx, fields(), NOW)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(TEXT, TEXT)
async def test_any_text_can_be_kept_and_found(store: Store, text: str, author: str) -> None:
    """No character of a note breaks the store; half of a surrogate pair, or NUL, comes from no client."""
    made = await store.create(fields())
    await store.note(made.id, author=author, text=text)
    assert [(author, text)] == [(each.author, each.text) for each in await notes(store, made.id)]
