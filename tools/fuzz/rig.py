"""The rig: a server's connection on a transport without a network, and an application that writes down what it sees."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from arlen_core.bodies import Body
from arlen_core.clock import VirtualClock
from arlen_core.errors import Disconnected, HTTPError
from arlen_core.requests import Request
from arlen_core.responses import Response, Stream, text
from arlen_server.connections import Connection
from arlen_server.refusals import answer
from arlen_server.server import Server
from arlen_server.settings import Settings

__all__ = ["Outcome", "Rig", "Seen", "Wire"]

_QUIET = 6  # turns of the event loop in which nothing happens
_MOST = 400


@dataclass
class Seen:
    """One request as the application saw it; `body` is `None` when it was not read, or not to its end."""

    method: str
    path: bytes
    query: bytes
    body: bytes | None = None


@dataclass
class Outcome:
    """What came of a stream: what was seen and sent, whether the connection has ended, and what broke."""

    seen: list[Seen] = field(default_factory=list)
    sent: bytes = b""
    ended: bool = False
    broken: list[str] = field(default_factory=list)


class Wire(asyncio.Transport):
    """A transport whose client reads everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None
        self.sent = bytearray()
        self.reading, self.closing, self.lost = True, False, False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand over, as a WebSocket does."""
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever held."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return addresses of the documentation's networks (RFC 5737)."""
        return {"peername": ("192.0.2.7", 50000), "sockname": ("192.0.2.1", 80)}.get(name, default)

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what is sent."""
        if self.closing:
            raise AssertionError("something is sent after the end")
        self.sent += data

    def can_write_eof(self) -> bool:
        """As TCP can."""
        return True

    def write_eof(self) -> None:
        """End the sending side; nothing may follow."""
        self.closing = True

    def pause_reading(self) -> None:
        """Take no more for now."""
        self.reading = False

    def resume_reading(self) -> None:
        """Take more."""
        self.reading = True

    def is_closing(self) -> bool:
        """Say whether it has ended."""
        return self.lost

    def close(self) -> None:
        """End."""
        self.closing = True
        if not self.lost:
            self.lost = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        """End at once."""
        self.close()


class Rig:
    """One server for many streams.

    Args:
        upgrade: answers requests for `/ws`, if WebSockets are wanted.
        settings: of the server.
    """

    def __init__(self, upgrade: Callable[[Request], Response] | None = None, **settings: Any) -> None:
        self._upgrade = upgrade
        self._settings = Settings(**{"port": 0, **settings})
        self._outcome = Outcome()
        self.server: Server

    async def __aenter__(self) -> Self:
        self.server = Server(self, self._settings, clock=VirtualClock())
        await self.server.start()
        asyncio.get_running_loop().set_exception_handler(self._broken)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop()
        asyncio.get_running_loop().set_exception_handler(None)

    async def run(self, parts: list[bytes]) -> Outcome:
        """Give a connection the parts of a stream, as an event loop does, and return what came of it."""
        outcome = self._outcome = Outcome()
        wire = Wire()
        wire.protocol = connection = Connection(self.server)
        connection.connection_made(wire)
        for part in parts:
            await self._until(lambda: wire.reading or wire.lost)
            if wire.lost:
                break
            asyncio.get_running_loop().call_soon(self._receive, wire, part)
            await asyncio.sleep(0)
        await self._settle(wire)
        outcome.sent, outcome.ended = bytes(wire.sent), wire.closing
        wire.close()
        await self._until(lambda: not self.server.in_flight and not self.server.websockets)
        if self.server.in_flight or self.server.websockets:
            outcome.broken.append(f"{self.server.in_flight} requests and {self.server.websockets} WebSockets never end")
            self.server.in_flight = self.server.websockets = 0
        return outcome

    # -- the application

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """End."""

    def drain(self) -> None:
        """The server stops soon."""

    async def handle(self, request: Request) -> Response:
        """Write a request down, and answer it.

        `/slow` is answered later, `/unread` without its body, `/none` with 204, `/stream` while its body is read.
        """
        seen = Seen(request.method, request.target, request.query_string)
        self._outcome.seen.append(seen)
        try:
            return await self._answer(request, seen)
        except HTTPError as error:
            return answer(error, request.method)
        except Disconnected:
            return answer(HTTPError(400))

    async def _answer(self, request: Request, seen: Seen) -> Response:
        if request.target == b"/ws" and request.upgrade and self._upgrade is not None:
            return self._upgrade(request)
        if request.target == b"/stream":
            return Stream(_poured(request.body, seen))
        if request.target == b"/slow":
            await asyncio.sleep(0)
        if request.target != b"/unread":
            seen.body = await _whole(request.body)
        if request.target == b"/slow":
            await asyncio.sleep(0)
        return Response(b"", 204) if request.target == b"/none" else text("x" * (len(seen.body or b"") % 100))

    def finish(
        self, request: Request, response: Response, *, sent: int = 0, error: BaseException | None = None
    ) -> None:
        """A request is over."""
        if error is not None and not isinstance(error, Disconnected | HTTPError):
            self._outcome.broken.append(f"{request!r} ended with {error!r}")

    # -- the loop

    def _receive(self, wire: Wire, part: bytes) -> None:
        if not wire.lost:
            wire.protocol.data_received(part)

    def _broken(self, _: object, context: dict[str, Any]) -> None:
        self._outcome.broken.append(f"{context.get('message')}: {context.get('exception')!r}")

    async def _until(self, condition: Callable[[], object]) -> None:
        for _ in range(_MOST):
            if condition():
                return
            await asyncio.sleep(0)

    async def _settle(self, wire: Wire) -> None:
        """Let everything happen that needs no more input."""
        quiet, before = 0, (-1, -1)
        for _ in range(_MOST):
            now = (len(wire.sent), len(self._outcome.seen))
            quiet, before = (quiet + 1 if now == before else 0), now
            if quiet > _QUIET:
                return
            await asyncio.sleep(0)


async def _poured(body: Body, seen: Seen) -> AsyncIterator[bytes]:
    """Answer with the body, which is asked for after the answer has begun."""
    yield b"first "
    read = b""
    async for chunk in body:
        read += chunk
        yield chunk
    seen.body = read


async def _whole(body: Body) -> bytes:
    return await body.read()
