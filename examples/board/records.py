"""Records: reading and writing incidents on one SQLite connection; all of it blocks, store.py calls it in threads."""

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from arlen import Struct

from models import Fields, Filters, Incident, Note, Page, Severity, Status
from words import Mode, condition, index, mode, prepare

__all__ = [
    "Conflict", "Foreign", "Missing", "Stored", "choices", "connect", "create", "edit", "export", "find", "get",
    "insert", "known", "migrate", "note", "notes", "stamp", "stored", "twins", "writing",
]  # fmt: skip

SCHEMA = 1
COLUMNS = """id, title, service, severity, status, owner, opened, updated, resolved, description, version,
  (select group_concat(tag, ' ') from (select tag from tags where incident = incidents.id order by tag))"""

_ref = re.compile(r"\s*(?:inc-|#)(\d{1,18})\s*", re.IGNORECASE).fullmatch
_SEVERITIES, _STATUSES = list(Severity), list(Status)
_ORDERS = {
    "updated": "updated {0}, id {0}",
    "opened": "opened {0}, id {0}",
    "title": "title collate nocase {0}, id {0}",
    "service": "service {0}, updated desc, id desc",
    "owner": "owner {0}, updated desc, id desc",
    "severity": "severity {0}, updated desc, id desc",
    "status": "status {0}, updated desc, id desc",
}


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


class Foreign(Exception):
    """The file is not a database of this board."""


class Stored(Struct, frozen=True):
    """An incident with its timeline."""

    incident: Incident
    notes: list[Note]

    @property
    def tag(self) -> str:
        """The entity tag: every change and every note makes another one."""
        return f'"{self.incident.version}.{len(self.notes)}"'


def connect(path: Path, *, wait: float, read_only: bool = False) -> Connection:
    """Open the file; the connection may wander between threads, one at a time."""
    db = sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)
    try:
        _write_ahead(db, time.monotonic() + wait)
        db.execute("pragma synchronous = full")  # what was acknowledged is on the disk
        db.execute("pragma foreign_keys = on")
        if read_only:
            db.execute("pragma query_only = on")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _write_ahead(db: Connection, deadline: float) -> None:
    """SQLite does not wait when two connections turn a new file into WAL at once: it refuses one on the spot."""
    while True:
        try:
            db.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.005)
        else:
            return


def migrate(db: Connection, schema: str, wanted: str = "auto") -> tuple[Mode, bool]:
    """Make the tables that are not there yet, in one step; returns how to search, and whether the board is new.

    Raises `Foreign` for a file of another schema.
    """
    how = mode(db, wanted)
    with writing(db):
        (version,) = db.execute("pragma user_version").fetchone()
        if version not in {0, SCHEMA}:
            raise Foreign(f"its schema is {version}, this board reads {SCHEMA}")
        fresh = version == 0
        if fresh:
            if db.execute("select 1 from sqlite_master limit 1").fetchone():
                raise Foreign("it holds the tables of something else")
            for statement in _statements(schema):
                db.execute(statement)
            db.execute(f"pragma user_version = {SCHEMA}")
        if prepare(db, how):
            for (number,) in db.execute("select id from incidents").fetchall():
                _index(db, number)
    return how, fresh


@contextmanager
def writing(db: Connection) -> Iterator[None]:
    """Begin as a writer at once, so that what is read here stays true; commit, or roll back on any error."""
    if db.in_transaction:
        yield
        return
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        db.rollback()
        raise


def find(db: Connection, filters: Filters, how: Mode) -> Page:
    """Return one page of the incidents that fit, and how many there are; both of one moment."""
    where, values = _where(filters, how)
    order = _ORDERS[filters.sort.lstrip("-")].format("desc" if filters.sort.startswith("-") else "asc")
    offset = (filters.page - 1) * filters.size
    with _reading(db):
        (total,) = db.execute(f"select count(*) from incidents {where}", values).fetchone()  # noqa: S608
        rows = db.execute(
            f"select {COLUMNS} from incidents {where} order by {order} limit ? offset ?",  # noqa: S608 - our own words, and values beside
            [*values, filters.size, offset],
        ).fetchall()
    return Page([_incident(row) for row in rows], total, filters.page, filters.size)


def get(db: Connection, id: int) -> Incident:
    """Return an incident; raises `Missing`."""
    fits = 0 < id < 2**63  # what SQLite can count to
    row = db.execute(f"select {COLUMNS} from incidents where id = ?", (id,)).fetchone() if fits else None  # noqa: S608
    if row is None:
        raise Missing(id)
    return _incident(row)


def stored(db: Connection, id: int) -> Stored:
    """Return an incident with its timeline, both of one moment; raises `Missing`."""
    with _reading(db):
        return Stored(get(db, id), notes(db, id))


def notes(db: Connection, id: int) -> list[Note]:
    """Return the timeline of an incident, the oldest entry first."""
    rows = db.execute("select id, at, author, kind, text from notes where incident = ? order by at, id", (id,))
    return [Note(number, _time(at), author, kind, text) for number, at, author, kind, text in rows]


def export(db: Connection, filters: Filters, how: Mode, after: int, limit: int) -> list[Stored]:
    """Return the next incidents that fit, by their numbers: each is met once, whatever changes meanwhile."""
    where, values = _where(filters, how)
    more = f"{where} and id > ?" if where else "where id > ?"
    sql = f"select {COLUMNS} from incidents {more} order by id limit ?"  # noqa: S608 - our own words
    with _reading(db):
        rows = db.execute(sql, [*values, after, limit]).fetchall()
        return [Stored(_incident(row), notes(db, row[0])) for row in rows]


def choices(db: Connection) -> dict[str, list[str]]:
    """Return the services, owners and tags that occur, for the fields that suggest them."""
    names = {"services": ("service", "incidents"), "owners": ("owner", "incidents"), "tags": ("tag", "tags")}
    return {
        key: [value for (value,) in db.execute(f"select distinct {column} from {table} order by {column}") if value]  # noqa: S608
        for key, (column, table) in names.items()
    }


def known(db: Connection, id: int) -> bool:
    """Say whether there is an incident of that number."""
    return db.execute("select 1 from incidents where id = ?", (id,)).fetchone() is not None


def twins(db: Connection, title: str, service: str, opened: datetime) -> int | None:
    """Return the number of an incident that looks the same, or `None`."""
    row = db.execute(
        # by the title: thousands of rows of one import may share a time
        "select id from incidents where title = ? collate nocase and +opened = ? and +service = ? limit 1",
        (title, stamp(opened), service),
    ).fetchone()
    return None if row is None else int(row[0])


def create(db: Connection, fields: Fields, now: datetime) -> Incident:
    """Add an incident."""
    closed = max(now, fields.opened) if fields.status is Status.RESOLVED else None
    with writing(db):
        return get(db, insert(db, fields, updated=max(now, fields.opened), resolved=closed))


def insert(
    db: Connection,
    fields: Fields,
    *,
    updated: datetime,
    resolved: datetime | None,
    id: int | None = None,
    entries: Sequence[Note] = (),
) -> int:
    """Add an incident as it is told, with the notes it has already, and return its number.

    Args:
        db: within `writing`.
        fields: what it says.
        updated: when it was last touched.
        resolved: when it was resolved; only with that status.
        id: its number; the next free one by default. `sqlite3.IntegrityError` when it is taken.
        entries: its timeline.
    """
    values = {"id": id, "updated": stamp(updated), "resolved": stamp(resolved) if resolved else None}
    (made,) = db.execute(
        """insert into incidents (id, title, service, severity, status, owner, opened, updated, resolved, description)
           values (:id, :title, :service, :severity, :status, :owner, :opened, :updated, :resolved, :description)
           returning id""",
        _values(fields) | values,
    ).fetchall()[0]
    _tag(db, made, fields.tags)
    db.executemany(
        "insert into notes (incident, at, author, kind, text) values (?, ?, ?, ?, ?)",
        [(made, stamp(each.at), each.author, each.kind, each.text) for each in entries],
    )
    _index(db, made)
    return int(made)


def edit(db: Connection, id: int, version: int, fields: Fields, *, author: str, text: str, now: datetime) -> Incident:
    """Change an incident that is still at `version`, and note what changed.

    Args:
        db: a connection that may write.
        id: its number.
        version: what the author saw.
        fields: what it shall be.
        author: who changes it.
        text: a note of their own to go with it, or "".
        now: the time.

    Raises `Missing`, and `Conflict` when somebody else changed it first.
    """
    with writing(db):
        old = get(db, id)
        told = _differences(old, fields)
        if old.version != version and (told or text):  # the same change twice is no conflict
            raise Conflict(old, _since(db, old, version))
        if told:
            _update(db, old, fields, now)
            _append(db, id, now, author, "\n".join(told), kind="change")
        if text:
            _append(db, id, now, author, text)
        return get(db, id)


def note(db: Connection, id: int, *, author: str, text: str, now: datetime) -> Note:
    """Add a note to the timeline of an incident; raises `Missing`. Its version stays: nobody's edit is in the way."""
    with writing(db):
        get(db, id)
        return _append(db, id, now, author, text)


def stamp(moment: datetime) -> str:
    """Return a time as the tables keep it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _update(db: Connection, old: Incident, fields: Fields, now: datetime) -> None:
    touched = max(now, fields.opened)
    closed = (old.resolved or touched) if fields.status is Status.RESOLVED else None
    values = {"id": old.id, "updated": stamp(touched), "resolved": stamp(closed) if closed else None}
    db.execute(
        """update incidents set title = :title, service = :service, severity = :severity, status = :status,
             owner = :owner, opened = :opened, updated = :updated, resolved = :resolved, description = :description,
             version = version + 1
           where id = :id""",
        _values(fields) | values,
    )
    db.execute("delete from tags where incident = ?", (old.id,))
    _tag(db, old.id, fields.tags)


def _since(db: Connection, incident: Incident, version: int) -> list[Note]:
    """Return what was changed after a version: each change raises it by one and leaves one entry."""
    changes = [each for each in notes(db, incident.id) if each.kind == "change"]
    return changes[-(incident.version - version) :] if version < incident.version else []


def _append(db: Connection, id: int, now: datetime, author: str, text: str, *, kind: str = "note") -> Note:
    (number,) = db.execute(
        "insert into notes (incident, at, author, kind, text) values (?, ?, ?, ?, ?) returning id",
        (id, stamp(now), author, kind, text),
    ).fetchall()[0]
    db.execute("update incidents set updated = max(updated, ?) where id = ?", (stamp(now), id))
    _index(db, id)
    return Note(number, now.replace(microsecond=0), author, "change" if kind == "change" else "note", text)


def _differences(old: Incident, new: Fields) -> list[str]:
    told = []
    for name in ("status", "severity", "owner", "service", "title", "tags", "opened"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            told.append(f"{name}: {_said(before)} → {_said(after)}")
    return told + ["description changed"] * (old.description != new.description)


def _said(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return (" ".join(value) if isinstance(value, tuple) else str(value)) or "none"


def _where(filters: Filters, how: Mode) -> tuple[str, list[Any]]:
    parts: list[tuple[str, list[Any]]] = []
    if found := _ref(filters.q):
        parts.append(("id = ?", [int(found[1])]))
    elif filters.q.strip():
        parts.append(condition(filters.q, how) or ("false", []))
    if filters.status:
        parts.append(_among("status", [_STATUSES.index(each) for each in filters.status]))
    if filters.severity:
        parts.append(_among("severity", [_SEVERITIES.index(each) for each in filters.severity]))
    if filters.service:
        parts.append(("service = ?", [filters.service]))
    if filters.owner:
        parts.append(("owner = ?", ["" if filters.owner == "-" else filters.owner]))
    if filters.tag:
        parts.append(("id in (select incident from tags where tag = ?)", [filters.tag]))
    where = " and ".join(text for text, _ in parts)
    return ("where " + where if where else ""), [value for _, values in parts for value in values]


def _among(column: str, values: list[Any]) -> tuple[str, list[Any]]:
    return f"{column} in ({', '.join('?' * len(values))})", values


@contextmanager
def _reading(db: Connection) -> Iterator[None]:
    if db.in_transaction:
        yield
        return
    db.execute("begin")
    try:
        yield
    finally:
        db.execute("rollback")


def _values(fields: Fields) -> dict[str, Any]:
    return {
        "title": fields.title,
        "service": fields.service,
        "severity": _SEVERITIES.index(fields.severity),
        "status": _STATUSES.index(fields.status),
        "owner": fields.owner,
        "opened": stamp(fields.opened),
        "description": fields.description,
    }


def _tag(db: Connection, id: int, tags: Sequence[str]) -> None:
    db.executemany("insert into tags (incident, tag) values (?, ?)", [(id, tag) for tag in tags])


def _index(db: Connection, id: int) -> None:
    incident = get(db, id)
    said = [each.text for each in notes(db, id) if each.kind == "note"]  # not what a field was before
    parts = [
        incident.ref,
        incident.title,
        incident.service,
        incident.owner,
        *incident.tags,
        incident.description,
        *said,
    ]
    index(db, id, "\n".join(parts))


def _incident(row: Sequence[Any]) -> Incident:
    number, title, service, severity, status, owner, opened, updated, resolved, description, version, tags = row
    return Incident(
        id=number, title=title, service=service, severity=_SEVERITIES[severity], status=_STATUSES[status], owner=owner,
        tags=tuple((tags or "").split()), opened=_time(opened), updated=_time(updated),
        resolved=_time(resolved) if resolved else None, description=description, version=version,
    )  # fmt: skip


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; `executescript` would commit the transaction they belong to."""
    lines = ""
    for line in script.splitlines(keepends=True):
        lines += line
        if sqlite3.complete_statement(lines):
            yield lines
            lines = ""
