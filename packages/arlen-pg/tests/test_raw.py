"""Raw: statements on the fast path, what is prepared, what is cancelled, and what is never mixed up."""

import asyncio
import random

import pytest

from arlen_data.errors import (
    ConnectionLost,
    DataError,
    QueryCanceled,
    StaleStatement,
    TransactionError,
    UndefinedTable,
    UniqueViolation,
)
from arlen_pg import Postgres

pytestmark = pytest.mark.anyio

PREPARED = "select count(*) from pg_prepared_statements"


async def sole(db):
    """Return the only connection of a pool."""
    (wire,) = db._pool.wires
    return wire


async def test_what_is_prepared_here_is_prepared_there(url):
    """The server has the statements that the client believes to be prepared, while they come and go."""
    async with Postgres(url, size=1, statement_cache=4) as db:
        wire = await sole(db)
        for number in range(12):
            await db.value(f"select cast($1 as int8) + {number}", number)
            names = [row.name for row in await db.all("select name from pg_prepared_statements")]
            assert sorted(names) == sorted(statement.name.decode() for statement in wire.cache.values())
            assert len(names) <= 4


async def test_what_was_used_last_stays(url):
    """The statement that was not used for longest is given up."""
    async with Postgres(url, size=1, statement_cache=2) as db:
        await db.value("select 1")
        await db.value("select 2")
        await db.value("select 1")
        await db.value("select 3")
        assert ["select 1", "select 3"] == [sql for sql, _ in (await sole(db)).cache]


async def test_a_statement_that_cannot_be_prepared_is_not_kept(url):
    """A text with an error leaves nothing in the cache."""
    async with Postgres(url, size=1) as db:
        with pytest.raises(UndefinedTable):
            await db.all("select * from nowhere where id = $1", 1)
        assert not (await sole(db)).cache
        await db.execute("create table nowhere (id int)")
        assert [] == await db.all("select * from nowhere where id = $1", 1)


async def test_a_failed_execution_keeps_what_is_prepared(url):
    """A statement that fails when it runs stays prepared, and is not prepared twice."""
    async with Postgres(url, size=1) as db:
        for _ in range(3):
            with pytest.raises(DataError):
                await db.value("select 1 / cast($1 as int)", 0)
        assert 1 == len((await sole(db)).cache)
        assert 1 == await db.value("select 1 / cast($1 as int)", 1)


async def test_a_changed_table_is_stale_once_on_every_connection(url):
    """After a change of a table every connection prepares anew, and no caller notices."""
    async with Postgres(url, size=3, min_size=3) as db:
        await db.execute("create table t (a int)")
        await db.execute("insert into t values (1)")
        await asyncio.gather(*[db.all("select * from t") for _ in range(12)])
        await db.execute("alter table t add column b int default 2")
        found = await asyncio.gather(*[db.one("select * from t") for _ in range(12)])
        assert [(1, 2)] * 12 == found


async def test_a_changed_table_in_a_transaction(url):
    """In a transaction a stale statement is an error that says to run it again, and it works the next time."""
    async with Postgres(url, size=1) as db:
        await db.execute("create table t (a int)")
        await db.all("select * from t")
        await db.execute("alter table t add column b int")
        with pytest.raises(StaleStatement) as caught:
            async with db.transaction() as tx:
                await tx.all("select * from t")
        assert caught.value.is_retryable
        assert ("a", "b") == (await db.result("select * from t")).columns


async def test_deallocate_is_survived(url):
    """Who does away with all prepared statements harms nobody after."""
    async with Postgres(url, size=1) as db:
        assert 1 == await db.value("select 1")
        await db.execute("deallocate all")
        assert 1 == await db.value("select 1")
        await db.execute("discard all")
        assert 1 == await db.value("select 1")


async def test_without_a_cache_nothing_has_a_name(url, transport):
    """With `statement_cache=0`, for PgBouncer in transaction mode, nothing is prepared in any way of running."""
    async with Postgres(url, size=1, statement_cache=0, transport=transport) as db:
        await db.execute("create table t (a int)")
        for number in range(8):
            await db.execute("insert into t values ($1)", number)
        async with db.transaction() as tx:
            await tx.value("select $1", 1)
            await tx.batch(("select $1", 1), ("select $1", 2))
        await db.execute_many("insert into t values ($1)", [(1,), (2,)])
        await db.copy_in("t", ["a"], [(3,)])
        async with db.stream("select * from t") as rows:
            assert 11 == len([row async for row in rows])
        assert 0 == await db.value(PREPARED)


async def test_two_tasks_in_one_transaction(db):
    """Tasks that share a transaction take turns, and each gets its own answer."""
    async with db.transaction() as tx:
        found = await asyncio.gather(*[tx.value("select cast($1 as int8)", number) for number in range(50)])
    assert list(range(50)) == found


async def test_a_statement_beside_an_open_stream_is_refused(db):
    """A statement in a transaction whose stream is open would wait for ever: it is refused, and the stream goes on."""
    async with db.transaction() as tx:
        async with tx.stream("select n from generate_series(1, 1000) n", size=10) as rows:
            await anext(rows)
            with pytest.raises(TransactionError, match="a stream is open"):
                await tx.value("select 1")
            assert 2 == (await anext(rows)).n
        assert 1 == await tx.value("select 1")


async def test_a_batch_names_the_statement_that_failed(db):
    """The error of a batch is that of its statement, whose number is a note; nothing of it is kept."""
    await db.execute("create table t (a int primary key)")
    add = "insert into t values ($1)"
    with pytest.raises(UniqueViolation) as caught:
        await db.batch((add, 1), (add, 2), (add, 1), (add, 3))
    assert ["statement 3 of the 4 in the batch"] == caught.value.__notes__
    with pytest.raises(UndefinedTable) as missing:
        await db.batch((add, 1), ("select * from nowhere",), (add, 3))
    assert ["statement 2 of the 3 in the batch"] == missing.value.__notes__
    assert 0 == await db.value("select count(*) from t")
    assert [1, 1, [(1,), (2,)]] == [
        result.rows or result.affected for result in await db.batch((add, 1), (add, 2), "select a from t order by a")
    ]


async def test_many_rows_name_where_they_failed(db):
    """A statement for many rows tells which of them failed."""
    await db.execute("create table t (a int primary key)")
    with pytest.raises(UniqueViolation) as caught:
        await db.execute_many("insert into t values ($1)", [(number % 700,) for number in range(900)])
    assert ["statement 201 of the 500 in the batch", "in the rows 501 to 900"] == [
        note.replace("the 400", "the 500") for note in caught.value.__notes__
    ]
    assert 900 == await db.execute_many("insert into t values ($1)", ((number,) for number in range(900)))


async def test_random_cancels_cross_no_answers_and_lose_no_connection(raw):
    """Of 2,000 queries many are cancelled at random; every other one gets its own answer, and no connection is lost."""
    dice = random.Random(20261122)

    async def ask(number):
        for each in range(10):
            assert number == await raw.value("select cast($1 as int8) as n", number), each

    for start in range(0, 200, 20):
        tasks = [asyncio.create_task(ask(start + number)) for number in range(20)]
        while any(not task.done() for task in tasks):
            for _ in range(dice.randrange(20)):
                await asyncio.sleep(0)
            dice.choice(tasks).cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in found} <= {type(None), asyncio.CancelledError}
    assert list(range(64)) == await asyncio.gather(*[raw.value("select cast($1 as int8)", n) for n in range(64)])
    while len(raw._pool.idle) < len(raw._pool.wires):
        await asyncio.sleep(0.001)
    assert len(raw._pool.wires) <= 4
    assert all(wire.idle and wire.call is None and not wire.lent for wire in raw._pool.wires)


async def test_a_cancel_that_overtakes_its_statement(raw):
    """A statement that is cancelled in the turn in which it was sent is stopped all the same."""
    for _ in range(10):
        task = asyncio.create_task(raw.value("select 1 from pg_sleep(600)"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(10):
        while await raw.value(
            "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <>"
            " pg_backend_pid() and datname = current_database() and state = 'active'"
        ):
            await asyncio.sleep(0.01)


async def test_a_large_parameter_and_a_large_answer(db):
    """What does not fit into a socket's buffer is sent and read in parts."""
    data = random.Random(1).randbytes(8 * 1024 * 1024)
    assert data == await db.value("select cast($1 as bytea)", data)
    found = await asyncio.gather(*[db.value("select length(cast($1 as bytea))", data) for _ in range(3)])
    assert [len(data)] * 3 == found


async def test_a_backend_that_is_killed_in_a_query(db, postgres_server):
    """Who loses the connection in a query is told so, and the next query has another one."""
    task = asyncio.create_task(db.value("select pg_sleep(600)"))
    async with Postgres(db.settings.url, size=1) as other:
        kill = "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <>"
        async with asyncio.timeout(10):
            while not await other.all(f"{kill} pg_backend_pid() and datname = current_database()"):
                await asyncio.sleep(0.01)
    with pytest.raises(ConnectionLost) as caught:
        await task
    assert caught.value.is_connectivity
    assert 1 == await db.value("select 1")


async def test_a_session_that_was_changed_is_reset(db):
    """What one caller leaves in the session is gone for the next, with the settings of ours in place again."""
    async with db.again(size=1, statement_timeout=30) as one:
        await one.execute("set timezone to 'Asia/Kolkata'")
        await one.execute("set statement_timeout to 0")
        assert ["UTC", "30s"] == [await one.value("show timezone"), await one.value("show statement_timeout")]
        async with one.transaction() as tx:
            await tx.execute("create temp table gone (id int)")
        with pytest.raises(UndefinedTable):
            await one.all("select * from gone")


async def test_times_of_the_server(db):
    """A statement that takes too long by the server's clock is `QueryCanceled`, and the connection is used on."""
    async with db.again(size=1, statement_timeout=0.02) as one:
        before = await one.value("select pg_backend_pid()")
        with pytest.raises(QueryCanceled):
            await one.value("select pg_sleep(60)")
        assert before == await one.value("select pg_backend_pid()")


@pytest.mark.parametrize("sql", ["", "   ", "-- nothing"])
async def test_a_text_without_a_statement(raw, sql):
    """A text in which there is no statement gives nothing."""
    assert 0 == await raw.execute(sql)


async def test_one_statement_at_a_time(raw):
    """Several statements in one text are refused by the server, and nothing of them happens."""
    from arlen_data.errors import SQLSyntaxError

    with pytest.raises(SQLSyntaxError):
        await raw.execute("create table one (id int); create table two (id int)")
    assert None is await raw.value("select to_regclass('one')")
