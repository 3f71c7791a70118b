"""Server: accepts connections for one application, and stops without losing a request."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from msgspec import Struct

from arlen_core.clock import Clock, SystemClock
from arlen_server.connections import Connection
from arlen_server.drivers import Drivers
from arlen_server.heads import HeadParser
from arlen_server.listeners import bind, name
from arlen_server.outlets import Outlet
from arlen_server.proxies import Proxies
from arlen_server.replies import HeadWriter
from arlen_server.settings import Settings
from arlen_server.telemetry import observe
from arlen_server.wheels import Wheel

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable

    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["Application", "Drained", "Server", "Stats"]

_ARRIVAL = 3  # turns of asyncio's event loop from `accept` to `connection_made`, and one to spare
_RESERVED = 64  # descriptors for listeners, files and databases


class Application(Protocol):
    """What a server needs of an application; `arlen_core.app.App` is one."""

    async def start(self) -> None:
        """Start; a second call does nothing."""

    async def stop(self) -> None:
        """Stop; a second call does nothing."""

    def handle(self, request: Request, /) -> Awaitable[Response]:
        """Answer; errors are answers too."""

    def finish(
        self, request: Request, response: Response, *, sent: int = 0, error: BaseException | None = None
    ) -> None:
        """Take note that a handled request is over; called once for each."""

    def drain(self) -> None:
        """Fail the readiness check from now on."""


class Stats(Struct, frozen=True):
    """What a server is doing: connections, requests and WebSockets that are open; requests and refusals so far."""

    connections: int = 0
    in_flight: int = 0
    websockets: int = 0
    requests: int = 0
    refused: int = 0


class Drained(Struct, frozen=True):
    """How a drain went: requests and WebSockets that ended in time, and those that were cut off."""

    finished: int = 0
    aborted: int = 0


class Server:
    r"""Serves one application on its listeners, in the running event loop.

    Args:
        app: the application.
        settings: limits, timeouts and addresses; the defaults if there are none.
        sockets: listeners that somebody else opened, instead of those in the settings. The server closes them.
        clock: where time comes from, for tests.

    ```python
    import asyncio

    from arlen_core.app import App
    from arlen_server.server import Server
    from arlen_server.settings import Settings

    app = App("hello")


    @app.get("/")
    async def hello() -> str:
        return "hello"


    async def main() -> str:
        server = Server(app, Settings(port=0))
        await server.start()
        port = int(server.addresses[0].rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await server.drain()
        await server.stop()
        return answer.decode()


    assert asyncio.run(main()).endswith("\r\n\r\nhello")
    ```

    Attributes:
        addresses: such as `http://127.0.0.1:3000` and `unix:/run/app.sock`.
        draining: whether it accepts nothing any more.
        reasons: how many requests it refused so far, by the code of the refusal.
    """

    TURNED_AWAY = 128
    """Connections past `max_connections` that are told so; more are cut without a word."""

    def __init__(
        self,
        app: Application,
        settings: Settings | None = None,
        *,
        sockets: list[socket.socket] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.app = app
        self.settings = settings = Settings() if settings is None else settings
        self.clock: Clock = SystemClock() if clock is None else clock
        self.loop: asyncio.AbstractEventLoop
        self.drivers: Drivers
        self.addresses: list[str] = []
        self.draining = False
        self.in_flight = self.requests = self.refused = self.websockets = 0
        self.reasons: Counter[str] = Counter()
        self.max_connections = settings.max_connections
        self.parser = HeadParser(settings.max_line, settings.max_header_bytes, settings.max_headers)
        self.writer = HeadWriter()
        self.proxies = Proxies(settings.trusted_proxies, settings.proxy_headers) if settings.trusted_proxies else None
        self.wheel: Wheel[Outlet] = Wheel(self.clock, each=self._refresh)
        self._sockets, self._own = sockets, sockets is None
        self._acceptors: list[asyncio.AbstractServer] = []
        self._empty: asyncio.Event | None = None

    @property
    def stats(self) -> Stats:
        """What the server is doing now."""
        return Stats(len(self.wheel.members), self.in_flight, self.websockets, self.requests, self.refused)

    async def start(self) -> None:
        """Open the listeners, start the application, then accept connections.

        Raises `StartupError` when an address, the certificate or the application is wrong; then nothing stays open.
        """
        tls = self._tls()
        sockets = bind(self.settings) if self._sockets is None else self._sockets
        self._sockets = sockets
        self.addresses = [name(each, tls=tls is not None) for each in sockets]
        self.loop = asyncio.get_running_loop()
        self.max_connections = _affordable(self.settings.max_connections)
        try:
            observe(self.app, self)
            await self.app.start()
            self.drivers = Drivers(self.app.handle, self.loop)
            for each in sockets:
                self._acceptors.append(await self._accept(each, tls))
        except BaseException:
            await self._close_listeners()
            raise

    async def drain(self, timeout: float | None = None) -> Drained:
        """Accept nothing more, let what is in flight finish, and close every connection.

        Idle connections may send one more request for `drain_idle` seconds, because a client that is just sending
        cannot know; each answer from now on says `Connection: close`. WebSockets are closed with code 1001.

        Args:
            timeout: seconds until what is left is cut off; `drain_timeout` by default.
        """
        self.draining = True
        begun, busy = self.requests, self.in_flight + self.websockets
        await self._close_listeners()
        self._empty = asyncio.Event()
        for member in list(self.wheel.members):
            member.depart()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.drain_timeout if timeout is None else timeout):
                await self._quiet(self._empty)
        aborted = self.in_flight + self.websockets
        await self._abort()
        return Drained(finished=self.requests - begun + busy - aborted, aborted=aborted)

    async def stop(self) -> None:
        """Cut off what is left and stop the application. A second call does nothing."""
        self.draining = True
        await self._close_listeners()
        await self._abort()
        self.wheel.stop()
        if hasattr(self, "drivers"):
            await self.drivers.stop()
        await self.app.stop()

    # -- for connections

    def crowd(self) -> int:
        """Return how many connections there are too many."""
        return len(self.wheel.members) - self.max_connections

    def left(self, member: Outlet) -> None:
        """A connection is lost."""
        self.wheel.remove(member)
        if self._empty is not None and not self.wheel.members:
            self._empty.set()

    # -- inside

    def _tls(self) -> ssl.SSLContext | None:
        if self.settings.tls is None:
            return None
        from arlen_server.tls import make_context  # most servers are behind a proxy that does this

        return make_context(self.settings.tls)

    async def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> asyncio.AbstractServer:
        plain = isinstance(self.loop, asyncio.BaseEventLoop)
        # with a long queue, plain asyncio spins in `accept` when descriptors run out
        options: dict[str, Any] = {"backlog": self.settings.backlog or (128 if plain else 1024), "ssl": tls}
        if tls is not None:
            options["ssl_handshake_timeout"] = self.settings.tls_timeout
        if listener.family == socket.AF_UNIX and not plain:
            if sys.version_info >= (3, 13):
                options["cleanup_socket"] = False  # the file may belong to several processes: see `_close_listeners`
            return await self.loop.create_unix_server(self._connection, sock=listener, **options)
        return await self.loop.create_server(self._connection, sock=listener, **options)

    def _connection(self) -> asyncio.Protocol:
        return cast("asyncio.Protocol", Connection(self))

    async def _close_listeners(self) -> None:
        acceptors, self._acceptors = self._acceptors, []
        sockets, self._sockets = self._sockets or [], []
        for listener in sockets if self._own else ():
            _unlink(listener)
        if acceptors and isinstance(self.loop, asyncio.BaseEventLoop):
            # stop accepting, then let connections that are accepted already arrive: closing now would reset them
            for listener in sockets:
                self.loop.remove_reader(listener)
            for _ in range(_ARRIVAL):
                await asyncio.sleep(0)
        for acceptor in acceptors:
            acceptor.close()
        for listener in sockets:
            listener.close()
        await asyncio.sleep(0)  # asyncio closes its servers in the next turn

    async def _abort(self) -> None:
        for member in list(self.wheel.members):
            member.transport.abort()
        while self.wheel.members:  # noqa: ASYNC110  # each is lost in one of the next turns
            await asyncio.sleep(0)

    async def _quiet(self, empty: asyncio.Event) -> None:
        """Wait until there is no connection, and no handler either: some run on when their client has left."""
        if self.wheel.members:
            await empty.wait()
        while busy := self.drivers.busy - {asyncio.current_task()}:
            await asyncio.wait(busy)

    def _refresh(self) -> None:
        self.writer.refresh(self.clock.now().timestamp())
        self.parser.lines.clear()


def _unlink(listener: socket.socket) -> None:
    """Remove the file of a Unix socket."""
    if listener.fileno() >= 0 and listener.family == socket.AF_UNIX:
        Path(listener.getsockname()).unlink(missing_ok=True)


def _affordable(connections: int) -> int:
    """Return how many connections there are descriptors for: accepting more would make `accept` fail in a loop."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - _RESERVED))
