"""Intake: rows of a file become incidents, on one SQLite connection; those that cannot are reported."""

from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Connection

from arlen import FieldError, Struct
from msgspec.structs import replace

from records import insert, known, twins, writing
from sheets import Bad, Row, Sheet, SheetError, decoded, read

__all__ = ["Broken", "Intake", "sample", "take"]

_DAY = timedelta(days=1)
_AGES = timedelta(days=365_000)


class Broken(Exception):
    """The sample is wrong."""


class Intake(Struct, frozen=True):
    """What became of a file: the numbers of the incidents it brought, its header, and the rows that were refused."""

    added: list[int]
    header: list[str]
    bad: list[Bad]


def take(db: Connection, sheet: Sheet) -> Intake:
    """Add the good rows, all in one step; those that are here already join the bad ones."""
    added: list[int] = []
    bad = list(sheet.bad)
    with writing(db):
        for row in sheet.rows:
            if error := _refused(db, row):
                bad.append(Bad(row.line, row.raw, [error]))
            else:
                added.append(_add(db, row))
    return Intake(added, sheet.header, sorted(bad, key=lambda each: each.line))


def sample(db: Connection, path: Path, now: datetime) -> int:
    """Fill the board with the sample, its times moved by whole days so that it ends now; returns how many there are.

    Raises `Broken` for a file with a bad row.
    """
    try:
        sheet = read(decoded(path.read_bytes()), now + _AGES)  # wherever the clock stands, the sample is of the past
    except SheetError as error:
        raise Broken(str(error)) from error
    if sheet.bad:
        first = sheet.bad[0]
        raise Broken(f"line {first.line}: {first.errors[0].field} {first.errors[0].message}")
    if not sheet.rows:
        return 0
    shift = (now - max(row.updated for row in sheet.rows)) // _DAY * _DAY
    for row in sheet.rows:
        _add(db, _moved(row, shift))
    return len(sheet.rows)


def _refused(db: Connection, row: Row) -> FieldError | None:
    if row.id is not None:
        reason = f"INC-{row.id} is here already; leave the id empty to add it as another one"
        return FieldError("id", "taken", reason) if known(db, row.id) else None
    twin = twins(db, row.fields.title, row.fields.service, row.fields.opened)
    return FieldError("title", "duplicate", f"looks the same as INC-{twin}") if twin else None


def _add(db: Connection, row: Row) -> int:
    return insert(db, row.fields, updated=row.updated, resolved=row.resolved, id=row.id, entries=row.notes)


def _moved(row: Row, by: timedelta) -> Row:
    return replace(
        row,
        fields=replace(row.fields, opened=row.fields.opened + by),
        updated=row.updated + by,
        resolved=row.resolved + by if row.resolved else None,
        notes=[replace(each, at=each.at + by) for each in row.notes],
    )
