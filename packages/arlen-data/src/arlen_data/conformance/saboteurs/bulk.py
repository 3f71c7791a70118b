"""Databases that lose something of many rows, or of what is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from arlen_data.conformance.wrapped import Rows, Source, Wrapped, WrappedSession, caught_by
from arlen_data.errors import DatabaseError, PoolTimeout
from arlen_data.lanes import Chunk, Lane, Options, Session
from arlen_data.notifications import Missed, Notification
from arlen_data.results import Result

__all__ = [
    "Collected",
    "Cut",
    "Deaf",
    "Dotted",
    "Eager",
    "Emptied",
    "Hidden",
    "Listening",
    "OneByOne",
    "Partial",
    "Piecemeal",
    "Quiet",
    "Shortened",
    "Skipped",
    "Spent",
    "Unmissed",
    "Unsent",
]

Heard = AbstractAsyncContextManager[AsyncIterator[Notification | Missed]]


async def _passed(chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        await chunks.aclose()


@caught_by("test_st01_a_stream_has_every_row_in_order")
class Skipped(Wrapped):
    """A stream loses the last row of each chunk."""

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Lose it."""
        async for chunk in _passed(self.adapter.chunks(sql, params, size)):
            yield chunk[:-1] if list(params) == [2500] else chunk


@caught_by("test_st01_a_stream_that_is_left_early")
class Spent(Wrapped):
    """A stream that is left early keeps its connection."""

    left = 0

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Count them, until there is none."""
        if self.left > 20:
            raise PoolTimeout("no connection is free")
        try:
            async for chunk in _passed(self.adapter.chunks(sql, params, size)):
                yield chunk
        except GeneratorExit:
            self.left += 1
            raise


@caught_by("test_st01_an_error_in_a_stream")
class Cut(Wrapped):
    """A stream that fails looks like one that ends."""

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """End it."""
        try:
            async for chunk in _passed(self.adapter.chunks(sql, params, size)):
                yield chunk
        except DatabaseError:
            return


@caught_by("test_st01_a_stream_in_a_transaction")
class Hidden(Wrapped):
    """A stream in a transaction does not see what the transaction wrote."""

    async def session(self, options: Options) -> Session:
        """Give one that does so."""
        return _Outside(self, await self.adapter.session(options))


class _Outside(WrappedSession):
    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        async for chunk in _passed(self.session.chunks(sql, params, size)):
            yield chunk[1:]


@caught_by("test_st01_a_stream_holds_little")
class Collected(Wrapped):
    """A stream holds all its rows."""

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Collect them."""
        if size < 500:
            async for chunk in _passed(self.adapter.chunks(sql, params, size)):
                yield chunk
            return
        for chunk in [chunk async for chunk in _passed(self.adapter.chunks(sql, params, size))]:
            yield chunk


@caught_by("test_bk01_many_rows")
class Emptied(Wrapped):
    """Null becomes an empty text."""

    async def load(self, table: tuple[str, ...], columns: Sequence[str], rows: Source) -> int:
        """Change it."""
        if table == ("bk01",) and not isinstance(rows, AsyncIterable):
            rows = [["" if value is None else value for value in row] for row in rows]
        return await self.adapter.load(table, columns, rows)


@caught_by("test_bk01_names_are_quoted")
class Dotted(Wrapped):
    """A name is split at a dot."""

    async def load(self, table: tuple[str, ...], columns: Sequence[str], rows: Source) -> int:
        """Split it."""
        return await self.adapter.load(table, [name.rpartition(".")[2] for name in columns], rows)


@caught_by("test_bk01_a_wrong_row_takes_all_back")
class Piecemeal(Wrapped):
    """Rows before the wrong one stay."""

    async def load(self, table: tuple[str, ...], columns: Sequence[str], rows: Source) -> int:
        """Load one after another."""
        if table != ("bk01_wrong",) or isinstance(rows, AsyncIterable):
            return await self.adapter.load(table, columns, rows)
        return sum([await self.adapter.load(table, columns, [row]) for row in rows])


@caught_by("test_bk01_a_source_that_fails")
class Partial(Wrapped):
    """A source that fails looks like one that ends."""

    async def load(self, table: tuple[str, ...], columns: Sequence[str], rows: Source) -> int:
        """Load what came before."""
        if isinstance(rows, AsyncIterable):
            return await self.adapter.load(table, columns, rows)
        found: list[Sequence[Any]] = []
        with suppress(Exception):  # that is the fault
            found.extend(rows)
        return await self.adapter.load(table, columns, found)


@caught_by("test_bk01_execute_many_is_all_or_nothing")
class OneByOne(Wrapped):
    """Rows before the one that fails stay."""

    async def run_many(self, sql: str, rows: Rows) -> int:
        """Run one after another."""
        return sum([(await self.adapter.run(sql, row)).affected for row in rows])


@caught_by("test_bk01_a_batch_is_all_or_nothing")
class Eager(Wrapped):
    """Statements before the one that fails stay."""

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        """Run one after another."""
        return [await self.adapter.run(sql, params) for sql, params in statements]


@caught_by("test_ln01_notifications_in_order")
class Quiet(Wrapped):
    """What is told without a text is not heard."""

    @asynccontextmanager
    async def listen(self, *channels: str) -> Any:
        """Leave it out."""
        async with self.adapter.listen(*channels) as heard:
            yield (each async for each in heard if getattr(each, "payload", "missed"))


@caught_by("test_ln01_too_long_a_text")
class Shortened(Wrapped):
    """A text that is too long is cut."""

    async def notify(self, channel: str, payload: str = "") -> None:
        """Cut it."""
        await self.adapter.notify(channel, payload[:7999])


@caught_by("test_ln01_a_transaction_tells_when_it_commits")
class Unsent(Wrapped):
    """What a transaction tells is heard at once."""

    about = r"pg_notify\(\$1, \$2\)"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Tell it outside of the transaction."""
        return await self.adapter.run(sql, params)


@caught_by("test_ln01_what_was_missed_is_told")
class Unmissed(Wrapped):
    """Nobody learns what was missed."""

    @asynccontextmanager
    async def listen(self, *channels: str) -> Any:
        """Make something up in its place."""
        async with self.adapter.listen(*channels) as heard:
            yield (Notification("none", "") if isinstance(each, Missed) else each async for each in heard)


@caught_by("test_ln01_nobody_listens_after_the_block")
class Listening(Wrapped):
    """The connection that listens stays."""

    about = "query ilike 'listen%'"

    def incoming(self, value: Any) -> Any:
        """Count it for ever."""
        return max(value, 1)


@caught_by("test_ln01_notifications_are_refused")
class Deaf(Wrapped):
    """To listen looks like a success."""

    @asynccontextmanager
    async def listen(self, *channels: str) -> Any:
        """Hear nothing."""
        yield ()

    async def notify(self, channel: str, payload: str = "") -> None:
        """Tell nobody."""
