"""Streams: the rows of a statement as libpq hands them out, in chunks, with nothing held back."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any

from psycopg import capabilities
from psycopg.pq import ExecStatus

from arlen_pg.codecs import columns, maker
from arlen_pg.failures import failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from psycopg.pq.abc import PGconn, PGresult

    from arlen_data.lanes import Chunk
    from arlen_pg.codecs import Codec

__all__ = ["chunked", "drain", "rows"]

_TURN = 0.005  # seconds that a stream may keep the loop
_ROWS = {ExecStatus.TUPLES_CHUNK, ExecStatus.SINGLE_TUPLE, ExecStatus.TUPLES_OK}
_FATAL = ExecStatus.FATAL_ERROR
_CHUNKED = capabilities.has_stream_chunked()


def chunked(pgconn: PGconn, size: int) -> None:
    """Have the rows of the statement that was just sent come in chunks; before libpq 17, one by one."""
    if _CHUNKED and size > 1:
        pgconn.set_chunked_rows_mode(size)
    else:
        pgconn.set_single_row_mode()


async def rows(pgconn: PGconn, codec: Codec, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
    """Yield the rows of what was sent, about `size` at a time; raises the error that ends it."""
    make: Any = None
    error: Exception | None = None
    held: Chunk = []
    since = perf_counter()
    await _until(pgconn, pgconn.flush, write=True)
    while (result := await _next(pgconn)) is not None:
        if result.status == _FATAL:
            error = failure(result, params)
        elif error is None and result.status in _ROWS and result.ntuples:
            make = make or maker(columns(result))
            found = codec.load(result, make)
            held = held + found if held else found
            if len(held) >= size:
                yield held
                held = []
        if perf_counter() - since > _TURN:
            await asyncio.sleep(0)
            since = perf_counter()
    if error is not None:
        raise error
    if held:
        yield held


async def drain(pgconn: PGconn) -> None:
    """Read what is left of a statement, and forget it."""
    while await _next(pgconn) is not None:
        pass


async def _next(pgconn: PGconn) -> PGresult | None:
    if pgconn.is_busy():
        pgconn.consume_input()  # the server is mostly ahead: what is there needs no turn of the loop
        await _until(pgconn, pgconn.is_busy, write=False)
    return pgconn.get_result()


async def _until(pgconn: PGconn, busy: Callable[[], int], *, write: bool) -> None:
    """Wait for the socket until `busy` says no; to send, it must be read too."""
    loop, fd = asyncio.get_running_loop(), pgconn.socket
    while busy():
        ready = loop.create_future()
        loop.add_reader(fd, _set, ready)
        if write:
            loop.add_writer(fd, _set, ready)
        try:
            await ready
        finally:
            loop.remove_reader(fd)
            if write:
                loop.remove_writer(fd)
        pgconn.consume_input()


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
