"""Sendfile: files that the system copies to the socket by itself, past Python and past the event loop's buffers.

`loop.sendfile` would do on plain asyncio, but uvloop does not have it, and it stops the reading side, so that it
notices neither a client that leaves nor one that never reads. So this waits on a duplicate of the socket's descriptor.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from arlen_core.errors import Disconnected
from arlen_core.files import FileChanged, FileResponse
from arlen_server.wheels import NEVER

if TYPE_CHECKING:
    from arlen_server.exchanges import Exchange

__all__ = ["can_send", "send_file"]

_SLICE = 1 << 20  # bytes after which others have their turn


def can_send(exchange: Exchange) -> bool:
    """Say whether the system can send to this connection: there is `sendfile`, and no TLS."""
    transport = exchange.transport
    return hasattr(os, "sendfile") and transport.get_extra_info("sslcontext") is None


async def send_file(exchange: Exchange, response: FileResponse, count: Callable[[int], object]) -> None:
    """Send a prepared file.

    Args:
        exchange: of the connection.
        response: after its `prepare`.
        count: called with the number of bytes whenever some were sent.

    Raises `Disconnected`, and `FileChanged` when the file is not the one that was prepared, or has become shorter.
    """
    exchange.transport.set_write_buffer_limits(0)  # so that to drain is to have an empty buffer
    try:
        await exchange.drain()
    finally:
        exchange.transport.set_write_buffer_limits(exchange.settings.write_buffer)
    with ExitStack() as stack:
        # `prepare` has just looked at the file, in a worker thread: its inode is in memory and this does not wait
        file = stack.enter_context(response.open())
        socket = os.dup(exchange.transport.get_extra_info("socket").fileno())
        stack.callback(os.close, socket)
        await _copy(exchange, file.fileno(), socket, response, count)


async def _copy(
    exchange: Exchange, file: int, socket: int, response: FileResponse, count: Callable[[int], object]
) -> None:
    offset, end, turn = response.offset, response.offset + response.length, _SLICE
    while offset < end:
        try:
            sent = os.sendfile(socket, file, offset, min(end - offset, _SLICE))
        except BlockingIOError:
            await _writable(exchange, socket)
            continue
        except OSError as error:
            raise Disconnected("the client went away before the end of the file") from error
        if not sent:
            raise FileChanged(f"{response.path} became shorter while it was being sent")
        count(sent)
        offset, turn = offset + sent, turn - sent
        if turn < 0:
            turn = _SLICE
            await asyncio.sleep(0)


async def _writable(exchange: Exchange, socket: int) -> None:
    """Wait until the client has read something, for `write_timeout` at most."""
    ready: asyncio.Future[None] = exchange.loop.create_future()
    exchange.stall = exchange.server.wheel.now + exchange.settings.write_timeout
    exchange.loop.add_writer(socket, _set, ready)
    try:
        await ready
    finally:
        exchange.loop.remove_writer(socket)
        exchange.stall = NEVER


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
