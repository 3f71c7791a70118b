"""Leaving: who is cancelled twice, or leaves while another task's statement is on its way, gives the thread back."""

import asyncio

import pytest

from arlen_data.errors import TransactionError
from arlen_sqlite import SQLite

pytestmark = pytest.mark.anyio


@pytest.fixture
async def one(path):
    """A database with one thread of each kind, so that a lost one is missed at once."""
    async with SQLite(path, readers=1, streams=1) as made:
        await made.execute("create table notes (text text)")
        yield made


async def _works(db):
    async with asyncio.timeout(10):
        async with db.stream("select 1") as rows:
            assert [1] == [row[0] async for row in rows]
        await db.execute("insert into notes values ('x')")


@pytest.mark.parametrize("endings", [1, 2, 3])
async def test_stream_cancelled_while_it_ends(one, endless, endings):
    """A task that is cancelled while it leaves a stream gives its thread back, however often it is cancelled."""
    endless = endless.replace("count(*) as n from s where n < 0", "n from s")
    loop = asyncio.get_running_loop()

    async def leave():
        async with one.stream(endless, size=1) as rows:
            await anext(rows)
            for _ in range(endings):
                loop.call_soon(task.cancel)

    for _ in range(3):
        task = loop.create_task(leave())
        with pytest.raises(asyncio.CancelledError):
            await task
    await _works(one)


@pytest.mark.parametrize("read_only", [False, True])
async def test_left_while_another_task_begins(one, read_only):
    """When a transaction ends while another task's first statement is on its way, its thread is given back."""
    for _ in range(3):
        with pytest.raises(TransactionError):
            async with one.transaction(read_only=read_only) as tx:
                await asyncio.gather(tx.execute("commit"), tx.execute("select 1"), tx.execute("select 2"))
    await _works(one)


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_cancelled_while_another_task_begins(one, read_only, when):
    """The same when the one that leaves is cancelled while it waits for that, also in the turn in which it comes."""
    loop = asyncio.get_running_loop()

    async def leave():
        async with one.transaction(read_only=read_only) as tx:
            others.append(loop.create_task(tx.execute("select 1")))
            await asyncio.sleep(0)
            if when == "before":
                loop.call_soon(task.cancel)
            else:
                others[0].add_done_callback(lambda _: task.cancel())

    for _ in range(3):
        others = []
        task = loop.create_task(leave())
        await asyncio.wait([task])
        await asyncio.wait(others)
    await _works(one)


async def test_closing_cancelled(path, threads):
    """Who is cancelled while the database closes leaves no thread behind: it goes on, and one can wait for it."""
    db = SQLite(path, name="cancelled", grace=0.1)
    await db.open()
    async with db.stream("select 1 union select 2", size=1) as rows:
        await anext(rows)
        task = asyncio.create_task(db.close())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert threads("sqlite-cancelled") > 0
        await db.close()
        assert 0 == threads("sqlite-cancelled")
    async with db:
        assert 1 == await db.value("select 1")
