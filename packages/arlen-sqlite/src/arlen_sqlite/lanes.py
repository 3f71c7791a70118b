"""Lanes: a bounded queue before threads of one kind, which are started when there is work for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from arlen_data.errors import PoolBusy, PoolClosed
from arlen_sqlite.jobs import Job, Mailbox
from arlen_sqlite.threads import Worker

__all__ = ["Lane", "Make"]

_AGAIN = 0.01


class Make(Protocol):
    """Makes a thread for a queue, not started."""

    def __call__(self, number: int, queue: SimpleQueue[Job | None], mailbox: Mailbox, /) -> Worker:
        """Return it."""


class _End:
    """Counts nothing: the job that tells that a thread has ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def over(self) -> None:
        """Do nothing."""


class Lane:
    """Threads of one kind, and the work that waits for them, first come, first served.

    Args:
        make: makes a thread.
        mailbox: where its threads put what is done.
        size: how many threads at most.
        waiting: jobs that may wait.

    Attributes:
        size: how many threads at most.
        count: jobs that are not over.
        taken: threads that somebody has for himself.
        closed: why nothing is taken any more; "" when it is.
        refused: jobs so far that came when too many waited.
    """

    def __init__(self, make: Make, mailbox: Mailbox, *, size: int, waiting: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.workers: list[Worker] = []
        self.count = self.taken = self.refused = 0
        self.closed = ""
        self._mailbox = mailbox
        self._make, self.size, self._most = make, size, size + waiting
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._empty: asyncio.Event | None = None

    def submit(self, work: Callable[..., Any], *args: Any) -> Job:
        """Return a job to await; it is in the queue.

        Raises:
            PoolBusy: too many wait.
            PoolClosed: nothing is taken any more.
        """
        count = self.count = self.count + 1
        if (count > self._most or self.closed) and (error := self._refused()):
            raise error
        if count + self.taken > len(self.workers) < self.size:
            self._start()
        job = Job(self, work, args)
        self._queue.put(job)
        return job

    def over(self) -> None:
        """Count one less; jobs tell."""
        self.count -= 1
        if self._empty is not None:
            self.settled()

    def settled(self) -> None:
        """Look whether there is nothing more to wait for."""
        if self._empty is not None and not self.count and not self.taken:
            self._empty.set()

    async def finish(self, grace: float, why: str) -> None:
        """Take no more work, wait for what there is, and then stop it; no thread is left."""
        self.closed = why
        self._empty = asyncio.Event()
        try:
            async with asyncio.timeout(grace):
                while self.count or self.taken:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            self._abort()
        await self._join()

    def _refused(self) -> Exception | None:
        self.count -= 1
        if self.closed:
            return PoolClosed(self.closed)
        self.refused += 1
        fix = "answer 503, or raise `waiting`"
        return PoolBusy(f"{self.count} calls wait for {self.size} threads", sqlstate="53300", fix=fix)

    def _start(self) -> None:
        made = self._make(len(self.workers), self._queue, self._mailbox)
        made.last = Job(_End(self.loop), _nothing, ())
        self.workers.append(made)
        made.start()

    def _abort(self) -> None:
        """Refuse what waits, and interrupt what runs until it has stopped."""
        while True:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is not None:
                job.error = PoolClosed(self.closed)
                self.loop.call_soon(job.finish)
        for each in self.workers:
            each.leaving = True
            if (held := each.held) is not None:
                held.inbox.put(None)
        self._interrupt()

    def _interrupt(self) -> None:
        running = [each for each in self.workers if each.last is not None and not each.last.done()]
        for each in running:
            each.interrupt()
        if running:
            self.loop.call_later(_AGAIN, self._interrupt)

    async def _join(self) -> None:
        for _ in self.workers:
            self._queue.put(None)
        for each in self.workers:
            if each.last is not None:
                await each.last
            each.join()


def _nothing(worker: Worker) -> None: ...
