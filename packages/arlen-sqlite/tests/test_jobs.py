"""Jobs and threads: results, errors, order, cancellation, and what a thread does when its connection is in doubt."""

import asyncio
import contextvars
import gc
import logging
import weakref

import anyio
import pytest

from arlen_sqlite import SQLite
from arlen_sqlite.jobs import Job

pytestmark = pytest.mark.anyio


def give(worker, value):
    """Work that makes a value."""
    return value


def fail(worker):
    """Work that fails."""
    raise LookupError("mine")


async def test_results_and_errors(db):
    """A job returns what its work makes, or raises its error."""
    assert 7 == await db._readers.submit(give, 7)
    with pytest.raises(LookupError, match="mine"):
        await db._readers.submit(fail)


async def test_awaited_when_it_is_over(db):
    """A job that is awaited after its end gives the same."""
    good, bad = db._writer.submit(give, 7), db._writer.submit(fail)
    await db._writer.submit(give, 0)
    assert good.done()
    assert 7 == await good
    with pytest.raises(LookupError):
        await bad


async def test_order(db):
    """One thread does its jobs in their order."""
    seen = []
    jobs = [db._writer.submit(lambda _, number=number: seen.append(number)) for number in range(100)]
    for job in jobs:
        await job
    assert list(range(100)) == seen


async def test_contexts(db):
    """A task that goes on after a job is in its own context."""
    from contextvars import ContextVar

    variable = ContextVar("variable")

    async def work(number):
        variable.set(number)
        for _ in range(10):
            await db.value("select $1", number)
            assert number == variable.get()

    await asyncio.gather(*(work(number) for number in range(10)))


async def test_cancelled_with_a_message(db, endless):
    """The message of a cancellation arrives; anyio tells by it which scope was cancelled."""
    task = asyncio.create_task(db.all(endless))
    await anyio.wait_all_tasks_blocked()
    task.cancel("because")
    task.cancel("again")
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert ("because",) == caught.value.args
    assert not Job(db._writer, give, (1,)).done()


async def test_what_cannot_be_stopped(db):
    """A job that is not to be stopped goes on to its end when its caller is cancelled; only then he learns of it."""
    session = await db.session(_options())
    await session.run("insert into notes (id) values (1)", ())
    task = asyncio.create_task(session.commit())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 1 == await db.value("select count(*) from notes")
    assert 1 == await db.execute("insert into notes (id) values (2)")


def _options():
    from arlen_data.lanes import Options

    return Options()


async def test_an_error_keeps_nothing_alive(db):
    """What a job raised is gone with the exception, without a garbage collection."""

    class Mine:
        pass

    async def run():
        mine = Mine()
        kept.append(weakref.ref(mine))
        with pytest.raises(TypeError):
            await db._readers.submit(lambda worker: worker + mine)

    kept = []
    gc.disable()
    try:
        await run()
        await db._readers.submit(give, 1)
    finally:
        gc.enable()
    gc.collect()
    assert kept[0]() is None


async def test_a_connection_in_doubt_is_made_anew(db, caplog):
    """Work that leaves a transaction open costs the thread its connection, and nobody else anything."""

    def leave(worker):
        worker.connection.execute("begin immediate")
        worker.connection.execute("insert into notes (id) values (1)")

    with caplog.at_level(logging.ERROR, "arlen_sqlite"):
        await db._writer.submit(leave)
        assert 1 == await db.execute("insert into notes (id) values (2)")
    assert ["a connection of SQLite is made anew"] == [each.message for each in caplog.records]
    assert [(2,)] == await db.all("select id from notes")


async def test_a_thread_that_cannot_connect(path):
    """When a thread cannot connect, who asked learns it, and the next one tries again."""
    broken = [False]

    def setup(connection):
        if broken[0]:
            raise LookupError("mine")

    async with SQLite(path, setup=setup) as db:
        broken[0] = True
        with pytest.raises(LookupError):
            async with db.transaction(read_only=True) as tx:
                await tx.all("select 1")
        broken[0] = False
        async with db.transaction(read_only=True) as tx:
            assert 1 == await tx.value("select 1")


async def test_a_task_that_ends_the_loop(path):
    """A task that ends with `KeyboardInterrupt` in the middle of many leaves the others their results."""
    # asyncio lets KeyboardInterrupt out of run_forever: a loop of its own shows what comes after
    loop = asyncio.new_event_loop()

    def run():
        async def main():
            db = SQLite(path)
            await db.open()
            return db

        async def stop(db):
            await db.value("select 1")
            raise KeyboardInterrupt

        db = loop.run_until_complete(main())
        tasks = [loop.create_task(stop(db)), loop.create_task(db.value("select 7"))]
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(asyncio.wait(tasks))
        assert 7 == loop.run_until_complete(tasks[1])
        with pytest.raises(KeyboardInterrupt):
            tasks[0].result()
        loop.run_until_complete(db.close())
        loop.close()

    await anyio.to_thread.run_sync(run)


async def test_a_job_may_be_over_before_anybody_waits():
    """A coroutine that is driven by hand is handed to a task a turn later; then the task goes on at once."""

    class Counter:
        loop = asyncio.get_running_loop()

        def over(self):
            pass

    job, went_on = Job(Counter(), print, ()), asyncio.Event()
    waiting = job.__await__()
    assert job is next(waiting)
    job.made = 7
    job.finish()
    job.add_done_callback(lambda _: went_on.set(), context=contextvars.copy_context())
    assert not went_on.is_set()
    await asyncio.wait_for(went_on.wait(), 10)
    with pytest.raises(StopIteration) as raised:
        next(waiting)
    assert 7 == raised.value.value
