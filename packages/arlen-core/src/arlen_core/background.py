"""Background: work after the response, bounded, logged, and drained when the application stops."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct

from arlen_core.deadlines import named
from arlen_core.errors import ArlenError, error_type
from arlen_core.meters import Meters
from arlen_core.spans import Tracer

if TYPE_CHECKING:
    import asyncio

    from arlen_core.logs import Log

__all__ = ["Background", "BackgroundFull", "BackgroundSettings", "Drained"]


class BackgroundFull(ArlenError):
    """There is no room for more background work, or the application is stopping."""


class BackgroundSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[background]`.

    Attributes:
        limit: tasks that run at the same time.
        queue: tasks that may wait for a place; one more is refused.
        drain: seconds that running and waiting tasks have when the application stops, before they are cancelled.
        grace: seconds that cancelled tasks have to clean up.
    """

    limit: int = 64
    queue: int = 1024
    drain: float = 10.0
    grace: float = 5.0


class Drained(Struct, frozen=True):
    """What `Background.stop` did: how many tasks finished, and the names of those cancelled, dropped or stuck."""

    finished: int = 0
    cancelled: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()


class _Job(Struct, eq=False):
    name: str
    run: Callable[[], Any]
    context: Context
    threaded: bool


class Background:
    """Runs functions after the response.

    Args:
        settings: the bounds.
        log: where failures are logged; each with the context of the request that asked for it.
        meters: count what runs, what waits, how long it took, and what failed or was refused.
        spans: get one for each function, inside of the request that asked for it.

    Attributes:
        settings: the bounds.

    A coroutine function runs as a task on the event loop; a plain function runs in a worker thread.

    ```python
    import anyio
    from arlen_core.background import Background, Drained


    async def main() -> Drained:
        sent: list[str] = []

        async def send(address: str) -> None:
            sent.append(address)

        background = Background()
        background.spawn(send, "ada@example.org")
        report = await background.stop()
        assert sent == ["ada@example.org"]
        return report


    assert anyio.run(main) == Drained(finished=1)
    ```
    """

    def __init__(
        self,
        settings: BackgroundSettings | None = None,
        log: Log | None = None,
        *,
        meters: Meters | None = None,
        spans: Tracer | None = None,
    ) -> None:
        self.settings = settings or BackgroundSettings()
        self._log = log
        self._spans = Tracer() if spans is None else spans
        self._meters = Meters() if meters is None else meters
        self._declare(self._meters)
        self._running: dict[asyncio.Task[None], _Job] = {}
        self._waiting: deque[_Job] = deque()
        self._finished = 0
        self._open = True

    def __len__(self) -> int:
        return len(self._running) + len(self._waiting)

    @property
    def full(self) -> bool:
        """True when one more task would be refused."""
        return not self._open or len(self) >= self.settings.limit + self.settings.queue

    def spawn(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Run `function(*args, **kwargs)` soon; `BackgroundFull` when there is no room or the application stops.

        Must be called on the event loop.
        """
        name = named(function)
        self._admit(name)
        job = _Job(name, partial(function, *args, **kwargs), copy_context(), not iscoroutinefunction(function))
        if len(self._running) < self.settings.limit:
            self._begin(job)
        else:
            self._waiting.append(job)

    def refused(self) -> None:
        """Count work that was refused: `spawn` does, and whoever asks `full` first and then refuses."""
        self._refusals.add(1)

    def start(self) -> None:
        """Take work again, after a stop."""
        self._open = True
        self._finished = 0

    async def stop(self) -> Drained:
        """Refuse more, wait `drain` seconds for what is there, then cancel it and say what it was."""
        self._open = False
        with anyio.move_on_after(self.settings.drain):
            await self._empty()
        dropped = tuple(job.name for job in self._waiting)
        self._waiting.clear()
        cancelled = dict(self._running)
        for task in cancelled:
            task.cancel()
        with anyio.move_on_after(self.settings.grace):
            await self._empty()
        report = Drained(self._finished, tuple(job.name for job in cancelled.values()), dropped, self._names())
        self._report(report)
        return report

    def _names(self) -> tuple[str, ...]:
        return tuple(job.name for job in self._running.values())

    def _declare(self, meters: Meters) -> None:
        work = "Background work, running and waiting."
        meters.observe("arlen.background.tasks", work, self._counts, labels=("state",), unit="{task}")
        took = "Time that background work took, by what it was and what it failed with."
        self._durations = meters.histogram("arlen.background.duration", took, labels=("task", "error.type"))
        failed = "Background work that failed."
        self._failures = meters.counter("arlen.background.failures", failed, labels=("task",), unit="{task}")
        refused = "Background work for which there was no room."
        self._refusals = meters.counter("arlen.background.refused", refused, unit="{task}")

    def _counts(self) -> dict[tuple[str, ...], int]:
        return {("running",): len(self._running), ("waiting",): len(self._waiting)}

    def _admit(self, name: str) -> None:
        if self.full:
            self.refused()
        if not self._open:
            raise BackgroundFull(f"{name} was not taken: the application is stopping")
        if len(self._running) >= self.settings.limit and len(self._waiting) >= self.settings.queue:
            raise BackgroundFull(
                f"{name} was not taken: {self.settings.limit} background tasks run and {self.settings.queue} wait "
                "(fix: raise background.limit or background.queue, or give the work to a job queue)"
            )

    def _begin(self, job: _Job) -> None:
        import asyncio  # 6 MB, which every event loop has already, but not every import

        task = asyncio.get_running_loop().create_task(self._run(job), name=job.name, context=job.context)
        self._running[task] = job
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._finished += not task.cancelled()
        while self._waiting and len(self._running) < self.settings.limit:
            self._begin(self._waiting.popleft())

    async def _run(self, job: _Job) -> None:
        watched = self._spans.on or self._meters.attached
        try:
            await (self._watched(job) if watched else _done(job))
        except Exception as error:  # noqa: BLE001  # nobody waits for it; it goes to the log
            self._failures.add(1, job.name)
            self._failed(job.name, error)

    async def _watched(self, job: _Job) -> None:
        begun, wrong = perf_counter(), ""
        try:
            with self._spans.span(f"background {job.name}") as span:
                span.set("arlen.task", job.name)
                await _done(job)
        except BaseException as error:
            wrong = error_type(error)
            raise
        finally:
            self._durations.record(perf_counter() - begun, job.name, wrong)

    async def _empty(self) -> None:
        import asyncio

        while self._running:
            await asyncio.wait(list(self._running))
            await anyio.lowlevel.checkpoint()

    def _failed(self, name: str, error: Exception) -> None:
        if self._log is not None:
            self._log.error("background.failed", task=name, exc_info=error)

    def _report(self, report: Drained) -> None:
        if self._log is not None and (report.cancelled or report.dropped):
            self._log.warning("background.cut", cancelled=report.cancelled, dropped=report.dropped, stuck=report.stuck)


async def _done(job: _Job) -> None:
    made = await (anyio.to_thread.run_sync(job.run) if job.threaded else job.run())
    if isawaitable(made):
        await made
