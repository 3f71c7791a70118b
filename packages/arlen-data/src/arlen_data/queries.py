"""Queries: what one can ask a database, and a transaction, in the same words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from arlen_data.errors import InvalidArgument, Unsupported
from arlen_data.results import Result, reader
from arlen_data.statements import Query, resolve
from arlen_data.streams import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sequence

    from arlen_data.capabilities import Capabilities
    from arlen_data.events import Events
    from arlen_data.lanes import Chunk, Lane
    from arlen_data.rows import Row

__all__ = ["Queries"]

T = TypeVar("T")
R = TypeVar("R")


class Queries(ABC):
    """Ask with SQL text and `$1` to `$n`, the same on every engine, or with a statement of a builder.

    Every method takes `query, *args`, and `**named` for the named parameters of a statement. `into` names the type of a
    row; see `arlen_data.results.reader`. Raised are the classes of `arlen_data.errors`.

    Attributes:
        capabilities: what the adapter can do.
        events: listeners for queries.
    """

    capabilities: Capabilities
    events: Events

    @overload
    async def all(self, query: Query, *args: Any, into: type[T], **named: Any) -> list[T]: ...
    @overload
    async def all(self, query: Query, *args: Any, **named: Any) -> list[Row]: ...
    async def all(self, query: Query, *args: Any, into: Any = None, **named: Any) -> list[Any]:
        """Return every row."""
        return (await self.result(query, *args, **named)).all(into)

    @overload
    async def one(self, query: Query, *args: Any, into: type[T], **named: Any) -> T: ...
    @overload
    async def one(self, query: Query, *args: Any, **named: Any) -> Row: ...
    async def one(self, query: Query, *args: Any, into: Any = None, **named: Any) -> Any:
        """Return the only row; `NoRows` when there is none, `MultipleRows` when there are several."""
        return (await self.result(query, *args, **named)).one(into)

    @overload
    async def one_or_none(self, query: Query, *args: Any, into: type[T], **named: Any) -> T | None: ...
    @overload
    async def one_or_none(self, query: Query, *args: Any, **named: Any) -> Row | None: ...
    async def one_or_none(self, query: Query, *args: Any, into: Any = None, **named: Any) -> Any:
        """Return the only row, or `None` when there is none; `MultipleRows` when there are several."""
        return (await self.result(query, *args, **named)).one_or_none(into)

    @overload
    async def value(self, query: Query, *args: Any, into: type[T], **named: Any) -> T: ...
    @overload
    async def value(self, query: Query, *args: Any, **named: Any) -> Any: ...
    async def value(self, query: Query, *args: Any, into: Any = None, **named: Any) -> Any:
        """Return the only value of the only row, as `into`; `InvalidArgument` when the row has several columns."""
        return (await self.result(query, *args, **named)).value(into)

    async def execute(self, query: Query, *args: Any, **named: Any) -> int:
        """Run a statement and return how many rows it inserted, changed, deleted or selected; 0 for any other one."""
        return (await self.result(query, *args, **named)).affected

    async def result(self, query: Query, *args: Any, **named: Any) -> Result:
        """Return the whole result: columns, rows and how many rows were affected."""
        sql, params = resolve(query, args, named, self.capabilities.dialect)
        lane = self._lane()
        if not self.events.on:
            return await lane.run(sql, params)
        return await self.events.watch("run", sql, len(params), lambda: lane.run(sql, params))

    async def execute_many(self, query: Query, rows: Iterable[Sequence[Any]]) -> int:
        """Run a text once for each row of parameters, all or nothing; return how many rows it affected."""
        if not isinstance(query, str):
            fix = "pass its text: the rows are its parameters"
            raise InvalidArgument(f"{type(query).__name__} has parameters of its own", fix=fix)
        lane = self._lane()
        return await self._watched("many", query, 0, lambda: lane.run_many(query, rows))

    async def batch(self, *queries: Query | tuple[Any, ...]) -> list[Result]:
        """Run several statements in their order and return their results: all of them take effect, or none.

        Args:
            queries: each is a query, or a tuple of a text and its arguments.

        Engines that can take it all in one round trip do; twenty reads cost little more than one.
        """
        dialect = self.capabilities.dialect
        pairs = [each if type(each) is tuple else (cast("Query", each),) for each in queries]
        made = [resolve(query, tuple(args), {}, dialect) for query, *args in pairs]
        if not made:
            return []
        lane, text = self._lane(), "; ".join(sql for sql, _ in made) if self.events.on else ""
        return await self._watched("batch", text, len(made), lambda: lane.run_batch(made))

    @overload
    def stream(self, query: Query, *args: Any, into: type[T], size: int = 500, **named: Any) -> Stream[T]: ...
    @overload
    def stream(self, query: Query, *args: Any, size: int = 500, **named: Any) -> Stream[Row]: ...
    def stream(self, query: Query, *args: Any, into: Any = None, size: int = 500, **named: Any) -> Stream[Any]:
        """Return the rows one after another; use it in `async with`, see `Stream`.

        Args:
            query: the statement.
            args: its values.
            into: the type of a row.
            size: rows that are fetched, and held, at a time; from 1 to 100,000.
            named: the named parameters of a statement.
        """
        if not 1 <= size <= 100_000:
            raise InvalidArgument(f"a stream fetches 1 to 100,000 rows at a time, not {size}")
        sql, params = resolve(query, args, named, self.capabilities.dialect)
        read = (lambda _: _same) if into is None else (lambda row: reader(into, row.keys()))
        return Stream(self._streamed(sql, params, size), read)

    async def copy_in(
        self,
        table: str | tuple[str, ...],
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
    ) -> int:
        """Add many rows to a table, all or nothing, in the fastest way that the engine has; return how many.

        Args:
            table: its name, or a tuple of schema and name. Names are quoted: a dot in one is part of it.
            columns: the names of the columns.
            rows: the values of each row in that order.

        Raises the error of the first row that does not fit, with its number, from 1, in the message.
        """
        names = (table,) if isinstance(table, str) else table
        for name in (*names, *columns):
            if not name or "\0" in name:
                raise InvalidArgument(f"{name!r} is no name of a table or a column")
        if not columns:
            raise InvalidArgument("copy_in needs at least one column")
        lane, text = self._lane(), f"copy {'.'.join(names)}"
        return await self._watched("load", text, len(columns), lambda: lane.load(names, columns, rows))

    async def notify(self, channel: str, payload: str = "") -> None:
        """Tell everybody who listens on a channel; in a transaction, when it commits. Needs `listen`.

        Args:
            channel: at most 63 bytes.
            payload: text, at most 7,999 bytes (PostgreSQL's limit).
        """
        if not self.capabilities.listen:
            raise Unsupported(f"{self.capabilities.adapter} has no notifications")
        await self.execute("select pg_notify($1, $2)", channel, payload)

    @abstractmethod
    def _lane(self) -> Lane:
        """Return where statements go now."""

    async def _watched(self, operation: str, sql: str, count: int, work: Callable[[], Awaitable[R]]) -> R:
        return await (self.events.watch(operation, sql, count, work) if self.events.on else work())

    async def _streamed(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        chunks = self._lane().chunks(sql, params, size)
        facts, begun = self.events.begin("stream", sql, len(params)) if self.events.on else ({}, 0.0)
        count = 0
        try:
            async for chunk in chunks:
                count += len(chunk)
                yield chunk
        except GeneratorExit:  # who leaves early has what they wanted
            if facts:
                self.events.done(sql, facts, begun, count, 0)
            raise
        except BaseException as error:
            if facts:
                self.events.failed(sql, facts, begun, error)
            raise
        finally:
            await chunks.aclose()
        if facts:
            self.events.done(sql, facts, begun, count, 0)


def _same(row: Any) -> Any:
    return row
