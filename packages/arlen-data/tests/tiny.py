"""Tiny: the smallest adapter there can be, SQLite on the event loop's own thread, for the tests of the contract."""

import re
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from typing import Any, Self

from arlen_core.clock import Clock
from arlen_data.capabilities import Capabilities
from arlen_data.database import Database
from arlen_data.errors import DatabaseError, InvalidArgument, PoolClosed, TransactionError, Unsupported, kind
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
    sqlite3.SQLITE_BUSY: "55P03",
}
CONTROL = re.compile(r"\s*(begin|commit|end|rollback|savepoint|release)\b", re.IGNORECASE)


class Tiny(Database):
    """One connection; every call blocks."""

    def __init__(
        self, path: str = ":memory:", *, name: str = "default", foreign_keys: bool = True, clock: Clock | None = None
    ) -> None:
        super().__init__(CAPABILITIES, name=name, clock=clock)
        self.path, self.foreign_keys = path, foreign_keys
        self.raw: sqlite3.Connection | None = None

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
        made = TinySession(self)
        await made._control("begin immediate")
        return made

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
        names = ", ".join(f'"{each}"' for each in columns)
        places = ", ".join("?" * len(columns))
        sql = f'insert into "{table[-1]}" ({names}) values ({places})'
        values = [row async for row in rows] if isinstance(rows, AsyncIterable) else list(rows)
        return await self.run_many(sql, values)

    def perform(self, sql: str, params: Sequence[Any]) -> Result:
        if self.raw is None:
            raise PoolClosed("the database is not open")
        try:
            cursor = self.raw.execute(re.sub(r"\$(\d+)", r"?\1", sql), tuple(params))
            found = cursor.fetchall()
        except sqlite3.Error as error:
            state = STATES.get(getattr(error, "sqlite_errorcode", 0), "")
            raise (kind(state) if state else DatabaseError)(str(error), sqlstate=state) from error
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
        return await self.database.load(table, columns, rows)

    async def commit(self) -> None:
        await self._control("commit")

    async def rollback(self) -> None:
        await self._control("rollback")

    async def _control(self, sql: str) -> None:
        self.database.perform(sql, ())
