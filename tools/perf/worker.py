"""Worker: runs steps of paths when it is told to, and says how much processor time they took.

It reads lines `path count extra` and answers each with a line of nanoseconds, or with `!` and the reason why it
cannot. The packages that it measures are those of its PYTHONPATH.
"""

import gc
import sys
import time
from contextlib import AsyncExitStack

from tools.perf import still

_spent = time.process_time_ns
still.stop()

import asyncio  # noqa: E402

from tools.perf.registry import Step, find  # noqa: E402
from tools.perf.steps import repeat  # noqa: E402

__all__ = ["main"]


async def main() -> None:
    """Answer lines until there are no more."""
    known: dict[str, Step] = {}
    async with AsyncExitStack() as stack:
        for line in sys.stdin:
            name, count, extra = line.split()
            try:
                if name not in known:
                    known[name] = await stack.enter_async_context(find(name)())
                    gc.collect()
                    gc.freeze()  # what is there to stay is not looked at before each turn
                print(await _measure(known[name], int(count), float(extra)), flush=True)
            except Exception as error:  # noqa: BLE001  # another state of the packages may lack anything
                print(f"! {type(error).__name__}: {error}".replace("\n", " "), flush=True)


async def _measure(step: Step, count: int, extra: float) -> int:
    gc.collect()
    gc.disable()
    start = _spent()
    await repeat(step, round(count * (1 + extra / 100)))
    spent = _spent() - start
    gc.enable()
    return spent


if __name__ == "__main__":
    asyncio.run(main())
