"""Adds 1 to a number so many times, in a process of its own. Not a test; test_crashes.py runs it."""

import asyncio
import sys

from arlen_sqlite import SQLite


async def add(tx):
    """Read, and write what follows from it."""
    seen = await tx.value("select v from numbers")
    await tx.execute("update numbers set v = $1", seen + 1)


async def main(path, times):
    """Add, with two tasks."""
    async with SQLite(path, lock_timeout=60) as db:

        async def some():
            for _ in range(int(times) // 2):
                await db.transact(add)

        await asyncio.gather(some(), some())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
