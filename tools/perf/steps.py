"""Steps: runs a path so many times, between marks."""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import TypeVar

from tools.perf.registry import Make, Step

__all__ = ["outside", "repeat", "run"]

T = TypeVar("T")


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


async def outside(function: Callable[[], T]) -> T:
    """Call a function as a transport would: from the event loop, outside of any task."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def call() -> None:
        try:
            done.set_result(function())
        except Exception as error:  # noqa: BLE001  # the one who waits has to know
            done.set_exception(error)

    loop.call_soon(call)
    return await done
