"""Background: work after the response, bounded, logged, and drained when the application stops."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct

from arlen_core.deadlines import named
from arlen_core.errors import ArlenError

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

    def __init__(self, settings: BackgroundSettings | None = None, log: Log | None = None) -> None:
        self.settings = settings or BackgroundSettings()
        self._log = log
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

    def _admit(self, name: str) -> None:
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
        try:
            made = await (anyio.to_thread.run_sync(job.run) if job.threaded else job.run())
            if isawaitable(made):
                await made
        except Exception as error:  # noqa: BLE001  # nobody waits for it; it goes to the log
            self._failed(job.name, error)

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
