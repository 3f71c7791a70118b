"""Outlets: the writing side of a connection: few writes, back-pressure, and an end to readers that do not read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from arlen_core.errors import Disconnected
from arlen_server.replies import JOIN
from arlen_server.wheels import NEVER

if TYPE_CHECKING:
    from arlen_server.server import Server

__all__ = ["Outlet"]


class Outlet:
    """A protocol that writes with back-pressure; what it writes within one turn of the event loop leaves as one.

    It has the methods of `asyncio.Protocol`, which is no base: a compiled class can have none that is interpreted.

    Args:
        server: whose settings and wheel it shares.

    Attributes:
        deadline, stall: when to look at the reading and the writing side; see `arlen_server.wheels`.
        gone: whether the connection is lost.
        paused: whether the client reads too slowly just now.
        corked: whether somebody will call `flush` soon.
    """

    __slots__ = (
        "_pending", "_scheduled", "_waiter",
        "corked", "deadline", "gone", "loop", "out", "paused", "server", "settings", "stall", "transport", "unflushed",
    )  # fmt: skip

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop

    def __init__(self, server: Server) -> None:
        self.server, self.settings, self.loop = server, server.settings, server.loop
        self.deadline = self.stall = NEVER
        self.gone = self.paused = self.corked = self._scheduled = False
        self.out: list[bytes] = []
        self.unflushed = self._pending = 0
        self._waiter: asyncio.Future[None] | None = None

    def write(self, data: bytes) -> None:
        """Send bytes soon: together with what else is written in this turn, or when `JOIN` bytes have gathered."""
        self.out.append(data)
        self.unflushed += len(data)
        if self.unflushed >= JOIN:
            self.flush()
        elif not self.corked and not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._flush_soon)

    def flush(self) -> None:
        """Send what was written."""
        if self.out:
            self.send_out()

    def send_out(self) -> None:
        """Send what was written, which is something."""
        out, size = self.out, self.unflushed
        self.unflushed = 0
        if self.gone or self.transport.is_closing():
            out.clear()
        elif len(out) == 1:
            self.transport.write(out.pop())
        else:
            self.out = []
            for each in (b"".join(out),) if size <= JOIN else out:
                self.transport.write(each)

    async def drain(self) -> None:
        """Wait until the client has read enough for more; raises `Disconnected`."""
        self.flush()
        if self.paused and not self.gone:
            self._waiter = self.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.gone or self.transport.is_closing():
            raise Disconnected("the client went away before the end of the response")

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        raise NotImplementedError

    def pause_writing(self) -> None:
        """The client reads too slowly: whoever makes bytes for it has to wait."""
        self.paused = True
        self._watch()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.paused, self.stall = False, NEVER
        self._wake()

    def lost(self) -> None:
        """The connection is lost: whoever waits for the client learns it."""
        self.gone, self.deadline, self.stall = True, NEVER, NEVER
        self.out.clear()
        self._wake()
        self.server.left(self)

    def expire(self, now: float) -> None:
        """A deadline has passed."""
        if self.stall <= now:
            self._stalled()
        if self.deadline <= now and not self.gone:
            self.late()

    def depart(self) -> None:
        """The server drains: end soon."""

    def late(self) -> None:
        """The deadline of the reading side has passed."""

    def progress(self) -> bool:
        """Say whether the client has read enough since this was last asked: `min_rate` over `write_timeout`."""
        pending = self.transport.get_write_buffer_size()
        read, self._pending = self._pending - pending, pending
        return read >= max(1, self.settings.min_rate * self.settings.write_timeout)

    def _watch(self) -> None:
        self._pending = self.transport.get_write_buffer_size()
        self.stall = self.server.wheel.now + self.settings.write_timeout

    def _stalled(self) -> None:
        if self.progress():
            self.stall = self.server.wheel.now + self.settings.write_timeout
        else:
            self.stall = NEVER
            self.transport.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _flush_soon(self) -> None:
        self._scheduled = False
        self.flush()
