"""Sinks: where log lines go; buffered, written by a thread, and never an error for the one who logs."""

from __future__ import annotations

import atexit
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

from arlen_core.errors import StartupError

__all__ = ["Sink"]


class Sink:
    r"""Takes lines and writes them in batches.

    Args:
        path: the file to append to, or `None` for the process's standard error.
        size: bytes that are held, between start and stop, before they are written; 0 writes each line at once.
        interval: seconds after which they are written in any case; 0 writes each line at once.
        held: most bytes held while the target is slow; what comes on top is lost, and counted.
        notice: makes a line that tells how many lines were lost, for when writing works again.

    Attributes:
        lost: lines that could not be written: disk full, pipe closed, reader too slow.

    A file that was moved away (by logrotate, say) is opened anew at the next write.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "app.log"
    >>> sink = Sink(path)
    >>> sink.start()
    >>> sink.write(b"held\n")
    >>> sink.stop()
    >>> path.read_text()
    'held\n'
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        size: int = 65536,
        interval: float = 1.0,
        held: int = 4 << 20,
        notice: Callable[[int], bytes] | None = None,
    ) -> None:
        self.lost = 0
        self._told = 0
        self._path = path
        self._size, self._interval, self._held = size, interval, held
        self._notice = notice
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._fd = -1
        self._running = self._stale = self._called = self._hurried = False
        self._thread: threading.Thread | None = None
        self._renew()
        _sinks.add(self)

    def write(self, line: bytes) -> None:
        """Take a line that ends in a line break. Costs under a microsecond, and never raises."""
        if self._bytes > self._held:
            self.lost += 1
            return
        self._lines.append(line)
        self._bytes += len(line)
        if not self._called or (self._bytes > self._size and not self._hurried):
            self._call()

    def _call(self) -> None:
        """Tell the thread that there is something, and that it is much: once each, for this costs more than a line."""
        if self._thread is None or self._bytes > self._size:
            self._hurried = True
            self.hurry()
        elif self._thread is not None:
            self._called = True
            _ring(self._some)

    def flush(self) -> None:
        """Write all that is held, now."""
        with self._lock:
            self._called = self._hurried = False  # first: who writes from now on calls again
            lines = []
            with suppress(IndexError):
                while True:
                    lines.append(self._lines.popleft())
            self._bytes = 0  # not a subtraction: threads that add at the same time may miss each other's sums
            if lines:
                self._deliver(lines)
            if not self._running:  # nobody would close it later
                self._close()

    def start(self) -> None:
        """Open the target and begin to write in a thread; `StartupError` when the file cannot be opened."""
        if self._running:
            return
        try:
            self._open()
        except OSError as error:
            fix = "make its folder, let the application write there, or set log.target"
            raise StartupError(f"the log file {self._path} cannot be opened: {error.strerror}", fix=fix) from error
        self._running = True
        if self._size and self._interval:
            self._thread = threading.Thread(target=self._run, name="arlen-log", daemon=True)
            self._thread.start()
            atexit.register(self.stop)

    def stop(self, timeout: float = 5.0) -> None:
        """Write what is held and end the thread; after so many seconds give up what a stuck target does not take."""
        self._running = False
        thread, self._thread = self._thread, None
        if thread is not None:
            atexit.unregister(self.stop)
            _ring(self._full)
            _ring(self._some)
            thread.join(timeout)
            if thread.is_alive():
                self.lost += len(self._lines)
                return
        self.flush()

    def reopen(self) -> None:
        """Open the file anew at the next write, as after a rotation. Safe to call in a signal handler."""
        self._stale = True  # no more than this: a lock taken here could be held by the code that was interrupted

    def hurry(self) -> None:
        """Write what is held as soon as possible, without waiting for it."""
        if self._thread is None:
            self.flush()
        else:
            _ring(self._full)
            _ring(self._some)

    def _renew(self) -> None:
        # two bells: a lock that is held is silent. Unlike an Event they can be rung in a signal handler
        self._lock, self._some, self._full = threading.RLock(), threading.Lock(), threading.Lock()
        self._some.acquire()
        self._full.acquire()

    def _forked(self) -> None:
        self._lines.clear()  # the parent writes them
        self._bytes, self._thread = 0, None
        self._called = self._hurried = False
        self._renew()

    def _run(self) -> None:
        me = threading.current_thread()
        while self._thread is me:
            self._some.acquire()
            self._full.acquire(timeout=self._interval)
            self.flush()

    def _deliver(self, lines: list[bytes]) -> None:
        lost = self.lost - self._told
        if lost and self._notice is not None:
            lines = [self._notice(lost), *lines]
        try:
            self._emit(b"".join(lines))
            self._told = self.lost
        except (OSError, ValueError):
            self.lost += len(lines) - bool(lost and self._notice)
            self._close()

    def _emit(self, data: bytes) -> None:
        fd = self._target()
        if fd >= 0:
            _write(fd, data)
        else:
            sys.stderr.write(data.decode(errors="replace"))

    def _target(self) -> int:
        if self._path is not None:
            self._rotated()
            return self._fd
        if sys.stderr is None:
            raise OSError("there is no standard error")
        try:
            return sys.stderr.fileno()
        except OSError:
            return -1  # a test's or a notebook's own object

    def _rotated(self) -> None:
        if self._path is not None and self._fd >= 0 and not self._stale:
            with suppress(FileNotFoundError):
                there, mine = self._path.stat(), os.fstat(self._fd)
                if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
                    return
        self._stale = False
        self._close()
        self._open()

    def _open(self) -> None:
        if self._path is not None and self._fd < 0:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)


_sinks: WeakSet[Sink] = WeakSet()


def _forked() -> None:
    for sink in _sinks:
        sink._forked()  # noqa: SLF001  # the thread that wrote is not in the child


os.register_at_fork(after_in_child=_forked)


def _ring(bell: threading.Lock) -> None:
    with suppress(RuntimeError):  # it has been rung already
        bell.release()


def _write(fd: int, data: bytes, patience: float = 1.0) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # standard error is a pipe or a terminal that somebody made non-blocking
            if not select.select([], [fd], [], patience)[1]:
                raise
