"""Cursors: a connection by psycopg's public API, for where the raw one cannot be."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import generators, pq
from psycopg.types.datetime import TimestamptzLoader

from arlen_data.errors import DatabaseError, TransactionError
from arlen_data.results import Result
from arlen_pg import streams
from arlen_pg.codecs import columns, maker
from arlen_pg.failures import failure, lost, masked, translated
from arlen_pg.texts import traits
from arlen_pg.wires import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence

    from psycopg.abc import Buffer

    from arlen_data.lanes import Chunk
    from arlen_pg.codecs import Codec
    from arlen_pg.settings import Settings

__all__ = ["CursorWire"]

T = TypeVar("T")

_SEEN = 1000  # statements that are remembered as run
_SETTLE = 5.0  # seconds for a cancelled statement to end; then the connection is closed
_AGAIN = 0.05  # seconds between two cancels


class _UtcLoader(TimestamptzLoader):
    """psycopg's gives the session's zone."""

    def load(self, data: Buffer) -> datetime:
        return super().load(data).astimezone(UTC)


class CursorWire(Wire):
    """One connection; see `Wire`. One statement runs at a time; others wait for it."""

    def __init__(self, link: psycopg.AsyncConnection[Any], codec: Codec, settings: Settings) -> None:
        super().__init__(link, codec, settings)
        link.adapters.register_loader("timestamptz", _UtcLoader)
        self._lock = asyncio.Lock()
        self._streaming = self._stale = self._chunked = False
        self._seen: set[str] = set()
        self._cut: DatabaseError | None = None
        self._fd = self.pgconn.socket
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watch()

    async def run(self, sql: str, params: Sequence[Any], *, begin: bytes = b"") -> Result:
        """Run one statement."""
        return await self._held(self._run(sql, params, begin))

    async def _run(self, sql: str, params: Sequence[Any], begin: bytes) -> Result:
        if begin or not params:  # psycopg sends texts without parameters by the simple protocol, outside of a pipeline
            return (await self._piped([(sql, params)], begin, note=False))[0]
        stateful = self._look(sql)
        params = self._checked(params)
        async with self._turn(sql, params) as link:
            cursor = psycopg.AsyncRawCursor(link)
            await cursor.execute(sql, params, prepare=self._kept(sql))
            self.stateful |= stateful
            return self._result(cursor)

    async def batch(self, pairs: Sequence[tuple[str, Sequence[Any]]], *, begin: bytes = b"") -> list[Result]:
        """Run several statements in one round trip."""
        return await self._held(self._piped(pairs, begin, note=True))

    async def _piped(self, pairs: Sequence[tuple[str, Sequence[Any]]], begin: bytes, *, note: bool) -> list[Result]:
        stateful = max(list(map(self._look, [sql for sql, _ in pairs])))
        given = [(sql, self._checked(params)) for sql, params in pairs]
        every = [value for _, params in given for value in params]
        cursors: list[psycopg.AsyncRawCursor[Any]] = []
        try:
            async with self._turn(given[0][0], every) as link:
                await self._unchunk()
                async with link.pipeline():
                    if begin:
                        await link.execute(begin)
                    for sql, params in given:
                        cursor = psycopg.AsyncRawCursor(link)
                        cursors.append(cursor)
                        await cursor.execute(sql, params, prepare=self._kept(sql))
                self.stateful |= stateful
                return [self._result(cursor) for cursor in cursors]
        except DatabaseError as error:
            done = sum(cursor.pgresult is not None for cursor in cursors)
            if note:
                error.add_note(f"statement {done + 1} of the {len(pairs)} in the batch")
            raise

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Yield rows while they arrive."""
        stateful = self._look(sql)
        values, types, formats = self.codec.dump(params)
        async with self._turn(sql, params):
            self._streaming, ended = True, False
            self.pgconn.send_query_params(sql.encode(), values, types, formats)
            streams.chunked(self.pgconn, size)
            self._chunked = True
            try:
                async for chunk in streams.rows(self.pgconn, self.codec, params, size):
                    yield chunk
                ended = True
            except DatabaseError:
                ended = True
                raise
            finally:
                self._streaming = False
                self.stateful |= stateful
                if not ended:
                    self.settling = self.loop.create_task(self._stop(self.loop.create_task(streams.drain(self.pgconn))))

    async def control(self, sql: str) -> bytes:
        """Run statements by the simple protocol."""
        return await self._held(self._control(sql))

    async def _control(self, sql: str) -> bytes:
        async with self._turn(sql, ()) as link:
            # not by a cursor: when psycopg sees a rollback, it gives up everything that is prepared
            self.pgconn.send_query(sql.encode())
            result = (await link.wait(generators.execute(self.pgconn)))[-1]
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise failure(result)
            return result.command_status or b""

    def forget(self) -> None:
        """Have psycopg forget what was prepared."""
        self._stale = True

    def give_up(self, key: Any) -> None:
        """Give up all prepared statements: psycopg cannot give up one."""
        self._stale = True

    def cut(self, error: DatabaseError) -> None:
        """Close; whoever waits gets the error."""
        self._cut = error
        self.close()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Lend psycopg's connection."""
        async with self._turn("copy", ()) as link:
            yield link

    def close(self) -> None:
        """Close at once."""
        if not self.dead:
            self.dead = True
            if not self.link.closed:
                self._unwatch()
            self.pgconn.finish()
            for task in self._tasks:
                task.cancel()  # psycopg waits for a socket that there is no more

    async def _held(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in a task of its own: psycopg, when it is cancelled, sends one cancel, which may come early."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                self.settling = self.loop.create_task(self._stop(task))
            elif self.dead and task.cancelled():  # nobody cancelled the caller: `close` did this
                raise self._cut or lost("it was closed") from None
            raise

    async def _stop(self, task: asyncio.Task[Any]) -> None:
        """Cancel what runs on the server until it ends; close the connection when it does not."""
        try:
            async with asyncio.timeout(_SETTLE):
                while not task.done():
                    await self.link.cancel_safe(timeout=_SETTLE)
                    await asyncio.wait([task], timeout=_AGAIN)
        except (TimeoutError, psycopg.Error, asyncio.CancelledError):
            self.close()
            task.cancel()
        finally:
            await asyncio.wait([task])
            _ = task.cancelled() or task.exception()  # nobody else looks at it
            self.settling = None
            self._after()
            if not self.lent:
                self.home(self)

    def _look(self, sql: str) -> bool:
        kind = traits(sql)
        self.unprepared |= kind.unprepares
        return kind.stateful

    def _checked(self, params: Sequence[Any]) -> Sequence[Any]:
        """Refuse what cannot be sent, with our errors, before anything is."""
        self.codec.dump(params)
        return self.codec.widened(params)

    def _kept(self, sql: str) -> bool:
        return bool(self.settings.statement_cache) and traits(sql).kept

    @asynccontextmanager
    async def _turn(self, sql: str, params: Sequence[Any]) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Have the connection for a block, and turn psycopg's errors into ours."""
        if self._streaming:
            fix = "read the stream to its end first, or run the statement on the database itself"
            raise TransactionError("a stream is open on this transaction", fix=fix)
        async with self._lock:
            self.sent += 1
            try:
                await self._unstale()
                yield self.link
                self._remember(sql)
            except psycopg.Error as error:
                raise self._failed(error, sql, params) from error
            finally:
                self._after()

    async def _unstale(self) -> None:
        """Have psycopg forget what it prepared: it does when it sees this."""
        if self._stale and self.pgconn.transaction_status != pq.TransactionStatus.INERROR:
            self._stale = False
            self._seen.clear()
            if self.settings.statement_cache:
                await self.link.execute("deallocate all")

    async def _unchunk(self) -> None:
        """After a stream, libpq hands out the first rows of a pipeline in chunks too, unless something came between."""
        if self._chunked:
            self._chunked = False
            self.pgconn.send_query(b"")
            await self.link.wait(generators.execute(self.pgconn))

    def _remember(self, sql: str) -> None:
        if len(self._seen) >= _SEEN:
            self._seen.clear()
        self._seen.add(sql)

    def _failed(self, error: psycopg.Error, sql: str, params: Sequence[Any]) -> DatabaseError:
        if self._cut is not None:
            return self._cut
        if self.link.closed and not error.sqlstate:
            return lost(str(error))
        if not error.sqlstate and not isinstance(error, psycopg.OperationalError):
            return DatabaseError(masked(str(error), "", params))
        made = translated(error, params, stale=sql in self._seen and bool(self.settings.statement_cache))
        if made.code == "stale_statement":
            self._stale = True
        return made

    def _after(self) -> None:
        if self.link.closed:
            self.dead = True
            self.pgconn.finish()
        elif self.settling is None:
            self._watch()

    def _result(self, cursor: psycopg.AsyncRawCursor[Any]) -> Result:
        result = cursor.pgresult
        if result is None or result.status != pq.ExecStatus.TUPLES_OK:
            return Result((), [], (result.command_tuples or 0) if result is not None else 0)
        names = columns(result)
        return Result(names, self.codec.load(result, maker(names)), result.command_tuples or 0)

    def _watch(self) -> None:
        """See the end of an idle connection; psycopg's own waits replace this, and take it away."""
        with suppress(NotImplementedError):  # Windows's default loop
            self.loop.add_reader(self._fd, self._arrived)

    def _unwatch(self) -> None:
        with suppress(NotImplementedError):
            self.loop.remove_reader(self._fd)

    def _arrived(self) -> None:
        if self._lock.locked():
            return
        try:
            self.pgconn.consume_input()
            self.pgconn.is_busy()
        except psycopg.Error:
            pass
        if self.pgconn.status != pq.ConnStatus.OK:
            self.loop.remove_reader(self._fd)  # libpq has closed it, and the next connection may get its number
            self.close()
            if not self.lent:
                self.home(self)
