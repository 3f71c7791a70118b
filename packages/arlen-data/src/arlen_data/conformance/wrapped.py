"""Wrapped: a database that passes everything on to another one, for saboteurs to break one thing of."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Self, TypeVar

from arlen_data.database import Database
from arlen_data.errors import DatabaseError
from arlen_data.lanes import Chunk, Lane, Options, Session
from arlen_data.notifications import Missed, Notification
from arlen_data.results import Result
from arlen_data.rows import shape
from arlen_data.stats import Stats

__all__ = ["SABOTEURS", "Rows", "Source", "Wrapped", "WrappedSession", "caught_by", "result"]

Breaks = TypeVar("Breaks", bound=Callable[[Any], Any])
Rows = Iterable[Sequence[Any]]
Source = Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]]

SABOTEURS: list[tuple[str, Callable[[Any], Any]]] = []
"""Names of checks, each with a saboteur that it catches."""


def caught_by(test: str) -> Callable[[Breaks], Breaks]:
    """Name the check that catches a saboteur."""

    def add(breaks: Breaks) -> Breaks:
        SABOTEURS.append((test, breaks))
        return breaks

    return add


def result(columns: tuple[str, ...] = (), *rows: Sequence[Any], affected: int = 0) -> Result:
    """Return a made-up result."""
    return Result(columns, list(map(shape(columns), rows)), affected)


class Wrapped(Database):
    """A good database, but for what a subclass overrides.

    `ask` sees every single statement, in transactions and outside of them; `sent`, `got` and `failed` are its parts,
    and `outgoing` and `incoming` see every value. They are told of those statements alone in which the pattern `about`
    occurs as a word: each check uses tables and names of its own, so that a saboteur meets the one check it is for.
    """

    about: ClassVar[str] = ""

    def __init__(self, adapter: Database) -> None:
        super().__init__(adapter.capabilities, name=adapter.name, clock=adapter.clock)
        self.adapter = adapter
        self.events = adapter.events

    def concerns(self, sql: str) -> bool:
        """Return whether this saboteur looks at a statement."""
        return re.search(rf"(?:\b|\B){self.about}(?!\w)", sql) is not None

    def outgoing(self, value: Any) -> Any:
        """Return what is sent in place of a parameter."""
        return value

    def incoming(self, value: Any) -> Any:
        """Return what is given in place of a value of a row."""
        return value

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Return what is sent in place of a statement."""
        return sql, [self.outgoing(value) for value in params]

    def got(self, sql: str, found: Result) -> Result:
        """Return what is given in place of a result."""
        rows = (list(map(self.incoming, row)) for row in found.rows)
        return result(found.columns, *rows, affected=found.affected)

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Return what is raised in place of an error."""
        return error

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Run a statement that this saboteur looks at."""
        try:
            return self.got(sql, await lane.run(*self.sent(sql, params)))
        except DatabaseError as error:
            changed = self.failed(sql, error)
            if changed is error:
                raise
            raise changed from error

    def ended(self, session: WrappedSession) -> None:
        """Learn that a transaction has ended."""

    async def open(self) -> None:
        """Open it."""
        await self.adapter.open()

    async def close(self) -> None:
        """Close it."""
        await self.adapter.close()

    def again(self, **changes: Any) -> Self:
        """Return another one, as broken as this one."""
        return type(self)(self.adapter.again(**changes))

    def stats(self) -> tuple[Stats, ...]:
        """Tell what its pools are doing."""
        return self.adapter.stats()

    def origin(self) -> dict[str, str | int]:
        """Tell which one it is."""
        return self.adapter.origin()

    async def session(self, options: Options) -> Session:
        """Return a session that passes everything on."""
        return WrappedSession(self, await self.adapter.session(options))

    async def run(self, sql: str, params: Sequence[Any]) -> Result:
        """Run a statement."""
        return await (self.ask(self.adapter, sql, params) if self.concerns(sql) else self.adapter.run(sql, params))

    def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Pass a stream on."""
        return self.adapter.chunks(sql, params, size)

    async def run_many(self, sql: str, rows: Rows) -> int:
        """Run a statement for each row."""
        return await self.adapter.run_many(sql, rows)

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        """Run several statements."""
        return await self.adapter.run_batch(statements)

    async def load(self, table: tuple[str, ...], columns: Sequence[str], rows: Source) -> int:
        """Add many rows."""
        return await self.adapter.load(table, columns, rows)

    def listen(self, *channels: str) -> AbstractAsyncContextManager[AsyncIterator[Notification | Missed]]:
        """Listen."""
        return self.adapter.listen(*channels)


class WrappedSession(Session):
    """A session that passes everything on, and tells its database of each statement.

    Args:
        owner: the database.
        session: the good one.

    Attributes:
        concerned: whether it ran a statement that the database looks at.
    """

    def __init__(self, owner: Wrapped, session: Session) -> None:
        self.owner, self.session, self.concerned = owner, session, False

    async def run(self, sql: str, params: Sequence[Any]) -> Result:
        """Run a statement."""
        if not self.owner.concerns(sql):
            return await self.session.run(sql, params)
        self.concerned = True
        return await self.owner.ask(self.session, sql, params)

    def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Pass a stream on."""
        return self.session.chunks(sql, params, size)

    async def run_many(self, sql: str, rows: Rows) -> int:
        """Run a statement for each row."""
        return await self.session.run_many(sql, rows)

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        """Run several statements."""
        return await self.session.run_batch(statements)

    async def load(self, table: tuple[str, ...], columns: Sequence[str], rows: Source) -> int:
        """Add many rows."""
        return await self.session.load(table, columns, rows)

    async def commit(self) -> None:
        """Commit."""
        try:
            await self.session.commit()
        finally:
            self.owner.ended(self)

    async def rollback(self) -> None:
        """Roll back."""
        try:
            await self.session.rollback()
        finally:
            self.owner.ended(self)

    async def save(self, name: str) -> None:
        """Make a savepoint."""
        await self.session.save(name)

    async def release(self, name: str) -> None:
        """Release a savepoint."""
        await self.session.release(name)

    async def back(self, name: str) -> None:
        """Roll back to a savepoint."""
        await self.session.back(name)

    async def _control(self, sql: str) -> None:
        await self.session._control(sql)  # it is one  # noqa: SLF001
