"""Leaks: what a piece of code left behind: tasks, threads, file descriptors (so connections too), child processes."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress

from arlen_conformance.engines.keeper import offspring

__all__ = ["Leak", "left", "snapshot", "watch"]

GRACE = 1.0  # seconds for a thread or a process that has been told to end
FOLDER = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
POOLS = ("asyncio_", "AnyIO worker thread")  # these belong to an event loop, which ends them


class Leak(AssertionError):
    """Something was left behind; the message says what."""


def snapshot() -> dict[Hashable, str]:
    """Return what there is in this process, each with a description: compare two with `left`."""
    return {**_tasks(), **_threads(), **_descriptors(), **_children()}


def left(before: dict[Hashable, str]) -> list[str]:
    """Return the descriptions of what was not there before.

    >>> before = snapshot()
    >>> file = open("/dev/null")
    >>> [text.partition(" (")[2] for text in left(before)]
    ['/dev/null)']
    >>> file.close()
    """
    return [text for key, text in snapshot().items() if key not in before]


@contextmanager
def watch() -> Iterator[None]:
    """Watch a piece of code.

    Inside an event loop its tasks count, outside one only threads, descriptors and processes: then what is left gets a
    second to go.

    Raises:
        Leak: something was left behind, and the code did not fail.
    """
    before = snapshot()
    yield
    if not left(before):
        return
    gc.collect()
    deadline = time.monotonic() + (0 if _running() else GRACE)
    while (found := left(before)) and time.monotonic() < deadline:
        time.sleep(0.005)
    if found:
        raise Leak("left behind: " + "; ".join(found))


def _running() -> bool:
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False


def _tasks() -> dict[Hashable, str]:
    if not _running():
        return {}
    return {task: f"task {task.get_name()!r}" for task in asyncio.all_tasks()}


def _threads() -> dict[Hashable, str]:
    return {thread: f"thread {thread.name!r}" for thread in threading.enumerate() if not thread.name.startswith(POOLS)}


def _descriptors() -> dict[Hashable, str]:
    found: dict[Hashable, str] = {}
    for name in os.listdir(FOLDER):  # noqa: PTH208 - it is asked for twice a test
        with suppress(OSError):
            target = os.readlink(f"{FOLDER}/{name}") if sys.platform == "linux" else "open"  # noqa: PTH115 - the same
            found["fd", name, target] = f"file descriptor {name} ({target})"
    return found


def _children() -> dict[Hashable, str]:
    return {("pid", pid): f"child process {pid}" for pid in offspring(os.getpid())}
