"""Inline reads: short ones on the loop's thread, long ones not."""

import asyncio
import sqlite3
import threading

import anyio
import pytest

from arlen_data.errors import ReadOnlyTransaction
from arlen_sqlite import SQLite
from arlen_sqlite.plans import plan

pytestmark = pytest.mark.anyio


@pytest.fixture
async def db(path):
    """A database with inline reads, whose function `thread()` tells the thread."""

    def setup(connection):
        connection.create_function("thread", 0, threading.get_ident)

    async with SQLite(path, inline_reads=True, setup=setup) as made:
        await made.execute("create table t (v)")
        yield made


async def test_a_short_read_is_on_the_loop(db):
    """A short read runs on the loop's thread; a write does not."""
    assert threading.get_ident() == await db.value("select thread()")
    assert threading.get_ident() != (await db.all("insert into t values (thread()) returning v"))[0].v


async def test_a_long_read_is_not(db):
    """A read that goes over the budget runs on a thread, now and later."""
    sql = "with recursive s(n) as (select 1 union all select n + 1 from s limit $1) select count(*), thread() from s"
    count, thread = await db.one(sql, 200_000)
    assert (200_000, True) == (count, thread != threading.get_ident())
    assert plan(sql).slow
    assert threading.get_ident() != (await db.one(sql, 1))[1]


async def test_what_writes_after_all(db):
    """What seems to read and writes goes to the thread that writes."""
    assert 1 == await db.execute("with x as (select 1 as inline) insert into t select inline from x")
    with pytest.raises(ReadOnlyTransaction):
        async with db.transaction(read_only=True) as tx:
            await tx.execute("insert into t values (1)")


async def test_it_sees_what_was_committed(db):
    """A read sees every write that was acknowledged before."""
    for number in range(50):
        await db.execute("insert into t values ($1)", number)
        assert number == await db.value("select max(v) from t")


async def test_others_have_their_turn(db):
    """A task that asks on and on lets others run."""
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(200):
        await db.value("select 1")
    task.cancel()
    assert turns > 5


async def test_a_lock_is_waited_for_elsewhere(db, path):
    """A read that another process is in the way of waits on a thread."""
    plan("select count(*) as locked from t").slow = False

    class Busy:
        def execute(self, *args):
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error

        def close(self):
            pass

    cursor, db._inline.cursor = db._inline.cursor, Busy()
    with anyio.fail_after(10):
        assert 0 == await db.value("select count(*) as locked from t")
    cursor.close()
