"""SQLite beside aiosqlite: `hatch run measure data sqlite`, or `python -m tools.databench.sqlite`, prints ratios.

All of it is one interleaved run: each round runs every lane once, in an order that changes from round to round. What is
compared is the ratio within a round; printed are the medians over the rounds, with the smallest and the largest.
"""

import argparse
import asyncio
import importlib
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from arlen_sqlite import SQLite
from tools.bench.ratios import Spread, spread
from tools.databench.report import heading

__all__ = ["LOOPS", "main", "p99", "reads", "runner", "writes"]

Lane = Callable[[int], Awaitable[None]]
Times = dict[str, list[float]]
Races = dict[str, tuple[list[float], int, float]]

LOOPS = ("asyncio", "uvloop")
PEER = "aiosqlite execute_fetchall"
ROWS = 1000
SQL = "select id, name from people where id = {}"
BARS = {"one": 0.55, "p99": 10.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a Markdown report; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tools.databench.sqlite")
    parser.add_argument("--rounds", type=int, default=40, help="rounds of reads, 40")
    parser.add_argument("--queries", type=int, default=200, help="queries of a lane in a round, 200")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds of a lane of writers in a round, 1")
    parser.add_argument("--writes", type=int, default=3, help="rounds of writers, 3")
    options = parser.parse_args(arguments)
    print(heading("SQLite", options))
    print(f"SQLite {sqlite3.sqlite_version}; every lane on the same file, in write-ahead logging.\n")
    good = True
    for loop in LOOPS:
        with TemporaryDirectory() as folder, runner(loop) as run:
            path = Path(folder) / "bench.db"
            for tasks in (1, 32):
                times = run.run(reads(path, options.rounds, options.queries, tasks))
                print(_reads_table(loop, tasks, times))
                good &= tasks > 1 or _ratio(times, "arlen-sqlite").middle <= BARS["one"]
            found = run.run(writes(path, options.writes, options.seconds))
            print(_writes_table(loop, found))
            ours = [found[name] for name in found if "arlen" in name]
            good &= all(not errors and p99(times) <= BARS["p99"] for times, errors, _ in ours)
    print("Every bar is met." if good else "Not every bar is met in this run.")
    return 0 if good else 1


async def reads(path: Path, rounds: int, queries: int, tasks: int = 1) -> Times:
    """Return the microseconds of one query of each lane, by round.

    Args:
        path: of the database; its table is made when it is missing.
        rounds: how many.
        queries: of a lane in a round, by all tasks together.
        tasks: how many ask at a time.
    """
    async with _lanes(path) as lanes:
        times: Times = {name: [] for name in lanes}
        order = list(lanes)
        for turn in range(rounds + 1):
            random.shuffle(order)
            for name in order:
                begun = time.perf_counter()
                await asyncio.gather(*(_ask(lanes[name], queries // tasks, task) for task in range(tasks)))
                if turn:  # the first one warms up
                    times[name].append((time.perf_counter() - begun) / (queries // tasks * tasks) * 1e6)
        return times


async def writes(
    path: Path, rounds: int, seconds: float, writers: int = 8
) -> dict[str, tuple[list[float], int, float]]:
    """Let writers read, change and write the same row, each commit on the disk before it is told.

    Returns for each lane the milliseconds of every transaction, how many were refused because of a lock, and
    transactions in a second. No change may be lost: it is checked.
    """
    async with AsyncExitStack() as stack:
        lanes = {name: await stack.enter_async_context(made) for name, made in _writers(path, writers).items()}
        found: Races = {name: ([], 0, 0.0) for name in lanes}
        order = list(lanes)
        for _ in range(rounds):
            random.shuffle(order)
            for name in order:
                times, errors, spent = await _race(lanes[name], writers, seconds)
                kept, refused, before = found[name]
                found[name] = ([*kept, *times], refused + errors, before + spent)
        return {name: (times, errors, len(times) / spent) for name, (times, errors, spent) in found.items()}


def p99(times: Sequence[float]) -> float:
    """Return what 99 of 100 stay below.

    >>> p99([1.0] * 99 + [1.0])
    1.0
    """
    return quantiles(times, n=100)[98]


def runner(loop: str) -> asyncio.Runner:
    """Return what runs coroutines on "asyncio" or "uvloop"."""
    factory = None if loop == "asyncio" else importlib.import_module("uvloop").new_event_loop
    return asyncio.Runner(loop_factory=factory)


@asynccontextmanager
async def _lanes(path: Path) -> AsyncIterator[dict[str, Lane]]:
    peers = importlib.import_module("aiosqlite")
    async with SQLite(path) as db, SQLite(path, inline_reads=True) as inline, peers.connect(path) as peer:
        await db.execute("create table if not exists people (id integer primary key, name text, n int)")
        if not await db.value("select count(*) from people"):
            await db.copy_in("people", ["id", "name", "n"], ((number, f"n{number}", 0) for number in range(ROWS)))
        ours, theirs = SQL.format("$1"), SQL.format("?")

        async def one(id: int) -> None:
            assert (await db.one(ours, id)).id == id  # noqa: S101  # the answer is right

        async def on_loop(id: int) -> None:
            assert (await inline.one(ours, id)).id == id  # noqa: S101

        async def their(id: int) -> None:
            assert (await peer.execute_fetchall(theirs, (id,)))[0][0] == id  # noqa: S101

        yield {"arlen-sqlite": one, "arlen-sqlite, inline_reads": on_loop, PEER: their}


async def _ask(lane: Lane, queries: int, task: int) -> None:
    for number in range(queries):
        await lane((task * queries + number) % ROWS)


def _writers(path: Path, writers: int) -> dict[str, Any]:
    """Return for each lane what gives one function for each writer."""
    return {
        "arlen-sqlite": _ours(path, group_commit=False),
        "arlen-sqlite, group_commit": _ours(path, group_commit=True),
        "aiosqlite, a connection for each": _theirs(path, writers),
    }


@asynccontextmanager
async def _ours(path: Path, *, group_commit: bool) -> AsyncIterator[list[Callable[[], Awaitable[None]]]]:
    async with SQLite(path, synchronous="full", group_commit=group_commit) as db:

        async def add() -> None:
            async with db.transaction() as tx:
                seen = await tx.value("select n from people where id = 1")
                await tx.execute("update people set n = $1 where id = 1", seen + 1)

        yield [add] * 64


@asynccontextmanager
async def _theirs(path: Path, writers: int) -> AsyncIterator[list[Callable[[], Awaitable[None]]]]:
    peers = importlib.import_module("aiosqlite")
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(writers):
            db = await stack.enter_async_context(peers.connect(path, isolation_level=None, timeout=5))
            await db.execute("pragma synchronous = full")
            made.append(_adder(db))
        yield made


def _adder(db: Any) -> Callable[[], Awaitable[None]]:
    async def add() -> None:
        await db.execute("begin immediate")
        ((seen,),) = await db.execute_fetchall("select n from people where id = 1")
        await db.execute("update people set n = ? where id = 1", (seen + 1,))
        await db.execute("commit")

    return add


async def _race(
    adders: Sequence[Callable[[], Awaitable[None]]], writers: int, seconds: float
) -> tuple[list[float], int, float]:
    times: list[float] = []
    errors = 0
    begun = time.perf_counter()

    async def work(add: Callable[[], Awaitable[None]]) -> None:
        nonlocal errors
        while time.perf_counter() - begun < seconds:
            start = time.perf_counter()
            try:
                await add()
            except Exception as error:
                if "lock" not in str(error):
                    raise
                errors += 1
            else:
                times.append((time.perf_counter() - start) * 1e3)

    await asyncio.gather(*(work(add) for add in adders[:writers]))
    return times, errors, time.perf_counter() - begun


def _ratio(times: Times, name: str) -> Spread:
    found = spread(ours / theirs for ours, theirs in zip(times[name], times[PEER], strict=True))
    if found is None:
        raise ValueError("there was no round")
    return found


def _reads_table(loop: str, tasks: int, times: Times) -> str:
    who = "one task" if tasks == 1 else f"{tasks} tasks"
    bar = f"; the bar is {BARS['one']}" if tasks == 1 else ""
    lines = [f"## One row by key, {who}, {loop}{bar}", "", "| lane | us for a query | ratio |", "|---|---|---|"]
    lines += [f"| {name} | {median(each):.1f} | {_ratio(times, name)} |" for name, each in times.items()]
    return "\n".join(lines) + "\n"


def _writes_table(loop: str, found: Races) -> str:
    lines = [f"## 8 writers read and write one row, synchronous=full, {loop}; the bar is 0 locks, p99 10 ms", ""]
    lines += ["| lane | transactions in a second | p50 ms | p99 ms | refused by a lock |", "|---|---|---|---|---|"]
    for name, (times, errors, rate) in found.items():
        lines.append(f"| {name} | {rate:,.0f} | {median(times):.2f} | {p99(times):.2f} | {errors} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
