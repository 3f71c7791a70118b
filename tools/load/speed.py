"""Speed that must hold under load: two workers against one, and the slowest answers of many connections."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tools.bench.generators import Generator, choose
from tools.bench.load import Plan, saturated
from tools.bench.processes import cores
from tools.bench.ratios import Spread, spread
from tools.load.probes import cpu
from tools.load.report import Line
from tools.load.runners import Running, propane
from tools.load.servers import PATH, minimal, raw

__all__ = ["latency", "ratios", "workers"]

WORK = "/work?rounds=400000"  # about 10 ms of processor time in Python, so that a generator is never the limit
TWICE, WORSE = 1.8, 1.5

Sample = dict[str, Any]


def workers(folder: Path, *, quick: bool) -> list[Line]:
    """Compare the throughput of two workers of propane with that of one, in rounds that take turns."""
    rounds, seconds = (1, 1.0) if quick else (7, 2.0)
    generator = choose("auto", None, folder)
    samples: dict[str, list[Sample]] = {"one": [], "two": [], "two by reuseport": []}
    with ExitStack() as stack:
        managers = {name: stack.enter_context(_managed(folder, name)) for name in samples}
        for _ in range(rounds):
            for name, manager in managers.items():
                samples[name].append(_measured(manager, generator, seconds))
    rates = {name: [each["requests"] / each["seconds"] for each in found] for name, found in samples.items()}
    shared, own = (ratios(rates[name], rates["one"]) for name in list(rates)[1:])
    parts = [
        f"{name} {_middle(rates[name]):.0f}/s on {_middle([each['cores'] for each in found]):.2f} cores"
        for name, found in samples.items()
    ]
    share = _middle([each["share"] for found in samples.values() for each in found])
    words = f"{shared} times, by reuseport {own} times ({', '.join(parts)}, {generator.name} on {share:.2f})"
    what = f"requests of 10 ms of processor time each, 32 connections, medians of {rounds} rounds in turns"
    figures = {"samples": samples, "ratio": shared.middle, "reuseport": own.middle}
    return [Line("workers", what, "two ≥ 1.8 times one", words, shared.middle >= TWICE, figures=figures)]


def latency(folder: Path, *, quick: bool) -> list[Line]:
    """Compare the slowest answers of 64 connections with those of `raw`, in rounds that take turns."""
    rounds, seconds = (1, 1.0) if quick else (9, 2.0)
    here, there = cores()
    generator = choose("auto", there, folder)
    ours: list[Sample] = []
    least: list[Sample] = []
    with minimal(folder, core=here) as server, raw(folder, core=here) as limit:
        for _ in range(rounds):
            for place, samples in ((server, ours), (limit, least)):
                samples.append(generator.run(Plan(place.port, PATH, seconds=seconds)))
    found = ratios([each["p99"] for each in ours], [each["p99"] for each in least])
    share = max(each["share"] for each in ours + least)
    words = f"{_middle([each['p99'] for each in ours]):.0f} µs, raw {_middle([each['p99'] for each in least]):.0f} µs"
    words += f": {found} times; {generator.name} took {share:.0%} of a core" + ", too much" * saturated(share)
    what = f"p99 of the minimal application at 64 connections, medians of {rounds} rounds in turns"
    figures = {"ours": ours, "raw": least, "ratio": found.middle}
    return [Line("latency", what, "≤ 1.5 times raw", words, found.middle <= WORSE, figures=figures)]


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Return the spread of the ratios, round by round.

    Raises:
        ValueError: nothing was measured.
    """
    found = spread(one / other for one, other in zip(above, below, strict=True) if other)
    if found is None:
        raise ValueError("nothing was measured")
    return found


def _managed(folder: Path, name: str) -> Running:
    count = "1" if name == "one" else "2"
    listener = "reuseport" if "reuseport" in name else "shared"
    server = propane(folder, "--workers", count, ARLEN_SERVER__PROPANE__LISTENER=listener)
    server.wait("worker_ready", int(count))
    return server


def _measured(manager: Running, generator: Generator, seconds: float) -> Sample:
    before = sum(map(cpu, manager.workers))
    found = generator.run(Plan(manager.place[1], WORK, connections=32, seconds=seconds))
    if found["errors"]:
        raise ValueError(f"{found['errors']} requests failed")
    return found | {"cores": (sum(map(cpu, manager.workers)) - before) / found["seconds"]}


def _middle(values: Sequence[float]) -> float:
    found = spread(values)
    return found.middle if found else 0.0
