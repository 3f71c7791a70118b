"""Sandbox: everything is taken back at the end."""

import anyio
import pytest
from tiny import Tiny

from arlen_core.app import App
from arlen_core.testing import Client
from arlen_data.capabilities import Capabilities
from arlen_data.database import Database
from arlen_data.effects import Effect
from arlen_data.errors import DatabaseError, TransactionError, Unsupported
from arlen_data.lease import Lease
from arlen_data.outbox import Outbox
from arlen_data.sandbox import sandbox
from arlen_data.schema import install

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(db):
    """A database with a table and one row."""
    await install(db)
    await db.execute("create table work (who text unique)")
    await db.execute("insert into work values ('before')")
    return db


async def add(db, who) -> None:
    """Add a row."""
    await db.execute("insert into work values ($1)", who)


async def names(db) -> list:
    """Return the rows."""
    return [row.who for row in await db.all("select who from work order by who")]


async def fail(db, who) -> None:
    """Add a row and fail."""
    async with db.transaction() as tx:
        await add(tx, who)
        raise ZeroDivisionError


async def test_everything_is_taken_back(store):
    """Single statements, transactions, many rows, batches and bulk."""
    async with sandbox(store) as db:
        assert db is store
        await add(db, "a")
        async with db.transaction() as tx:
            await add(tx, "b")
        await db.execute_many("insert into work values ($1)", [("c",), ("d",)])
        await db.batch(("insert into work values ($1)", "e"), "select 1")
        await db.copy_in("work", ["who"], [("f",)])
        assert ["a", "b", "before", "c", "d", "e", "f"] == await names(db)
        assert 7 == len([row async for row in db.stream("select who from work")])
    assert ["before"] == await names(store)


async def test_also_after_an_error(store):
    """Which arrives."""
    with pytest.raises(ZeroDivisionError):
        await break_out(store)
    assert ["before"] == await names(store)


async def break_out(store) -> None:
    """Fail in a sandbox."""
    async with sandbox(store) as db:
        await add(db, "a")
        raise ZeroDivisionError


async def test_transactions_roll_back_by_themselves(store):
    """A failure takes back its own transaction, or its inner one, and nothing else."""
    async with sandbox(store) as db:
        await add(db, "a")
        with pytest.raises(ZeroDivisionError):
            await fail(db, "lost")
        async with db.transaction() as tx:
            await add(tx, "b")
            with pytest.raises(ZeroDivisionError):
                await fail(tx, "lost")
        assert ["a", "b", "before"] == await names(db)


@pytest.mark.parametrize("aborts", [False, True])
async def test_a_statement_that_fails_spoils_nothing(store, aborts):
    """Also on an engine where a failure aborts the transaction."""
    store.capabilities = Capabilities(
        adapter="tiny", dialect="sqlite", transactions=True, savepoints=True, aborts=aborts
    )
    async with sandbox(store) as db:
        await add(db, "a")
        with pytest.raises(DatabaseError):
            await add(db, "a")
        assert ["a", "before"] == await names(db)


async def test_hooks_run_at_the_end_of_their_transaction(store):
    """As they do outside: after the outermost one, and not after a rollback."""
    seen = []
    async with sandbox(store) as db:
        async with db.transaction() as tx:
            tx.after_commit(seen.append, "outer")
            async with tx.transaction() as inner:
                inner.after_commit(seen.append, "inner")
            assert [] == seen
        assert ["outer", "inner"] == seen
        with pytest.raises(ZeroDivisionError):
            await hook_and_fail(db, seen)
    assert ["outer", "inner"] == seen


async def hook_and_fail(db, seen) -> None:
    """Promise something and fail."""
    async with db.transaction() as tx:
        tx.after_commit(seen.append, "never")
        raise ZeroDivisionError


async def test_a_hook_may_use_the_database(store):
    """It is after the commit: nobody waits for anybody."""
    async with sandbox(store) as db:
        async with db.transaction() as tx:
            tx.after_commit(add, db, "hook")
        assert ["before", "hook"] == await names(db)


async def test_effects_are_delivered(store):
    """The outbox works in a sandbox, and is empty after it."""
    box, seen = Outbox(store), []

    @box.on("note")
    async def note(effect: Effect) -> None:
        seen.append(effect.payload)

    async with sandbox(store) as db:
        async with db.transaction() as tx:
            tx.after_commit(Effect(kind="note", payload=1))
        assert 1 == await box.drain()
        async with db.transaction() as tx:
            await box.add(tx, "note", "", 2)
    assert [1] == seen
    assert 0 == await box.drain()


async def test_a_lease_works(store):
    """It is renewed in the sandbox, where alone it is known."""
    async with sandbox(store) as db, Lease(db, "leader", ttl=0.3) as lease:
        with anyio.fail_after(20):
            while not lease.renewed:
                await anyio.sleep(0.01)
    assert 0 == await store.value("select count(*) from arlen_leases")


async def test_transactions_of_tasks_take_turns(store):
    """There is one connection: each waits for the other to end, and a rollback takes back nobody else's rows."""
    steps = []

    async def work(number: int) -> None:
        async with store.transaction() as tx:
            steps.append(("begin", number))
            await anyio.lowlevel.checkpoint()
            await add(tx, str(number))
            await anyio.lowlevel.checkpoint()
            steps.append(("end", number))
            if number % 2:
                raise ZeroDivisionError

    async def quiet(number: int) -> None:
        try:
            await work(number)
        except ZeroDivisionError:
            await add(store, f"{number} failed")

    async with sandbox(store) as db:
        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(quiet, number)
        assert ["0", "1 failed", "2", "3 failed", "before"] == await names(db)
    pairs = list(zip(steps[::2], steps[1::2], strict=True))
    assert all(first[1] == second[1] for first, second in pairs)


async def test_a_task_that_began_in_a_transaction_outlives_it(store):
    """It goes on in the sandbox."""
    go_on = anyio.Event()

    async def later() -> None:
        await go_on.wait()
        await add(store, "later")

    async with sandbox(store) as db:
        async with anyio.create_task_group() as group:
            async with db.transaction() as tx:
                await add(tx, "a")
                group.start_soon(later)
            go_on.set()
        assert ["a", "before", "later"] == await names(db)


async def test_a_task_that_outlives_the_sandbox_is_refused(store):
    """It would write to the real tables."""
    go_on, caught = anyio.Event(), []

    async def later() -> None:
        await go_on.wait()
        try:
            await add(store, "leak")
        except TransactionError as error:
            caught.append(str(error))

    async with anyio.create_task_group() as group:
        async with sandbox(store):
            group.start_soon(later)
        go_on.set()
    assert "this sandbox is over" in caught[0]
    assert ["before"] == await names(store)


async def test_others_do_not_notice(tmp_path):
    """A task outside of the sandbox uses the database as ever; two sandboxes see nothing of each other."""
    one, two = Tiny(str(tmp_path / "one.db")), Tiny(str(tmp_path / "two.db"))
    async with one, two:
        for db in (one, two):
            await db.execute("create table work (who text)")
        async with sandbox(one):
            await add(one, "a")
            await add(two, "b")
        assert ([], ["b"]) == (await names(one), await names(two))


async def test_a_context_of_its_own(store):
    """A task that was there before is not in the sandbox."""
    asked, found = anyio.Event(), []

    async def outside() -> None:
        await asked.wait()
        found.append(store._sandbox.get())

    async with anyio.create_task_group() as group:
        group.start_soon(outside)
        await anyio.wait_all_tasks_blocked()
        async with sandbox(store):
            assert store._sandbox.get() is not None
            asked.set()
            await anyio.wait_all_tasks_blocked()
    assert [None] == found


async def test_everywhere(store):
    """For a server that was started before: all of the process is in it."""
    asked, done = anyio.Event(), anyio.Event()

    async def server() -> None:
        await asked.wait()
        await add(store, "served")
        done.set()

    async with anyio.create_task_group() as group:
        group.start_soon(server)
        await anyio.wait_all_tasks_blocked()
        async with sandbox(store, everywhere=True) as db:
            asked.set()
            await done.wait()
            assert ["before", "served"] == await names(db)
    assert ["before"] == await names(store)


async def test_sandboxes_nest(store):
    """For rows that several tests share."""
    async with sandbox(store) as db:
        await add(db, "shared")
        for _ in range(2):
            async with sandbox(db):
                await add(db, "own")
                assert ["before", "own", "shared"] == await names(db)
        assert ["before", "shared"] == await names(db)
    assert ["before"] == await names(store)


async def test_an_application_in_a_sandbox():
    """Requests of the test client, and what they leave to the background, are in it."""
    app = App("a", environ={})
    db = app.use(Tiny())

    @app.post("/{who}")
    async def create(who: str, mine: Database) -> None:
        async with mine.transaction() as tx:
            await add(tx, who)

    async with Client(app) as client:
        await db.execute("create table work (who text)")
        for _ in range(2):
            async with sandbox(db):
                await client.post("/ada")
                assert ["ada"] == await names(db)
        assert [] == await names(db)


async def test_deadlines_and_their_own_transactions(store):
    """`deadline` holds, and a database inside of a transaction is that transaction."""
    async with sandbox(store) as db:
        async with db.transaction(deadline=10) as tx:
            await add(tx, "a")
            assert ["a", "before"] == await names(db)
            async with db.transaction() as inner:
                await add(inner, "b")
        assert ["a", "b", "before"] == await names(db)


async def test_it_needs_savepoints(db):
    """Who has none cannot have it."""
    db.capabilities = Capabilities(adapter="plain", dialect="sqlite")
    with pytest.raises(Unsupported):
        async with sandbox(db):
            pass


async def test_isolation_and_read_only_are_ignored(store):
    """The transaction is there already."""
    async with sandbox(store) as db, db.transaction(isolation="serializable") as tx:
        await add(tx, "a")
