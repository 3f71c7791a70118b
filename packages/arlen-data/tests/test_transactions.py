"""Transactions: what they begin, what they end, and what happens when somebody is in the way."""

# ruff: noqa: PT012 - what is raised here leaves a block

import asyncio
import gc
import logging
from contextlib import suppress

import anyio
import pytest

from arlen_core.clock import VirtualClock
from arlen_data.errors import (
    DatabaseError,
    DeadlineExceeded,
    InvalidArgument,
    SerializationFailure,
    TransactionAborted,
    TransactionError,
    Unsupported,
)
from arlen_data.events import Events
from arlen_data.lanes import Options, Session
from arlen_data.results import Result
from arlen_data.transactions import Transaction

pytestmark = pytest.mark.anyio


class Script(Session):
    """A session that writes down what is done with it, and does what a test wants."""

    def __init__(self, **acts):
        self.done, self.acts = [], acts

    async def act(self, name):
        self.done.append(name)
        act = self.acts.get(name.partition(" ")[0])
        if act is not None:
            await act()

    async def run(self, sql, params):
        await self.act(sql)
        return Result((), [], 0)

    async def chunks(self, sql, params, size):
        yield []

    async def run_many(self, sql, rows):
        return 0

    async def run_batch(self, statements):
        return []

    async def load(self, table, columns, rows):
        return 0

    async def commit(self):
        await self.act("commit")

    async def rollback(self):
        await self.act("rollback")

    async def _control(self, sql):
        await self.act(sql)


class Scripted:
    """A database that gives one session."""

    def __init__(self, capabilities, session):
        self.capabilities, self.given = capabilities, session
        self.events = Events("scripted", "default")

    async def session(self, options):
        await self.given.act("begin")
        return self.given


@pytest.fixture
def begin(db):
    """Return a transaction on a scripted session, and the session."""

    def make(deadline=None, **acts):
        session = Script(**acts)
        return Transaction(Scripted(db.capabilities, session), Options(), deadline=deadline), session

    return make


def raising(error):
    """Return what raises it."""

    async def act():
        raise error

    return act


async def test_commit_and_rollback(begin):
    """Leaving the block commits, an exception rolls back, and nothing else is done."""
    tx, session = begin()
    async with tx:
        pass
    assert ["begin", "commit"] == session.done
    tx, session = begin()
    with pytest.raises(KeyError):
        async with tx:
            raise KeyError
    assert ["begin", "rollback"] == session.done


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError("x")])
async def test_the_error_arrives_as_it_was(begin, error):
    """It is the identical object, without a cause or a context of ours."""
    tx, session = begin()
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # the identical one is compared
        async with tx:
            raise error
    assert error is caught.value
    assert (None, None) == (error.__cause__, error.__context__)
    assert ["begin", "rollback"] == session.done


async def test_a_rollback_that_fails_is_a_note(begin):
    """The exception of the block arrives, with a note on what happened to the rollback."""
    tx, _ = begin(rollback=raising(OSError("gone")))
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        async with tx:
            raise error
    assert error is caught.value
    assert ["the rollback failed too: gone"] == error.__notes__


async def test_a_commit_that_fails(begin):
    """Its error arrives, nothing is rolled back after it, and no hook runs."""
    called = []
    tx, session = begin(commit=raising(TransactionAborted("no")))
    with pytest.raises(TransactionAborted):
        async with tx:
            tx.after_commit(called.append, 1)
    assert ["begin", "commit"] == session.done
    assert [] == called


async def test_a_begin_that_fails(begin):
    """Its error arrives, the block is not entered, and the transaction is as before."""
    tx, session = begin(begin=raising(OSError("gone")))
    with pytest.raises(OSError, match="gone"):
        async with tx:
            pytest.fail("the block was entered")
    assert ["begin"] == session.done
    with pytest.raises(TransactionError, match="has not begun"):
        tx.after_commit(print)


async def test_used_outside_of_its_block(begin):
    """Before and after its block a transaction says so, and it cannot begin again."""
    tx, _ = begin()
    with pytest.raises(TransactionError, match="has not begun"):
        await tx.execute("select 1")
    async with tx:
        with pytest.raises(TransactionError, match="has begun already"):
            await tx.__aenter__()
    with pytest.raises(TransactionError, match="has ended"):
        await tx.execute("select 1")
    with pytest.raises(TransactionError, match="has begun already"):
        await tx.__aenter__()


async def test_savepoints(begin):
    """Transactions inside of one another are savepoints with names of their own."""
    tx, session = begin()
    async with tx:
        async with tx.transaction() as second, second.transaction():
            pass
        with pytest.raises(KeyError):
            async with tx.transaction():
                raise KeyError
    assert [
        "begin",
        "savepoint arlen_1",
        "savepoint arlen_2",
        "release savepoint arlen_2",
        "release savepoint arlen_1",
        "savepoint arlen_3",
        "rollback to savepoint arlen_3",
        "release savepoint arlen_3",
        "commit",
    ] == session.done


async def test_a_savepoint_that_cannot_be_released(begin):
    """It is rolled back, so that the outer transaction is usable, and the error arrives."""
    released = []

    async def release():
        released.append(1)
        if len(released) == 1:
            raise TransactionAborted("a statement had failed")

    tx, session = begin(release=release)
    async with tx:
        with pytest.raises(TransactionAborted):
            async with tx.transaction():
                pass
    names = ["savepoint", "release savepoint", "rollback to savepoint", "release savepoint"]
    assert ["begin", *(f"{name} arlen_1" for name in names), "commit"] == session.done


async def test_options_inside(begin, db):
    """A transaction inside of another one has no isolation of its own."""
    tx, _ = begin()
    with pytest.raises(InvalidArgument, match="no isolation"):
        Transaction(db, Options("serializable"), outer=tx)


async def test_a_wrong_order(begin):
    """When transactions inside of one end in a wrong order, as two tasks make them, nothing is committed."""
    tx, session = begin()
    with pytest.raises(TransactionError, match="wrong order"):
        async with tx:
            first, second = tx.transaction(), tx.transaction()
            await first.__aenter__()
            await second.__aenter__()
            await first.__aexit__(None, None, None)
            await second.__aexit__(None, None, None)
    assert "rollback" == session.done[-1]


async def test_two_tasks(db):
    """Two tasks whose transactions inside of one overlap would mix them up: nothing of both is committed."""
    await db.execute("create table t (v int)")
    begun, second_begun, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def first(tx):
        async with tx.transaction() as inner:
            await inner.execute("insert into t (v) values (1)")
            begun.set()
            await second_begun.wait()
        ended.set()

    async def second(tx):
        await begun.wait()
        with pytest.raises(KeyError):
            async with tx.transaction() as inner:
                await inner.execute("insert into t (v) values (2)")
                second_begun.set()
                await ended.wait()
                raise KeyError  # which takes back nothing: its savepoint went with the first one's

    with pytest.raises(TransactionError, match="wrong order"):
        async with db.transaction() as tx:
            await asyncio.gather(first(tx), second(tx))
    assert 0 == await db.value("select count(*) from t")


async def test_hooks_run_in_order(begin, caplog):
    """Functions and coroutine functions run in their order; what one raises is logged, and the others run."""
    called = []

    async def later(value, *, twice):
        await anyio.lowlevel.checkpoint()
        called.append((value, twice))

    tx, _ = begin()
    with caplog.at_level(logging.ERROR, logger="arlen_data"):
        async with tx:
            tx.after_commit(called.append, 1)
            tx.after_commit(raising(OSError("no")))
            tx.after_commit(later, 2, twice=True)
    assert [1, (2, True)] == called
    assert ["what was to happen after a commit failed"] == [record.message for record in caplog.records]


async def test_a_hook_may_use_the_database(db):
    """When it runs, the transaction has ended: it may begin another one."""
    await db.execute("create table t (v int)")

    async def again():
        async with db.transaction() as tx:
            await tx.execute("insert into t (v) values (2)")

    async with db.transaction() as tx:
        tx.after_commit(again)
    assert 1 == await db.value("select count(*) from t")


async def test_a_cancel_in_a_hook(begin):
    """Who is cancelled in a hook is cancelled, and the other hooks have had their turn."""
    called, ready = [], asyncio.Event()

    async def hang():
        ready.set()
        await anyio.sleep_forever()

    async def work():
        async with tx:
            tx.after_commit(hang)
            tx.after_commit(called.append, "second")

    tx, session = begin()
    task = asyncio.create_task(work())
    await ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ["begin", "commit"] == session.done
    assert ["second"] == called


async def test_hooks_of_a_rollback_are_dropped(begin):
    """No hook runs after a rollback, neither an outer one nor one inside."""
    called = []
    tx, _ = begin()
    with pytest.raises(KeyError):
        async with tx:
            tx.after_commit(called.append, 1)
            async with tx.transaction() as inner:
                inner.after_commit(called.append, 2)
            raise KeyError
    assert [] == called


async def test_a_deadline_in_the_block(begin):
    """A block that takes too long is rolled back, and the error is a `TimeoutError` that tells the time."""
    tx, session = begin(deadline=0.01)
    with pytest.raises(DeadlineExceeded, match=r"longer than 0.01 s and was rolled back") as caught:
        async with tx:
            await anyio.sleep_forever()
    assert isinstance(caught.value, TimeoutError)
    assert ["begin", "rollback"] == session.done


async def test_a_deadline_at_the_beginning(begin):
    """To wait for a connection counts."""
    tx, session = begin(deadline=0.01, begin=anyio.sleep_forever)
    with pytest.raises(DeadlineExceeded):
        async with tx:
            pytest.fail("the block was entered")
    assert ["begin"] == session.done


async def test_a_deadline_that_somebody_swallowed(begin):
    """A block that goes on after its deadline is rolled back all the same: it is not committed late."""
    tx, session = begin(deadline=0.01)
    with pytest.raises(DeadlineExceeded):
        async with tx:
            with suppress(BaseException):
                await anyio.sleep_forever()
    assert ["begin", "rollback"] == session.done


async def test_a_deadline_cuts_off_no_commit(begin):
    """A commit that has begun goes on after the deadline: nobody would know whether it took place."""
    passed = asyncio.Event()

    async def slow():
        asyncio.get_running_loop().call_later(0.05, passed.set)
        await passed.wait()

    tx, session = begin(deadline=0.02, commit=slow)
    async with tx:
        pass
    assert ["begin", "commit"] == session.done


async def test_a_deadline_inside(begin):
    """A deadline of a transaction inside rolls back to its savepoint, and the outer one commits."""
    tx, session = begin()
    async with tx:
        with pytest.raises(DeadlineExceeded):
            async with tx.transaction(deadline=0.01):
                await anyio.sleep_forever()
    assert "rollback to savepoint arlen_1" in session.done
    assert "commit" == session.done[-1]


async def test_an_error_after_the_deadline(begin):
    """An exception of the block's own arrives, also when the deadline has passed."""
    tx, _ = begin(deadline=0.01)
    with pytest.raises(KeyError):
        async with tx:
            try:
                await anyio.sleep_forever()
            finally:
                raise KeyError


@pytest.mark.parametrize("where", ["begin", "select", "commit", "rollback"])
async def test_a_cancel_arrives(begin, where):
    """Who is cancelled at any place is told so, and no deadline or other error replaces it."""
    ready = asyncio.Event()

    async def hang():
        ready.set()
        await anyio.sleep_forever()

    async def work():
        async with tx:
            await tx.execute("select 1") if where == "select" else None
            if where == "rollback":
                raise KeyError

    tx, session = begin(deadline=60, **{where: hang})
    task = asyncio.create_task(work())
    await ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {"begin": ["begin"], "select": ["begin", "select 1", "rollback"]}.get(
        where, ["begin", where]
    ) == session.done


async def test_a_generator_that_is_closed(begin):
    """A transaction in an asynchronous generator is rolled back when the generator is closed before its end."""

    async def rows():
        async with tx:
            yield 1
            yield 2

    tx, session = begin()
    made = rows()
    assert 1 == await anext(made)
    await made.aclose()
    assert ["begin", "rollback"] == session.done


async def test_a_generator_that_is_dropped(begin):
    """It is rolled back too when nobody closes the generator, as soon as the event loop gets to it."""

    async def rows():
        async with tx:
            yield 1

    tx, session = begin()
    made = rows()
    await anext(made)
    del made
    gc.collect()
    await anyio.wait_all_tasks_blocked()
    assert ["begin", "rollback"] == session.done


async def test_a_scope_around_it(begin):
    """A timeout around a transaction rolls it back, in peace, and arrives as a timeout."""
    tx, session = begin(rollback=anyio.lowlevel.checkpoint)
    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.01):
            async with tx:
                await anyio.sleep_forever()
    assert ["begin", "rollback"] == session.done


async def test_transact_on_a_virtual_clock(db):
    """Work that loses a race runs again after a pause of up to 10 ms, doubled each time, and returns its value."""
    db.clock = clock = VirtualClock()
    await db.execute("create table t (v int)")
    calls = []

    async def work(tx):
        calls.append(clock.monotonic())
        await tx.execute("insert into t (v) values ($1)", len(calls))
        if len(calls) < 4:
            raise SerializationFailure("somebody came first")
        return "done"

    task = asyncio.create_task(db.transact(work))
    await anyio.wait_all_tasks_blocked()
    for number in range(1, 4):
        await clock.asleep()
        assert number == len(calls)
        clock.shift(0.01 * 2**number)
    assert "done" == await task
    assert [(4,)] == await db.all("select v from t")


async def test_transact_gives_up(db):
    """The last error arrives after as many attempts as were allowed, at least one."""
    errors = []

    async def work(tx):
        errors.append(SerializationFailure("again"))
        raise errors[-1]

    with pytest.raises(SerializationFailure) as caught:
        await db.transact(work, attempts=2)
    assert 2 == len(errors)
    assert errors[-1] is caught.value
    with pytest.raises(InvalidArgument, match="at least one attempt, not 0"):
        await db.transact(work, attempts=0)


async def test_transact_runs_nothing_else_again(db):
    """Any other error, and a cancel, arrives at once."""
    calls = []

    async def work(tx):
        calls.append(1)
        raise DatabaseError("no")

    with pytest.raises(DatabaseError, match="no"):
        await db.transact(work)
    assert [1] == calls


async def test_what_an_adapter_does_not_have(db):
    """Reading only is refused where there is no such thing, and so is an isolation that is none."""
    with pytest.raises(Unsupported, match="tiny has no read-only"):
        db.transaction(read_only=True)
    with pytest.raises(InvalidArgument, match="is no isolation level"):
        db.transaction(isolation="chaos")
