"""Records: incidents and their timelines as rows; every function takes a database, or a transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from arlen import Struct
from arlen_data import Row
from arlen_data.queries import Queries
from arlen_sqlbuilder import insert, update

from models import Fields, Incident, Note, Severity, Status
from search import body
from tables import Incidents

__all__ = [
    "SEVERITIES", "STATUSES", "Conflict", "Missing", "Stored", "add", "append", "change", "choices", "differences",
    "get", "incident", "notes", "said", "since", "stamp", "stored", "values",
]  # fmt: skip

SEVERITIES, STATUSES = list(Severity), list(Status)
"""Rows hold the places of the words in these lists: so the worst sorts first."""


class Missing(Exception):
    """There is no incident of that number."""

    def __init__(self, id: int) -> None:
        super().__init__(f"there is no incident INC-{id}")
        self.id = id


class Conflict(Exception):
    """Somebody else changed the incident first: `current` is what it is now, `since` says who changed what."""

    def __init__(self, current: Incident, since: list[Note]) -> None:
        super().__init__(f"{current.ref} was changed in the meantime")
        self.current, self.since = current, since

    @property
    def fields(self) -> set[str]:
        """The names of the fields that were changed."""
        return {line.split()[0].rstrip(":") for each in self.since for line in each.text.splitlines()}


class Stored(Struct, frozen=True):
    """An incident with its timeline."""

    incident: Incident
    notes: list[Note]

    @property
    def tag(self) -> str:
        """The entity tag: every change and every note makes another one."""
        return f'"{self.incident.version}.{len(self.notes)}"'


async def get(db: Queries, id: int) -> Incident:
    """Return an incident; raises `Missing`."""
    row = await db.one_or_none("select * from listed where id = $1", _possible(id))
    if row is None:
        raise Missing(id)
    return incident(row)


async def notes(db: Queries, id: int) -> list[Note]:
    """Return the timeline of an incident, the oldest entry first."""
    text = "select id, at, author, kind, text from notes where incident = $1 order by at, id"
    return await db.all(text, id, into=Note)


async def stored(db: Queries, id: int) -> Stored:
    """Return an incident with its timeline; raises `Missing`."""
    return Stored(await get(db, id), await notes(db, id))


async def choices(db: Queries) -> dict[str, list[str]]:
    """Return the services, owners and tags that occur, for the fields that suggest them."""
    services, owners, tags = await db.batch(
        "select distinct service from incidents order by service",
        "select distinct owner from incidents where owner <> '' order by owner",
        "select distinct tag from tags order by tag",
    )
    return {"services": services.all(str), "owners": owners.all(str), "tags": tags.all(str)}


async def add(db: Queries, fields: Fields, now: datetime) -> int:
    """Add an incident and return its number."""
    touched = max(now, fields.opened)
    closed = touched if fields.status is Status.RESOLVED else None
    made = insert(Incidents).values(**values(fields), updated=touched, resolved=closed)
    number = await db.value(made.returning(Incidents.id), into=int)
    await _tag(db, number, fields.tags)
    return number


async def change(db: Queries, old: Incident, fields: Fields, now: datetime) -> bool:
    """Change an incident that is still as it was; say whether that was so."""
    touched = max(now, fields.opened)
    closed = (old.resolved or touched) if fields.status is Status.RESOLVED else None
    change = update(Incidents).set(**values(fields), updated=touched, resolved=closed, version=Incidents.version + 1)
    if not await db.execute(change.where(Incidents.id == old.id, Incidents.version == old.version)):
        return False
    await db.execute("delete from tags where incident = $1", old.id)
    await _tag(db, old.id, fields.tags)
    return True


async def since(db: Queries, incident: Incident, version: int) -> list[Note]:
    """Return what was changed after a version: each change raises it by one and leaves one entry."""
    changes = [each for each in await notes(db, incident.id) if each.kind == "change"]
    return changes[-(incident.version - version) :] if version < incident.version else []


async def append(
    db: Queries, id: int, text: str, *, author: str, now: datetime, kind: Literal["note", "change"] = "note"
) -> Note:
    """Add an entry to the timeline of an incident, which is touched by it; raises `Missing`."""
    touch = "update incidents set updated = case when updated < $1 then $1 else updated end where id = $2"
    if not await db.execute(touch, now, _possible(id)):
        raise Missing(id)
    entry = "insert into notes (incident, at, author, kind, text) values ($1, $2, $3, $4, $5) returning id"
    return Note(await db.value(entry, id, now, author, kind, text), now, author, kind, text)


def differences(old: Incident, new: Fields) -> list[str]:
    """Return a line for each field that differs."""
    told = []
    for name in ("status", "severity", "owner", "service", "title", "tags", "opened"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            told.append(f"{name}: {_said(before)} → {_said(after)}")
    return told + ["description changed"] * (old.description != new.description)


def values(fields: Fields) -> dict[str, Any]:
    """Return the columns that people decide on."""
    given = {name: getattr(fields, name) for name in Fields.__struct_fields__ if name != "tags"}
    return given | {"severity": SEVERITIES.index(fields.severity), "status": STATUSES.index(fields.status)}


def said(id: int, it: Incident | Fields, timeline: Sequence[Note]) -> str:
    """Return the words by which an incident is found."""
    told = [each.text for each in timeline if each.kind == "note"]  # not what a field was before
    return body([f"INC-{id}", it.title, it.service, it.owner, *it.tags, it.description, *told])


def stamp(moment: datetime) -> str:
    """Return a time as files have it: "2026-11-20T17:30:00Z"."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def incident(row: Row) -> Incident:
    """Return the incident of a row of the view `listed`."""
    made = {name: row[name] for name in Incident.__struct_fields__}
    words = {"severity": SEVERITIES[row.severity], "status": STATUSES[row.status], "tags": tuple(row.tags.split())}
    return Incident(**made | words)


async def _tag(db: Queries, id: int, tags: Sequence[str]) -> None:
    await db.execute_many("insert into tags (incident, tag) values ($1, $2)", [(id, tag) for tag in tags])


def _possible(id: int) -> int:
    if 0 < id < 2**63:
        return id
    raise Missing(id)  # no database counts that far


def _said(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return (" ".join(value) if isinstance(value, tuple) else str(value)) or "none"
