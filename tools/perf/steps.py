"""Steps: runs a path so many times, between marks."""

import asyncio
import inspect
from collections.abc import Callable, Sequence

from tools.perf.registry import Make, Step
from tools.perf.sites import outside

__all__ = ["repeat", "run"]


def run(make: Make, counts: Sequence[int], mark: Callable[[], object], settle: Callable[[], object]) -> None:
    """Make a path and run its step as often as each count says, with a mark between them and after the last.

    `settle` is called after the first round, which warms up.
    """

    async def main() -> None:
        async with make() as step:
            for number, count in enumerate(counts):
                await repeat(step, count)
                if number == 0:
                    settle()
                mark()

    asyncio.run(main())


async def repeat(step: Step, count: int) -> None:
    """Run a step so many times; a plain one outside of any task."""
    if inspect.iscoroutinefunction(step):
        for _ in range(count):
            await step()
        return

    def plain() -> None:
        for _ in range(count):
            step()

    await outside(plain)
