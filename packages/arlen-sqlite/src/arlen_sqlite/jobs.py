"""Jobs: work for a thread, and how its end comes back to the event loop, in one step.

A job is its own future. It is quicker than asyncio's in one way that counts: when the work is done, the task that
waits goes on at once, and not one turn of the event loop later.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextvars import Context

    from arlen_sqlite.threads import Worker

__all__ = ["Job", "Mailbox", "Owner"]

_WAITING, _STOPPING, _DONE = 0, 1, 2
_AGAIN = 0.01
_RING = (1).to_bytes(8, sys.byteorder)


class Owner(Protocol):
    """Who counts the jobs that are not over."""

    loop: asyncio.AbstractEventLoop

    def over(self) -> None:
        """Count one less."""


class Job:
    """A piece of work for a thread, and the future of what it makes; awaited once, by one task.

    Args:
        owner: counts it.
        work: called as `work(worker, *args)` in the thread.
        args: for it.
        stoppable: whether a caller who is cancelled stops it; a commit is not.
    """

    state = _WAITING
    worker: Worker | None = None
    error: BaseException | None = None
    _cancelled: BaseException | None = None
    made: Any = None
    _callback: Callable[[Any], object] | None = None
    _context: Context
    _asyncio_future_blocking = False

    def __init__(
        self,
        owner: Owner,
        work: Callable[..., Any],
        args: tuple[Any, ...],
        stoppable: bool = True,  # noqa: FBT001, FBT002  # one for each call
    ) -> None:
        self.owner, self.work, self.args, self.stoppable = owner, work, args, stoppable

    def __await__(self) -> Generator[Any, None, Any]:
        if self.state != _DONE:
            self._asyncio_future_blocking = True
            try:
                yield self
            finally:
                error, self.error, self._cancelled = self.error, None, None  # they hold this frame
        else:
            error = self.error
        if error is not None:
            raise error
        return self.made

    @property
    def stopping(self) -> bool:
        """Whether the caller does not want it any more."""
        return self.state != _WAITING

    def result(self) -> Any:
        """Return what the work made, or raise its error; asyncio asks."""
        if self.error is not None:
            raise self.error
        return self.made

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop; asyncio asks."""
        return self.owner.loop

    def done(self) -> bool:
        """Return whether it is over; asyncio asks."""
        return self.state == _DONE

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context) -> None:
        """Keep how the task goes on; asyncio tells. The task goes on soon when the job is over already."""
        if self.state == _DONE:  # who drives a coroutine by hand may hand it to a task later
            self.owner.loop.call_soon(callback, self, context=context)
        else:
            self._callback, self._context = callback, context

    def cancel(self, msg: Any = None) -> bool:
        """Stop the work. asyncio says so when the task is cancelled; the task learns it when the work has stopped."""
        if self.state == _DONE:
            return False
        if self._cancelled is None:
            self._cancelled = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
            if self.stoppable:
                self.state = _STOPPING  # before the next line: a thread sets `worker` and then looks at `state`
                if self.worker is None:
                    self.owner.loop.call_soon(self.finish)
                else:
                    self._stop()
        return True

    def finish(self) -> None:
        """Let the task go on, on the loop's thread."""
        if self.state == _DONE:  # it was cancelled while it waited
            return
        if self._cancelled is not None:
            self.error = self._cancelled
        self.state = _DONE
        self.owner.over()
        callback, self._callback = self._callback, None
        if callback is not None:
            self._context.run(callback, self)

    def _stop(self) -> None:
        """Interrupt it again and again: the first time may be just before SQLite begins."""
        if self.state == _STOPPING and self.worker is not None:
            self.worker.interrupt(self)
            self.owner.loop.call_later(_AGAIN, self._stop)


class Mailbox:
    """Where threads put the jobs that are done, for the loop; it is woken once for several of them.

    It is woken by a file descriptor, where the loop can watch one: a thread that writes to it gives up Python's lock
    just then, so that the loop's thread goes on at once. With `call_soon_threadsafe` it may have to wake up twice.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._done, self._woken = loop, deque[Job](), False
        self._bell = _bell()
        try:
            loop.add_reader(self._bell[0], self._rung)
        except NotImplementedError:  # Windows, and its loop for subprocesses
            _closed(self._bell)
            self._bell = ()

    def put(self, job: Job) -> None:
        """Tell the loop that a job is done; from any thread."""
        self._done.append(job)
        if not self._woken:
            self._woken = True
            self._wake()

    def close(self) -> None:
        """Watch no more; the threads have ended."""
        if self._bell:
            self._loop.remove_reader(self._bell[0])
            _closed(self._bell)

    def _wake(self) -> None:
        if self._bell:
            os.write(self._bell[-1], _RING)
            return
        try:
            self._loop.call_soon_threadsafe(self._take)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._done.clear()

    def _rung(self) -> None:
        os.read(self._bell[0], 512)
        self._take()

    def _take(self) -> None:
        self._woken = False  # first, so that what comes now wakes the loop again
        done = self._done
        try:
            while done:
                done.popleft().finish()
        finally:
            if done:  # a task ended with what ends the loop
                self._loop.call_soon(self._take)


def _bell() -> tuple[int, ...]:
    """Return what to read from, and what to write to; Linux has one for both."""
    if hasattr(os, "eventfd"):
        return (os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC),)
    made = os.pipe()
    for each in made:
        os.set_blocking(each, False)
    return made


def _closed(bell: tuple[int, ...]) -> None:
    for each in bell:
        os.close(each)
