"""Lifecycle: created, starting, started, stopping, stopped; what starts in order stops in reverse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from typing import Any

import anyio
from msgspec import Struct

from arlen_core.deadlines import named, within
from arlen_core.errors import ArlenError, StartupError
from arlen_core.hooks import Hooks
from arlen_core.startup import Startup

__all__ = ["Lifecycle", "StopError", "Unit"]

Step = Callable[[], Awaitable[object]]


class StopError(ExceptionGroup[Exception]):
    """Some parts failed to stop; all the others were stopped all the same."""


class Unit(Struct, frozen=True):
    """One part that starts and stops as a whole: the services, a mounted application.

    Attributes:
        name: for errors.
        start, stop: coroutine functions without arguments.
        timeout: seconds that either may take; `None` leaves it to the unit itself.
    """

    name: str
    start: Step
    stop: Step
    timeout: float | None = None


class Lifecycle:
    """The states of one application.

    Args:
        owner: what the hooks get: the application.
        hooks: its `will_start`, `did_start`, `will_stop` and `did_stop` are run.
        timeout: seconds for each function of a hook.
        startup: takes the time of each part of the start.

    Attributes:
        state: "created", "starting", "started", "stopping" or "stopped".

    ```python
    import anyio
    from arlen_core.lifecycle import Lifecycle, Unit

    seen = []


    def unit(name: str) -> Unit:
        async def start() -> None:
            seen.append(f"{name} up")

        async def stop() -> None:
            seen.append(f"{name} down")

        return Unit(name, start, stop)


    async def main() -> None:
        life = Lifecycle()
        life.add(unit("database"))
        life.add(unit("jobs"))
        await life.start()
        await life.stop()


    anyio.run(main)
    assert seen == ["database up", "jobs up", "jobs down", "database down"]
    ```
    """

    def __init__(
        self, owner: Any = None, hooks: Hooks | None = None, *, timeout: float = 30.0, startup: Startup | None = None
    ) -> None:
        self.owner = owner
        self._startup = Startup() if startup is None else startup
        self.hooks = hooks if hooks is not None else Hooks()
        self.timeout = timeout
        self.state = "created"
        self._units: list[Unit] = []
        self._running: list[Unit] = []
        self._lock = anyio.Lock()
        self._attempt = 0
        self._failure: StartupError | None = None

    def add(self, unit: Unit) -> None:
        """Add a unit, to start after those before it; `StartupError` unless the state is created or stopped."""
        if self.state not in {"created", "stopped"}:
            raise StartupError(f"{unit.name} came when the application was {self.state}", fix="add it before the start")
        self._units.append(unit)

    def arrange(self, units: Iterable[Unit]) -> None:
        """Put these units in the place of all others; `StartupError` when the application already runs."""
        self._units = []
        for unit in units:
            self.add(unit)

    async def start(self) -> None:
        """Run `will_start`, start the units in order, run `did_start`.

        When one fails, or the caller is cancelled, what has started is stopped in reverse order, `did_stop` runs, and
        the error goes on. Does nothing when all has started. Callers at the same time share one start and its error.
        `StartupError` names what failed.
        """
        shared = self._attempt if self.state == "starting" else None
        async with self._lock:
            if self._failure is not None and shared == self._attempt:
                raise self._failure
            if self.state != "started":
                await self._start()

    async def stop(self) -> None:
        """Run `will_stop`, stop the units in reverse order, run `did_stop`; each, even when others fail.

        It runs to its end even when the caller is cancelled, and does nothing unless all has started.
        A start under way is waited for. `StopError` holds every failure.
        """
        async with self._lock:
            if self.state != "started":
                return
            failures = await self._fall(self._hook("will_stop"))
        if failures:
            raise StopError("the application stopped, but not cleanly", failures)

    async def _start(self) -> None:
        self._attempt += 1
        self._failure, self.state = None, "starting"
        try:
            with self._startup.whole():
                await self._rise()
        except BaseException as error:
            self._failure = error if isinstance(error, StartupError) else None
            for failure in await self._fall(()):
                error.add_note(f"while rolling back: {failure}")
            raise
        self.state = "started"

    async def _rise(self) -> None:
        for what, step in self._hook("will_start"):
            await self._starting(what, step, self.timeout)
        for unit in self._units:
            await self._starting(unit.name, unit.start, unit.timeout)
            self._running.append(unit)
        for what, step in self._hook("did_start"):
            await self._starting(what, step, self.timeout)

    async def _starting(self, what: str, step: Step, timeout: float | None) -> None:
        with self._startup.part(what):
            await _starting(what, step, timeout)

    async def _fall(self, first: Iterable[tuple[str, Step]]) -> list[Exception]:
        self.state = "stopping"
        failures: list[Exception] = []
        with anyio.CancelScope(shield=True):
            for what, step in first:
                await _stopping(what, step, self.timeout, failures)
            while self._running:
                unit = self._running.pop()
                await _stopping(unit.name, unit.stop, unit.timeout, failures)
            for what, step in self._hook("did_stop"):
                await _stopping(what, step, self.timeout, failures)
        self.state = "stopped"
        return failures

    def _hook(self, name: str) -> list[tuple[str, Step]]:
        return [(f"{name} hook {named(each)}", _bound(each, self.owner)) for each in self.hooks.functions(name)]


def _bound(function: Callable[..., Any], owner: Any) -> Step:
    async def step() -> None:
        made = function(owner)
        if isawaitable(made):
            await made

    return step


async def _starting(what: str, step: Step, timeout: float | None) -> None:
    try:
        await within(timeout, step, f"{what} did not start")
    except StartupError:
        raise
    except Exception as error:
        raise StartupError(_failed(what, "start", error), code="start_failed") from error


async def _stopping(what: str, step: Step, timeout: float | None, failures: list[Exception]) -> None:
    try:
        await within(timeout, step, f"{what} did not stop")
    except StopError as error:
        failures.extend(error.exceptions)
    except Exception as error:  # noqa: BLE001  # the others are stopped all the same
        failure = ArlenError(_failed(what, "stop", error))
        failure.__cause__ = error
        failures.append(failure)


def _failed(what: str, verb: str, error: Exception) -> str:
    known = isinstance(error, ArlenError) and what in str(error)
    return str(error) if known else f"{what} failed to {verb}: {type(error).__name__}: {error}"
