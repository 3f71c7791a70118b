"""Raw: a connection whose bytes we move ourselves, by libpq's non-blocking calls and one persistent reader."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus

from arlen_data.errors import DatabaseError, QueryCanceled, TransactionError
from arlen_data.results import Result
from arlen_pg import pipelines, streams
from arlen_pg.calls import Call
from arlen_pg.codecs import columns, maker
from arlen_pg.failures import failure, lost
from arlen_pg.statements import Statement, Statements
from arlen_pg.texts import traits
from arlen_pg.wires import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from psycopg.pq.abc import PGresult

    from arlen_data.lanes import Chunk
    from arlen_pg.codecs import Codec
    from arlen_pg.settings import Settings

__all__ = ["LARGE", "RawWire"]

_TUPLES = ExecStatus.TUPLES_OK
_SYNC = ExecStatus.PIPELINE_SYNC
_FATAL = ExecStatus.FATAL_ERROR
_ACTIVE = TransactionStatus.ACTIVE
_COPYING = {ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH}
LARGE = 2000  # rows that are read in one turn of the loop: about a millisecond
_SETTLE = 5.0  # seconds for a cancelled statement to end; then the connection is closed
_AGAIN = 0.05  # seconds between two cancels


class RawWire(Wire):
    """One connection; see `Wire`.

    Attributes:
        call: what runs on it.
        backlog: what waits for that to end, on a connection that is lent.
        streaming: a stream is open on it.
    """

    def __init__(self, link: psycopg.AsyncConnection[Any], codec: Codec, settings: Settings) -> None:
        super().__init__(link, codec, settings)
        self.cache = Statements(settings.statement_cache)
        self.call: Call | None = None
        self.backlog: deque[Call] = deque()
        self.streaming = self._writing = self._chunked = False
        self._quiet: asyncio.Future[None] | None = None
        self.fd = self.pgconn.socket
        self.pgconn.notice_handler = self.pgconn.notify_handler = None
        self.attach()

    # sending

    def take(self, call: Call) -> None:
        """Send a call; whoever awaits it is woken by the answer."""
        self.call, call.wire = call, self
        self.sent += 1
        try:
            statement = self.cache.get((call.sql, call.types))
            if statement is None or call.begin or call.batch is not None:
                self._send_more(call)
            else:
                self.cache.move_to_end(statement.key)
                call.statement = statement
                self.pgconn.send_query_prepared(statement.name, call.values, call.formats)
            if self.pgconn.flush():
                self._write_later()
        except psycopg.Error as error:
            self.loop.call_soon(self._break, error)

    def offer(self, call: Call) -> None:
        """Send a call when what runs has ended; `TransactionError` while a stream is open."""
        if self.streaming:
            fix = "read the stream to its end first, or run the statement on the database itself"
            raise TransactionError("a stream is open on this transaction", fix=fix)
        if self.call is not None or self.settling is not None:
            self.backlog.append(call)
        else:
            self.take(call)

    def _send_more(self, call: Call) -> None:
        if call.plain:
            self.pgconn.send_query(call.sql.encode())
        else:
            pipelines.send(self.pgconn, self.cache, call, chunked=self._chunked)
            self._chunked = False

    def _write_later(self) -> None:
        if not self._writing:
            self._writing = True
            self.loop.add_writer(self.fd, self._write)

    def _write(self) -> None:
        try:
            if self.pgconn.flush():
                return
        except psycopg.Error as error:
            self._break(error)
        else:
            self._written()

    def _written(self) -> None:
        if self._writing:
            self._writing = False
            self.loop.remove_writer(self.fd)

    # receiving

    def _read(self) -> None:
        pgconn, call = self.pgconn, self.call
        try:
            pgconn.consume_input()
            if call is None:
                self._drain()
                return
            if call.parts is not None:
                self._read_parts(call)
                return
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    self._finish(call)
                    return
                call.answer = result
                if result.status in _COPYING:
                    raise psycopg.NotSupportedError("the server began a copy")
        except psycopg.Error as error:
            self._break(error)

    def _read_on(self) -> None:
        if not self.dead and not self.streaming:
            self._read()

    def _read_parts(self, call: Call) -> None:
        pgconn, empty = self.pgconn, False
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                if empty:
                    return
                empty = True
                continue
            empty = False
            if result.status == _SYNC:
                pgconn.exit_pipeline_mode()
                pipelines.finish(self.cache, call)
                self._finish(call)
                return
            call.results.append(result)

    def _drain(self) -> None:
        """Something arrived although nothing runs: a notification, a parameter, or the end."""
        self.pgconn.is_busy()
        while self.pgconn.notifies():
            pass
        if self.pgconn.status != 0:
            raise psycopg.OperationalError("the server closed the connection")

    def _finish(self, call: Call) -> None:
        self.call = None
        if call.traits is not None and call.traits.stateful:
            self.stateful = True
            self.unprepared |= call.traits.unprepares
        if call.left or call.ended:
            self._end_of_left(call)
            return
        if not self.lent:
            self.home(self)
        elif self.backlog:
            self.next()
        call.wake()

    def next(self) -> None:
        """Send what waits, if anything does."""
        while self.backlog and self.call is None and self.settling is None:
            call = self.backlog.popleft()
            if not call.ended:
                self.take(call)

    def _end_of_left(self, call: Call) -> None:
        if self._quiet is not None and not self._quiet.done():
            self._quiet.set_result(None)
        elif self.settling is None:  # it was cancelled in this very turn, and its task has not gone on yet
            if self.lent:
                self.next()
            else:
                self.home(self)

    def _break(self, error: Exception) -> None:
        """The connection is gone: so is what ran on it."""
        call, self.call = self.call, None
        waiting, self.backlog = [*([call] if call is not None else []), *self.backlog], deque()
        gone = self._reason(call, error)
        self.close()
        if not self.lent and (call is None or not call.left):
            self.home(self)
        if self._quiet is not None and not self._quiet.done():
            self._quiet.set_result(None)
        for each in waiting:
            if not each.ended and not each.left:
                each.error = gone
                each.soon()

    @staticmethod
    def _reason(call: Call | None, error: Exception) -> DatabaseError:
        results = [] if call is None else [*(getattr(call, "results", None) or ()), call.answer]
        if isinstance(error, DatabaseError):
            return error
        for result in results:
            if result is not None and not isinstance(result, list) and result.status == _FATAL:
                return failure(result)
        return lost(str(error))

    # what the pool and the sessions call

    async def run(self, sql: str, params: Sequence[Any], *, begin: bytes = b"") -> Result:
        """Run one statement."""
        kind = traits(sql)
        values, types, formats = self.codec.dump(params)
        call = Call(self.loop, sql, values, types, formats)
        call.traits, call.begin = kind, begin
        self.offer(call)
        result = await self.waited(call)
        return self.made(call, result, params) if result.ntuples < LARGE else await self.sliced(call, result)

    def made(self, call: Call, result: PGresult, params: Sequence[Any]) -> Result:
        """Return the result of a call, or raise its error."""
        status = result.status
        if status == _FATAL:
            raise self._failed(call, call, result, params)
        return self._result(result, call.statement)

    def _result(self, result: PGresult, statement: Statement | None) -> Result:
        if result.status != _TUPLES:
            return Result((), [], result.command_tuples or 0)
        if statement is None:
            names = columns(result)
            return Result(names, self.codec.load(result, maker(names)), result.command_tuples or 0)
        names = statement.columns or statement.learn(result)
        return Result(names, self.codec.load(result, statement.make), result.command_tuples or 0)

    async def waited(self, call: Call) -> Any:
        """Wait for a call; a task that is cancelled stops the statement."""
        try:
            return await call
        except BaseException:
            self.leave(call)
            raise

    def leave(self, call: Call) -> None:
        """Nobody waits for a call any more."""
        if self.call is call:
            call.left = True
            self._quiet = self.loop.create_future()
            self.settling = self.loop.create_task(self._settle())
        elif call in self.backlog:
            self.backlog.remove(call)

    async def _settle(self) -> None:
        """Cancel what runs and wait for its end; close the connection when there is none.

        A cancel that overtakes its statement is lost, so it is sent again.
        """
        quiet = self._quiet
        try:
            async with asyncio.timeout(_SETTLE):
                while self.call is not None and quiet is not None:
                    await self.link.cancel_safe(timeout=_SETTLE)
                    await asyncio.wait([quiet], timeout=_AGAIN)
        except (TimeoutError, psycopg.Error):
            self._break(QueryCanceled("a cancelled statement did not end"))
        except asyncio.CancelledError:
            self.close()
        finally:
            self._quiet = self.settling = None
            if self.lent:
                self.next()
            else:
                self.home(self)

    async def sliced(self, call: Call, result: PGresult) -> Result:
        """Return a large result, and leave the loop to others now and then."""
        names = columns(result)
        make, rows, count = maker(names), [], result.ntuples
        for start in range(0, count, LARGE):
            rows += self.codec.part(result, make, start, min(start + LARGE, count))
            await asyncio.sleep(0)
        return Result(names, rows, result.command_tuples or 0)

    def _failed(self, call: Call, part: Any, result: PGresult, params: Sequence[Any]) -> DatabaseError:
        stale = pipelines.reused(call, part)
        error = failure(result, params, stale=stale)
        if stale and error.code == "stale_statement":
            self.cache.forget(part.statement.key)
        return error

    async def batch(self, pairs: Sequence[tuple[str, Sequence[Any]]], *, begin: bytes = b"") -> list[Result]:
        """Run several statements in one round trip."""
        parts = [pipelines.Part(sql, *self.codec.dump(params), traits(sql)) for sql, params in pairs]
        call = Call(self.loop)
        call.batch, call.begin = parts, begin
        call.traits = next((part.traits for part in parts if part.traits.stateful), None)
        self.offer(call)
        results = await self.waited(call)
        made = []
        for place, (result, part, (_, given)) in enumerate(zip(results, parts, pairs, strict=False), 1):
            if result.status == _FATAL:
                error = self._failed(call, part, result, given)
                error.add_note(f"statement {place} of the {len(parts)} in the batch")
                raise error
            made.append(self._result(result, part.statement))
        return made

    async def control(self, sql: str) -> bytes:
        """Run statements by the simple protocol."""
        call = Call(self.loop, sql)
        call.plain = True
        self.offer(call)
        result = await self.waited(call)
        if result.status == _FATAL:
            raise failure(result)
        return result.command_status or b""

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Yield rows while they arrive."""
        kind = traits(sql)
        values, types, formats = self.codec.dump(params)
        call = Call(self.loop, sql)
        call.traits = kind
        self._open_stream(call)
        try:
            self.pgconn.send_query_params(sql.encode(), values, types, formats)
            streams.chunked(self.pgconn, size)
            self._chunked = True
            async for chunk in streams.rows(self.pgconn, self.codec, params, size):
                yield chunk
        except psycopg.Error as error:
            self._break(error)
            raise lost(str(error)) from error
        finally:
            self._close_stream(call)

    def _open_stream(self, call: Call) -> None:
        if self.call is not None or self.streaming or self.settling is not None:
            raise TransactionError("this transaction runs something else", fix="wait for that first")
        self.call, call.wire, self.streaming = call, self, True
        self.sent += 1
        self.detach()

    def _close_stream(self, call: Call) -> None:
        self.streaming = False
        if self.dead:
            return
        self.attach()
        if self.pgconn.transaction_status == _ACTIVE:  # its reader left, or could not read what came
            self.leave(call)
            self.loop.call_soon(self._read_on)  # what libpq has read already makes no socket readable
        else:
            call.left = True
            self._finish(call)

    def forget(self) -> None:
        """Forget what was prepared."""
        self.cache.lose()

    def give_up(self, key: Any) -> None:
        """Give up one prepared statement."""
        self.cache.forget(key)

    def cut(self, error: DatabaseError) -> None:
        """Close; whoever waits gets the error."""
        self._break(error)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Lend psycopg's connection; ours is not watched meanwhile."""
        call = Call(self.loop)
        self._open_stream(call)
        try:
            yield self.link
        finally:
            if self.link.closed:
                self._break(psycopg.OperationalError("the server closed the connection"))
            self._close_stream(call)

    def attach(self) -> None:
        """Watch the socket."""
        self.loop.add_reader(self.fd, self._read)

    def detach(self) -> None:
        """Leave the socket alone."""
        self.loop.remove_reader(self.fd)

    def close(self) -> None:
        """Close at once."""
        if not self.dead:
            self.dead = True
            self._written()
            self.detach()
            self.pgconn.finish()
