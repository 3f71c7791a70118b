"""Listing: rows of a table as a client asks for them in a query string, sorted, filtered and page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, cast

from msgspec import Struct

from arlen_core.errors import FieldError, ValidationFailed
from arlen_core.queries import Query
from arlen_data.columns import Column, Order, Terms, quote, read
from arlen_data.cursors import beyond, decode, encode, ordered
from arlen_data.errors import InvalidArgument
from arlen_data.pages import Page
from arlen_data.results import Result
from arlen_data.rows import Row, shape

if TYPE_CHECKING:
    from arlen_data.queries import Queries

__all__ = ["Listing", "Wanted"]

_OWN = {"keyset": ("sort", "size", "after", "before"), "offset": ("sort", "size", "page")}


class Wanted(Struct, frozen=True):
    """What a client asks for, checked: nothing in it can be anything but a value or one of the columns.

    Attributes:
        orders: the columns to sort by, the key last.
        filters: name in SQL, column, operator and value of each.
        size: rows a page.
        page: the number of the page, from 1; `None` with cursors.
        cursor: where to begin; `None` for the beginning.
        backwards: whether the page lies before the cursor.
        query: what it was read from, for links.
    """

    orders: tuple[Order, ...]
    filters: tuple[tuple[str, Column, str, Any], ...]
    size: int
    page: int | None
    cursor: str | None
    backwards: bool
    query: Query


class Listing:
    """A list of rows that clients sort, filter and page: `?sort=-created&author=ada&created[ge]=2026-01-01&size=50`.

    Args:
        table: its name, or a tuple of schema and name.
        columns: what clients may name, by the name that they use; anything else is an error for them.
        key: the column, or columns, that tell rows apart; part of every order, so that ties have one. Never missing.
        default: the order when the client asks for none: public names with commas between, "-" for downwards.
        size: rows a page when the client says nothing.
        most: rows a page at most, up to 10,000.
        paging: "keyset" for cursors (`after=`, `before=`), which stay right while rows come and go, and are as fast on
            page 1,000 as on the first; "offset" for numbers (`page=`).
        deepest: with numbers, how many rows may lie before a page: the database reads them all.
        total: count all rows, too; that reads the whole index.
        select: what is selected, as SQL.
        ignore: parameters that are none of the listing's business. Any other unknown one is an error.

    Raises `InvalidArgument` when this cannot be.

    >>> notes = Listing("notes", {"id": Column(int), "title": Column(str, sort=True, filter=("contains",))})
    >>> notes.from_query(Query.parse(b"sort=-title&title[contains]=tea")).size
    20
    """

    def __init__(
        self,
        table: str | tuple[str, ...],
        columns: Mapping[str, Column],
        *,
        key: str | Sequence[str] = "id",
        default: str = "",
        size: int = 20,
        most: int = 100,
        paging: Literal["keyset", "offset"] = "keyset",
        deepest: int = 10_000,
        total: bool = False,
        select: str = "*",
        ignore: Iterable[str] = (),
    ) -> None:
        self._table, self._columns, self._select = quote(table), dict(columns), select
        self._sql = {name: quote(each.name or name) for name, each in columns.items()}
        self._key = [key] if isinstance(key, str) else list(key)
        self._size, self._most, self._deepest, self._total = size, most, deepest, total
        self._paging, self._ignore, self._default = paging, frozenset(ignore), default
        self._allowed = self._names()
        self._check()

    def from_query(self, query: Query) -> Wanted:
        """Return what a query string asks for; `ValidationFailed` (422) names every parameter that cannot be."""
        errors: list[FieldError] = []
        orders = self._orders(query.get("sort") or self._default, errors)
        filters = self._filters(query, errors)
        size = _number(query, "size", self._size, self._most, errors)
        page = _number(query, "page", 1, None, errors) if self._paging == "offset" else None
        if page is not None and (page - 1) * size > self._deepest:
            errors.append(FieldError("page", "range", f"must not have more than {self._deepest} rows before it"))
        backwards = bool(query.get("before")) and self._paging == "keyset"
        if backwards and query.get("after"):
            errors.append(FieldError("before", "invalid", "cannot stand beside after"))
        cursor = (query.get("before" if backwards else "after") or None) if self._paging == "keyset" else None
        if cursor is not None and not errors:
            _cursor(orders, cursor, "before" if backwards else "after", errors, loose=True)
        if errors:
            raise ValidationFailed(errors)
        return Wanted(tuple(orders), tuple(filters), size, page, cursor, backwards, query)

    async def fetch(
        self, db: Queries, query: Query, *, where: str = "", args: Sequence[Any] = (), into: Any = dict
    ) -> Page:
        """Return the page that a query string asks for.

        Args:
            db: a database or a transaction.
            query: `request.query`.
            where: a condition of the application's own, as SQL, such as "tenant = $1".
            args: its values, `$1` and the following.
            into: the type of an item, see `arlen_data.results.reader`.

        Raises `ValidationFailed` (422) as `from_query` does.
        """
        return await self.page(db, self.from_query(query), where=where, args=args, into=into)

    async def page(
        self, db: Queries, wanted: Wanted, *, where: str = "", args: Sequence[Any] = (), into: Any = dict
    ) -> Page:
        """Return the page that `from_query` has read; the arguments are those of `fetch`."""
        terms = Terms(args)
        terms.raw(where)
        for each in wanted.filters:
            terms.add(*each)
        count = (f"select count(*) from {self._table}{terms.text}", *terms.values)  # noqa: S608  # quoted names
        rows = self._statement(wanted, terms, loose=db.capabilities.dialect == "sqlite")
        if self._total:
            found, counted = await db.batch(rows, count)
            total = int(counted.value())
        else:
            found, total = await db.result(*rows), None
        return self._numbered(wanted, found, total, into) if wanted.page else self._keyed(wanted, found, total, into)

    def _statement(self, wanted: Wanted, terms: Terms, *, loose: bool) -> tuple[Any, ...]:
        if wanted.cursor is not None:
            name = "before" if wanted.backwards else "after"
            values, errors = _cursor(wanted.orders, wanted.cursor, name, [], loose=loose)
            if errors:
                raise ValidationFailed(errors)
            terms.raw(beyond(wanted.orders, values, terms, backwards=wanted.backwards))
        extra = "" if wanted.page else "".join(f", {each.sql}" for each in wanted.orders)
        tail = f" limit {terms.bind(wanted.size + 1)}"
        if wanted.page:
            tail += f" offset {terms.bind((wanted.page - 1) * wanted.size)}"
        order = ordered(wanted.orders, backwards=wanted.backwards)
        sql = f"select {self._select}{extra} from {self._table}{terms.text}{order}{tail}"  # noqa: S608
        return (sql, *terms.values)

    def _numbered(self, wanted: Wanted, found: Result, total: int | None, into: Any) -> Page:
        rows, number = found.rows[: wanted.size], cast("int", wanted.page)
        items = Result(found.columns, rows, len(rows)).all(into)
        more = len(found.rows) > wanted.size and number * wanted.size <= self._deepest
        last = None if total is None else max(1, -(-min(total, self._deepest + wanted.size) // wanted.size))
        links: dict[str, Mapping[str, Any]] = {}
        if number > 1:
            links |= {"first": {"page": None}, "prev": {"page": number - 1 if number > 2 else None}}
        if more:
            links["next"] = {"page": number + 1}
        if last is not None and last > 1:
            links["last"] = {"page": last}
        return Page.of(items, wanted, links, total=total, pages=last)

    def _keyed(self, wanted: Wanted, found: Result, total: int | None, into: Any) -> Page:
        rows, more = found.rows[: wanted.size], len(found.rows) > wanted.size
        rows = rows[::-1] if wanted.backwards else rows
        width = len(found.columns) - len(wanted.orders)
        kept = _cut(found.columns[:width], rows)
        items = Result(found.columns[:width], kept, len(kept)).all(into)
        links: dict[str, Mapping[str, Any]] = {}
        if wanted.cursor is not None:
            links["first"] = {"after": None, "before": None}
        if rows and (more if wanted.backwards else wanted.cursor is not None):
            links["prev"] = {"after": None, "before": encode(wanted.orders, rows[0][width:])}
        if rows and (more or wanted.backwards):
            links["next"] = {"before": None, "after": encode(wanted.orders, rows[-1][width:])}
        return Page.of(items, wanted, links, total=total)

    def _orders(self, text: str, errors: list[FieldError]) -> list[Order]:
        orders: list[Order] = []
        for word in filter(None, text.split(",")) if len(text) <= 1000 else ["?"]:
            name = word.removeprefix("-")
            column = self._columns.get(name)
            if column is None or not (column.sort or text == self._default):
                errors.append(_unknown("sort", name, [each for each, it in self._columns.items() if it.sort]))
            elif any(each.public == name for each in orders):
                errors.append(FieldError("sort", "repeated", f"names {name!r} more than once"))
            else:
                orders.append(Order(name, column, self._sql[name], word != name))
        down = orders[-1].down if orders else False
        missing = [name for name in self._key if all(each.public != name for each in orders)]
        return orders + [Order(name, self._columns[name], self._sql[name], down) for name in missing]

    def _filters(self, query: Query, errors: list[FieldError]) -> list[tuple[str, Column, str, Any]]:
        filters = []
        for name in query:
            if name in self._ignore or name in _OWN[self._paging]:
                continue
            if name not in self._allowed:
                errors.append(_unknown(name, name, [*self._allowed, *_OWN[self._paging]], code="unknown"))
                continue
            public, operator = self._allowed[name]
            column = self._columns[public]
            value, wrong = read(name, column, operator, query.all(name))
            errors += wrong
            filters.append((self._sql[public], column, operator, value))
        return filters

    def _names(self) -> dict[str, tuple[str, str]]:
        found = {f"{name}[{each}]": (name, each) for name, column in self._columns.items() for each in column.filter}
        return found | {name: (name, "eq") for name, column in self._columns.items() if "eq" in column.filter}

    def _check(self) -> None:
        if not 1 <= self._size <= self._most <= 10_000:
            raise InvalidArgument(f"a page has 1 to {self._most} rows, and at most 10,000; not {self._size}")
        if self._paging not in _OWN:
            raise InvalidArgument(f"{self._paging!r} is no way of paging", fix='use "keyset" or "offset"')
        missing = [name for name in self._key if name not in self._columns or self._columns[name].null]
        if missing or not self._key:
            fix = "name columns of the listing that are never missing"
            raise InvalidArgument(f"the key of a listing is wrong: {', '.join(missing) or 'empty'}", fix=fix)
        taken = [name for name in self._allowed if name in _OWN[self._paging]]
        if taken:
            fix = "give the column another name for clients"
            raise InvalidArgument(f"a filter cannot be called {taken[0]!r}, which is a parameter of paging", fix=fix)
        errors: list[FieldError] = []
        self._orders(self._default, errors)
        if errors:
            raise InvalidArgument(f"the default order {self._default!r} {errors[0].message}")


def _number(query: Query, name: str, default: int, most: int | None, errors: list[FieldError]) -> int:
    try:
        return query.integer(name, default, low=1, high=most)
    except ValidationFailed as error:
        errors += error.errors
        return default


def _cursor(
    orders: Sequence[Order], text: str, name: str, errors: list[FieldError], *, loose: bool
) -> tuple[list[Any], list[FieldError]]:
    try:
        return decode(orders, text, loose=loose), errors
    except ValueError as error:
        errors.append(FieldError(name, "invalid_cursor", str(error)))
        return [], errors


def _unknown(field: str, name: str, known: list[str], *, code: str = "unknown_column") -> FieldError:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
    what = "is no parameter here" if field == name and code == "unknown" else f"has no column {name[:50]!r}"
    return FieldError(field[:100], code, f"{what}; {hint}")


def _cut(columns: tuple[str, ...], rows: Sequence[Row]) -> list[Row]:
    make = shape(columns)
    return [make(row[: len(columns)]) for row in rows]
