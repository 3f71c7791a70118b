"""Pairs: two states of the packages side by side, in turns, by processor time.

Each pair is two processes that live long, on the same processor and with the same hash seed. They take short turns, so
that whatever else the machine does hits both; several pairs, because where memory lies makes a process faster or slower
for its whole life.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.perf.bases import sources
from tools.perf.interval import Interval, bootstrap

__all__ = ["Lacking", "Pair", "Worker", "compare"]

ROOT = Path(__file__).parents[2]
LIMIT = 1.03
"""When the whole interval lies above this, the path has become slower."""
PAIRS = 8
MOST = 24
"""Pairs for a path of which fewer cannot say whether it became slower."""
ROUNDS = 40
SPAN = 2_000_000
"""Nanoseconds of processor time that a turn should take: so few that the machine does the same all the while."""


class Lacking(Exception):
    """A state of the packages cannot run a path; the text says why."""


class Worker:
    """A process that measures one state of the packages.

    Args:
        root: of the state; its folder `packages` is measured.
        seed: for hashes.
        cpu: the processor to stay on.
    """

    def __init__(self, root: Path, *, seed: int = 0, cpu: int | None = None) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": sources(root)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.perf.worker"],
            cwd=ROOT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if cpu is not None:
            os.sched_setaffinity(self._process.pid, {cpu})

    def measure(self, name: str, count: int, extra: float = 0.0) -> int:
        """Return the nanoseconds that so many steps of a path take. Raises `Lacking`."""
        sent, answers = self._process.stdin, self._process.stdout
        if sent is None or answers is None:
            raise Lacking("the worker has no pipes")
        try:
            sent.write(f"{name} {count} {extra}\n")
            sent.flush()
            line = answers.readline().strip()
        except BrokenPipeError:
            line = ""
        if not line.isdigit():
            raise Lacking(line.removeprefix("! ") or "the worker died")
        return int(line)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]


class Pair:
    """A worker for the base and one for the present state.

    Args:
        before: the root of the base.
        now: the root of what is compared with it.
        seed: for hashes, the same in both.
    """

    def __init__(self, before: Path, now: Path, seed: int = 0) -> None:
        cpu = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        self.before, self.now = Worker(before, seed=seed, cpu=cpu), Worker(now, seed=seed, cpu=cpu)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.before.close()
        self.now.close()

    def ratios(self, name: str, *, rounds: int = ROUNDS, extra: float = 0.0) -> list[float]:
        """Return for each round how much longer the present state took; the two take turns to be first."""
        count = self._calibrate(name)
        self.now.measure(name, count)
        found = []
        for number in range(rounds):
            if number % 2:
                before = self.before.measure(name, count)
                now = self.now.measure(name, count, extra)
            else:
                now = self.now.measure(name, count, extra)
                before = self.before.measure(name, count)
            found.append(now / before)
        return found

    def _calibrate(self, name: str) -> int:
        """Return how many steps take as long as a turn should."""
        count = 16
        while (spent := self.before.measure(name, count)) < SPAN // 4:
            count *= 2
        return max(1, count * SPAN // spent)


def compare(
    before: Path,
    now: Path,
    names: Sequence[str],
    *,
    pairs: int = PAIRS,
    most: int = MOST,
    rounds: int = ROUNDS,
    extra: float = 0.0,
) -> dict[str, Interval | Lacking]:
    """Return for each path the ratio of two states, or why the base cannot run it.

    Args:
        before: the root of the base.
        now: the root of the present state.
        names: of the paths.
        pairs: of processes; as many again while a path looks slower and may not be.
        most: pairs of all.
        rounds: of each pair.
        extra: work to add to the present state, in per cent.

    Raises `Lacking` when the present state cannot run a path.
    """
    rows: dict[str, list[list[float]]] = {name: [] for name in names}
    lacking: dict[str, Lacking] = {}
    left, begun = list(names), 0
    while left and begun < most:
        for seed in range(begun, begun + pairs):
            with Pair(before, now, seed) as pair:
                for name in left:
                    _round(pair, name, rows[name], lacking, rounds=rounds, extra=extra)
        begun += pairs
        left = [name for name in left if name not in lacking and bootstrap(rows[name]).unsure(LIMIT)]
    return {name: lacking.get(name) or bootstrap(rows[name]) for name in names}


def _round(
    pair: Pair, name: str, rows: list[list[float]], lacking: dict[str, Lacking], *, rounds: int, extra: float
) -> None:
    pair.now.measure(name, 1)
    try:
        pair.before.measure(name, 1)
    except Lacking as error:
        lacking[name] = error
    else:
        rows.append(pair.ratios(name, rounds=rounds, extra=extra))
