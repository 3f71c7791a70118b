"""Threads: each has a connection, and takes its work from a queue, or from the one who has it for himself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from sqlite3 import Connection, Cursor
from typing import Protocol

from arlen_sqlite.jobs import Job, Mailbox

__all__ = ["Held", "Worker"]

_log = logging.getLogger("arlen_sqlite")

_CLOSED = "the database was closed"
_IDLE = "it did nothing for too long while others waited"


class Held(Protocol):
    """Who has a worker for itself, for some time."""

    inbox: SimpleQueue[Job | None]
    idle: float | None

    def lost(self, worker: Worker, reason: str) -> None:
        """Learn that it has the worker no more."""


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
        more = True
        while more:
            try:
                more = self._turn()
            except Exception:  # noqa: BLE001  # whoever waits has been told; only this connection may be in doubt
                _log.exception("a connection of SQLite is made anew")
                self._closed()
        self._ended()

    def serve(self, job: Job) -> None:
        """Do a job and tell the loop."""
        self.do(job)
        self.mailbox.put(job)
        if self.held is None and self.connection.in_transaction:
            raise RuntimeError("a transaction was left open")

    def do(self, job: Job) -> None:
        """Do a job; whoever calls this tells the loop."""
        self._current, job.worker = job, self
        try:
            if not job.state:  # nobody has stopped it
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

    def _turn(self) -> bool:
        """Do what comes next; return whether there is more to come."""
        held = self.held
        job = self.queue.get() if held is None else self._next(held)
        if job is not None:
            if self.opened is not None or self._connected(job):
                self.serve(job)
        elif held is not None:
            self._drop(_CLOSED if self.leaving else _IDLE)
        return job is not None or held is not None

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
        with suppress(Exception):
            self.settle()
        self._closed()
        if self.last is not None:
            self.mailbox.put(self.last)

    def _closed(self) -> None:
        if self.opened is not None:
            with suppress(Exception):
                self.cursor.close()  # what it holds would keep the file open
                self.opened.close()
            self.opened = None

    def _connected(self, job: Job) -> bool:
        try:
            self.connection = self.opened = self.connect()
            self.cursor = self.connection.cursor()
        except BaseException as error:  # noqa: BLE001  # it is the caller's
            job.error = error
            self.mailbox.put(job)
            return False
        return True
