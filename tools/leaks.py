"""What a test left behind: tasks, threads, file descriptors, child processes, errors that asyncio only logged.

`conftest.py` installs this for every test. A leak is an error of the test that leaked, and the message names the
thing: the coroutine of a task, the name of a thread, the target of a descriptor, the command of a process.
"""

import asyncio
import gc
import logging
import os
import sys
import threading
import time
from asyncio import runners
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["Leak", "collect", "install", "watch"]

GRACE = 1.0  # seconds that a thread or process which has been told to stop gets to do so
FOLDER = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
POOLS = ("asyncio_", "AnyIO worker thread")  # these belong to an event loop, which ends them
HOST = "TestRunner._run_tests_and_fixtures"  # anyio runs tests and fixtures in this task of its own

_late: list[str] = []


class Leak(Exception):
    """A test left something behind; the message says what."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("left behind: " + "; ".join(found))


def install() -> None:
    """Record tasks that are alive when their event loop closes, and errors that asyncio only logs."""
    if getattr(runners, "_watched", False):
        return
    original: Callable[[asyncio.AbstractEventLoop], None] = runners._cancel_all_tasks  # type: ignore[attr-defined] # noqa: SLF001

    def cancel(loop: asyncio.AbstractEventLoop) -> None:
        _late.extend(name for task in asyncio.all_tasks(loop) if HOST not in (name := _task(task)))
        original(loop)

    vars(runners).update(_cancel_all_tasks=cancel, _watched=True)
    logging.getLogger("asyncio").addHandler(_Recorder(logging.ERROR))


def collect() -> list[str]:
    """Take what was recorded since the last call."""
    found = _late[:]
    _late.clear()
    return found


@contextmanager
def watch(failed: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Compare threads, descriptors and child processes before and after.

    Args:
        failed: whether the test has failed; its traceback then keeps what it held, and that is no leak.

    Raises:
        Leak: something is there that was not there before, and it did not go within a second.
    """
    before = _snapshot()
    yield
    if failed() or not _new(before):
        return
    gc.collect()
    deadline = time.monotonic() + GRACE
    while (new := _new(before)) and time.monotonic() < deadline:
        time.sleep(0.005)
    if new:
        raise Leak(list(new.values()))


class _Recorder(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _late.append(f"asyncio logged {record.getMessage().splitlines()[0]!r}")


def _task(task: asyncio.Task[Any]) -> str:
    name = getattr(task.get_coro(), "__qualname__", repr(task.get_coro()))
    return f"task {task.get_name()!r} running {name}()"


def _new(before: dict[Hashable, str]) -> dict[Hashable, str]:
    return {key: text for key, text in _snapshot().items() if key not in before}


def _snapshot() -> dict[Hashable, str]:
    return {**_threads(), **_descriptors(), **_children()}


def _threads() -> dict[Hashable, str]:
    return {thread: f"thread {thread.name!r}" for thread in threading.enumerate() if not thread.name.startswith(POOLS)}


def _descriptors() -> dict[Hashable, str]:
    found: dict[Hashable, str] = {}
    keeper = _tracker("_fd")
    for name in os.listdir(FOLDER):  # noqa: PTH208 - twice a test, and Path is five times slower
        with suppress(OSError):
            target = os.readlink(f"{FOLDER}/{name}") if FOLDER.startswith("/proc") else "open"  # noqa: PTH115
            if int(name) != keeper:
                found["fd", name, target] = f"file descriptor {name} ({target})"
    return found


def _children() -> dict[Hashable, str]:
    if not hasattr(os, "waitid"):
        return {}
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return {}  # one system call is the usual case; the rest is for a test that has children
    return dict(_offspring(os.getpid())) if sys.platform == "linux" else {}


def _offspring(parent: int) -> Iterator[tuple[Hashable, str]]:
    keeper = _tracker("_pid")
    for entry in os.scandir("/proc"):
        with suppress(OSError, ValueError):
            pid = int(entry.name)
            state, ppid = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
            if int(ppid) == parent and pid != keeper:
                command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
                yield ("pid", pid), f"child process {pid} ({command or 'ended, not waited for'}, state {state})"


def _tracker(attribute: str) -> int | None:
    # multiprocessing starts one helper process and keeps it until the end.
    module = sys.modules.get("multiprocessing.resource_tracker")
    return getattr(getattr(module, "_resource_tracker", None), attribute, None)
