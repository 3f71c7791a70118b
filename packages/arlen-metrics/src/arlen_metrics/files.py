"""Files: the cells of one process, in a file that every other process of the host may read."""

from __future__ import annotations

import fcntl
import mmap
import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from arlen_core.meters import Declaration
from arlen_metrics.layouts import HEADER, MARK, Layout, declared, record, series, size
from arlen_metrics.totals import Totals, Values

__all__ = ["SUFFIX", "Cells", "File", "Full", "Memory", "alive", "look"]

SUFFIX = ".cells"
"""The end of a file's name; the beginning is random and never used again."""

_STEP = 1 << 16

Place = tuple["memoryview[float]", int]
"""Cells and the index of the first."""


class Full(Exception):
    """There is no room for another series."""


class Cells(Protocol):
    """Where the numbers of one process stand."""

    def declare(self, declaration: Declaration) -> int:
        """Make room for a metric; returns its number. Raises `Full`."""

    def take(self, number: int, values: Values, count: int) -> Place:
        """Return `count` new cells, all 0, for a series of the metric with that number. Raises `Full`."""


class Memory:
    """Cells that no other process reads.

    >>> memory = Memory()
    >>> number = memory.declare(Declaration("counter", "mail.sent", "Mails that left."))
    >>> cells, at = memory.take(number, (), 1)
    >>> cells[at] += 2
    >>> totals = Totals()
    >>> memory.add(totals)
    >>> totals.families["mail.sent"].series
    {(): [2.0]}
    """

    def __init__(self) -> None:
        self._families: list[tuple[Declaration, list[tuple[Values, memoryview[float]]]]] = []

    def declare(self, declaration: Declaration) -> int:
        """Make room for a metric; returns its number."""
        self._families.append((declaration, []))
        return len(self._families) - 1

    def take(self, number: int, values: Values, count: int) -> Place:
        """Return new cells."""
        cells = memoryview(bytearray(8 * count)).cast("d")
        self._families[number][1].append((values, cells))
        return cells, 0

    def add(self, totals: Totals) -> None:
        """Add the series to `totals`."""
        for declaration, rows in self._families:
            totals.add(declaration, [(values, list(cells)) for values, cells in list(rows)])


class File:
    """The cells of this process, shared; only this process writes them.

    Args:
        folder: where the files of all processes are.
        limit: bytes that the file may grow to.

    A lock on the file says that its process lives; the kernel drops it when the process ends, however it ends. Raises
    `OSError` when the file cannot be made.

    Attributes:
        name: of the file.
    """

    def __init__(self, folder: Path, limit: int = 32 << 20) -> None:
        self.name = token_hex(16) + SUFFIX
        self._limit = limit = max(_STEP, limit & -_STEP)
        fresh = folder / f"{self.name}.new"
        # The lock has a description of its own: a mapping keeps a copy of its descriptor, also in a forked child.
        self._lock = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._reserved = 0
            self._reserve(_STEP)
            os.ftruncate(self._lock, limit)  # the rest is a hole, and costs nothing until it is reserved
            writer = os.open(fresh, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                self._bytes = memoryview(mmap.mmap(writer, limit))
            finally:
                os.close(writer)
            self._bytes[:8] = MARK
            self._words, self._cells = self._bytes.cast("Q"), self._bytes.cast("d")
            self._words[1] = self._used = HEADER
            self._count = 0
            fresh.rename(folder / self.name)
        except BaseException:
            os.close(self._lock)
            fresh.unlink(missing_ok=True)
            raise

    @property
    def open(self) -> bool:
        """Whether this process still writes it."""
        return self._lock >= 0

    def declare(self, declaration: Declaration) -> int:
        """Make room for a metric; returns its number. Raises `Full`."""
        self._put(declared(declaration), 0)
        self._count += 1
        return self._count - 1

    def take(self, number: int, values: Values, count: int) -> Place:
        """Return new cells for a series. Raises `Full`."""
        return self._cells, self._put(series(number, values), count) // 8

    def close(self) -> None:
        """Give the file up, as the end of the process does: its counters stay. Whoever has cells may still write."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)
            del self._bytes, self._words, self._cells

    def _put(self, key: bytes, cells: int) -> int:
        at, end = self._used, self._used + size(key, cells)
        if end > self._reserved:
            self._reserve(end)
        head = record(key, cells)
        self._bytes[at : at + len(head)] = head
        self._used = self._words[1] = end  # last: now the others see it
        return at + len(head)

    def _reserve(self, end: int) -> None:
        """Have the pages up to `end`: without, a full disk would kill the process when it writes."""
        upto = min(-(-end // _STEP) * _STEP, self._limit)
        if end > self._limit:
            raise Full(f"the file of metrics would grow past {self._limit} bytes")
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._lock, self._reserved, upto - self._reserved)
        except OSError as error:
            raise Full(f"the file of metrics cannot grow: {error.strerror}") from error
        self._reserved = upto


def alive(descriptor: int) -> bool:
    """Say whether the process that writes an open file still runs."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


@contextmanager
def look(descriptor: int, layout: Layout) -> Iterator[memoryview[int] | None]:
    """Give the used bytes of an open file, read into `layout`; `None` for a file of another version."""
    head = os.pread(descriptor, HEADER, 0)
    used = int.from_bytes(head[8:16], "little" if array("H", [1]).tobytes()[0] else "big")
    if head[:8] != MARK or not HEADER <= used <= os.fstat(descriptor).st_size:
        yield None
        return
    with mmap.mmap(descriptor, used, access=mmap.ACCESS_READ) as mapped:
        data = memoryview(mapped)
        try:
            layout.read(data)
            yield data
        finally:
            with suppress(BufferError):
                data.release()
