"""Writes until it is killed: prints a number when its commit was acknowledged. Not a test; test_crashes.py runs it."""

import asyncio
import sys

from arlen_sqlite import SQLite


async def statements(db, name, number):
    """Commit a row by one statement."""
    await db.execute("insert into t (name, number) values ($1, $2)", name, number)


async def transactions(db, name, number):
    """Commit a row by a transaction that reads before it writes."""
    async with db.transaction() as tx:
        before = await tx.value("select count(*) from t where name = $1", name)
        assert before == number
        await tx.execute("insert into t (name, number) values ($1, $2)", name, number)
        await tx.execute("update sums set total = total + 1 where name = $1", name)


async def write(db, work, name):
    """Go on until the end of the process."""
    number = 0
    while True:
        await work(db, name, number)
        print(name, number, flush=True)  # noqa: T201  # to who started it
        number += 1


async def main(path, work, grouped):
    """Write with four tasks."""
    async with SQLite(path, synchronous="full", group_commit=grouped == "grouped") as db:
        names = [f"task{number}" for number in range(4)]
        await asyncio.gather(*(write(db, globals()[work], name) for name in names))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
