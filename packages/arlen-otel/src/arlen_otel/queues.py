"""Queues: spans that wait to be exported, so many and no more."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

__all__ = ["Queue"]


class Queue:
    """A queue for any number of threads that put, and one that takes.

    Args:
        limit: most spans that wait; those that come on top are dropped, the newest ones, and counted.
        batch: spans that are enough to begin with.

    Attributes:
        size: how many spans wait.
        dropped: how many were lost, by reason.

    >>> queue = Queue(limit=3, batch=2)
    >>> queue.put(["a", "b"]), queue.put(["c", "d"]), queue.size
    (True, False, 2)
    >>> queue.take(), dict(queue.dropped)
    (['a', 'b'], {'queue_full': 2})
    """

    def __init__(self, limit: int, batch: int) -> None:
        self.limit, self.batch = limit, batch
        self.dropped: Counter[str] = Counter()
        self.renew()

    def renew(self) -> None:
        """Begin anew: in a process that was forked, what waits is the parent's, and so may be the locks."""
        self._lock, self._some, self._enough = threading.Lock(), threading.Event(), threading.Event()
        self._parts: deque[Sequence[Any]] = deque()
        self.size = 0
        self._hurried = False

    def put(self, spans: Sequence[Any]) -> bool:
        """Take spans, all or none; say whether they were taken. Never waits."""
        count = len(spans)
        with self._lock:
            size = self.size + count
            if size > self.limit:
                self.dropped["queue_full"] += count
                return False
            self._parts.append(spans)
            self.size = size
        if not self._some.is_set():
            self._some.set()
        if size >= self.batch and not self._enough.is_set():
            self._enough.set()
        return True

    def take(self) -> list[Any]:
        """Return the oldest spans, about a batch; those that were put together come together."""
        made: list[Any] = []
        with self._lock:
            while self._parts and len(made) < self.batch:
                made += self._parts.popleft()
            self.size -= len(made)
            if self.size < self.batch:
                self._enough.clear()
            if not self._parts:
                self._some.clear()
        return made

    def wait(self, interval: float) -> None:
        """Wait until there is something, and then until it is a batch, or for so many seconds."""
        if not self._hurried:
            self._some.wait()
            self._enough.wait(interval)

    def hurry(self) -> None:
        """End a wait that goes on, and have no more of them."""
        self._hurried = True
        self._some.set()
        self._enough.set()

    def drop(self, count: int, reason: str) -> None:
        """Count spans that were lost after they had been taken."""
        if count:
            with self._lock:
                self.dropped[reason] += count

    def clear(self, reason: str) -> int:
        """Drop all that waits; return how many spans."""
        with self._lock:
            lost, self.size = self.size, 0
            self._parts.clear()
            if lost:
                self.dropped[reason] += lost
        return lost
