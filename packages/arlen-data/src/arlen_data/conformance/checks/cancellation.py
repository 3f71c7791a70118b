"""Cancellation and concurrency: who stops waiting stops the statement, and many at a time get each their own answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio

from arlen_conformance import promise
from arlen_data.conformance.aids import BOUND, count, exactly, raises, sibling, until
from arlen_data.conformance.dialects import dialect
from arlen_data.database import Database
from arlen_data.errors import LockTimeout, QueryCanceled, TransactionError

__all__ = ["Cancellation"]

PROMPT = 0.25
"""Seconds in which a cancelled caller is free."""

STALL = 0.02
"""Seconds of the processor for which nothing may hold the event loop."""

CANCELS = 2000
TASKS, EACH = 64, 50


class Cancellation:
    """CX01 to CX07."""

    @promise(needs=["cancellation"], heavy=True)
    async def test_cx01_a_cancelled_query_stops(self, adapter: Database) -> None:
        """Who is cancelled in a query is free within 250 ms, the server's work stops, the next answers are right."""
        words, spent = dialect(adapter), []
        for _ in range(3):
            spent.append(await _cancelled(lambda: adapter.all(words.endless.replace("as n", "as cx01"))))
            assert [7] * 4 == [await adapter.value("select 7") for _ in range(4)]
            if words.endless_left:
                await until(lambda: _none(adapter, words.endless_left), "the statement is gone from the server")
        assert min(spent) < PROMPT

    @promise(needs=["transactions"])
    async def test_cx02_a_cancelled_transaction_is_rolled_back(self, adapter: Database) -> None:
        """Who is cancelled in a transaction leaves nothing of it, and no transaction open."""
        await adapter.execute("create table cx02 (id int)")
        ready = asyncio.Event()

        async def work() -> None:
            async with adapter.transaction() as tx:
                await tx.execute("insert into cx02 (id) values (1)")
                ready.set()
                await anyio.sleep_forever()

        await _interrupted(work, ready)
        assert 0 == await count(adapter, "cx02")
        await adapter.execute("insert into cx02 (id) values (2)")
        async with sibling(adapter) as other:  # nothing was left open: it is committed
            assert 1 == await count(other, "cx02")

    @promise(needs=["transactions", "cancellation"], heavy=True)
    async def test_cx02_cancelled_in_a_statement(self, adapter: Database) -> None:
        """Who is cancelled in a statement of a transaction gets a connection that works the next time."""
        await adapter.execute("create table cx02_statement (id int)")

        async def work() -> None:
            async with adapter.transaction() as tx:
                await tx.execute("insert into cx02_statement (id) values (1)")
                await tx.all(dialect(adapter).endless)

        for _ in range(3):
            await _cancelled(work)
            assert 0 == await count(adapter, "cx02_statement")
        async with adapter.transaction() as tx:
            await tx.execute("insert into cx02_statement (id) values (2)")
        assert 1 == await count(adapter, "cx02_statement")

    @promise(needs=["pool", "transactions"], heavy=True)
    async def test_cx03_cancels_lose_no_connection(self, adapter: Database) -> None:
        """After 2,000 cancels at random moments the pool has all its connections, and no more."""
        size, dice = 3, random.Random(20261122)  # the same every time  # noqa: S311

        async def work() -> None:
            async with db.transaction() as tx:
                await tx.value("select 1 as cx03")

        async with adapter.again(size=size, timeout=0.3, max_waiting=1000, grace=0.1) as db:
            for _ in range(CANCELS // 20):
                tasks = [asyncio.create_task(work()) for _ in range(20)]
                for task in dice.sample(tasks, 20):
                    for _ in range(dice.randrange(4)):
                        await asyncio.sleep(0)
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            await exactly(db, size)

    @promise(needs=["cancellation"])
    async def test_cx04_a_timeout_around_a_query(self, adapter: Database) -> None:
        """A timeout around a query is a `TimeoutError`, and the next query is right."""
        with raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await adapter.all(dialect(adapter).endless.replace("as n", "as cx04_around"))
        assert 7 == await adapter.value("select 7")

    @promise(needs=["statement_timeout"])
    async def test_cx04_a_timeout_of_the_server(self, adapter: Database) -> None:
        """A statement that takes longer than `statement_timeout` is a `QueryCanceled`, 57014."""
        async with adapter.again(statement_timeout=0.05) as db:
            with anyio.fail_after(BOUND), raises(QueryCanceled) as caught:
                await db.all(dialect(adapter).endless)
            assert "57014" == caught.error.sqlstate
            assert 7 == await db.value("select 7")

    @promise(needs=["lock_timeout", "transactions"])
    async def test_cx04_a_timeout_of_a_lock(self, adapter: Database) -> None:
        """A lock that is not free within `lock_timeout` is a `LockTimeout`, 55P03."""
        await adapter.execute("create table cx04 (id int)")
        await adapter.execute("insert into cx04 (id) values (1)")
        async with adapter.again(lock_timeout=0.05) as other, adapter.transaction() as tx:
            await tx.execute("update cx04 set id = 2")
            with anyio.fail_after(BOUND), raises(LockTimeout) as caught:
                await other.execute("update cx04 set id = 3")
        assert "55P03" == caught.error.sqlstate
        assert 2 == await adapter.value("select id from cx04")

    @promise(needs=["transactions"])
    async def test_cx05_two_tasks_in_one_transaction(self, adapter: Database) -> None:
        """Two tasks that use one transaction get each their own answers, or a `TransactionError`."""
        async with adapter.transaction() as tx:

            async def ask(number: int) -> None:
                for each in range(number, number + 50):
                    with suppress(TransactionError):
                        assert each == await tx.value("select cast($1 as bigint) as cx05", each)

            await asyncio.gather(ask(0), ask(1000))
            assert 7 == await tx.value("select 7")

    @promise(heavy=True)
    async def test_cx06_many_tasks(self, adapter: Database) -> None:
        """Of 64 tasks with 50 queries each, everybody gets the answer to their own question."""

        async def ask(task: int) -> None:
            for each in range(task * EACH, (task + 1) * EACH):
                assert each == await adapter.value("select cast($1 as bigint) as cx06", each)

        await asyncio.gather(*(ask(task) for task in range(TASKS)))

    @promise(needs=["cancellation", "streaming"], heavy=True)
    async def test_cx07_the_event_loop_goes_on(self, adapter: Database) -> None:
        """Neither a stream of many rows nor a slow query holds up the event loop for 20 ms."""
        words = dialect(adapter)

        async def read() -> None:
            async with adapter.stream(words.series, 50_000) as rows:
                async for _ in rows.chunks():
                    pass

        spent = [await _stall(time.thread_time, read) for _ in range(2)]
        assert min(spent) < STALL
        begun = time.monotonic()
        stall = await _stall(time.monotonic, lambda: adapter.all(words.second.replace("as n", "as cx07")))
        assert (time.monotonic() - begun) / 4 > stall


async def _none(db: Database, sql: str) -> bool:
    return await db.value(sql, into=int) == 0


async def _cancelled(work: Callable[[], Awaitable[object]]) -> float:
    """Run something that takes for ever, cancel it, and return how long that took."""
    task = asyncio.ensure_future(work())
    await anyio.wait_all_tasks_blocked()  # it has been sent
    begun = time.monotonic()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=BOUND)
    assert done, f"not within {BOUND:g} s"
    assert task.cancelled()
    return time.monotonic() - begun


async def _interrupted(work: Callable[[], Awaitable[object]], ready: asyncio.Event) -> None:
    task = asyncio.ensure_future(work())
    await ready.wait()
    task.cancel()
    with raises(asyncio.CancelledError):
        await task


async def _stall(clock: Callable[[], float], work: Callable[[], Awaitable[object]]) -> float:
    """Return the longest time between two turns of the event loop while something is done."""
    task = asyncio.ensure_future(work())
    longest, before = 0.0, clock()
    while not task.done():
        await asyncio.sleep(0.001)
        longest, before = max(longest, clock() - before), clock()
    await task
    return longest
