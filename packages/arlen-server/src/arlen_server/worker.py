"""Worker: the process that loads the application and serves it, for propane and for boomhauer."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from traceback import print_exception
from typing import Any

import msgspec

from arlen_core.errors import ConfigError, StartupError
from arlen_core.heap import settle
from arlen_core.loading import load
from arlen_core.routes import table
from arlen_server.channel import Beat, Channel, Failed, Ready, Refresh, Retire
from arlen_server.children import Plan
from arlen_server.failures import report
from arlen_server.lifeline import Lifeline
from arlen_server.refresh import Hub
from arlen_server.refresh import Refresh as Refreshing
from arlen_server.server import Server
from arlen_server.serving import loop_factory
from arlen_server.settings import Settings
from arlen_server.tape import Tape
from arlen_server.traces import Traces
from arlen_server.viewer import REQUESTS

__all__ = ["Worker", "main", "resident"]

_BEAT = 1.0  # seconds between two heartbeats, or a quarter of the timeout when that is less


class Worker:
    """One worker process: load, start, serve, tell the manager, and stop when told or when the manager is gone.

    Args:
        plan: what to serve.
        channel: to the manager.
    """

    def __init__(self, plan: Plan, channel: Channel) -> None:
        self.plan = plan
        self.channel = channel
        self.root = Path(plan.root)
        self.hub = Hub(token_hex(4))
        self.settings = Settings()
        self._viewer = ""
        self._lifeline: Lifeline | None = None
        self._ask: asyncio.Future[str]

    def run(self) -> int:
        """Load the application and serve it; the process's exit code."""
        with Tape() as tape:
            try:
                app = load(self.plan.app or None, self.root)
                self.settings = app.settings("server", Settings)
                factory = loop_factory(self.settings.loop)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever it is, the manager must hear of it
                return self._fail(error, "load", tape)
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(self._serve(app))

    async def _serve(self, app: Any) -> int:
        loop = asyncio.get_running_loop()
        sockets = [socket.socket(fileno=fd) for fd in self.plan.sockets]
        shown = self._shown(app) if self.plan.development else app
        with Tape() as tape:
            try:
                server = Server(shown, self.settings, sockets=sockets)
            except StartupError as error:
                return self._fail(error, "serve", tape)
        self._ask = loop.create_future()
        self._listen(loop)
        starting = loop.create_task(self._start(app, server))
        first: set[asyncio.Future[Any]] = {starting, self._ask}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
        elif starting.result():
            self.channel.send(Ready(_routes(app), self._viewer) if self.plan.development else Ready())
            self._beat(loop, server)
            await self._leave(await self._ask, app, server)
        code = 0 if starting.cancelled() or starting.result() else 1
        loop.remove_reader(self.channel.fileno())
        if self._lifeline:
            self._lifeline.release()
        return code

    def _shown(self, app: Any) -> Refreshing:
        tuning, traces = self.settings.boomhauer, None
        if tuning.requests and app.debug:
            traces = Traces(tuning.requests, tuning.spans, frozenset(app.logs.settings.mask))
            app.spans.listen(traces.tell)
            app.logs.heard = traces.hear
            self._viewer = REQUESTS.decode()
        return Refreshing(app, self.hub, browser=self.plan.browser, traces=traces)

    async def _start(self, app: Any, server: Server) -> bool:
        stage = "start"
        with Tape() as tape:
            try:
                await app.start()
                stage = "serve"
                await server.start()
                settle(getattr(app, "env", ""))
            except Exception as error:  # noqa: BLE001  # whatever it is, the manager must hear of it
                self._fail(error, stage, tape)
                with suppress(Exception):
                    await server.stop()
                return False
        return True

    async def _leave(self, why: str, app: Any, server: Server) -> None:
        self.hub.close()
        timeout = self.settings.drain_timeout
        if self.plan.development:
            timeout = self.settings.boomhauer.drain if why == "retire" else 0.0
        elif why == "shutdown":
            app.drain()  # readiness fails first, while everything is still served
            await asyncio.sleep(self.settings.drain_delay)
        await server.drain(timeout)
        await server.stop()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        def lost() -> None:
            with suppress(RuntimeError):  # the loop is closed: this process ends already
                loop.call_soon_threadsafe(self._orphaned)

        finish = self.settings.drain_timeout + self.settings.propane.stop_timeout
        self._lifeline = Lifeline(self.channel.fileno(), lost, finish=finish)
        self._lifeline.start()
        loop.add_reader(self.channel.fileno(), self._hear, loop)
        loop.add_signal_handler(signal.SIGTERM, self._stop, "shutdown")
        if not self.plan.development:  # there, Ctrl-C reaches both processes, and boomhauer decides
            loop.add_signal_handler(signal.SIGINT, self._stop, "shutdown")

    def _hear(self, loop: asyncio.AbstractEventLoop) -> None:
        for message in self.channel.receive():
            if isinstance(message, Retire):
                self._stop("retire")
            elif isinstance(message, Refresh):
                self.hub.tell(css=message.css)
        if not self.channel.open:
            loop.remove_reader(self.channel.fileno())
            self._orphaned()

    def _orphaned(self) -> None:
        if self._lifeline:
            self._lifeline.acknowledge()
        self._stop("orphaned")

    def _stop(self, why: str) -> None:
        if not self._ask.done():
            self._ask.set_result(why)

    def _beat(self, loop: asyncio.AbstractEventLoop, server: Server) -> None:
        stats = server.stats
        self.channel.send(Beat(stats.requests, stats.connections, resident()))
        timeout = self.settings.propane.heartbeat_timeout
        loop.call_later(min(_BEAT, timeout / 4 or _BEAT), self._beat, loop, server)

    def _fail(self, error: BaseException, stage: str, tape: Tape) -> int:
        failure = report(error, stage=stage, root=self.root, output=tape.text)
        if not self.plan.development:
            if isinstance(error, ConfigError):  # about a setting, not about code
                sys.stderr.write(f"{error}\n")
            else:
                print_exception(error)
        self.channel.send(Failed(failure))
        return 1


def main(argument: str | None = None) -> int:
    """Run as `python -m arlen_server.worker PLAN`, the plan in JSON; the exit code."""
    plan = msgspec.json.decode(argument or sys.argv[1], type=Plan)
    channel = Channel(socket.socket(fileno=plan.channel))
    os.set_inheritable(plan.channel, False)  # what the application starts must not keep the manager waiting
    for fd in plan.sockets:
        os.set_inheritable(fd, False)
    if plan.development:
        signal.signal(signal.SIGINT, _ignore)
    else:
        faulthandler.register(signal.SIGUSR1)  # the manager asks where this process is stuck
    return Worker(plan, channel).run()


def resident() -> int:
    """Resident memory of this process in bytes; outside Linux, the most that it ever was.

    >>> resident() > 1_000_000
    True
    """
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[1]
        return int(pages) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def _routes(app: Any) -> list[dict[str, str]]:
    rows = table(app.flat(), app.root)
    return [{key: str(row[key]) for key in ("method", "path", "name", "handler")} for row in rows]


def _ignore(number: int, frame: object) -> None:
    """Ignore a signal in this process only: unlike SIG_IGN, a handler is not inherited by what it starts."""


if __name__ == "__main__":
    sys.exit(main())
