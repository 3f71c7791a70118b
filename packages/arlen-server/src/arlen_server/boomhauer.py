"""Boomhauer: the development server: restarts the application when its files change, and survives broken code."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import msgspec

from arlen_core.errors import StartupError
from arlen_server.channel import Failed, Ready
from arlen_server.children import Child, Plan
from arlen_server.failures import Failure
from arlen_server.listeners import bind, name
from arlen_server.ports import remove_files
from arlen_server.settings import Settings
from arlen_server.solo import Solo
from arlen_server.standin import StandIn
from arlen_server.watching import Watcher

__all__ = ["Reloader"]

_RETRY_LIMIT = 30.0
_PATIENCE = 3.0  # seconds that the application may take to stop


class Reloader:
    """Keeps one application process running and answers in its place while it cannot.

    The listening sockets stay open here the whole time, so a connection waits while the application restarts; it is
    never refused. There are never two application processes: the old one has ended before the new one starts.

    Args:
        configure: reads the configuration, again at each restart; when it raises, the last good one stays.
        app: "module:attr", or "" for the default.
        root: the application's folder.
        environ: the environment of the application.
        emit: called with an event's name and its fields.
    """

    def __init__(
        self,
        configure: Callable[[], Settings],
        *,
        app: str = "",
        root: Path,
        environ: Mapping[str, str],
        emit: Callable[..., None],
    ) -> None:
        self.settings = _asked(environ)
        self.failure: Failure | None = None
        self._configure = configure
        self._app = app
        self._root = root.resolve()
        self._environ = environ
        self._emit = emit
        self._sockets: list[socket.socket] = []
        self._routes: list[dict[str, str]] | None = None
        self._retry = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._told: Any = None
        self._child: Child

    async def run(self) -> int:
        """Run until a signal says stop; the exit code.

        Raises:
            StartupError: the address cannot be had, or a folder to watch does not exist.
        """
        with suppress(Exception):  # the application will say it better
            self.settings = self._configure()
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._solo = Solo(self._environ, self._events.put_nowait)
        self._stand_in = StandIn()
        self._watcher = Watcher(self._root, self.settings.boomhauer)
        self._sockets = bind(self.settings)
        self._handle_signals()
        watching = asyncio.create_task(self._watch())
        try:
            self._emit("started", addresses=self._addresses, watcher=self._watcher.method)
            await self._start()
            while (event := await self._events.get()) is not None:
                await self._act(event)
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            await self._solo.end()
            await self._stand_in.leave()
            self._close_sockets(self.settings)
        self._emit("stopped")
        return 0

    # what happens

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            loop.add_signal_handler(number, self._events.put_nowait, None)
        loop.add_signal_handler(signal.SIGCHLD, self._solo.reap)

    async def _watch(self) -> None:
        try:
            async for paths in self._watcher.changes():
                self._events.put_nowait(paths)
        except (OSError, RuntimeError) as error:  # too many files for the system's notifications
            self._emit("watch_failed", reason=str(error), fix="add folders to `ignore`; looking again by polling")
            self._watcher.method = "poll"
            await self._watch()

    async def _act(self, event: Any) -> None:
        match event:
            case (self._child, Ready() as ready):
                await self._ready(ready)
            case (self._child, Failed() as failed):
                await self._broken(failed.failure)
            case (self._child, int() as code) if self.failure is None:
                await self._broken(_ended(code))
            case list():
                await self._changed(event)
            case "retry":
                await self._start()

    async def _ready(self, ready: Ready) -> None:
        self._child.state = "ready"
        self.failure, self._told, self._retry = None, None, 0.0
        await self._stand_in.leave()
        seconds = time.monotonic() - self._child.started_at
        viewer = self._addresses[0] + ready.viewer if ready.viewer else None
        self._emit("ready", worker_pid=self._child.pid, seconds=seconds, viewer=viewer)
        if ready.routes != self._routes:
            self._routes = ready.routes
            self._emit("routes", routes=ready.routes)

    async def _broken(self, failure: Failure) -> None:
        self.failure = failure
        first = self.settings.boomhauer.retry
        self._retry = min(_RETRY_LIMIT, self._retry * 2 or first)
        if failure.key != self._told:  # said once, however often it is tried again
            self._told = failure.key
            self._emit("broken", **msgspec.to_builtins(failure), retry_seconds=self._retry)
        await self._stand_in.show(failure, self.settings, self._sockets, retry=self._retry)
        if first:
            self._timer = asyncio.get_running_loop().call_later(self._retry, self._events.put_nowait, "retry")

    async def _changed(self, paths: list[Path]) -> None:
        files = [str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path) for path in paths]
        if not self.failure and all(self._watcher.effect(path) == "refresh" for path in paths):
            self._emit("refreshed", files=files)
            self._child.refresh(files, css=all(path.suffix == ".css" for path in paths))
            return
        self._emit("changed", files=files)
        await self._stand_in.leave()  # whoever asks now waits for the new code
        self._solo.patience = _PATIENCE + self.settings.boomhauer.drain
        await self._solo.end(gently=True)
        for path in [*paths, *self._further()]:
            _forget(path)
        self._retry = 0.0
        self._reconfigure()
        await self._start()

    def _further(self) -> list[Path]:
        """Changes that came while the old process ended: the new one sees them already."""
        waiting = [self._events.get_nowait() for _ in range(self._events.qsize())]
        for event in waiting:
            if not isinstance(event, list):
                self._events.put_nowait(event)
        return [path for event in waiting if isinstance(event, list) for path in event]

    async def _start(self) -> None:
        if self._timer:
            self._timer.cancel()
        self.failure = None
        tuning = self.settings.boomhauer
        sockets = tuple(one.fileno() for one in self._sockets)
        plan = Plan(app=self._app, root=str(self._root), sockets=sockets, development=True, browser=tuning.browser)
        try:
            self._child = await self._solo.start(plan)
        except OSError as error:  # the system starts no more processes
            await self._broken(Failure(stage="exit", message=f"no process could be started: {error}"))

    # the configuration

    def _reconfigure(self) -> None:
        old = self.settings
        try:
            self.settings = self._configure()
            if _where(old) != _where(self.settings):
                self._move(old)
        except Exception as error:  # noqa: BLE001  # the application will say it better
            self.settings = old
            self._emit("configuration_kept", reason=str(error))

    def _move(self, old: Settings) -> None:
        self._close_sockets(old)  # first, because the new addresses may be among the old ones
        try:
            self._sockets = bind(self.settings)
        except StartupError:
            self._sockets = bind(old)
            raise
        self._emit("moved", addresses=self._addresses)

    @property
    def _addresses(self) -> list[str]:
        return [name(one, tls=self.settings.tls is not None) for one in self._sockets]

    def _close_sockets(self, settings: Settings) -> None:
        for one in self._sockets:
            one.close()
        remove_files(settings)


def _ended(code: int) -> Failure:
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    message = f"the process ended by itself with {how}"
    return Failure(stage="exit", message=message, hint="The terminal shows what it printed last.", exit_code=code)


def _forget(path: Path) -> None:
    """Remove the compiled form of a source: two saves within a second and of one length look alike to Python."""
    if path.suffix == ".py":
        with suppress(OSError, NotImplementedError):
            Path(cache_from_source(str(path))).unlink()


def _asked(environ: Mapping[str, str]) -> Settings:
    """Return where `--host` and `--port` say, for as long as the files say nothing that can be read."""
    words = {name: environ.get(f"ARLEN_SERVER__{name.upper()}") for name in ("host", "port")}
    with suppress(msgspec.ValidationError):
        return msgspec.convert({name: word for name, word in words.items() if word}, Settings, strict=False)
    return Settings()


def _where(settings: Settings) -> tuple[Any, ...]:
    return settings.host, settings.port, settings.bind, settings.unix_mode, settings.tls
