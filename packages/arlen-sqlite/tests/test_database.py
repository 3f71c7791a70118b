"""SQLite: opening, closing, bounds, where statements run, forks, an application's plugin."""

import asyncio
import os
import signal
import sqlite3
import warnings

import anyio
import pytest

from arlen_data.database import Database
from arlen_data.errors import (
    ConnectionFailed,
    DatabaseError,
    InvalidArgument,
    LockTimeout,
    PoolBusy,
    PoolClosed,
    TransactionAborted,
    TransactionError,
    Unsupported,
)
from arlen_data.stats import Stats
from arlen_sqlite import SQLite, connections

pytestmark = pytest.mark.anyio


async def test_not_open(path):
    """Before it is opened, and after it is closed, everything is `PoolClosed`."""
    db = SQLite(path)
    for _ in range(2):
        with pytest.raises(PoolClosed):
            await db.all("select 1")
        with pytest.raises(PoolClosed):
            async with db.transaction() as tx:
                await tx.all("select 1")
        async with db:
            assert 1 == await db.value("select 1")


async def test_open_twice(path):
    """To open what is open, and to close what is closed, does nothing."""
    db = SQLite(path)
    await db.close()
    async with db:
        await db.open()
        assert 1 == await db.value("select 1")
    await db.close()


@pytest.mark.parametrize("where", ["missing/folder/test.db", "."])
async def test_cannot_open(tmp_path, where):
    """A file that cannot be opened is `ConnectionFailed`, which tells the path; no thread is left."""
    with pytest.raises(ConnectionFailed) as caught:
        await SQLite(tmp_path / where).open()
    assert str(tmp_path) in str(caught.value)


async def test_no_database(path):
    """A file that is no database is `ConnectionFailed`."""
    path.write_text("not a database, but long enough to be looked at" * 100)
    with pytest.raises(ConnectionFailed):
        await SQLite(path).open()


def test_too_old():
    """SQLite before 3.39 is `Unsupported`."""
    with pytest.raises(Unsupported) as caught:
        connections.supported((3, 38, 5))
    assert "3.39" in str(caught.value)


async def test_a_new_file_by_many_at_once(path):
    """Connections that open a new file at once wait for each other."""
    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(_opened, SQLite(path, name=f"n{number}"))


async def _opened(db):
    async with db:
        assert 1 == await db.value("select 1")


async def test_what_is_left(path):
    """After the end there is one file: what was in the log is in it."""
    async with SQLite(path) as db:
        await db.execute("create table t (v)")
    assert [path.name] == [each.name for each in path.parent.iterdir()]


async def test_a_relative_path(tmp_path, monkeypatch):
    """A relative path is looked up once, when the database is opened: threads that come later find the same file."""
    monkeypatch.chdir(tmp_path)
    async with SQLite("a b?#%.db") as db:
        await db.execute("create table t (v)")
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        async with db.stream("select v from t") as rows:
            assert [] == [row async for row in rows]
    assert (tmp_path / "a b?#%.db").is_file()


async def test_no_patience(path):
    """With `lock_timeout=0` a write that somebody is in the way of fails at once."""
    async with SQLite(path, lock_timeout=0) as db:
        await db.execute("create table t (v)")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")
        with pytest.raises(LockTimeout):
            await db.execute("insert into t values (1)")
        other.close()


async def test_settings_of_connections(db):
    """Foreign keys are on, the log is written ahead, and text in double quotes is no string where that can be said."""
    expected = {"foreign_keys": 1, "journal_mode": "wal", "trusted_schema": 0, "synchronous": 1}
    async with db.transaction() as tx:
        for name, value in expected.items():
            assert value == await db.value(f"pragma {name}")
            assert value == await tx.value(f"pragma {name}")


async def test_threads_are_made_when_needed(path, threads):
    """There is a writer and one reader at first; no thread is left at the end."""
    async with SQLite(path, name="few", readers=3) as db:
        assert 2 == threads("sqlite-few")
        await asyncio.gather(*(db.all("select 1") for _ in range(30)))
        assert 2 <= threads("sqlite-few") <= 4
    assert 0 == threads("sqlite-few")


async def test_the_queue_is_bounded(path, endless):
    """More calls than may wait are `PoolBusy` at once."""
    async with SQLite(path, readers=1, waiting=1) as db:
        tasks = [asyncio.create_task(db.all(endless)) for _ in range(2)]
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(PoolBusy):
            await db.all("select 1")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert 1 == await db.value("select 1")


async def test_stats_tell_what_the_threads_do(path, endless):
    """Each kind of thread is a pool: who works, who waits and who was refused; when all is over, all is idle."""
    db = SQLite(path, readers=1, waiting=1)
    assert () == db.stats()
    async with db:
        tasks = [asyncio.create_task(db.all(endless)) for _ in range(2)]
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(PoolBusy):
            await db.all("select 1")
        async with db.transaction() as tx:
            await tx.execute("create table t (v)")
            assert (
                Stats(pool="write", used=1, limit=1),
                Stats(pool="read", used=1, pending=1, limit=1, refused=1),
                Stats(pool="stream", limit=8),
            ) == db.stats()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [(1, 0, 0), (1, 0, 0), (0, 0, 0)] == [(each.idle, each.used, each.pending) for each in db.stats()]
    assert () == db.stats()


def test_where_it_is_for_traces():
    """The file without its folder."""
    assert {"db.namespace": "app.db"} == SQLite("/somewhere/app.db").origin()


async def test_one_waits_and_is_taken_back(path, endless):
    """Who is cancelled while he waits is free at once, and his statement never runs."""
    async with SQLite(path) as db:
        await db.execute("create table t (v)")
        async with db.transaction() as tx:
            await tx.execute("insert into t values (1)")
            task = asyncio.create_task(db.execute("insert into t values (2)"))
            await anyio.wait_all_tasks_blocked()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert [(1,)] == await db.all("select v from t")


async def test_an_interrupted_write_ends_its_transaction(db):
    """After a write in a transaction was interrupted nothing of the transaction can be committed."""
    with pytest.raises(TransactionAborted):  # noqa: PT012  # the end of the block fails
        async with db.transaction() as tx:
            await tx.execute("insert into notes (text) values ('a')")
            with anyio.move_on_after(0.05):
                await tx.execute(
                    "with recursive s(n) as (select 1 union all select n + 1 from s) insert into notes (id)"
                    " select n from s where n < 0"
                )
            with pytest.raises(TransactionAborted):
                await tx.all("select 1")
    assert 0 == await db.value("select count(*) from notes")


async def test_an_interrupted_read_does_not(db, endless):
    """After a read in a transaction was interrupted the transaction goes on."""
    async with db.transaction() as tx:
        await tx.execute("insert into notes (text) values ('a')")
        with anyio.move_on_after(0.05):
            await tx.all(endless)
        await tx.execute("insert into notes (text) values ('b')")
    assert 2 == await db.value("select count(*) from notes")


async def test_a_rollback_by_sqlite(db):
    """When SQLite rolls back by itself, what follows in the transaction, and its commit, is `TransactionAborted`."""
    await db.execute("insert into notes (id) values (1)")
    with pytest.raises(TransactionAborted):  # noqa: PT012  # the end of the block fails
        async with db.transaction() as tx:
            await tx.execute("insert into notes (id) values (2)")
            with pytest.raises(DatabaseError):
                await tx.execute("insert or rollback into notes (id) values (1)")
            with pytest.raises(TransactionAborted):
                await tx.execute("insert into notes (id) values (3)")
    assert [(1,)] == await db.all("select id from notes")


async def test_with_that_writes(db):
    """What begins with `with` and writes runs where it may write, and tells how many rows."""
    sql = "with x as (select 7 as n union all select 8) insert into notes (id) select n from x"
    assert 2 == await db.execute(sql)
    assert [(9,)] == await db.all(
        f"{sql.replace('7', '9').replace('8', '9')} where true on conflict do nothing returning id"
    )
    assert 0 == await db.execute("create table other (v)")


async def test_reads_do_not_wait_for_a_writer(db):
    """While a transaction writes, reads see what was committed before."""
    async with db.transaction() as tx:
        await tx.execute("insert into notes (text) values ('a')")
        assert (0, 1) == (await db.value("select count(*) from notes"), await tx.value("select count(*) from notes"))


async def test_a_read_only_transaction_is_one_moment(db):
    """A transaction that only reads sees one moment, and nobody waits for it."""
    async with db.transaction(read_only=True) as tx:
        assert 0 == await tx.value("select count(*) from notes")
        await db.execute("insert into notes (text) values ('a')")
        assert 0 == await tx.value("select count(*) from notes")
    assert 1 == await db.value("select count(*) from notes")


async def test_a_batch_of_reads_is_one_moment(db):
    """A batch that only reads runs on a connection that reads."""
    first, second = await db.batch("select count(*) from notes", ("select $1", 7))
    assert (0, 7) == (first.value(), second.value())


async def test_a_batch_that_writes_with_with(db):
    """A batch that turns out to write is run where it may."""
    results = await db.batch("with x as (select 1) insert into notes (id) select * from x", "select id from notes")
    assert [(1,)] == results[1].rows


async def test_a_slow_stream_is_in_nobodys_way(path):
    """Streams have connections of their own: reads and writes go on while several wait."""
    async with SQLite(path, readers=1, streams=3) as db:
        await db.execute("create table t (v)")
        await db.copy_in("t", ["v"], ((number,) for number in range(3000)))
        streams = [db.stream("select v from t order by v", size=10) for _ in range(3)]
        for each in streams:
            assert 0 == (await anext(each)).v
        await db.execute("delete from t")
        assert 0 == await db.value("select count(*) from t")
        assert [1] * 3 == [(await anext(each)).v for each in streams]
        for each in streams:
            await each.aclose()


async def test_streams_see_one_moment_whole(db):
    """A stream yields every row of its moment, with chunks of any size."""
    await db.copy_in("notes", ["id"], ((number,) for number in range(1000)))
    for size in (1, 7, 1000, 2000):
        async with db.stream("select id from notes order by id", size=size) as rows:
            assert list(range(1000)) == [row.id async for row in rows]


async def test_a_stream_that_writes(db):
    """A statement that writes and returns rows can be streamed."""
    async with db.stream("insert into notes (id) values (1), (2), (3) returning id", size=2) as rows:
        assert [1, 2, 3] == [row.id async for row in rows]
    async with db.stream("with x as (select 9 as n) insert into notes (id) select n from x returning id") as rows:
        assert [9] == [row.id async for row in rows]


async def test_a_stream_in_a_transaction(db):
    """A stream in a transaction sees what it did; one that is left early does not disturb it."""
    async with db.transaction() as tx:
        await tx.execute_many("insert into notes (id) values ($1)", [(number,) for number in range(100)])
        async with tx.stream("select id from notes order by id", size=10) as rows:
            assert 0 == (await anext(rows)).id
            await tx.execute("insert into notes (id) values (1000)")
    assert 101 == await db.value("select count(*) from notes")


async def test_load_names_the_row(db):
    """A row that does not fit is named by its number, and nothing is kept."""
    rows = [(number,) for number in range(1200)]
    rows[1100] = (7,)
    with pytest.raises(DatabaseError, match="row 1101"):
        await db.copy_in("notes", ["id"], rows)
    rows[1100] = (1 << 70,)
    with pytest.raises(DatabaseError, match="row 1101"):
        await db.copy_in("notes", ["id"], rows)
    assert 0 == await db.value("select count(*) from notes")


async def test_load_from_an_async_source(db):
    """Rows may come from an asynchronous generator; when it fails, nothing is kept."""

    async def source(fails):
        for number in range(1234):
            yield (number,)
        if fails:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await db.copy_in("notes", ["id"], source(fails=True))
    assert 1234 == await db.copy_in("notes", ["id"], source(fails=False))


async def test_load_in_a_transaction_is_a_savepoint(db):
    """Rows that do not fit leave the transaction around them as it was."""
    async with db.transaction() as tx:
        await tx.execute("insert into notes (id) values (1)")
        with pytest.raises(DatabaseError):
            await tx.copy_in("notes", ["id"], [(2,), (1,)])
        assert 1 == await tx.copy_in("notes", ["id"], [(3,)])
    assert [(1,), (3,)] == await db.all("select id from notes order by id")


async def test_many_with_returning(db):
    """A statement that gives rows can run for many rows of parameters."""
    assert 2 == await db.execute_many("insert into notes (id) values ($1) returning id", [(1,), (2,)])
    assert 2000 == await db.execute_many("insert into notes (id) values ($1)", ((n + 10,) for n in range(2000)))
    with pytest.raises(DatabaseError, match="row 2"):
        await db.execute_many("insert into notes (id) values ($1)", [(9000,), (1,)])
    assert 2002 == await db.value("select count(*) from notes")


async def test_names_with_quotes(db):
    """Names of tables and columns may hold anything."""
    await db.execute('create table "a ""b"" $1" ("c; d" int)')
    assert 1 == await db.copy_in('a "b" $1', ["c; d"], [(7,)])
    assert 7 == await db.value('select "c; d" from "a ""b"" $1"')


async def test_memory_is_shared_by_again():
    """Two objects for one database in memory see the same, until the last one is closed."""
    db = SQLite(":memory:")
    async with db, db.again() as other:
        await db.execute("create table t (v)")
        await other.execute("insert into t values (7)")
        assert 7 == await db.value("select v from t")
    async with db:
        assert [] == await db.all("select name from sqlite_master")


async def test_memories_are_apart():
    """Two databases in memory are two."""
    async with SQLite(":memory:") as one, SQLite(":memory:") as other:
        await one.execute("create table t (v)")
        assert [] == await other.all("select name from sqlite_master")


async def test_memory_leaves_nothing(monkeypatch, tmp_path):
    """A database in memory takes its files away."""
    monkeypatch.setattr(connections, "_SHARED_MEMORY", tmp_path / "none")
    monkeypatch.setattr(connections.tempfile, "tempdir", str(tmp_path))
    async with SQLite(":memory:") as db:
        await db.execute("create table t (v)")
        assert [] != list(tmp_path.iterdir())
    assert [] == list(tmp_path.iterdir())


async def test_a_lock_of_somebody_else(path):
    """A write that another process keeps waiting is `LockTimeout`; a cancelled one stops waiting."""
    async with SQLite(path, lock_timeout=0.2) as db:
        await db.execute("create table t (v)")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")
        try:
            with pytest.raises(LockTimeout):
                await db.execute("insert into t values (1)")
            with pytest.raises(LockTimeout):
                async with db.transaction() as tx:
                    await tx.execute("insert into t values (1)")
            assert 0 == await db.value("select count(*) from t")
            patient = db.again(lock_timeout=60)
            async with patient:
                with anyio.move_on_after(0.05) as scope:
                    await patient.execute("insert into t values (1)")
                assert scope.cancelled_caught
        finally:
            other.close()
        assert 1 == await db.execute("insert into t values (1)")


async def test_a_transaction_that_idles(path):
    """A transaction that does nothing for too long loses its thread, and cannot commit."""
    async with SQLite(path, idle=0.05) as db:
        await db.execute("create table t (v)")
        with pytest.raises(TransactionAborted, match="nothing for too long"):  # noqa: PT012  # the end of the block fails
            async with db.transaction() as tx:
                await tx.execute("insert into t values (1)")
                assert 1 == await db.execute("insert into t values (2)")  # it gets the thread when it is free
                with pytest.raises(TransactionAborted):
                    await tx.execute("insert into t values (3)")
        assert [(2,)] == await db.all("select v from t")


async def test_a_transaction_that_ended(db):
    """A session that has ended refuses."""
    session = await db.session(_options())
    await session.run("insert into notes (id) values ($1)", (1,))
    await session.commit()
    with pytest.raises(TransactionError):
        await session.run("select 1", ())
    await session.rollback()
    unused = await db.session(_options())
    await unused.rollback()
    with pytest.raises(TransactionError):
        await unused.run("select 1", ())
    assert 1 == await db.value("select count(*) from notes")


def _options():
    from arlen_data.lanes import Options

    return Options()


async def test_two_tasks_begin_one_transaction(db):
    """Two tasks whose statements are the first ones of a transaction are in the same one."""
    async with db.transaction() as tx:
        await asyncio.gather(*(tx.execute("insert into notes (id) values ($1)", number) for number in range(5)))
        assert 0 == await db.value("select count(*) from notes")
    assert 5 == await db.value("select count(*) from notes")


async def test_temporary_tables_last_as_long_as_their_transaction(db):
    """A temporary table is gone after its transaction; outside of one it is refused."""
    for _ in range(2):
        async with db.transaction() as tx:
            await tx.execute("create temporary table t (v)")
            await tx.execute("insert into t values (1)")
    async with db.transaction() as tx:
        with pytest.raises(DatabaseError):
            await tx.all("select * from t")
    with pytest.raises(InvalidArgument):
        await db.execute("create temp table t (v)")


async def test_vacuum_and_checkpoint(db):
    """Statements that cannot be in a transaction run by themselves."""
    assert 0 == await db.execute("vacuum")
    assert 1 == len(await db.all("pragma wal_checkpoint(truncate)"))
    await db.execute("pragma user_version = 7")
    assert 7 == await db.value("pragma user_version")
    with pytest.raises(DatabaseError):
        async with db.transaction() as tx:
            await tx.execute("vacuum")


async def test_foreign_keys_off_for_a_rebuild(db):
    """A database made by `again` may leave foreign keys alone."""
    await db.execute("create table child (note int references notes)")
    with pytest.raises(DatabaseError):
        await db.execute("insert into child values (7)")
    async with db.again(foreign_keys=False) as other:
        assert 1 == await other.execute("insert into child values (7)")


async def test_close_waits(path):
    """What ends within `grace` is not cut off."""
    db = SQLite(path, grace=30)
    await db.open()
    await db.execute("create table t (v)")
    async with db.transaction() as tx:
        await tx.execute("insert into t values (1)")
        closing = asyncio.create_task(db.close())
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(PoolClosed):
            await db.all("select 1")
        await tx.execute("insert into t values (2)")
    await closing
    async with db:
        assert 2 == await db.value("select count(*) from t")


async def test_close_cuts_off(path, endless, threads):
    """After `grace`, what runs is interrupted, what waits is refused, and open transactions are rolled back."""
    db = SQLite(path, grace=0.05, name="cut", readers=1)
    await db.open()
    await db.execute("create table t (v)")
    slow = [asyncio.create_task(db.all(endless)) for _ in range(3)]
    await anyio.wait_all_tasks_blocked()
    with pytest.raises(TransactionAborted):  # noqa: PT012  # the end of the block fails
        async with db.transaction() as tx:
            await tx.execute("insert into t values (1)")
            with anyio.fail_after(10):
                await db.close()
    found = await asyncio.gather(*slow, return_exceptions=True)
    assert all(isinstance(each, DatabaseError) for each in found)
    assert 0 == threads("sqlite-cut")
    async with db:
        assert 0 == await db.value("select count(*) from t")


async def test_cancels_at_random_leave_everything_right(path):
    """After many cancels at many moments all threads work, and committed is what is told to be."""
    async with SQLite(path, readers=2) as db:
        await db.execute("create table t (v)")

        async def write(number):
            async with db.transaction() as tx:
                await tx.execute("insert into t values ($1)", number)
                assert number == await tx.value("select max(v) from t where v = $1", number)
            return number

        told = set()
        for number in range(300):
            task = asyncio.create_task(write(number) if number % 2 else db.value("select $1", number))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            if number % 3:
                task.cancel()
            with anyio.CancelScope(shield=True):
                found = (await asyncio.gather(task, return_exceptions=True))[0]
            if isinstance(found, int) and number % 2:
                told.add(found)
        kept = {row.v for row in await db.all("select v from t")}
        assert told <= kept
        assert [(7, 8)] == await db.all("select 7, 8")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_a_fork_refuses(db):
    """A process that was forked uses no connection of its parent; it may open its own."""
    child = await anyio.to_thread.run_sync(_fork, db)
    assert 0 == child
    assert 1 == await db.execute("insert into notes (text) values ('parent')")
    assert 2 == await db.value("select count(*) from notes")


def _fork(db):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads: that is what is tested
        child = os.fork()
    if child == 0:
        _in_child(db)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _in_child(db):
    signal.alarm(10)

    async def refused():
        try:
            await db.value("select 1")
        except PoolClosed:
            async with db:
                return await db.execute("insert into notes (text) values ('child')")

    try:
        os._exit(0 if asyncio.run(refused()) == 1 else 3)
    finally:
        os._exit(4)


def test_loops_one_after_another(path):
    """One object works on a second event loop, once it was closed on the first."""
    db = SQLite(path)

    async def once():
        async with db:
            return await db.value("select 7")

    assert [7, 7] == [asyncio.run(once()) for _ in range(2)]


async def test_a_loop_that_watches_no_files(path, monkeypatch):
    """On a loop that cannot watch a file descriptor, threads tell it in the other way."""
    loop = asyncio.get_running_loop()

    def refuse(*args):
        raise NotImplementedError

    monkeypatch.setattr(loop, "add_reader", refuse)
    async with SQLite(path) as db:
        assert list(range(20)) == await asyncio.gather(*(db.value("select $1", number) for number in range(20)))


async def test_without_eventfd(path, monkeypatch):
    """Where there is no eventfd, a pipe does."""
    monkeypatch.delattr(os, "eventfd", raising=False)
    async with SQLite(path) as db:
        assert list(range(20)) == await asyncio.gather(*(db.value("select $1", number) for number in range(20)))


async def test_plugin(path):
    """An application opens it, gives it to handlers by its class and as `Database`, and closes it."""
    from arlen_core import App
    from arlen_core.testing import Client

    app = App(__name__)
    db = app.use(SQLite(path))

    @app.get("/")
    async def show(mine: SQLite, any_: Database) -> dict[str, int]:
        assert mine is any_ is db
        return {"seven": await mine.value("select 7")}

    async with Client(app) as client:
        assert {"seven": 7} == (await client.get("/")).json()
    with pytest.raises(PoolClosed):
        await db.value("select 1")


async def test_events(db):
    """Listeners learn of queries, and never a value."""
    seen = []
    with db.events.listen(seen.append):
        await db.execute("insert into notes (text) values ($1)", "secret")
        with pytest.raises(DatabaseError):
            await db.execute("insert into notes (text) values ($1)", "secret")
    assert ["compile", "execute", "result", "compile", "execute", "error"] == [each.stage for each in seen]
    assert "secret" not in repr(seen)


async def test_check(db):
    """`check` asks for a row."""
    await db.check()


async def test_triggers_may_keep_a_full_text_index(tmp_path):
    """Who trusts the file says so; by default SQLite takes a virtual table in a trigger for unsafe."""
    async with SQLite(str(tmp_path / "a.db"), pragmas={"trusted_schema": "on"}) as db:
        if not await db.value("select count(*) from pragma_compile_options where compile_options = 'ENABLE_FTS5'"):
            pytest.skip("this SQLite has no FTS5")
        await db.execute("create table notes (id integer primary key, text text)")
        await db.execute("create virtual table words using fts5(text)")
        trigger = "create trigger n after insert on notes begin insert into words values (new.text); end"
        await db.execute(trigger)
        await db.execute("insert into notes (text) values ($1)", "green tea")
        assert "green tea" == await db.value("select text from words where words match $1", "tea")
