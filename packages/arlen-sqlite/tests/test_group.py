"""Group commit: units in one transaction, each by itself; what happens when it fails."""

import asyncio
import sqlite3
import threading

import anyio
import pytest

from arlen_data.errors import DatabaseError, ForeignKeyViolation, InvalidArgument, SerializationFailure, UniqueViolation
from arlen_sqlite import SQLite

pytestmark = pytest.mark.anyio


@pytest.fixture
async def db(path):
    """A database with group commit, which counts its commits in `commits`."""
    async with SQLite(path, group_commit=True, synchronous="full") as made:
        await made.execute("create table t (id integer primary key, v int)")
        yield made


@pytest.fixture
async def gate(db):
    """Hold the thread that writes until it is told to go on, so that units wait for each other."""
    entered, free = threading.Event(), threading.Event()

    def hold(worker):
        entered.set()
        assert free.wait(10)

    class Gate:
        async def __aenter__(self):
            self.job = asyncio.ensure_future(_awaited(db._writer.submit(hold)))
            await anyio.to_thread.run_sync(entered.wait)
            worker = db._writer.workers[0]
            worker.connection.set_trace_callback(commits.append)

        async def __aexit__(self, *_):
            await anyio.wait_all_tasks_blocked()
            free.set()
            await self.job

    commits = []
    made = Gate()
    made.said = lambda: [each.lower() for each in commits if each.lower() in {"commit", "begin immediate", "rollback"}]
    yield made
    free.set()


async def _awaited(job):
    return await job


async def test_units_are_committed_together(db, gate):
    """Statements and batches that wait for each other are one transaction."""
    async with gate:
        tasks = [asyncio.create_task(db.execute("insert into t (v) values ($1)", number)) for number in range(5)]
        tasks.append(asyncio.create_task(db.batch("insert into t (v) values (5)", "insert into t (v) values (6)")))
    await asyncio.gather(*tasks)
    assert ["begin immediate", "commit"] == gate.said()
    assert 7 == await db.value("select count(*) from t")


async def test_one_that_fails_is_alone(db, gate):
    """A unit that fails leaves the others of its group as they are."""
    async with gate:
        good = [asyncio.create_task(db.execute("insert into t (id) values ($1)", number)) for number in (1, 2)]
        bad = [
            asyncio.create_task(db.execute("insert into t (id) values (1)")),
            asyncio.create_task(db.batch("insert into t (id) values (8)", "insert into t (id) values (1)")),
            asyncio.create_task(db.execute_many("insert into t (id) values ($1)", [(9,), (2,)])),
        ]
        last = asyncio.create_task(db.execute("insert into t (id) values (3)"))
    assert [1, 1, 1] == await asyncio.gather(*good, last)
    found = await asyncio.gather(*bad, return_exceptions=True)
    assert [UniqueViolation] * 3 == [type(each) for each in found]
    assert [1, 2, 3] == [row.id for row in await db.all("select id from t order by id")]


async def test_transactions_are_units(db):
    """Transactions of many tasks commit; each sees those before it, and no change is lost."""
    await db.execute("insert into t values (1, 0)")

    async def add():
        async with db.transaction() as tx:
            seen = await tx.value("select v from t where id = 1")
            await tx.execute("update t set v = $1 where id = 1", seen + 1)

    await asyncio.gather(*(add() for _ in range(30)))
    assert 30 == await db.value("select v from t where id = 1")


async def test_a_rollback_is_alone(db):
    """A transaction of a group that is rolled back leaves nothing, and the others stand."""

    async def work(number):
        async with db.transaction() as tx:
            await tx.execute("insert into t (id) values ($1)", number)
            async with tx.transaction() as inner:
                await inner.execute("update t set v = 7 where id = $1", number)
            if number % 2:
                raise LookupError("mine")

    found = await asyncio.gather(*(work(number) for number in range(20)), return_exceptions=True)
    assert [type(each) for each in found] == [LookupError if number % 2 else type(None) for number in range(20)]
    assert [(number, 7) for number in range(0, 20, 2)] == await db.all("select id, v from t order by id")


async def test_a_rollback_by_sqlite_takes_nobody_along(db, gate):
    """When a unit makes SQLite roll everything back, the statements of its group are run again."""
    await db.execute("insert into t (id) values (1)")
    async with gate:
        before = asyncio.create_task(db.execute("insert into t (id) values (2)"))
        bad = asyncio.create_task(db.execute("insert or rollback into t (id) values (1)"))
        after = asyncio.create_task(db.execute("insert into t (id) values (3)"))
    assert [1, 1] == await asyncio.gather(before, after)
    with pytest.raises(UniqueViolation):
        await bad
    assert [1, 2, 3] == [row.id for row in await db.all("select id from t order by id")]


async def test_a_commit_that_fails(db, gate):
    """When the commit of a group fails, each statement learns what is wrong with itself; the others are committed."""
    await db.execute("create table child (p int references t deferrable initially deferred)")
    async with gate:
        good = asyncio.create_task(db.execute("insert into t (id) values (1)"))
        bad = asyncio.create_task(db.execute("insert into child values (99)"))
        other = asyncio.create_task(db.execute("insert into child values (1)"))
    assert [1, 1] == await asyncio.gather(good, other)
    with pytest.raises(ForeignKeyViolation):
        await bad
    assert [(1,)] == await db.all("select p from child")


async def test_a_commit_that_fails_for_a_transaction(db, gate):
    """When the commit of a group fails, its transactions are to begin again, and then succeed or learn why not."""
    await db.execute("create table child (p int references t deferrable initially deferred)")

    async def work(tx):
        await tx.execute("insert into t (id) values (5)")

    async def wrong():
        async with db.transaction() as tx:
            await tx.execute("insert into child values (99)")

    async with gate:
        tasks = [asyncio.create_task(db.transact(work)), asyncio.create_task(wrong())]
    good, bad = await asyncio.gather(*tasks, return_exceptions=True)
    assert good is None
    assert isinstance(bad, ForeignKeyViolation | SerializationFailure)
    assert [(5,)] == await db.all("select id from t")
    with pytest.raises(ForeignKeyViolation):
        await wrong()


async def test_alone(db, gate):
    """What cannot be in a transaction ends the group, and runs by itself."""
    async with gate:
        tasks = [
            asyncio.create_task(db.execute("insert into t (id) values (1)")),
            asyncio.create_task(db.execute("vacuum")),
            asyncio.create_task(db.execute("insert into t (id) values (2)")),
        ]
    assert [1, 0, 1] == await asyncio.gather(*tasks)


async def test_it_waits_for_another_process(path):
    """A group waits for another process, too, and for no longer than `lock_timeout`."""
    async with SQLite(path, group_commit=True, lock_timeout=0.1) as db:
        await db.execute("create table t (v)")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")
        with pytest.raises(DatabaseError):
            await db.execute("insert into t values (1)")
        other.close()
        assert 1 == await db.execute("insert into t values (1)")


async def test_a_transaction_that_idles_in_a_group(path):
    """A transaction that does nothing for too long is taken out of its group, which is committed."""
    async with SQLite(path, group_commit=True, idle=0.05) as db:
        await db.execute("create table t (v)")
        with pytest.raises(DatabaseError):  # noqa: PT012  # the end of the block fails
            async with db.transaction() as tx:
                await tx.execute("insert into t values (1)")
                assert 1 == await db.execute("insert into t values (2)")
        assert [(2,)] == await db.all("select v from t")


async def test_temporary_tables(db):
    """A temporary table lasts as long as its transaction in a group, too."""
    for _ in range(2):
        async with db.transaction() as tx:
            await tx.execute("create temp table mine (v)")
    with pytest.raises(InvalidArgument):
        await db.execute("create temp table mine (v)")


async def test_cancels(db):
    """Who is cancelled in a write of a group takes nothing of the others along."""
    slow = (
        "with recursive s(n) as (select 1 union all select n + 1 from s) insert into t (id) select n from s where n < 0"
    )
    tasks = [asyncio.create_task(db.execute("insert into t (id) values ($1)", number)) for number in range(5)]
    bad = asyncio.create_task(db.execute(slow))
    tasks += [asyncio.create_task(db.execute("insert into t (id) values ($1)", number)) for number in range(5, 9)]
    await anyio.wait_all_tasks_blocked()
    bad.cancel()
    assert [1] * 9 == await asyncio.gather(*tasks)
    assert (await asyncio.gather(bad, return_exceptions=True))[0].__class__ is asyncio.CancelledError
    assert 9 == await db.value("select count(*) from t")
