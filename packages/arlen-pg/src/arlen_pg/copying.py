"""Copying: many rows into a table by PostgreSQL's COPY, binary where every type has such a form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq, sql

from arlen_data.errors import DatabaseError
from arlen_data.values import Array
from arlen_pg.codecs import misfit
from arlen_pg.failures import translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from arlen_pg.wires import Wire

__all__ = ["load"]

_LINE = re.compile(r"\bCOPY\b.*?,\s\S+\s(\d+)")  # "COPY t, line 3, column b: ...", in any language


class _Stop(Exception):
    """Ends a copy; its text goes to the server, so it has none."""


async def load(
    wire: Wire,
    table: tuple[str, ...],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
) -> int:
    """Copy rows into a table, all or nothing; return how many. Errors name the row, from 1."""
    async with wire.taken() as link:
        try:
            types = await _types(link, table, columns)
            binary = all(_has_binary(link, each) for each in types)
            return await _copy(link, _statement(table, columns, binary=binary), types if binary else None, rows)
        except psycopg.Error as error:
            raise _named(error) from error


async def _types(link: psycopg.AsyncConnection[Any], table: tuple[str, ...], columns: Sequence[str]) -> list[int]:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    query = sql.SQL("select {} from {} limit 0").format(names, sql.Identifier(*table))
    cursor = await link.execute(query, prepare=False)
    return [column.type_code for column in cursor.description or ()]


def _has_binary(link: psycopg.AsyncConnection[Any], number: int) -> bool:
    try:
        link.adapters.get_dumper_by_oid(number, pq.Format.BINARY)
    except psycopg.ProgrammingError:
        return False
    return True


def _statement(table: tuple[str, ...], columns: Sequence[str], *, binary: bool) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    form = sql.SQL("(format binary)" if binary else "")
    return sql.SQL("copy {} ({}) from stdin {}").format(sql.Identifier(*table), names, form)


async def _copy(
    link: psycopg.AsyncConnection[Any],
    statement: sql.Composed,
    types: list[int] | None,
    rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
) -> int:
    cursor, failed = link.cursor(), None
    registry = link.adapters.types
    arrays = any((known := registry.get(each)) is not None and known.array_oid == each for each in types or ())
    try:
        async with cursor.copy(statement) as copy:
            if types is not None:
                copy.set_types(types)
            try:
                await _feed(copy, map(_plain, rows) if arrays and not isinstance(rows, AsyncIterable) else rows)
            except psycopg.OperationalError:
                raise
            except BaseException as error:  # noqa: BLE001  # raised below
                failed = error
                raise _Stop from None
    except _Stop:
        assert failed is not None  # noqa: S101  # see above
        raise failed from failed.__cause__
    return max(cursor.rowcount, 0)


async def _feed(copy: psycopg.AsyncCopy, rows: Any) -> None:
    """Write every row: what the source raises arrives as it is, what cannot be written names its row."""
    form, count = copy.formatter.write_row, 0
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            count += 1
            try:
                data = form(_plain(row))
            except Exception as error:  # noqa: BLE001  # a dumper raises what it likes
                raise misfit(count, error) from None
            if data:
                await copy.writer.write(data)
        return
    for row in rows:
        count += 1
        try:
            data = form(row)
        except Exception as error:  # noqa: BLE001  # a dumper raises what it likes
            raise misfit(count, error) from None
        if data:
            await copy.writer.write(data)


def _plain(row: Sequence[Any]) -> Sequence[Any]:
    """Take the wrapper off arrays: the column says that it is one."""
    return [value.value if type(value) is Array else value for value in row]


def _named(error: psycopg.Error) -> DatabaseError:
    """Return our error, with the number of the row that the server tells."""
    found = _LINE.search(error.diag.context or "")
    made = translated(error)
    if found is None:
        return made
    message = f"row {found[1]}: {made}"
    made.args = (message,)
    return made
