"""What the tests of the server share: an application that records, real peers, a transport without a network."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest

from arlen_core.clock import VirtualClock
from arlen_core.errors import Disconnected, HTTPError
from arlen_core.problems import problem
from arlen_core.requests import Request
from arlen_core.responses import Response, text
from arlen_server.connections import Connection
from arlen_server.server import Server
from arlen_server.settings import Settings

LOOPS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    pytest.param(
        ("asyncio", {"use_uvloop": True}),
        id="uvloop",
        marks=pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed"),
    ),
]
PATIENCE = 20.0  # seconds; only a broken server makes a test wait that long


@pytest.fixture(scope="session", autouse=True)
def warm() -> None:
    """The first uvloop of a process opens a pipe for signals that stays for good: no test leaks it."""
    if find_spec("uvloop") is not None:
        import uvloop

        uvloop.new_event_loop().close()


@pytest.fixture(params=LOOPS)
def anyio_backend(request) -> tuple[str, dict[str, Any]]:
    """Every asynchronous test runs on both event loops."""
    return request.param


class Recorder:
    """An application: handlers by path, a record of what was handled and how it ended."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[Request], Awaitable[Response]]] = {}
        self.seen: list[tuple[str, bytes, bytes]] = []
        self.ended: list[tuple[Request, Response, int, BaseException | None]] = []
        self.calls: list[str] = []

    def on(self, path: str) -> Callable[[Any], Any]:
        """Register a handler."""

        def register(handler: Any) -> Any:
            self.handlers[path] = handler
            return handler

        return register

    async def start(self) -> None:
        self.calls.append("start")

    async def stop(self) -> None:
        self.calls.append("stop")

    def drain(self) -> None:
        self.calls.append("drain")

    async def handle(self, request: Request) -> Response:
        self.seen.append((request.method, request.target, request.query_string))
        handler = self.handlers.get(request.path, _echo)
        try:
            return await handler(request)
        except (HTTPError, Disconnected) as error:
            shown = error if isinstance(error, HTTPError) else HTTPError(400)
            answer = problem(request, shown)
            answer.raw.append((b"x-request-id", b"0" * 32))
            return answer

    def finish(self, request: Request, response: Response, *, sent: int, error: BaseException | None) -> None:
        self.ended.append((request, response, sent, error))

    @property
    def outcomes(self) -> list[tuple[bytes, int, int, str]]:
        """Target, status, bytes sent and kind of error of each request that is over."""
        return [
            (request.target, response.status, sent, type(error).__name__ if error else "")
            for request, response, sent, error in self.ended
        ]


async def _echo(request: Request) -> Response:
    return text(f"{request.method} {request.path} {await request.body.read()!r}")


class Answer(msgspec.Struct):
    """One parsed response."""

    status: int
    headers: dict[str, str]
    body: bytes
    interim: int = 0

    @property
    def code(self) -> str:
        """The code of a problem, or ""."""
        if self.headers.get("content-type") != "application/problem+json" or not self.body:
            return ""
        return msgspec.json.decode(self.body)["code"]


class Peer:
    """A client on a real socket that reads responses strictly."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def read(self, count: int) -> bytes:
        """Return exactly so many bytes."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(count)

    async def rest(self) -> bytes:
        """Return everything until the server closes."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def closed(self) -> bool:
        """Wait until the server closes, and close too; say whether nothing came before that."""
        try:
            return await self.rest() == b""
        except ConnectionError:
            return True
        finally:
            self.finish()

    async def answer(self, method: str = "GET") -> Answer:
        """Return the next response to a request of this method."""
        async with asyncio.timeout(PATIENCE):
            return await self._answer(method)

    async def _answer(self, method: str) -> Answer:
        interim = 0
        while True:
            status, headers = parse_head(await self.reader.readuntil(b"\r\n\r\n"))
            if status >= 200 or status == 101:
                break
            interim += 1
        if method == "HEAD" or status in {101, 204, 304}:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = await self._chunked()
        elif "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
        else:
            body = await self.reader.read()
        return Answer(status, headers, body, interim)

    async def _chunked(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return body

    async def ask(self, data: bytes, method: str = "GET") -> Answer:
        """Send bytes and return the next response."""
        self.send(data)
        return await self.answer(method)

    def reset(self) -> None:
        """Leave without a word: the server's system learns it by RST."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def finish(self) -> None:
        """Leave politely."""
        self.writer.transport.close()

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Return status and fields of a response head; each line must be well formed and no field may come twice."""
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    version, status, _ = line.split(" ", 2)
    assert version == "HTTP/1.1"
    pairs = [field.split(": ", 1) for field in fields]
    names = [name for name, _ in pairs]
    assert sorted(set(names)) == sorted(names)
    return int(status), dict(pairs)


class Served:
    """A server that runs, its application, and the means to look at it."""

    def __init__(self, server: Server, app: Recorder, clock: VirtualClock | None) -> None:
        self.server, self.app, self.clock = server, app, clock
        self.peers: list[Peer] = []

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.server.addresses[0].rpartition(":")[2])

    async def connect(self, **options: Any) -> Peer:
        """Open a connection."""
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        self.peers.append(peer)
        return peer

    async def ask(self, data: bytes, method: str = "GET") -> Answer:
        """Send one request on a connection of its own and return the response."""
        peer = await self.connect()
        return await peer.ask(data, method)

    async def wait(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.001)

    async def pass_time(self, seconds: float) -> None:
        """Move the virtual clock, and let the server look at it."""
        assert self.clock is not None
        self.clock.shift(seconds)
        self.server.wheel.turn()
        await asyncio.sleep(0)


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Awaitable[Served]]]:
    """Start servers: call it with settings, and with `virtual=True` for a clock that stands still."""
    running: list[Served] = []

    async def start(*, virtual: bool = False, app: Any = None, **settings: Any) -> Served:
        clock = VirtualClock() if virtual else None
        recorder = Recorder() if app is None else app
        server = Server(recorder, Settings(**{"port": 0, **settings}), clock=clock)
        await server.start()
        await asyncio.sleep(0)  # the drivers park
        served = Served(server, recorder, clock)
        running.append(served)
        return served

    yield start
    for served in running:
        for peer in served.peers:
            await peer.close()
        await served.server.stop()
        assert served.server.stats.in_flight == 0
        assert served.server.stats.connections == 0
        assert served.server.stats.websockets == 0


class FakeTransport(asyncio.Transport):
    """A transport without a network: what was written is in `data`."""

    def __init__(self, protocol: Connection, *, capacity: int | None = None) -> None:
        super().__init__()
        self.protocol: Any = protocol
        self.data = b""
        self.capacity = capacity  # bytes that the client reads before it stops
        self.waiting = 0
        self.reading, self.closing, self.eof, self.lost = True, False, False, False
        self.high = 65536
        self.most = 0

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = 65536 if high is None else high

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        known = {"peername": ("192.0.2.7", 50000), "sockname": ("192.0.2.1", 80)}
        return known.get(name, default)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: bytes) -> None:
        assert not self.eof
        assert not self.closing
        self.data += data
        if self.capacity is not None:
            self.waiting = max(0, len(self.data) - self.capacity)
            self.most = max(self.most, self.waiting)
            if self.waiting > self.high and not self.protocol.paused:
                self.protocol.pause_writing()

    def consume(self, size: int) -> None:
        """The client reads so many bytes more."""
        self.capacity += size
        self.waiting = max(0, len(self.data) - self.capacity)
        if self.waiting <= self.high // 4 and self.protocol.paused:
            self.protocol.resume_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.eof = True

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self._lose)

    def abort(self) -> None:
        self.waiting = 0
        self.close()

    def _lose(self) -> None:
        self.lost = True
        self.protocol.connection_lost(None)


class Wire:
    """A connection of a server to a transport without a network."""

    def __init__(self, server: Server, *, capacity: int | None = None) -> None:
        self.protocol = Connection(server)
        self.transport = FakeTransport(self.protocol, capacity=capacity)
        self.protocol.connection_made(self.transport)

    async def feed(self, *parts: bytes) -> None:
        """Give bytes to the protocol, as an event loop does: from outside any task, and only while it reads."""
        for part in parts:
            for _ in range(100):
                if self.transport.reading or self.transport.lost:
                    break
                await asyncio.sleep(0)
            if self.transport.lost:
                return
            asyncio.get_running_loop().call_soon(self.transport.protocol.data_received, part)
            await asyncio.sleep(0)

    async def settle(self, turns: int = 30) -> None:
        """Let everything happen that needs no more input."""
        for _ in range(turns):
            await asyncio.sleep(0)


@pytest.fixture(scope="session")
def wire() -> type[Wire]:
    """The class of connections without a network."""
    return Wire


@pytest.fixture(scope="session")
def recorder() -> type[Recorder]:
    """The class of applications that record."""
    return Recorder


@pytest.fixture(scope="session")
def heads() -> Callable[[bytes], tuple[int, dict[str, str]]]:
    """The parser of response heads."""
    return parse_head


@pytest.fixture(scope="session")
def slow_socket() -> Callable[[int], socket.socket]:
    """Open a connection that takes little: small buffers, and nobody reads."""

    def connect(port: int) -> socket.socket:
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", port))
        return peer

    return connect
