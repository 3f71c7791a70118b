"""Pool: bounds, order, lost connections, an absent server, the end, and what the next borrower finds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import warnings
from contextlib import suppress
from typing import Any

import anyio

from arlen_conformance import promise
from arlen_data.conformance.aids import BOUND, exactly, raises, until
from arlen_data.conformance.dialects import dialect
from arlen_data.conformance.faults import Faults
from arlen_data.database import Database
from arlen_data.errors import ConnectionFailed, ConnectionLost, DatabaseError, PoolBusy, PoolClosed, PoolTimeout

__all__ = ["Pool"]

WAIT = 0.3
"""Seconds that a caller of a pool without a free connection waits in these checks."""


class Pool:
    """PO01 to PO09, and what a lost connection does to a transaction."""

    @promise(needs=["pool", "transactions"], heavy=True)
    async def test_po01_waiting_is_bounded_and_told(self, adapter: Database) -> None:
        """Who finds no free connection waits as long as `timeout`, and the error tells the size and who waits."""
        async with adapter.again(size=2, timeout=WAIT) as db, db.transaction() as first, db.transaction() as second:
            assert (1, 1) == (await first.value("select 1"), await second.value("select 1"))
            begun = time.monotonic()
            with raises(PoolTimeout) as caught:
                await db.value("select 1 as po01")
            assert 0.8 * WAIT <= time.monotonic() - begun <= BOUND
            assert "2" in str(caught.error)
            assert "waiting" in str(caught.error)

    @promise(needs=["pool", "transactions"], heavy=True)
    async def test_po01_first_come_first_served(self, adapter: Database) -> None:
        """Those who wait get a connection in the order in which they came."""
        served: list[int] = []

        async def ask(number: int) -> None:
            async with db.transaction() as tx:
                await tx.value("select 1")
                served.append(number)

        async with adapter.again(size=1, timeout=BOUND) as db:
            async with db.transaction() as tx:
                await tx.value("select 1")
                tasks = []
                for number in range(5):
                    tasks.append(asyncio.create_task(ask(number)))
                    await anyio.wait_all_tasks_blocked()
            await asyncio.gather(*tasks)
        assert [0, 1, 2, 3, 4] == served

    @promise(needs=["pool", "transactions"], heavy=True)
    async def test_po02_too_many_are_refused_at_once(self, adapter: Database) -> None:
        """One more than `max_waiting` is told `PoolBusy` at once."""
        async with adapter.again(size=1, timeout=BOUND, max_waiting=1) as db:
            async with db.transaction() as tx:
                await tx.value("select 1")
                waiting = asyncio.create_task(db.value("select 7"))
                await anyio.wait_all_tasks_blocked()
                with anyio.fail_after(2), raises(PoolBusy):
                    await db.value("select 1")
            assert 7 == await waiting

    @promise(needs=["pool", "transactions"], heavy=True)
    async def test_po03_dead_connections_are_not_handed_out(self, adapter: Database, engine: Faults) -> None:
        """When the server ended all idle connections, every query after that succeeds."""
        async with adapter.again(size=3, timeout=WAIT) as db:
            await exactly(db, 3)
            await engine.terminate()
            for number in range(6):
                assert number == await db.value("select cast($1 as bigint) as po03", number)
            await exactly(db, 3)

    @promise(needs=["pool", "cancellation", "transactions"], heavy=True)
    async def test_po04_a_connection_lost_in_a_query(self, adapter: Database, engine: Faults) -> None:
        """Who loses the connection in a query is told `ConnectionLost`, and the pool has its size again."""
        async with adapter.again(size=2, timeout=WAIT) as db:
            task = asyncio.create_task(db.all(dialect(db).endless.replace("as n", "as po04")))
            await anyio.wait_all_tasks_blocked()
            await until(lambda: adapter.value(dialect(db).endless_left), "the statement runs")
            await engine.terminate()
            with anyio.fail_after(BOUND), raises(ConnectionLost) as caught:
                await task
            assert caught.error.is_connectivity
            await exactly(db, 2)

    @promise(needs=["pool", "transactions"], heavy=True)
    async def test_tx02_a_rollback_that_fails_is_no_substitute(self, adapter: Database, engine: Faults) -> None:
        """When the connection is lost in a block, the exception that left the block is still the one that arrives."""
        error = LookupError("mine")
        with raises(LookupError) as caught:
            async with adapter.transaction() as tx:
                await tx.value("select 1")
                await engine.terminate()
                raise error
        assert error is caught.error
        assert 7 == await adapter.value("select 7")

    @promise(needs=["pool", "transactions"], heavy=True)
    async def test_po05_an_absent_server(self, adapter: Database, engine: Faults) -> None:
        """Without a server, to open and to ask is `ConnectionFailed` in bounded time; once it is back, all is well."""
        await engine.stop()
        try:
            with anyio.fail_after(BOUND), raises(ConnectionLost):
                await adapter.value("select 1 as po05")
            db = adapter.again(timeout=WAIT, connect_timeout=1.0)
            with anyio.fail_after(BOUND), raises(ConnectionFailed) as caught:
                async with db:
                    await db.value("select 1")
            assert caught.error.is_connectivity
        finally:
            await engine.start()
        await until(lambda: _answers(adapter), "the adapter finds the server again")
        async with adapter.again() as db:
            assert 7 == await db.value("select 7")

    @promise(needs=["pool", "cancellation"], heavy=True)
    async def test_po06_the_end_waits_and_then_cuts(self, adapter: Database) -> None:
        """To close waits for what runs as long as `grace`, then ends it; after that there is `PoolClosed`."""
        db = adapter.again(size=2, grace=0.1)
        await db.open()
        slow = asyncio.create_task(db.all(dialect(db).endless))
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(BOUND):
            await db.close()
            with raises(DatabaseError, asyncio.CancelledError):
                await slow
        with raises(PoolClosed):
            await db.value("select 1 as po06")
        await db.close()

    @promise(needs=["pool", "transactions"], heavy=True)
    async def test_po06_the_end_lets_work_finish(self, adapter: Database) -> None:
        """What finishes within `grace` is not cut off."""
        db = adapter.again(size=2, grace=BOUND)
        await db.open()
        async with db.transaction() as tx:
            assert 7 == await tx.value("select 7")
            closing = asyncio.create_task(db.close())
            done, _ = await asyncio.wait([closing], timeout=0.2)
            assert not done
            assert 7 == await tx.value("select 7")
        with anyio.fail_after(BOUND):
            await closing

    @promise(needs=["pool"], heavy=True)
    async def test_po07_nothing_is_left_for_the_next(self, adapter: Database) -> None:
        """Settings, temporary tables, what is listened to and locks of one borrower are gone for the next."""
        words = dialect(adapter)
        change, tell = words.states
        async with adapter.again(size=1) as db:
            usual = await db.value(tell)
            await db.execute(change)
            assert usual == await db.value(tell)
            await db.execute("create temporary table po07 (id int)")
            await db.execute("create temporary table po07 (id int)")
            if words.locks[0]:
                await db.value(words.locks[0])
                async with adapter.again(size=1) as other:
                    await until(lambda: other.value(words.locks[1]), "the lock is free")
            if words.listeners:
                await db.execute("listen po07")
                await db.value("select 1")
                assert [] == await db.all("select pg_listening_channels()")

    @promise(needs=["pool"], heavy=True)
    async def test_po08_a_fork_shares_no_connection(self, adapter: Database) -> None:
        """In a forked process the pool refuses, or connects anew; it never uses a connection of its parent."""
        tell = f"{dialect(adapter).backend} as po08"
        async with adapter.again(size=1) as db:
            mine = await db.value(tell)
            answer = await anyio.to_thread.run_sync(_forked, db, tell)
            assert answer == "refused" or answer not in {mine, None}, answer
            assert mine == await db.value(tell)

    @promise(needs=["pool", "transactions"], heavy=True)
    async def test_po09_stats_tell_the_truth(self, adapter: Database) -> None:
        """`stats`, if there is any, counts who has a connection, waits, or waited in vain; at the end all is idle."""
        async with adapter.again(size=1, timeout=WAIT) as db:
            if not db.stats():
                return
            async with db.transaction() as tx:
                await tx.value("select 1")
                waiting = asyncio.create_task(db.value("select 1"))
                await anyio.wait_all_tasks_blocked()
                assert (0, 1, 1, 1) == _sums(db, "idle", "used", "pending", "limit")
                with raises(PoolTimeout):
                    await waiting
            await until(lambda: _idle(db), "all connections are idle")
            assert (1, 0, 0, 1, 0) == _sums(db, "idle", "used", "pending", "timeouts", "refused")


def _sums(db: Database, *names: str) -> tuple[int, ...]:
    return tuple(sum(getattr(each, name) for each in db.stats()) for name in names)


async def _idle(db: Database) -> bool:
    return not any(each.used or each.pending for each in db.stats())


async def _answers(db: Database) -> bool:
    with suppress(ConnectionLost, PoolTimeout, PoolBusy):
        return bool(await db.value("select 1"))
    return False


def _forked(db: Database, sql: str) -> Any:
    """Ask in a child process; return what it was told: "refused", or the connection that answered."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads: that is what is tested
        child = os.fork()
    if child == 0:
        _ask(db, sql, writing)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            return json.loads(pipe.read() or b"null")
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _ask(db: Database, sql: str, writing: int) -> None:
    answer: Any = "refused"
    try:
        signal.alarm(5)  # ends this process, whatever it waits for
        with suppress(Exception):
            answer = asyncio.run(asyncio.wait_for(db.value(sql), 3))
        os.write(writing, json.dumps(answer).encode())
    finally:
        os._exit(0)
