"""Idle: what a connection costs that only waits, and whether many of them are held at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.bench.processes import Failed
from tools.load.crowds import Crowd, raise_limit
from tools.load.probes import Memory, family, memory
from tools.load.report import Line
from tools.load.runners import propane
from tools.load.servers import PATH, peer, peers, raw

__all__ = ["Held", "check", "cost", "hold"]

MANY, FEW = 10_000, 500
BESIDE = 1000  # connections to each peer: enough for the figure, and no more than all of them hold
SPARE = 256  # descriptors for everything that is no connection
GOAL = 4096


class Served(Protocol):
    """A server that connections can be opened to."""

    @property
    def place(self) -> tuple[str, int]:
        """Where it listens."""


@dataclass(frozen=True)
class Held:
    """What came of holding connections.

    Attributes:
        count: how many were held at once.
        answered: how many answered at first, and how many after all were open.
        before, after: the server's memory without them and with all of them.
    """

    count: int
    answered: tuple[int, int]
    before: Memory
    after: Memory


def check(folder: Path, *, quick: bool) -> list[Line]:
    """Hold connections that have asked once, at this server on either event loop, and at `raw`."""
    count = FEW if quick else MANY
    allowed = raise_limit(count + SPARE) - SPARE
    held, plain = (_worker(folder, min(count, allowed), loop) for loop in ("auto", "asyncio"))
    with raw(folder) as other:
        limit = hold(other, memory, other.pid, min(count, allowed))
    lines = [_cost(held, plain, limit), _held(held, count)]
    return lines if quick else lines + _peers(folder, min(BESIDE, allowed))


def hold(server: Served, measure: Callable[[int], Memory], pid: int, count: int) -> Held:
    """Open so many connections, ask once on each, ask again when all are open, and look at the server's memory.

    Args:
        server: to ask.
        measure: looks at the memory.
        pid: of the process that it looks at.
        count: connections.
    """
    with Crowd(server.place, PATH) as crowd:  # what a server makes once is made now
        crowd.open(64)
        for _ in range(20):
            crowd.ask()
    before = measure(pid)
    with Crowd(server.place, PATH) as crowd:
        first = crowd.open(count)
        after = measure(pid)
        return Held(count, (first, crowd.ask()), before, after)


def cost(held: Held) -> Memory:
    """Return the bytes for each connection."""
    before, after, count = held.before, held.after, held.count
    return Memory((after.rss - before.rss) // count, (after.pss - before.pss) // count)


def _worker(folder: Path, count: int, loop: str) -> Held:
    with propane(folder, "--workers", "1", "--app", "plain:app", ARLEN_SERVER__LOOP=loop) as server:
        return hold(server, memory, server.wait("worker_ready")["worker_pid"], count)


def _peers(folder: Path, count: int) -> list[Line]:
    figures: dict[str, int] = {}
    for server in peers():
        try:
            with peer(folder, server) as running:
                held = hold(running, family, running.pid, count)
            if held.answered == (count, count):
                figures[server.title] = cost(held).rss
        except (OSError, Failed):
            continue  # it does not start here, or does not hold so many
    words = "; ".join(f"{title}: {size:,}" for title, size in figures.items())
    return [Line("idle", "the same at peers, bytes RSS", "", words, figures=figures)] if figures else []


def _cost(held: Held, plain: Held, limit: Held) -> Line:
    each, least, other = cost(held), cost(limit), cost(plain)
    figures = {"connections": held.count, "rss": each.rss, "pss": each.pss, "asyncio": other.rss, "raw": least.rss}
    words = "{rss} bytes RSS, {pss} PSS; on plain asyncio {asyncio}; raw {raw}".format(**figures)
    what = "memory of the server for an idle keep-alive connection that has asked once"
    return Line("idle", what, "≤ 4 KiB", words, each.rss <= GOAL, figures=figures)


def _held(held: Held, wanted: int) -> Line:
    short = "" if held.count == wanted else f" (the limit of open files allows no more than {held.count})"
    good = held.answered == (held.count, held.count) and not short
    words = f"{held.count:,} held{short}, {held.answered[0]:,} answered at first and {held.answered[1]:,} at the end"
    what = f"{wanted:,} idle connections at once"
    return Line("idle", what, "all answer", words, good, promise=not short, figures={"held": held.count})
