"""Server: accepts connections for one application, and stops without losing a request."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from arlen_server.listeners import bind, name
from arlen_server.settings import Settings

if TYPE_CHECKING:
    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["Application", "Drained", "Server", "Stats", "serve"]


class Application(Protocol):
    """What a server needs of an application; `arlen_core.app.App` is one."""

    async def start(self) -> None:
        """Start; a second call does nothing."""

    async def stop(self) -> None:
        """Stop; a second call does nothing."""

    async def handle(self, request: Request) -> Response:
        """Answer; errors are answers too."""

    def finish(self, request: Request, response: Response, *, sent: int, error: BaseException | None) -> None:
        """Take note that a handled request is over; called once for each."""

    def drain(self) -> None:
        """Fail the readiness check from now on."""


class Stats(Struct):
    """What a server is doing: open connections, requests in flight, open WebSockets; requests and refusals so far."""

    connections: int = 0
    in_flight: int = 0
    websockets: int = 0
    requests: int = 0
    refused: int = 0


class Drained(Struct, frozen=True):
    """How a drain went: requests and WebSockets that finished in time, and those that were cut off."""

    finished: int = 0
    aborted: int = 0


class Server:
    """Serves an application on its listeners (interface first; the protocol is being written)."""

    def __init__(self, app: Application, settings: Settings | None = None, *, sockets: list[socket.socket] | None = None) -> None:
        self.app = app
        self.settings = Settings() if settings is None else settings
        self.stats = Stats()
        self._sockets = sockets

    @property
    def addresses(self) -> list[str]:
        """The addresses that it listens on, such as `http://127.0.0.1:3000` and `unix:/run/app.sock`."""
        return [name(each, tls=self.settings.tls is not None) for each in self._sockets or []]

    async def start(self) -> None:
        """Start the application, then accept connections."""
        if self._sockets is None:
            self._sockets = bind(self.settings)
        await self.app.start()

    async def drain(self, timeout: float | None = None) -> Drained:
        """Stop accepting, let requests in flight finish for `timeout` seconds (`drain_timeout`), close the rest."""
        return Drained()

    async def stop(self) -> None:
        """Close everything at once and stop the application."""
        for each in self._sockets or []:
            each.close()
        await self.app.stop()


async def serve(
    app: Application,
    settings: Settings | None = None,
    *,
    sockets: list[socket.socket] | None = None,
    ready: Callable[[Server], Any] | None = None,
) -> Drained:
    """Serve until SIGTERM or SIGINT: fail readiness, serve on for `drain_delay`, drain, stop. A second signal stops at once.

    Args:
        ready: called with the server when it accepts connections.
    """
    server = Server(app, settings, sockets=sockets)
    signals = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, signals.set)
    await server.start()
    if ready is not None:
        ready(server)
    await signals.wait()
    app.drain()
    await asyncio.sleep(server.settings.drain_delay)
    drained = await server.drain()
    await server.stop()
    return drained
