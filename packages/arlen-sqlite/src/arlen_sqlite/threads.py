"""Threads: each has a connection and takes its work from a queue; what it makes comes back in one step of the loop.

A job is its own future. It is quicker than asyncio's in one way that counts: when the work is done, the task that
waits goes on at once, and not one turn of the event loop later.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator
from queue import Empty, SimpleQueue
from sqlite3 import Connection, Cursor
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextvars import Context

__all__ = ["Held", "Job", "Mailbox", "Owner", "Worker"]

_WAITING, _STOPPING, _DONE = 0, 1, 2
_AGAIN = 0.01
_RING = (1).to_bytes(8, sys.byteorder)
_CLOSED = "the database was closed"
_IDLE = "it did nothing for too long while others waited"


class Owner(Protocol):
    """Who counts the jobs that are not over."""

    loop: asyncio.AbstractEventLoop

    def over(self) -> None:
        """Count one less."""


class Held(Protocol):
    """Who has a worker for itself, for some time."""

    inbox: SimpleQueue[Job | None]
    idle: float | None

    def lost(self, worker: Worker, reason: str) -> None:
        """Learn that it has the worker no more."""


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
                error, self.error = self.error, None  # it holds this frame
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
        """Keep how the task goes on; asyncio tells."""
        self._callback, self._context = callback, context

    def cancel(self, msg: Any = None) -> bool:
        """Stop the work. asyncio says so when the task is cancelled; the task learns it when the work has stopped."""
        if self.state == _DONE:
            return False
        if self.state == _WAITING:
            self.state = _STOPPING  # before the next line: a thread sets `worker` and then looks at `state`
            if self.worker is None:
                self.owner.loop.call_soon(self.finish)
            elif self.stoppable:
                self._stop()
        return True

    def finish(self) -> None:
        """Let the task go on, on the loop's thread."""
        if self.state == _DONE:  # it was cancelled while it waited
            return
        if self.state == _STOPPING:
            self.error = asyncio.CancelledError()
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


class Worker(threading.Thread):
    """A thread with a connection.

    Args:
        name: of the thread.
        queue: where its jobs come from; `None` ends it.
        mailbox: where they go.
        connect: makes the connection, in the thread.
        patience: seconds to wait for another process.

    Attributes:
        last: tells that the thread has ended.
        opened: the connection, when it has been made.
        connection: the same, for the work.
        cursor: one of it, for statements that are over when the job is.
        held: who has it for itself.
        leaving: whether the database is closing and waits no longer.
    """

    def __init__(
        self,
        name: str,
        queue: SimpleQueue[Job | None],
        mailbox: Mailbox,
        connect: Callable[[], Connection],
        patience: float = 0.0,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.queue, self.mailbox, self.connect, self.patience = queue, mailbox, connect, patience
        self.connection: Connection
        self.cursor: Cursor
        self.opened: Connection | None = None
        self.held: Held | None = None
        self.leaving = False
        self.last: Job | None = None
        self._current: Job | None = None
        self._lock = threading.Lock()

    def run(self) -> None:
        """Work until the end; the thread's own function."""
        while True:
            held = self.held
            job = self.queue.get() if held is None else self._next(held)
            if job is None and held is None:
                break
            if job is None:
                self._drop(_CLOSED if self.leaving else _IDLE)
            elif self.opened is not None or self._connected(job):
                self.serve(job)
            del job, held  # while it waits for the next one, it keeps nothing
        self._ended()

    def serve(self, job: Job) -> None:
        """Do a job and tell the loop."""
        self.do(job)
        self.mailbox.put(job)

    def do(self, job: Job) -> None:
        """Do a job; whoever calls this tells the loop."""
        self._current, job.worker = job, self
        try:
            if job.state == _WAITING:
                job.made = job.work(self, *job.args)
        except BaseException as error:  # noqa: BLE001  # it is the caller's
            job.error = error
        with self._lock:  # an interrupt that is on its way hits this job, or nothing
            self._current = None

    def interrupt(self, job: Job | None = None) -> None:
        """Stop what SQLite does, for this job and for no other; from any thread."""
        with self._lock:
            if self._current is not None and job in {None, self._current}:
                self.connection.interrupt()

    @property
    def unwanted(self) -> bool:
        """Whether nobody waits for what it does now."""
        return self.leaving or (self._current is not None and self._current.stopping)

    def settle(self) -> None:
        """Finish what could wait for more: there is no more."""

    def _drop(self, reason: str) -> None:
        """Take the connection away from who has it for itself."""
        if self.held is not None:
            self.held.lost(self, reason)
        self.settle()

    def _next(self, held: Held) -> Job | None:
        try:
            return held.inbox.get(timeout=held.idle)
        except Empty:
            return None

    def _ended(self) -> None:
        self.settle()
        if self.opened is not None:
            self.cursor.close()  # what it holds would keep the file open
            self.opened.close()
        if self.last is not None:
            self.mailbox.put(self.last)

    def _connected(self, job: Job) -> bool:
        try:
            self.connection = self.opened = self.connect()
            self.cursor = self.connection.cursor()
        except BaseException as error:  # noqa: BLE001  # it is the caller's
            job.error = error
            self.mailbox.put(job)
            return False
        return True
