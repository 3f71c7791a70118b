"""Lanes: what is compared, each doing the same in its own way."""

import os
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from arlen_core.app import App
from arlen_core.meters import SECONDS, Meters
from arlen_metrics.plugin import Metrics
from arlen_metrics.registry import Registry
from arlen_metrics.store import Alone, Shared
from arlen_metrics.texts import prometheus
from tools.perf.sites import handled, started

__all__ = ["ARLEN", "PEER", "PROCESSES", "SERIES", "Lanes", "Task"]

ARLEN, PEER = "arlen-metrics", "prometheus_client"
"""The lanes; the ratio is that of the first to the second."""

PROCESSES, SERIES = 4, 1000
"""How much a scrape has to read: processes, and series of each."""

_LABELS = ("method", "status")


@dataclass(frozen=True)
class Task:
    """Something that each lane does: what one call is, and how many calls of a counter take as long."""

    name: str
    lanes: dict[str, Callable[[], Any]]
    weight: int = 1
    waits: bool = False

    def order(self, number: int) -> list[str]:
        """Return the lanes in the order of a round: nobody is always the first."""
        names = list(self.lanes)
        return names[number % len(names) :] + names[: number % len(names)]


class Lanes:
    """Everything that is compared, ready to be called; an asynchronous context manager."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # the folder in it is private
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(dir=memory)))
        for _ in range(PROCESSES):
            _fork()
        registries = [self._registry(folder) for _ in range(PROCESSES)]
        self.tasks += _instruments(registries[0])
        self.tasks.append(_scrape(registries))
        self.tasks.append(await self._request())
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    def _registry(self, folder: Path) -> Registry:
        made = Registry()
        made.use(Shared(folder))
        self._stack.callback(made.use, Alone())
        return made

    async def _request(self) -> Task:
        off = await self._stack.enter_async_context(started())
        on = await self._stack.enter_async_context(started(_counted))
        lanes = {"with metrics": handled(on, b"/json"), "without": handled(off, b"/json")}
        return Task("a request, without a server", lanes, weight=10, waits=True)


def _instruments(registry: Registry) -> list[Task]:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    meters, theirs = Meters(), CollectorRegistry()
    meters.attach(registry)
    counter = meters.counter("bench.calls", "Calls.", labels=_LABELS)
    times = meters.histogram("bench.times", "Seconds.", labels=_LABELS)
    calls = Counter("bench_calls", "Calls.", _LABELS, registry=theirs)
    took = Histogram("bench_times", "Seconds.", _LABELS, registry=theirs, buckets=SECONDS)
    return [
        Task(
            "a counter with two labels",
            {
                ARLEN: lambda: counter.add(1, "GET", "200"),
                PEER: lambda: calls.labels("GET", "200").inc(),
            },
        ),
        Task(
            "a histogram with two labels",
            {
                ARLEN: lambda: times.record(0.042, "GET", "200"),
                PEER: lambda: took.labels("GET", "200").observe(0.042),
            },
        ),
        Task(
            "a counter whose labels were looked up before",
            {ARLEN: lambda: counter.add(1, "GET", "200"), PEER: calls.labels("GET", "200").inc},
        ),
    ]


def _scrape(registries: list[Registry]) -> Task:
    for each in registries:
        _fill(each)

    def ours() -> str:
        return prometheus(registries[0].totals().families.values())

    return Task(f"a scrape of {SERIES:,} series of {PROCESSES} processes", {ARLEN: ours, PEER: _theirs}, weight=4000)


def _fill(registry: Registry) -> None:
    meters = Meters()
    meters.attach(registry)
    counter = meters.counter("bench.series", "Series.", labels=_LABELS)
    for number in range(SERIES):
        counter.add(1, "GET", str(number))


def _fork() -> None:
    """Let another process count, and end: prometheus_client keeps a file for each process."""
    from prometheus_client import CollectorRegistry, Counter

    child = os.fork()
    if not child:
        counter = Counter("bench_series", "Series.", _LABELS, registry=CollectorRegistry())
        for number in range(SERIES):
            counter.labels("GET", str(number)).inc()
        os._exit(0)
    os.waitpid(child, 0)


def _theirs() -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _counted(made: App) -> App:
    made.use(Metrics())
    return made
