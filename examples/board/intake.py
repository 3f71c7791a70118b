"""Intake: rows of a file become incidents, all in one step and by few statements; those that cannot are reported."""

from datetime import datetime, timedelta
from pathlib import Path

from anyio import to_thread
from arlen import FieldError, Struct
from arlen_data import Database, Transaction
from arlen_sqlbuilder import fn, select
from msgspec.structs import replace

from models import Fields
from records import said, values
from search import Index
from sheets import Bad, Row, Sheet, SheetError, decoded, read
from tables import Incidents

__all__ = ["Broken", "Intake", "fill", "take"]

_DAY = timedelta(days=1)
_AGES = timedelta(days=365_000)


class Broken(Exception):
    """The sample is wrong."""


class Intake(Struct, frozen=True):
    """What became of a file: the numbers of the incidents it brought, its header, and the rows that were refused."""

    added: list[int]
    header: list[str]
    bad: list[Bad]


async def take(tx: Transaction, sheet: Sheet, index: Index) -> Intake:
    """Add the good rows; those that are here already join the bad ones."""
    await _alone(tx)
    seen = await _seen(tx, sheet.rows)
    good: list[tuple[int, Row]] = []
    bad = list(sheet.bad)
    for row in sheet.rows:
        if error := seen.refuse(row):
            bad.append(Bad(row.line, row.raw, [error]))
        else:
            good.append((seen.number(row), row))
    await _add(tx, good, index)
    return Intake([number for number, _ in good], sheet.header, sorted(bad, key=lambda each: each.line))


async def fill(db: Database, path: Path, index: Index, now: datetime) -> int:
    """Fill an empty board with the sample, its times moved by whole days so that it ends now; returns how many came.

    Raises `Broken` for a file with a bad row.
    """
    if await _any(db):
        return 0
    sheet = await to_thread.run_sync(_sample, path, now)
    async with db.transaction() as tx:
        await _alone(tx)
        if await _any(tx):  # another process was faster
            return 0
        return len((await take(tx, sheet, index)).added)


class _Seen:
    """The numbers and the looks of the incidents that are here.

    Args:
        last: the largest number.
        numbers: those of the file that are taken.
        looks: title, service and time of those that may look the same, with their numbers.
    """

    def __init__(self, last: int, numbers: set[int], looks: dict[tuple[str, str, datetime], int]) -> None:
        self._last, self._numbers, self._looks = last, numbers, looks

    def refuse(self, row: Row) -> FieldError | None:
        """Return why a row is not taken."""
        if row.id in self._numbers:
            reason = f"INC-{row.id} is here already; leave the id empty to add it as another one"
            return FieldError("id", "taken", reason)
        twin = self._looks.get(_look(row.fields)) if row.id is None else None
        return FieldError("title", "duplicate", f"looks the same as INC-{twin}") if twin else None

    def number(self, row: Row) -> int:
        """Return the number of a row that is taken, its own or the next one."""
        number = self._last + 1 if row.id is None else row.id
        self._last = max(self._last, number)
        self._numbers.add(number)
        self._looks.setdefault(_look(row.fields), number)
        return number


async def _seen(tx: Transaction, rows: list[Row]) -> _Seen:
    ids = [row.id for row in rows if row.id is not None]
    titles = {_folded(row.fields.title) for row in rows if row.id is None}
    alike = select(Incidents.id, Incidents.title, Incidents.service, Incidents.opened)
    last, numbers, looks = await tx.batch(
        "select coalesce(max(id), 0) from incidents",
        select(Incidents.id).where(Incidents.id.in_(ids)),
        alike.where(fn.lower(Incidents.title).in_(titles)),
    )
    known = {(_folded(each.title), each.service, each.opened): each.id for each in looks.all()}
    return _Seen(last.value(), set(numbers.all(int)), known)


async def _add(tx: Transaction, good: list[tuple[int, Row]], index: Index) -> None:
    """Copy incidents, tags, timelines and words into their tables."""
    if not good:
        return
    incidents = [
        values(row.fields) | {"id": number, "updated": row.updated, "resolved": row.resolved} for number, row in good
    ]
    tags = [(number, tag) for number, row in good for tag in row.fields.tags]
    notes = [(number, each.at, each.author, each.kind, each.text) for number, row in good for each in row.notes]
    await tx.copy_in("incidents", list(incidents[0]), [tuple(each.values()) for each in incidents])
    await tx.copy_in("tags", ["incident", "tag"], tags)
    await tx.copy_in("notes", ["incident", "at", "author", "kind", "text"], notes)
    await index.keep(tx, [(number, said(number, row.fields, row.notes)) for number, row in good], fresh=True)
    if tx.capabilities.dialect == "postgresql":  # SQLite counts on from the largest number by itself
        await tx.execute("select setval(pg_get_serial_sequence('incidents', 'id'), max(id)) from incidents")


async def _alone(tx: Transaction) -> None:
    """Keep other writers waiting until the end; on SQLite there is one at a time anyway."""
    if tx.capabilities.concurrent_writes:
        await tx.execute("lock table incidents in share row exclusive mode")


async def _any(db: Database | Transaction) -> bool:
    return bool(await db.all("select 1 from incidents limit 1"))


def _sample(path: Path, now: datetime) -> Sheet:
    try:
        sheet = read(decoded(path.read_bytes()), now + _AGES)  # wherever the clock stands, the sample is of the past
    except SheetError as error:
        raise Broken(str(error)) from error
    if sheet.bad:
        first = sheet.bad[0]
        raise Broken(f"line {first.line}: {first.errors[0].field} {first.errors[0].message}")
    shift = (now - max((row.updated for row in sheet.rows), default=now)) // _DAY * _DAY
    return replace(sheet, rows=[_moved(row, shift) for row in sheet.rows])


def _moved(row: Row, by: timedelta) -> Row:
    return replace(
        row,
        fields=replace(row.fields, opened=row.fields.opened + by),
        updated=row.updated + by,
        resolved=row.resolved + by if row.resolved else None,
        notes=[replace(each, at=each.at + by) for each in row.notes],
    )


def _look(fields: Fields) -> tuple[str, str, datetime]:
    return _folded(fields.title), fields.service, fields.opened


def _folded(title: str) -> str:
    return title.encode().lower().decode()  # letters of ASCII, as `lower` does on every engine
