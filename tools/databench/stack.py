"""Whole stack: requests answered from PostgreSQL by Arlen and by bare servers, in rounds that take turns.

Each server is a process on one core; wrk (or a generator of our own) and PostgreSQL share the other one.
"""

import argparse
import json
import os
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tools.bench.generators import Generator, choose
from tools.bench.load import Plan, saturated
from tools.bench.processes import ROOT, cores
from tools.bench.ratios import Spread, spread
from tools.bench.servers import PLAIN
from tools.databench.apps.shared import COUNT, QUERIES, SIZE
from tools.databench.engine import postgres
from tools.databench.report import heading
from tools.load.servers import Beside, beside

__all__ = ["BARS", "SERVERS", "Stack", "checked", "main", "table"]

LIMIT = "bare server, psycopg_pool"
BARS = {"/db": 1.6, "/queries": 3.0}
"""What Arlen's throughput must be, as a ratio to the bare server's with psycopg_pool."""

TITLES = {"/db": "one row", "/queries": f"{QUERIES} rows by {QUERIES} queries"}

SERVERS: dict[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    LIMIT: (("tools.databench.apps.bare", "psycopg"), {}),
    "bare server, asyncpg": (("tools.databench.apps.bare", "asyncpg"), {}),
    "arlen, minimal": (("tools.databench.apps.arlen",), PLAIN),
    "arlen, defaults": (("tools.databench.apps.arlen",), {"ARLEN_LOG__TARGET": "{scratch}/access.log"}),
}

Sample = dict[str, Any]


class Stack:
    """The servers, running, and the generator.

    Args:
        places: the servers by name.
        generator: what asks.
        seconds: of each measurement.
    """

    def __init__(self, places: Mapping[str, Beside], generator: Generator, seconds: float) -> None:
        self.places, self.generator, self.seconds = places, generator, seconds

    def measure(self, path: str, rounds: int) -> dict[str, list[Sample]]:
        """Return the samples of each server; the first round warms up and does not count."""
        samples: dict[str, list[Sample]] = {name: [] for name in self.places}
        names = list(self.places)
        for number in range(rounds + 1):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                sample = self._sample(self.places[name], path)
                if number:
                    samples[name].append(sample)
        return samples

    def _sample(self, place: Beside, path: str) -> Sample:
        before = place.cpu() or 0.0
        found = self.generator.run(Plan(place.port, path, connections=64, seconds=self.seconds))
        place.settle()
        if found["errors"]:
            raise ValueError(f"{found['errors']} requests failed: {place.tail()}")
        used = ((place.cpu() or 0.0) - before) / found["requests"] * 1e6
        return found | {"rate": found["requests"] / found["seconds"], "cpu": used}


def checked(address: str) -> None:
    """Ask a server once for everything; `ValueError` when an answer is not right."""
    for path, count in (("/db", 0), ("/queries", QUERIES)):
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            found = json.load(answer)
        rows = found if count else [found]
        if len(rows) != (count or 1) or any(row["randomNumber"] != row["id"] * 7 % COUNT for row in rows):
            raise ValueError(f"{path} of {address} answers {found}")


def table(path: str, samples: Mapping[str, Sequence[Sample]]) -> Iterator[str]:
    """Yield the lines of the table of a scenario."""
    yield f"### {TITLES[path]}: `GET {path}`, 64 connections, {SIZE} connections to the database\n"
    yield "| server | ratio of throughput | bar | ratio of processor time | p99, ms | share of the generator's core |"
    yield "|---|---|---|---|---|---|"
    for name, found in samples.items():
        rate, cpu = (_against(found, samples[LIMIT], key) for key in ("rate", "cpu"))
        p99 = spread(each["p99"] / 1000 for each in found)
        share = max(each["share"] for each in found)
        bar = f"≥ {BARS[path]}, {'met' if rate.middle >= BARS[path] else 'missed'}" if "arlen" in name else ""
        mark = " (too much)" if saturated(share) else ""
        yield f"| {name} | {rate} | {bar} | {cpu} | {p99.middle if p99 else 0:.1f} | {share:.0%}{mark} |"
    yield ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="hatch run measure data stack", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each server (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement (3)")
    options = parser.parse_args(arguments)
    print(heading("The whole stack, from PostgreSQL", options))
    with tempfile.TemporaryDirectory() as scratch, _running(Path(scratch), options.seconds) as stack:
        for path in BARS:
            print("\n".join(table(path, stack.measure(path, options.rounds))), flush=True)
    return 0


def _against(found: Sequence[Sample], limit: Sequence[Sample], key: str) -> Spread:
    made = spread(one[key] / other[key] for one, other in zip(found, limit, strict=True))
    if made is None:
        raise ValueError("nothing was measured")
    return made


@contextmanager
def _running(scratch: Path, seconds: float) -> Iterator[Stack]:
    here, there = cores()
    with postgres(core=there) as url, ExitStack() as stack:
        places = {}
        for name, (command, variables) in SERVERS.items():
            own = {key: value.replace("{scratch}", str(scratch)) for key, value in variables.items()}
            line = partial(_line, command)
            places[name] = stack.enter_context(beside(scratch, line, _environ(url) | own, core=here))
            checked(places[name].address)
        yield Stack(places, choose("auto", there, scratch), seconds)


def _line(command: Sequence[str], port: int) -> list[str]:
    return [sys.executable, "-m", *command, str(port)]


def _environ(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARLEN_")}
    return kept | {"PYTHONPATH": str(ROOT), "DATABENCH_URL": url, "ARLEN_ENV": "production", "NO_COLOR": "1"}


if __name__ == "__main__":
    sys.exit(main())
