"""Stages: what runs under valgrind for the table of layers: `python -m tools.perf.stages wire.minimal`.

First it measures what a mark itself costs, around functions that do nothing; then it runs the path with marks in it.
The last lines that it prints are what lay between the marks.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable

from tools.perf import instrument, still

still.stop()

from tools.perf.registry import find  # noqa: E402
from tools.perf.seams import STEPS, Seams  # noqa: E402
from tools.perf.sites import ready  # noqa: E402
from tools.perf.steps import run  # noqa: E402

__all__ = ["EMPTY", "main"]

EMPTY = 16


def main(arguments: list[str]) -> int:
    """Run one path."""
    ready()
    seams = Seams(os.getppid)
    seams.install()
    if instrument.possible():
        instrument.begin()
    for _ in range(2):  # the first one warms up
        seams.trail.clear()
        _plain(seams, seams.wrap("empty", nothing))
        asyncio.run(_waiting(seams, seams.wrap("empty", nothing_later)))
    counts = [24, STEPS]
    rounds = iter(counts)

    def settle() -> None:
        still.settle()

    def mark() -> None:
        seams.note("step")
        if next(rounds) == STEPS:
            print(json.dumps({"trail": seams.trail, "missing": seams.missing}), flush=True)
            os._exit(0)

    run(find(arguments[0]), counts, mark, settle)
    return 1


def nothing() -> None:
    """Do nothing."""


async def nothing_later() -> None:
    """Do nothing, as a coroutine."""


def _plain(seams: Seams, wrapped: Callable[[], object]) -> None:
    seams.note("loop")
    for _ in range(EMPTY):
        pass
    seams.note("call")
    for _ in range(EMPTY):
        nothing()
    seams.note("marked")
    for _ in range(EMPTY):
        wrapped()
    seams.note("over")


async def _waiting(seams: Seams, wrapped: Callable[[], Awaitable[object]]) -> None:
    seams.note("loop")
    for _ in range(EMPTY):
        pass
    seams.note("call")
    for _ in range(EMPTY):
        await nothing_later()
    seams.note("marked")
    for _ in range(EMPTY):
        await wrapped()
    seams.note("over")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
