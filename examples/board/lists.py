"""Lists: which incidents fit, in which order, a page of them or all, in statements that are built."""

import re
from typing import Any

from arlen_data import Row
from arlen_data.queries import Queries
from arlen_sqlbuilder import Expr, Select, fn, select

from models import Filters, Incident, Note, Page
from records import SEVERITIES, STATUSES, Stored, incident
from search import Index
from tables import Listed, Notes, Tags

__all__ = ["export", "find", "gather", "page"]

_ref = re.compile(r"\s*(?:inc-|#)(\d{1,18})\s*", re.IGNORECASE).fullmatch
_COMPLETE = {"updated", "opened", "title"}
"""Orders that go on by the number; the others go on by time."""


async def find(db: Queries, filters: Filters, index: Index) -> Page:
    """Return one page of the incidents that fit, and how many there are."""
    count = select(fn.count()).from_(Listed).where(*_fits(filters, index))
    rows, total = await db.batch(page(filters, index), count)
    return Page([incident(row) for row in rows.all()], total.value(), filters.page, filters.size)


def page(filters: Filters, index: Index) -> Select[Any]:
    """Return the statement for one page of the incidents that fit."""
    fitting = _listed().where(*_fits(filters, index)).order_by(_order(filters.sort))
    return fitting.limit(filters.size).offset((filters.page - 1) * filters.size)


def export(filters: Filters, index: Index) -> Select[Any]:
    """Return the statement for every incident that fits, by their numbers, with a row for each entry of a timeline."""
    entry = Notes.id.as_("note"), Notes.at, Notes.author, Notes.kind, Notes.text
    joined = _listed(*entry).from_(Listed).left_join(Notes, Notes.incident == Listed.id)
    return joined.where(*_fits(filters, index)).order_by(Listed.id, Notes.at, Notes.id)


def gather(row: Row, found: list[Stored]) -> None:
    """Add a row of an export to the last incident, or as a new one."""
    if not found or found[-1].incident.id != row.id:
        found.append(Stored(incident(row), []))
    if row.note is not None:
        found[-1].notes.append(Note(row.note, row.at, row.author, row.kind, row.text))


def _listed(*more: Any) -> Select[Any]:
    return select(*[Listed.c[name] for name in Incident.__struct_fields__], *more)


def _fits(filters: Filters, index: Index) -> list[Expr[bool]]:
    """Conditions are a plain list: what is not asked for is not in it."""
    fits: list[Expr[bool]] = []
    if found := _ref(filters.q):
        fits.append(Listed.id == int(found[1]))
    elif filters.q.strip():
        fits.append(index.condition(filters.q))
    if filters.status:
        fits.append(Listed.status.in_([STATUSES.index(each) for each in filters.status]))
    if filters.severity:
        fits.append(Listed.severity.in_([SEVERITIES.index(each) for each in filters.severity]))
    if filters.service:
        fits.append(Listed.service == filters.service)
    if filters.owner:
        fits.append(Listed.owner == ("" if filters.owner == "-" else filters.owner))
    if filters.tag:
        fits.append(Listed.id.in_(select(Tags.incident).where(Tags.tag == filters.tag)))
    return fits


def _order(sort: str) -> list[Any]:
    name = sort.lstrip("-")
    first = fn.lower(Listed.title) if name == "title" else Listed.c[name]
    chosen = [first, Listed.id] if name in _COMPLETE else [first]
    terms = [each.desc() if sort.startswith("-") else each.asc() for each in chosen]
    return terms if name in _COMPLETE else [*terms, Listed.updated.desc(), Listed.id.desc()]
