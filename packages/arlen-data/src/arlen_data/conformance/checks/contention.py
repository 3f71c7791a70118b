"""Contention: transactions that meet, lose and run again; what a rollback leaves alone; locks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import anyio

from arlen_conformance import promise
from arlen_data.conformance.aids import BOUND, count, raises, sibling
from arlen_data.conformance.dialects import dialect
from arlen_data.database import Database
from arlen_data.errors import SerializationFailure, UndefinedTable, UniqueViolation
from arlen_data.transactions import Transaction

__all__ = ["Contention"]


class Contention:
    """TX09 to TX11, MG01, and locks."""

    @promise(needs=["transactions"])
    async def test_tx09_a_lost_race_is_run_again(self, adapter: Database) -> None:
        """`transact` runs work that lost a race again, as often as it may, after pauses that differ."""
        await adapter.execute("create table tx09 (id int)")
        adapter.clock = clock = _Pauses(adapter.clock)
        calls: list[int] = []

        async def work(tx: Transaction) -> str:
            calls.append(1)
            await tx.execute("insert into tx09 (id) values ($1)", len(calls))
            if len(calls) < 9:
                raise SerializationFailure("somebody came first", sqlstate="40001")
            return "done"

        assert "done" == await adapter.transact(work, attempts=9)
        assert [(9,)] == await adapter.all("select id from tx09")
        assert 8 == len(clock.pauses) == len(set(clock.pauses))
        assert all(0 <= pause <= 0.01 * 2**number for number, pause in enumerate(clock.pauses, 1))

    @promise(needs=["transactions"])
    async def test_tx09_attempts_are_bounded(self, adapter: Database) -> None:
        """`transact` gives up after its attempts with the last error, and runs nothing else again."""
        adapter.clock = clock = _Pauses(adapter.clock)
        errors: list[Exception] = []

        def fails(kind: type[Exception]) -> Any:
            async def work(_: Transaction) -> None:
                errors.append(kind("no"))
                raise errors[-1]

            return work

        for kind, attempts in ((SerializationFailure, 3), (UniqueViolation, 1), (ValueError, 1)):
            errors.clear()
            with raises(kind) as caught:
                await adapter.transact(fails(kind), attempts=3)
            assert attempts == len(errors)
            assert errors[-1] is caught.error
        assert 2 == len(clock.pauses)

    @promise(needs=["concurrent_writes", "isolation"])
    async def test_tx09_a_real_race(self, adapter: Database) -> None:
        """Of two serializable transactions that change the same, one is told 40001, and succeeds with `transact`."""
        await adapter.execute("create table tx09_race (id int, v int)")
        await adapter.execute("insert into tx09_race (id, v) values (1, 0)")
        meet, runs = _Meeting(), []

        async def work(tx: Transaction) -> None:
            runs.append(1)
            seen = await tx.value("select v from tx09_race where id = 1", into=int)
            await meet.wait()
            await tx.execute("update tx09_race set v = $1 where id = 1", seen + 1)

        with anyio.fail_after(BOUND):
            await asyncio.gather(*(adapter.transact(work, isolation="serializable") for _ in range(2)))
        assert 2 == await adapter.value("select v from tx09_race where id = 1")
        assert 3 == len(runs)

    @promise(needs=["concurrent_writes"])
    async def test_tx10_a_deadlock_has_one_victim(self, adapter: Database) -> None:
        """Two transactions that wait for each other: one yields and runs again, and both effects are there."""
        await adapter.execute("create table tx10 (id int primary key, v int)")
        await adapter.execute("insert into tx10 (id, v) values (1, 0), (2, 0)")
        meet, runs = _Meeting(), []

        def both(first: int, second: int) -> Any:
            async def work(tx: Transaction) -> None:
                runs.append(first)
                await tx.execute("update tx10 set v = v + 1 where id = $1", first)
                await meet.wait()
                await tx.execute("update tx10 set v = v + 1 where id = $1", second)

            return work

        with anyio.fail_after(BOUND):
            await asyncio.gather(adapter.transact(both(1, 2)), adapter.transact(both(2, 1)))
        assert [(2,), (2,)] == await adapter.all("select v from tx10")
        assert 3 == len(runs)

    @promise(needs=["transactions"])
    async def test_tx10_writers_wait_for_each_other(self, adapter: Database) -> None:
        """Transactions that change the same row at a time all succeed with `transact`, and no change is lost."""
        await adapter.execute("create table tx10_row (v int)")
        await adapter.execute("insert into tx10_row (v) values (0)")

        async def work(tx: Transaction) -> None:
            await tx.execute("update tx10_row set v = v + 1")
            await anyio.lowlevel.checkpoint()

        with anyio.fail_after(BOUND):
            await asyncio.gather(*(adapter.transact(work) for _ in range(8)))
        assert 8 == await adapter.value("select v from tx10_row")

    @promise(needs=["skip_locked", "concurrent_writes"])
    async def test_tx10_locked_rows_are_skipped(self, adapter: Database) -> None:
        """Transactions that pick a free row of a queue at a time pick different ones."""
        await adapter.execute("create table jobs (id int)")
        await adapter.execute("insert into jobs (id) values (1), (2)")
        pick = dialect(adapter).locked
        async with adapter.transaction() as first, adapter.transaction() as second:
            assert (1, 2) == (await first.value(pick), await second.value(pick))

    @promise(needs=["advisory_locks", "transactions"])
    async def test_tx10_locks_by_number(self, adapter: Database) -> None:
        """A lock by number is one holder's until it is freed."""
        take, attempt, free = dialect(adapter).locks
        async with adapter.transaction() as first, adapter.transaction() as second:
            await first.value(take)
            assert await second.value(attempt) is False
            assert await first.value(free) is True
            assert await second.value(attempt) is True
            assert await second.value(free) is True

    @promise(needs=["transactions", "transactional_ddl"])
    async def test_mg01_two_runners_at_once(self, adapter: Database) -> None:
        """Of two that make the same change at once, one makes it, whole, and the other one leaves nothing.

        `MigrationContract` proves the rest of MG01.
        """
        await adapter.execute("create table mg01_ledger (version int primary key)")

        async def work(db: Database, name: str) -> str:
            with suppress(UniqueViolation):
                async with db.transaction() as tx:
                    await tx.execute(f"create table mg01_{name} (id int)")
                    await tx.execute("insert into mg01_ledger (version) values ($1)", 1)
                    return name
            return ""

        async with sibling(adapter) as other:
            with anyio.fail_after(BOUND):
                found = await asyncio.gather(work(adapter, "first"), work(other, "second"))
        assert 1 == await count(adapter, "mg01_ledger")
        for name in ("first", "second"):
            if name in found:
                assert 0 == await count(adapter, f"mg01_{name}")
            else:
                with raises(UndefinedTable):
                    await count(adapter, f"mg01_{name}")
        assert 1 == len([name for name in found if name])

    @promise(needs=["prepared", "transactions", "pool"])
    async def test_tx11_a_rollback_keeps_what_is_prepared(self, adapter: Database) -> None:
        """A rollback does not make the connection forget its prepared statements."""
        sql, ask = "select cast($1 as bigint) as tx11", dialect(adapter).prepared
        async with adapter.again(size=1) as db:
            for number in range(10):
                assert number == await db.value(sql, number)
            before = await db.value(ask, sql)
            with raises(UniqueViolation):
                async with db.transaction() as tx:
                    await tx.value(sql, 1)
                    raise UniqueViolation("any")
            assert 1 <= before == await db.value(ask, sql)

    @promise(needs=["transactions"])
    async def test_tx10_a_transaction_sees_itself_whole(self, adapter: Database) -> None:
        """Many rows and several statements of a transaction are there together, in both ways to send them."""
        await adapter.execute("create table tx10_whole (id int)")
        async with adapter.transaction() as tx:
            assert 3 == await tx.execute_many("insert into tx10_whole (id) values ($1)", [(1,), (2,), (3,)])
            results = await tx.batch(("insert into tx10_whole (id) values ($1)", 4), "select count(*) from tx10_whole")
            assert 4 == results[1].value()
        assert 4 == await count(adapter, "tx10_whole")


class _Pauses:
    """A clock that does not sleep, and remembers for how long it should have."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.now, self.monotonic = clock.now, clock.monotonic
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Do not."""
        self.pauses.append(seconds)


class _Meeting:
    """Where two tasks wait for each other, the first time; later nobody waits."""

    def __init__(self) -> None:
        self._here, self._both = 0, anyio.Event()

    async def wait(self) -> None:
        """Wait for the other one."""
        self._here += 1
        if self._here >= 2:
            self._both.set()
        await self._both.wait()
