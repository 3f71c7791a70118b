"""Drivers: run handlers without a task for each request that never waits.

A handler's first step runs inside the call that received the request, with a parked task as `current_task()` and in a
context of its own. Most handlers end there and the task stays parked for the next one. A handler that waits goes on
inside that task, which is then its own for good. So tasks, cancel scopes, timeouts and context variables are right,
and a request that does not wait costs no visit to the event loop.
"""

from __future__ import annotations

import asyncio
import types
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Awaitable, Callable, Generator
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["Drivers", "Job"]

_IDLE: Any = object()
_SPARES = 4
_MOST_SPARES = 64


class Job(Protocol):
    """One request on its way: what a driver needs of a connection."""

    request: Request | None
    task: asyncio.Task[None] | None

    def reply(self, request: Request, response: Response) -> bool:
        """Send a response that is all here; return `False` when it needs `stream`."""

    async def stream(self, request: Request, response: Response) -> None:
        """Send a response that is made while it is sent."""

    def fail(self, request: Request, error: BaseException) -> None:
        """There will be no response, for the handler was cancelled or broke its promise never to raise."""


class Drivers:
    """The parked tasks of a server, and those that answer.

    Args:
        handle: the application's.
        loop: the running event loop.
    """

    def __init__(self, handle: Callable[[Request], Awaitable[Response]], loop: asyncio.AbstractEventLoop) -> None:
        self._handle = handle
        self._loop = loop
        self._context = copy_context()
        self._spare: list[_Driver] = []
        self._starting: set[asyncio.Task[None]] = set()
        self.busy: set[asyncio.Task[None]] = set()
        for _ in range(_SPARES):
            self._add()

    def run(self, job: Job) -> None:
        """Answer a job's request: at once when its handler does not wait, else in a task of its own."""
        if not self._spare:
            self._spawn(job)
            return
        driver = self._spare.pop()
        task, context = driver.task, self._context.copy()
        _enter_task(self._loop, task)
        try:
            yielded = context.run(driver.step, job)
        except BaseException:  # not from the handler: a KeyboardInterrupt, or an error of ours
            task.cancel()
            raise
        finally:
            _leave_task(self._loop, task)
        if yielded is _IDLE and not driver.parked.done():
            self._spare.append(driver)
        else:
            self._hand_over(driver, job, yielded, context)

    async def stop(self) -> None:
        """Cancel everything, and wait until it is over."""
        spare, self._spare = self._spare, []
        tasks = {*self.busy, *self._starting, *(driver.task for driver in spare)}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks - {asyncio.current_task()}, return_exceptions=True)

    def _hand_over(self, driver: _Driver, job: Job, yielded: Any, context: Context) -> None:
        task = driver.task
        if yielded is not _IDLE:
            job.task = task
            driver.yielded, driver.context = yielded, context
            _set_blocking(yielded, False)  # until the task waits for it, others may await the same future
        self.busy.add(task)
        task.add_done_callback(self.busy.discard)
        if not driver.parked.done():  # it is when the handler cancelled its own task
            driver.parked.set_result(None)
        self._add()

    def _spawn(self, job: Job) -> None:
        """Run a job in an ordinary task, for there is no parked one; keep one more from now on."""
        task = self._loop.create_task(self._whole(job), context=self._context.copy())
        job.task = task
        self.busy.add(task)
        task.add_done_callback(self.busy.discard)
        if len(self._starting) < _MOST_SPARES:
            self._add()

    async def _whole(self, job: Job) -> None:
        await _work(self._handle, job)

    def _add(self) -> None:
        driver = _Driver(_work(self._handle), self._loop)
        driver.task = task = self._loop.create_task(self._live(driver))
        self._starting.add(task)

    async def _live(self, driver: _Driver) -> None:
        self._starting.discard(driver.task)
        self._spare.append(driver)
        cancelled = False
        try:
            await driver.parked
        except asyncio.CancelledError:
            if driver.yielded is _IDLE:
                return
            cancelled = True
        if driver.yielded is not _IDLE:
            await _rest(driver, cancelled=cancelled)


class _Driver:
    __slots__ = ("context", "parked", "step", "task", "work", "yielded")

    task: asyncio.Task[None]
    context: Context

    def __init__(self, work: Generator[Any, Any, None], loop: asyncio.AbstractEventLoop) -> None:
        next(work)
        self.work, self.step = work, work.send
        self.parked: asyncio.Future[None] = loop.create_future()
        self.yielded: Any = _IDLE


@types.coroutine
def _work(handle: Callable[[Request], Awaitable[Response]], job: Job | None = None) -> Generator[Any, Any, None]:
    """Answer the one job that is given, or without one those that are sent, with a pause after each."""
    single = job is not None
    while True:
        current: Any = job if single else (yield _IDLE)
        request = current.request
        try:
            response = yield from handle(request)  # type: ignore[misc]
            if not current.reply(request, response):
                yield from current.stream(request, response)
        except BaseException as error:  # the job reports it, whatever it is
            current.fail(request, error)
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise  # the end of the process, or of this generator
        if single:
            return


def _set_blocking(awaited: Any, value: bool) -> None:  # noqa: FBT001
    """Say whether a future was awaited and no task has seen that yet: the protocol between futures and tasks."""
    if getattr(awaited, "_asyncio_future_blocking", None) is not None:
        awaited._asyncio_future_blocking = value  # noqa: SLF001


@types.coroutine
def _rest(driver: _Driver, *, cancelled: bool) -> Generator[Any, Any, None]:
    """Go on with a handler that waits, in its own context."""
    work, yielded = driver.work, driver.yielded
    run = driver.context.run
    if cancelled and (yielded is None or not yielded.cancel()):  # as Task.cancel does: first what it waits for
        yielded = run(work.throw, asyncio.CancelledError())
    else:
        _set_blocking(yielded, True)
    while yielded is not _IDLE:
        try:
            value = yield yielded
        except BaseException as error:  # noqa: BLE001  # into the handler
            yielded = run(work.throw, error)
        else:
            yielded = run(work.send, value)
    work.close()
