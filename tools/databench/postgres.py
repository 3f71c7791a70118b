"""PostgreSQL: arlen-pg beside psycopg and asyncpg, in one interleaved run, every answer checked.

`hatch run measure data postgres` prints a Markdown table of ratios. A round runs every driver once, in an order that
changes; what is compared is the median of the rounds. A server of its own is started, or the one of `--url` is used.
"""

import argparse
import asyncio
import gc
import importlib
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from arlen_pg import Postgres
from tools.databench.apps.shared import COUNT, ONE
from tools.databench.engine import filled, postgres
from tools.databench.report import heading

__all__ = ["BARS", "main", "measured", "ratio", "rounds", "table"]

SIZE, TASKS, QUERIES = 8, 64, 20
OURS = "arlen-pg"
STREAM = "select id, twice, name from streamed where id <= {}"
STREAMED = 1_000_000

Work = Callable[[int], Awaitable[dict[str, float]]]

BARS: dict[str, tuple[tuple[str, str, str, float], ...]] = {
    "one row by key": (
        ("cpu, us", "psycopg", "<=", 0.5),
        ("cpu, us", "asyncpg", "<=", 0.8),
    ),
    f"{TASKS} tasks, {SIZE} connections": (
        ("rows/s", "psycopg_pool", ">=", 3.0),
        ("rows/s", "asyncpg pool", ">=", 2.0),
        ("p99, ms", "psycopg_pool", "<=", 1.0),
        ("p99, ms", "asyncpg pool", "<=", 1.0),
    ),
    f"{QUERIES} statements in a pipeline": (("wall, us", "psycopg pipeline()", "<=", 0.6),),
    "stream of all rows": (
        ("rows/s", "psycopg fetchall", ">=", 1.2),
        ("MiB", "", "<=", 16.0),
    ),
}
"""For each scenario: the measure, whom it is compared with (nobody: the value itself), and what it must be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the tables; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="hatch run measure data postgres", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (7)")
    parser.add_argument("--scale", type=float, default=1.0, help="how much each does (1.0); less is quicker")
    parser.add_argument("--loop", choices=("asyncio", "uvloop", "both"), default="both", help="event loops (both)")
    parser.add_argument("--url", default="", help="a server that runs already; the table `world` is made in it")
    options = parser.parse_args(arguments)
    print(heading("arlen-pg beside psycopg and asyncpg", options))
    missed = 0
    with _server(options.url) as url:
        for loop in ("asyncio", "uvloop") if options.loop == "both" else (options.loop,):
            found = _loop(loop)(measured(url, options.rounds, options.scale))
            print(f"## {loop}\n")
            lines, count = table(found)
            print("\n".join(lines), flush=True)
            missed += count
    return int(missed > 0)


async def measured(url: str, count: int, scale: float) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Return for each scenario and driver what each round gave."""
    await _streamed(url, round(STREAMED * scale))
    async with AsyncExitStack() as stack:
        drivers = await _drivers(url, stack)
        return {name: await rounds(works, count, scale) for name, works in drivers.items()}


async def rounds(works: Mapping[str, tuple[Work, int]], count: int, scale: float) -> dict[str, list[dict[str, float]]]:
    """Run everybody once in each round, in a changing order; the first round warms up and does not count."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in works}
    order = list(works)
    shuffle = random.Random(7).shuffle  # noqa: S311 - an order, not a secret
    for number in range(count + 1):
        shuffle(order)
        for name in order:
            work, times = works[name]
            gc.collect()
            sample = await work(max(1, round(times * scale * (1 if number else 0.2))))
            if number:
                found[name].append(sample)
    return found


def ratio(found: Mapping[str, list[dict[str, float]]], measure: str, other: str) -> float:
    """Return the median of our measure by the median of somebody else's; without anybody, our own."""
    ours = median(sample[measure] for sample in found[OURS])
    return ours / median(sample[measure] for sample in found[other]) if other else ours


def table(found: Mapping[str, Mapping[str, list[dict[str, float]]]]) -> tuple[list[str], int]:
    """Return the lines of the tables of one event loop, and how many bars were missed."""
    lines, missed = [], 0
    for scenario, drivers in found.items():
        measures = list(next(iter(drivers.values()))[0])
        lines += [f"| {scenario} | {' | '.join(measures)} |", f"|---|{'---:|' * len(measures)}"]
        for name, samples in drivers.items():
            middles = [f"{median(sample[measure] for sample in samples):,.1f}" for measure in measures]
            lines.append(f"| {name} | {' | '.join(middles)} |")
        lines.append("")
        for measure, other, sign, bar in BARS[scenario]:
            value = ratio(drivers, measure, other)
            met = value <= bar if sign == "<=" else value >= bar
            missed += not met
            against = f"{measure}, {OURS} / {other}" if other else f"{measure}, {OURS}"
            lines.append(f"- {against}: **{value:.2f}** (bar {sign} {bar:g}: {'met' if met else 'MISSED'})")
        lines.append("")
    return lines, missed


async def _streamed(url: str, rows: int) -> None:
    """Make the table that is streamed, anew."""
    async with Postgres(url, size=1) as db:
        await db.execute("drop table if exists streamed")
        await db.execute("create unlogged table streamed (id int8, twice int8, name text)")
        columns = "n, 2 * n, 'the name of row ' || n"
        await db.execute(f"insert into streamed select {columns} from generate_series(1, $1) n", rows)  # noqa: S608
        await db.execute("analyze streamed")


async def _drivers(url: str, stack: AsyncExitStack) -> dict[str, dict[str, tuple[Work, int]]]:
    """Connect everybody; return the scenarios."""
    psycopg, asyncpg = importlib.import_module("psycopg"), importlib.import_module("asyncpg")
    psycopg_pool = importlib.import_module("psycopg_pool")
    db = await stack.enter_async_context(Postgres(url, size=SIZE, min_size=SIZE))
    link = await stack.enter_async_context(await psycopg.AsyncConnection.connect(url, autocommit=True))
    peer = await asyncpg.connect(url)
    stack.push_async_callback(peer.close)
    kwargs = {"autocommit": True}
    pool = psycopg_pool.AsyncConnectionPool(url, min_size=SIZE, max_size=SIZE, open=False, kwargs=kwargs)
    await stack.enter_async_context(pool)
    peers = await stack.enter_async_context(asyncpg.create_pool(url, min_size=SIZE, max_size=SIZE))
    ours, theirs = f"{ONE}$1", f"{ONE}%s"

    async def arlen_one(key: int) -> Any:
        return await db.one(ours, key)

    async def psycopg_one(key: int) -> Any:
        return await (await link.execute(theirs, (key,))).fetchone()

    async def asyncpg_one(key: int) -> Any:
        return await peer.fetchrow(ours, key)

    async def psycopg_pooled(key: int) -> Any:
        async with pool.connection() as taken:
            return await (await taken.execute(theirs, (key,))).fetchone()

    async def asyncpg_pooled(key: int) -> Any:
        async with peers.acquire() as taken:
            return await taken.fetchrow(ours, key)

    async def arlen_batch(keys: Sequence[int]) -> list[Any]:
        return [result.one() for result in await db.batch(*[(ours, key) for key in keys])]

    async def psycopg_batch(keys: Sequence[int]) -> list[Any]:
        async with link.pipeline():
            cursors = [await link.execute(theirs, (key,)) for key in keys]
            return [await cursor.fetchone() for cursor in cursors]

    async def arlen_stream(count: int) -> int:
        total = 0
        async with db.stream(STREAM.format(count)) as rows:
            async for chunk in rows.chunks():
                total += sum([row[0] for row in chunk])
        return total

    async def psycopg_fetch(count: int) -> int:
        rows = await (await link.execute(STREAM.format(count))).fetchall()
        return sum([row[0] for row in rows])

    names = list(BARS)
    return {
        names[0]: {
            OURS: (_sequence(arlen_one), 2000),
            "psycopg": (_sequence(psycopg_one), 2000),
            "asyncpg": (_sequence(asyncpg_one), 2000),
        },
        names[1]: {
            OURS: (_crowd(arlen_one), 100),
            "psycopg_pool": (_crowd(psycopg_pooled), 100),
            "asyncpg pool": (_crowd(asyncpg_pooled), 100),
        },
        names[2]: {OURS: (_batches(arlen_batch), 100), "psycopg pipeline()": (_batches(psycopg_batch), 100)},
        names[3]: {OURS: (_stream(arlen_stream), STREAMED), "psycopg fetchall": (_stream(psycopg_fetch), STREAMED)},
    }


def _sequence(ask: Callable[[int], Awaitable[Any]]) -> Work:
    """One after another, on one connection."""

    async def work(times: int) -> dict[str, float]:
        keys = _keys(times)
        cpu, wall = time.process_time(), time.perf_counter()
        rows = [await ask(key) for key in keys]
        spent = time.process_time() - cpu, time.perf_counter() - wall
        _check(rows, keys)
        return {"cpu, us": spent[0] / times * 1e6, "wall, us": spent[1] / times * 1e6}

    return work


def _crowd(ask: Callable[[int], Awaitable[Any]]) -> Work:
    """Many tasks at a time."""

    async def work(times: int) -> dict[str, float]:
        waits: list[float] = []

        async def one() -> None:
            keys, rows = _keys(times), []
            for key in keys:
                begun = time.perf_counter()
                rows.append(await ask(key))
                waits.append(time.perf_counter() - begun)
            _check(rows, keys)

        begun = time.perf_counter()
        await asyncio.gather(*[one() for _ in range(TASKS)])
        spent = time.perf_counter() - begun
        waits.sort()
        return {"rows/s": TASKS * times / spent, "p99, ms": waits[int(len(waits) * 0.99)] * 1e3}

    return work


def _batches(ask: Callable[[Sequence[int]], Awaitable[list[Any]]]) -> Work:
    async def work(times: int) -> dict[str, float]:
        batches = [_keys(QUERIES) for _ in range(times)]
        cpu, wall = time.process_time(), time.perf_counter()
        found = [await ask(keys) for keys in batches]
        spent = time.process_time() - cpu, time.perf_counter() - wall
        for rows, keys in zip(found, batches, strict=True):
            _check(rows, keys)
        return {"wall, us": spent[1] / times * 1e6, "cpu, us": spent[0] / times * 1e6}

    return work


def _stream(read: Callable[[int], Awaitable[int]]) -> Work:
    async def work(times: int) -> dict[str, float]:
        done = asyncio.Event()
        gc.collect()
        before = _resident()
        most = asyncio.create_task(_most(done))
        begun = time.perf_counter()
        total = await read(times)
        spent = time.perf_counter() - begun
        done.set()
        if total != times * (times + 1) // 2:
            raise ValueError(f"the rows of a stream add up to {total}")
        return {"rows/s": times / spent, "MiB": (max(await most, _resident()) - before) / 2**20}

    return work


async def _most(done: asyncio.Event) -> int:
    """Look at the memory until the event is set; return the most that was seen."""
    most = 0
    while not done.is_set():
        most = max(most, _resident())
        await asyncio.sleep(0.005)
    return most


def _keys(count: int) -> list[int]:
    return [random.randrange(COUNT) + 1 for _ in range(count)]  # noqa: S311 - numbers of rows, no secret


def _check(rows: Sequence[Any], keys: Sequence[int]) -> None:
    if [tuple(row) for row in rows] != [(key, key * 7 % COUNT) for key in keys]:
        raise ValueError("an answer is not right")


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


def _loop(name: str) -> Callable[..., Any]:
    runner: Callable[..., Any] = asyncio.run if name == "asyncio" else importlib.import_module("uvloop").run
    return runner


@contextmanager
def _server(url: str) -> Iterator[str]:
    if url:
        filled(url)
        yield url
    else:
        with postgres() as own:
            yield own
