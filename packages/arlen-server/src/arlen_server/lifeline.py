"""Lifeline: a worker process notices that its manager is gone, however it went, even with a blocked event loop."""

from __future__ import annotations

import os
import select
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Lifeline"]

_HANG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Lifeline:
    """Watches a descriptor whose other end only the manager holds; the kernel closes that when the manager dies.

    A thread does the watching, so that a blocked event loop cannot keep an orphan alive and its port taken.

    Args:
        fd: this process's end of the socket pair.
        lost: called in the watching thread when the manager is gone; it asks the event loop to shut down.
        answer: seconds that the event loop may take to call `acknowledge`; then the process exits.
        finish: seconds that the shutdown may take after that; then the process exits.
        exit: ends the process.
    """

    def __init__(
        self,
        fd: int,
        lost: Callable[[], None],
        *,
        answer: float = 1.0,
        finish: float = 30.0,
        exit: Callable[[int], object] = os._exit,
    ) -> None:
        self._fd = fd
        self._lost = lost
        self._answer = answer
        self._finish = finish
        self._exit = exit
        self._heard = Event()
        self._done = Event()
        self._thread = Thread(target=self._watch, name="arlen-lifeline", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def acknowledge(self) -> None:
        """The event loop is alive and shuts down."""
        self._heard.set()

    def release(self) -> None:
        """The shutdown is complete: do not exit any more."""
        self._heard.set()
        self._done.set()

    def _watch(self) -> None:
        poller = select.poll()
        poller.register(self._fd, 0)  # hang-ups are always reported; what arrives is the event loop's
        while not any(events & _HANG_UP for _, events in poller.poll()):
            pass
        if self._done.is_set():
            return
        self._lost()
        if not (self._heard.wait(self._answer) and self._done.wait(self._finish)):
            self._exit(1)
