"""Serving: run a server until a signal says stop, on the event loop that the settings name."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from arlen_core.heap import settle
from arlen_server.server import Application, Drained, Server
from arlen_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["loop_factory", "run", "serve"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve(
    app: Application,
    settings: Settings | None = None,
    *,
    sockets: list[socket.socket] | None = None,
    ready: Callable[[Server], Any] | None = None,
) -> Drained:
    """Serve until SIGTERM or SIGINT; must run in the main thread.

    Then: readiness fails while everything is still served for `drain_delay` seconds, the server drains for
    `drain_timeout` at most, and the application stops. A second signal cuts all that short.

    Args:
        app: the application.
        settings: of the server; the defaults if there are none.
        sockets: listeners that somebody else opened.
        ready: called with the server once it accepts connections.

    Raises `StartupError` when the server or the application cannot start.

    ```python
    import asyncio
    import os
    import signal

    from arlen_core.app import App
    from arlen_server.serving import serve
    from arlen_server.settings import Settings


    def stop(server: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


    settings = Settings(port=0, drain_delay=0)
    assert asyncio.run(serve(App("hello"), settings, ready=stop)).aborted == 0
    ```
    """
    server = Server(app, settings, sockets=sockets)
    with _signals() as (first, second):
        try:
            await server.start()
            settle(getattr(app, "env", ""))
            if ready is not None:
                ready(server)
            await first.wait()
            return await _leave(server, second)
        finally:
            await server.stop()


def run(
    app: Application,
    settings: Settings | None = None,
    *,
    sockets: list[socket.socket] | None = None,
    ready: Callable[[Server], Any] | None = None,
) -> Drained:
    """Do as `serve` does, in an event loop of its own: uvloop when it is installed and the settings allow it."""
    settings = Settings() if settings is None else settings
    with asyncio.Runner(loop_factory=loop_factory(settings.loop)) as runner:
        return runner.run(serve(app, settings, sockets=sockets, ready=ready))


def loop_factory(wanted: str = "auto") -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the event loop: "asyncio", "uvloop", or "auto", which is uvloop when it is installed.

    Raises `ImportError` for uvloop when it is not installed.

    >>> loop_factory("asyncio") is asyncio.new_event_loop
    True
    """
    if wanted == "asyncio" or (wanted == "auto" and find_spec("uvloop") is None):
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


async def _leave(server: Server, hurry: asyncio.Event) -> Drained:
    server.app.drain()
    leaving = asyncio.ensure_future(_drain(server))
    hurrying = asyncio.ensure_future(hurry.wait())
    await asyncio.wait({leaving, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not leaving.done():
        leaving.cancel()
        return await server.drain(0)
    return await leaving


async def _drain(server: Server) -> Drained:
    await asyncio.sleep(server.settings.drain_delay)
    return await server.drain()


@contextmanager
def _signals() -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Turn the first stop signal into one event and the second into another."""
    loop, first, second = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def note() -> None:
        (second if first.is_set() else first).set()

    for each in _SIGNALS:
        loop.add_signal_handler(each, note)
    try:
        yield first, second
    finally:
        for each in _SIGNALS:
            loop.remove_signal_handler(each)
