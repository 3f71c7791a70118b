"""Wires: the client's end of a WebSocket in a test, without a socket."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from arlen_core.errors import ArlenError
from arlen_core.headers import Headers
from arlen_core.replies import Reply, Streamed
from arlen_core.responses import Upgrade
from arlen_core.sockets import SocketClosed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from arlen_core.app import App
    from arlen_core.headers import Raw
    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["HELD", "PATIENCE", "Refused", "Wire", "dial"]

HELD = 16
"""Messages that wait for a slow reader, each way; then the sender waits."""

PATIENCE = 1.0
"""Seconds that a handler has to end when the client has left; then it is cancelled."""

_CLOSED = (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError)


class Refused(ArlenError):
    """The application did not accept the WebSocket.

    Attributes:
        reply: what it answered.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"the WebSocket was refused with {reply.status}")
        self.reply = reply


class Wire:
    """The client's end; iterate over the messages that come.

    Attributes:
        protocol: the subprotocol that was agreed, or `None`.
        headers: the fields of the answer.
    """

    def __init__(self, raw: Raw) -> None:
        self._to_server, self._inbox = anyio.create_memory_object_stream[str | bytes](HELD)
        self._to_client, self._outbox = anyio.create_memory_object_stream[str | bytes](HELD)
        self._end: SocketClosed | None = None
        self.headers = Headers(raw)
        self.protocol: str | None = None
        self.opened = anyio.Event()
        self.accepted = False
        self.sent = 0

    async def send(self, message: str | bytes) -> None:
        """Send a message; waits while the handler reads too slowly; raises `SocketClosed`."""
        self.raise_ended()
        try:
            await self._to_server.send(message)
        except _CLOSED:
            raise self.why() from None

    async def send_json(self, data: Any) -> None:
        """Send `data` as one JSON text message."""
        await self.send(msgspec.json.encode(data).decode())

    async def receive(self) -> str | bytes:
        """Return the next message; raises `SocketClosed` with the code when the handler has closed."""
        try:
            return await self._outbox.receive()
        except _CLOSED:
            raise self.why() from None

    async def receive_json(self, kind: Any = Any) -> Any:
        """Return the next message read as JSON, into a type when one is given."""
        return msgspec.json.decode(await self.receive(), type=kind)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Leave; the handler gets `SocketClosed` with this code after what was sent before."""
        self.end(code, reason)

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except SocketClosed:
            raise StopAsyncIteration from None

    def raise_ended(self) -> None:
        """Raise `SocketClosed` when either side has closed."""
        if self._end is not None:
            raise self.why()

    def why(self) -> SocketClosed:
        """Return what the end was."""
        return SocketClosed(self._end.code, self._end.reason) if self._end is not None else SocketClosed()

    def end(self, code: int, reason: str) -> None:
        """Note the first close, from either side; what was sent before can still be read."""
        if self._end is None:
            self._end = SocketClosed(code, reason)
            self._to_server.close()
            self._to_client.close()

    def cut(self) -> None:
        """Release everything."""
        for each in (self._to_server, self._to_client, self._inbox, self._outbox):
            each.close()

    async def take(self) -> str | bytes:
        """Return the next message of the client; for the transport."""
        try:
            return await self._inbox.receive()
        except _CLOSED:
            raise self.why() from None

    async def give(self, message: str | bytes) -> None:
        """Send a message to the client; for the transport."""
        self.raise_ended()
        try:
            await self._to_client.send(message)
        except _CLOSED:
            raise self.why() from None
        self.sent += len(message)


class _Transport:
    """The handler's side of a wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def accept(self, protocol: str | None = None, headers: Raw | None = None) -> None:
        self._wire.raise_ended()
        self._wire.protocol, self._wire.accepted = protocol, True
        self._wire.headers.raw.extend(headers or [])
        self._wire.opened.set()

    async def receive(self) -> str | bytes:
        return await self._wire.take()

    async def send(self, message: str | bytes) -> None:
        await self._wire.give(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._wire.end(code, reason)
        self._wire.opened.set()


@asynccontextmanager
async def dial(app: App, request: Request, url: str, answered: Callable[[Response], object]) -> AsyncIterator[Wire]:
    """Open a WebSocket to a started application; raises `Refused` with its answer."""
    response = await app.handle(request)
    answered(response)
    if not isinstance(response, Upgrade):
        reply = Streamed(request, response, url)
        await reply.read()
        app.finish(request, response, sent=reply.sent)
        raise Refused(reply)
    import asyncio  # a task, because a group would wrap the errors of the test

    wire, error = Wire(list(response.raw)), None

    async def run() -> None:
        nonlocal error
        error = await _run(response, wire)

    task = asyncio.get_running_loop().create_task(run())
    try:
        await wire.opened.wait()
        if not wire.accepted and error is None:
            raise Refused(Reply(403, response.headers, b"", url, request))
        yield wire
    finally:
        with anyio.CancelScope(shield=True):
            wire.end(1001, "")
            await asyncio.wait([task], timeout=PATIENCE)
            task.cancel()
            await asyncio.wait([task])
        wire.cut()
        app.finish(request, response, sent=wire.sent, error=error)


async def _run(response: Upgrade, wire: Wire) -> Exception | None:
    try:
        await response.run(_Transport(wire))
    except SocketClosed:
        wire.end(1000, "")  # the handler ended because the client did
    except Exception as error:  # noqa: BLE001  # the application's log gets it
        wire.end(1011, "internal error")
        return error
    else:
        wire.end(1000, "")
    finally:
        wire.opened.set()
    return None
