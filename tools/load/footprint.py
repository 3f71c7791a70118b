"""Footprint: what the minimal application takes after load, and how soon it answers."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tools.bench.ratios import spread
from tools.load.crowds import ask, request
from tools.load.probes import memory
from tools.load.report import Line, mebibytes
from tools.load.runners import Load, propane
from tools.load.servers import PATH, Beside, minimal, raw

__all__ = ["first_answer", "resident", "start"]

MOST = 40 << 20
SOON = 0.5


def resident(folder: Path, *, quick: bool) -> list[Line]:
    """Measure the memory of the minimal application after load, as one process and as a worker of propane."""
    seconds = 1 if quick else 10
    with minimal(folder) as server:
        alone = _loaded(server.address, server.pid, seconds)
    with propane(folder, "--workers", "1", "--app", "plain:app") as manager:
        worker = _loaded(manager.address, manager.wait("worker_ready")["worker_pid"], seconds)
        parent = memory(manager.pid).rss
    with raw(folder) as other:
        limit = memory(other.pid).rss
    figures = {"process": alone, "worker": worker, "manager": parent, "raw": limit}
    words = f"{mebibytes(alone)}; a worker of propane {mebibytes(worker)}, its manager {mebibytes(parent)}"
    words += f"; raw before load {mebibytes(limit)}"
    what = f"resident memory of the minimal application after {seconds} s of load"
    return [Line("memory", what, "≤ 40 MiB", words, max(alone, worker) <= MOST, figures=figures)]


def start(folder: Path, *, quick: bool) -> list[Line]:
    """Measure the time from the start of a process to its first answer."""
    rounds = 3 if quick else 15
    ours = [first_answer(folder, minimal) for _ in range(rounds)]
    least = [first_answer(folder, raw) for _ in range(rounds)]
    managed = [_managed(folder) for _ in range(rounds)]
    figures = {"process": ours, "propane": managed, "raw": least}
    words = f"{spread(ours)} s; under propane {spread(managed)} s; raw {spread(least)} s"
    what = f"start of a process to its first answer, median of {rounds} (least to most)"
    return [Line("start", what, "≤ 0.5 s", words, statistics.median(ours) <= SOON, figures=figures)]


def first_answer(folder: Path, server: Callable[[Path], AbstractContextManager[Beside]]) -> float:
    """Return the seconds from the start of a server to its first answer."""
    begun = time.monotonic()
    with server(folder) as running:
        return _answered(running.place, begun)


def _managed(folder: Path) -> float:
    begun = time.monotonic()
    with propane(folder, "--workers", "1", "--app", "plain:app") as manager:
        return _answered(manager.place, begun)


def _answered(place: tuple[str, int], begun: float) -> float:
    with socket.create_connection(place, 10) as client:
        if not ask(client, request(PATH)):
            raise RuntimeError(f"{PATH} is not answered with 200")
    return time.monotonic() - begun


def _loaded(address: str, pid: int, seconds: float) -> int:
    with Load(address, clients=64, path=PATH, pause=0.0) as load:
        time.sleep(seconds)
        load.finish()
    return memory(pid).rss
