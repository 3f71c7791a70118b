"""Rounds: every lane has its turn in every round, so that what the machine does else hits all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter_ns

from tools.metricsbench.lanes import Lanes, Task

__all__ = ["Result", "measured"]

Result = dict[str, dict[str, list[float]]]
"""Nanoseconds of one call, by task and lane, a value for each round."""


def measured(rounds: int, times: int) -> Result:
    """Return what each lane of each task took.

    Args:
        rounds: how often each has its turn.
        times: calls of an instrument in a turn; longer tasks are called less often.
    """
    return asyncio.run(_measured(rounds, times))


async def _measured(rounds: int, times: int) -> Result:
    found: Result = {}
    async with Lanes() as lanes:
        for task in lanes.tasks:
            for number in range(-1, rounds):  # the first is to warm up
                for name in task.order(number):
                    took = await _turn(task, name, max(1, times // task.weight))
                    if number >= 0:
                        found.setdefault(task.name, {}).setdefault(name, []).append(took)
    return found


async def _turn(task: Task, lane: str, times: int) -> float:
    call = task.lanes[lane]
    if task.waits:
        return await _awaited(call, times)
    begun = perf_counter_ns()
    for _ in range(times):
        call()
    return (perf_counter_ns() - begun) / times


async def _awaited(call: Callable[[], Awaitable[object]], times: int) -> float:
    begun = perf_counter_ns()
    for _ in range(times):
        await call()
    return (perf_counter_ns() - begun) / times
