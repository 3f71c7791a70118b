"""Processes: what this process takes of the machine, and what its garbage collector does."""

from __future__ import annotations

import gc
import os
import platform
import resource
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import time

from arlen_core.meters import Meters

__all__ = ["WORKER", "observe"]

WORKER = "ARLEN_WORKER"
"""The variable in which a supervisor says which of its places a process has, such as "web.0"."""

_SELF = Path("/proc/self")
_STARTED = time()


def observe(meters: Meters, worker: str | None = None) -> None:
    """Declare the series of processes.

    Args:
        meters: of the application.
        worker: the label of this process; by default what the supervisor says, "" without one.
    """
    name = os.environ.get(WORKER, "") if worker is None else worker
    _processes(meters, name)
    _collector(meters)
    meters.observe(
        "arlen.build.info",
        "Always 1; the labels say what runs.",
        partial(dict, {(_version(), platform.python_version()): 1}),
        labels=("version", "python"),
        combine="max",
    )


def _processes(meters: Meters, name: str) -> None:
    def seen(what: str, help: str, unit: str, function: Callable[[], float]) -> None:
        meters.observe(what, help, lambda: {(name,): function()}, labels=("worker",), unit=unit)

    meters.observe(
        "process.cpu.time",
        "Processor time that it has taken.",
        partial(_cpu, name),
        labels=("worker", "cpu.mode"),
        unit="s",
        kind="counter",
    )
    meters.observe(
        "process.start_time",
        "When it started, in Unix time.",
        lambda: {(name,): _STARTED},
        labels=("worker",),
        unit="s",
        combine="max",
    )
    if _SELF.exists():
        seen("process.memory.usage", "Memory that is in use, pages shared with others included.", "By", _memory)
        seen("process.unix.file_descriptor.count", "Open file descriptors.", "{file_descriptor}", partial(_count, "fd"))
        seen("process.thread.count", "Threads.", "{thread}", partial(_count, "task"))


def _collector(meters: Meters) -> None:
    label = ("cpython.gc.generation",)
    for key, name, about, unit in (
        ("collections", "cpython.gc.collections", "Runs of the garbage collector.", "{collection}"),
        ("collected", "cpython.gc.collected_objects", "Objects that it has collected.", "{object}"),
        ("uncollectable", "cpython.gc.uncollectable_objects", "Objects that it could not collect.", "{object}"),
    ):
        meters.observe(name, about, partial(_generations, key), labels=label, unit=unit, kind="counter")


def _generations(key: str) -> dict[tuple[str, ...], float]:
    return {(str(number),): each[key] for number, each in enumerate(gc.get_stats())}


def _cpu(name: str) -> dict[tuple[str, ...], float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {(name, "user"): usage.ru_utime, (name, "system"): usage.ru_stime}


def _memory() -> float:
    return int((_SELF / "statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def _count(folder: str) -> float:
    return len(os.listdir(_SELF / folder))  # noqa: PTH208  # the names alone are enough


def _version() -> str:
    try:
        return version("arlen-core")
    except PackageNotFoundError:
        return ""
