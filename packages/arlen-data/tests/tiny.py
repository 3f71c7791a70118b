"""Tiny: the smallest adapter there can be, SQLite on the event loop's own thread, for the tests of the contract."""

import re
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from math import isnan
from typing import Any, Self

import anyio

from arlen_core.clock import Clock
from arlen_data.capabilities import Capabilities
from arlen_data.database import Database
from arlen_data.errors import DatabaseError, DataError, InvalidArgument, PoolClosed, TransactionError, Unsupported, kind
from arlen_data.lanes import Chunk, Options, Session
from arlen_data.results import Result
from arlen_data.rows import shape

CAPABILITIES = Capabilities(
    adapter="tiny",
    dialect="sqlite",
    transactions=True,
    savepoints=True,
    returning=True,
    transactional_ddl=True,
    upsert=True,
)
STATES = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: "23505",
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: "23505",
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: "23502",
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: "23503",
    sqlite3.SQLITE_CONSTRAINT_CHECK: "23514",
    sqlite3.SQLITE_CONSTRAINT_TRIGGER: "23000",
    sqlite3.SQLITE_BUSY: "55P03",
}
CONTROL = re.compile(
    r"(\s|--[^\n]*\n|/\*.*?\*/)*(begin|start|commit|end|rollback|savepoint|release)\b", re.IGNORECASE | re.DOTALL
)
MESSAGES = {
    r"syntax error|incomplete input": "42601",
    r"no such table": "42P01",
    r"no such column": "42703",
    r"integer overflow": "22003",
}
PLACE = re.compile(r"('(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*)|\$(\d+)")


class Tiny(Database):
    """One connection; every call blocks."""

    def __init__(
        self, path: str = ":memory:", *, name: str = "default", foreign_keys: bool = True, clock: Clock | None = None
    ) -> None:
        super().__init__(CAPABILITIES, name=name, clock=clock)
        self.path, self.foreign_keys = path, foreign_keys
        self.raw: sqlite3.Connection | None = None
        self.free = anyio.Semaphore(1)  # one transaction at a time

    async def open(self) -> None:
        self.raw = sqlite3.connect(self.path, isolation_level=None, timeout=0)
        self.raw.execute(f"pragma foreign_keys = {int(self.foreign_keys)}")

    async def close(self) -> None:
        raw, self.raw = self.raw, None
        if raw is not None:
            raw.close()

    def again(self, **changes: Any) -> Self:
        given = {"path": self.path, "name": self.name, "foreign_keys": self.foreign_keys, "clock": self.clock}
        if unknown := changes.keys() - given.keys():
            raise InvalidArgument(f"tiny has no settings {', '.join(sorted(unknown))}")
        if changes.get("path", self.path) == ":memory:":
            raise Unsupported("a database in memory is there once")
        return type(self)(**(given | changes))

    async def session(self, options: Options) -> Session:
        await self.free.acquire()
        try:
            self.perform("begin immediate", ())
        except BaseException:
            self.free.release()
            raise
        return TinySession(self)

    async def run(self, sql: str, params: Sequence[Any]) -> Result:
        if CONTROL.match(sql):
            raise TransactionError("transaction control is transaction()'s")
        return self.perform(sql, params)

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        rows = self.perform(sql, params).rows
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    async def load(
        self,
        table: tuple[str, ...],
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
    ) -> int:
        async with self.transaction() as tx:
            return await tx._lane().load(table, columns, rows)

    def perform(self, sql: str, params: Sequence[Any]) -> Result:
        if self.raw is None:
            raise PoolClosed("the database is not open")
        try:
            cursor = self.raw.execute(*bound(sql, [kept(each) for each in params]))
            found = cursor.fetchall()
        except (sqlite3.Error, OverflowError) as error:
            raise failure(error) from error
        columns = tuple(each[0] for each in cursor.description or ())
        affected = len(found) if columns and cursor.rowcount < 0 else max(cursor.rowcount, 0)
        return Result(columns, list(map(shape(columns), found)), affected)


class TinySession(Session):
    """The one connection, in a transaction."""

    def __init__(self, database: Tiny) -> None:
        self.database = database
        self.run, self.chunks = database.run, database.chunks

    async def run(self, sql: str, params: Sequence[Any]) -> Result:
        raise NotImplementedError

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        raise NotImplementedError
        yield []

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        return sum([(await self.run(sql, row)).affected for row in rows])

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        return [await self.run(sql, params) for sql, params in statements]

    async def load(self, table: Any, columns: Any, rows: Any) -> int:
        names = ", ".join(map(quoted, columns))
        places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
        sql = f"insert into {quoted(table[-1])} ({names}) values ({places})"
        number = 0
        async for row in each(rows):
            number += 1
            try:
                await self.run(sql, row)
            except DatabaseError as error:
                raise type(error)(f"row {number}: {error}", sqlstate=error.sqlstate) from error
        return number

    async def commit(self) -> None:
        self.end("commit")

    async def rollback(self) -> None:
        self.end("rollback")

    def end(self, sql: str) -> None:
        try:
            self.database.perform(sql, ())
        finally:
            if self.database.raw is not None and self.database.raw.in_transaction:  # a commit that was refused
                self.database.perform("rollback", ())
            self.database.free.release()

    async def _control(self, sql: str) -> None:
        self.database.perform(sql, ())


def bound(sql: str, values: list[Any]) -> tuple[str, list[Any]]:
    """Return `?` for each `$n`, and the values in that order: Python 3.12 does not like `?1` with a list."""
    places: list[int] = []

    def placed(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]
        places.append(int(found[2]))
        return "?"

    text = PLACE.sub(placed, sql)
    if not places:
        return text, values
    if max(places) != len(values):
        raise sqlite3.ProgrammingError(f"the statement has {max(places)} parameters, and {len(values)} are given")
    return text, [values[place - 1] for place in places]


def kept(value: Any) -> Any:
    """Return a parameter that SQLite keeps as it is; refuse all others."""
    if isinstance(value, str) and "\0" in value:
        raise DataError("a text holds a NUL character", sqlstate="22021")
    if isinstance(value, float) and isnan(value):
        raise Unsupported("a float that is no number cannot be stored")
    if value is not None and not isinstance(value, int | float | str | bytes):
        raise Unsupported(f"a {type(value).__name__} cannot be stored")
    return value


def failure(error: Exception) -> DatabaseError:
    """Return our error for one of SQLite's."""
    message = str(error)
    if isinstance(error, OverflowError):
        return DataError("a number does not fit into 64 bits", sqlstate="22003")
    states = (state for pattern, state in MESSAGES.items() if re.search(pattern, message))
    state = STATES.get(getattr(error, "sqlite_errorcode", 0)) or next(states, "")
    table, _, column = message.rpartition(": ")[2].rpartition(".") if state == "23502" else ("", "", "")
    return (kind(state) if state else DatabaseError)(message, sqlstate=state, table=table, column=column)


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


async def each(rows: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    """Yield rows of either kind of source."""
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
        return
    for row in rows:
        yield row
