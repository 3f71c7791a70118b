"""Bulk: streams, copies and notifications, where they can go wrong."""

import asyncio
from decimal import Decimal

import pytest

from arlen_conformance import VirtualClock
from arlen_data.errors import (
    DataError,
    DecodeError,
    InvalidArgument,
    NotNullViolation,
    UndefinedColumn,
    UndefinedTable,
)
from arlen_data.notifications import Missed, Notification
from arlen_data.values import Array, Json
from arlen_pg import Postgres

pytestmark = pytest.mark.anyio


async def test_a_stream_gives_its_connection_back(url, transport):
    """Whether it is read to its end, left early or cancelled, a stream's only connection is free again."""
    sql = "select n from generate_series(1, $1) n"
    async with Postgres(url, size=1, transport=transport) as db:
        for count in (0, 1, 5000):
            async with db.stream(sql, count, size=100) as rows:
                assert count == len([row async for row in rows])
        async with db.stream(sql, 100_000) as rows:
            await anext(rows)
        assert 1 == await db.value("select 1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), db.stream("select pg_sleep(60)") as rows:
                await anext(rows)
        assert 1 == await db.value("select 1")


async def test_a_batch_after_a_stream(url, transport):
    """What follows a stream on its connection gets its own rows, all of them, whatever way it is sent."""
    two, one = ("select n from generate_series(1, 3) n",), ("select cast($1 as int8)", 7)
    async with Postgres(url, size=1, transport=transport) as db:
        for _ in range(3):
            async with db.stream("select n from generate_series(1, 50) n", size=2) as rows:
                assert 50 == len([row async for row in rows])
            assert [[(1,), (2,), (3,)], [(7,)]] == [result.rows for result in await db.batch(two, one)]
            async with db.stream("select n from generate_series(1, 50) n", size=2) as rows:
                await anext(rows)
            async with db.transaction() as tx:
                assert 3 == len(await tx.all(*two))


async def test_one_row_at_a_time(db):
    """A stream of chunks of one row has every row."""
    async with db.stream("select n from generate_series(1, 30) n", size=1) as rows:
        assert [1] * 30 == [len(chunk) async for chunk in rows.chunks()]


async def test_a_stream_with_a_value_that_python_cannot_hold(db):
    """The error names the column, and the connection goes on, however much of the stream is not read."""
    for last in (*range(600, 1600, 50), 200_000):
        sql = f"select date '2026-01-01' + n % 601 * 3000000 as day from generate_series(0, {last}) n"
        with pytest.raises(DecodeError) as caught:
            [row async for row in db.stream(sql, size=100)]
        assert "day" == caught.value.column
        assert 1 == await db.value("select 1")


async def test_a_stream_of_what_is_no_query(db):
    """A statement that gives no rows is an empty stream; an error arrives where it is read."""
    await db.execute("create table t (a int)")
    async with db.stream("insert into t values (1)") as rows:
        assert [] == [row async for row in rows]
    assert 1 == await db.value("select count(*) from t")
    with pytest.raises(UndefinedTable):
        async with db.stream("select * from nowhere") as rows:
            await anext(rows)


async def test_every_type_is_copied(db):
    """A copy is binary where every type has such a form, and text otherwise; the values are the same."""
    columns = "a int2, b int8, c numeric, d text, e bytea, f jsonb, g json, h text[], i timestamptz, j uuid, k float4"
    await db.execute(f"create table t ({columns})")
    names = list("abcdefghijk")
    moment = await db.value("select now()")
    key = await db.value("select gen_random_uuid()")
    row = (1, 2**40, Decimal("1.50"), "a\tb\\N", b"\0\xff", {"a": 1}, [1], Array(["x,", None]), moment, key, 0.5)
    assert 2 == await db.copy_in("t", names, [row, (None,) * 11])
    assert (*row[:7], ["x,", None], *row[8:]) == await db.one("select * from t where a = 1")
    assert 1 == await db.copy_in("t", ["f", "h"], [(Json(None), ["plain"])])
    await db.execute("create type mood as enum ('sad', 'ok')")
    await db.execute("alter table t add column m mood")
    assert 1 == await db.copy_in("t", ["m", "f"], [("sad", {"b": 2})])
    assert ("sad", {"b": 2}) == await db.one("select m, f from t where m is not null")


@pytest.mark.parametrize(
    ("rows", "error", "text"),
    [
        ([(1, "a"), ("x", "b")], (DataError, InvalidArgument), "row 2"),
        ([(1, "a"), (2**40, "b")], DataError, "row 2"),
        ([(1, "a"), (2,)], (DataError, InvalidArgument), "row 2"),
        ([(1, "a"), (2, None)], NotNullViolation, "row 2"),
        ([(1, "a"), (2, "secret\0")], DataError, "row 2"),
    ],
)
async def test_a_row_that_does_not_fit_is_named(db, rows, error, text):
    """Whoever refuses a row, the error has its number and not its value, and nothing is stored."""
    await db.execute("create table t (a int not null, b text not null)")
    for source in (rows, iter(rows), slowly(rows)):
        with pytest.raises(error, match=text) as caught:
            await db.copy_in("t", ["a", "b"], source)
        assert "secret" not in str(caught.value)
    assert 0 == await db.value("select count(*) from t")


async def slowly(rows):
    """Give the rows one by one."""
    for row in rows:
        yield row


async def test_a_table_or_a_column_that_is_not_there(db):
    """A copy into what is not there is refused as a statement would be."""
    with pytest.raises(UndefinedTable):
        await db.copy_in("nowhere", ["a"], [(1,)])
    await db.execute("create table t (a int)")
    with pytest.raises(UndefinedColumn):
        await db.copy_in("t", ["b"], [(1,)])
    assert 1 == await db.copy_in(("public", "t"), ["a"], [(1,)])


async def test_a_copy_in_a_transaction(db):
    """A copy belongs to its transaction, and one that fails aborts it."""
    await db.execute("create table t (a int)")

    async def work():
        async with db.transaction() as tx:
            assert 2 == await tx.copy_in("t", ["a"], [(1,), (2,)])
            assert 2 == await tx.value("select count(*) from t")
            raise LookupError

    with pytest.raises(LookupError):
        await work()
    assert 0 == await db.value("select count(*) from t")


async def test_a_copy_that_is_cancelled(db):
    """A copy whose source never ends can be cancelled; nothing is stored, and the connection is free."""
    await db.execute("create table t (a int)")

    async def endless():
        while True:
            yield (1,)
            await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await db.copy_in("t", ["a"], endless())
    assert 0 == await db.value("select count(*) from t")


@pytest.mark.parametrize("channels", [(), ("",), ("a\0b",), ("x" * 64,), ("é" * 32,)])
def test_channels_have_names(channels):
    """A channel has a name of 1 to 63 bytes."""
    with pytest.raises(InvalidArgument):
        Postgres("").listen(*channels)


async def test_the_sender_is_told(db):
    """A notification tells which connection sent it."""
    async with db.listen("news") as heard:
        async with db.transaction() as tx:
            sender = await tx.value("select pg_backend_pid()")
            await tx.notify("news", "hello")
        assert Notification("news", "hello", sender) == await anext(heard)


async def test_to_listen_again_takes_pauses(engine, transport):
    """While the server is away the connection is tried again after pauses; `Missed` comes first when it is back."""
    clock = VirtualClock()
    async with Postgres(engine.url, transport=transport) as db:
        db.clock = clock
        async with db.listen("news") as heard:
            await engine.stop()
            for _ in range(3):
                await clock.asleep(1)
                await clock.advance(6)
            await engine.start()
            waiting = asyncio.ensure_future(anext(heard))
            while not waiting.done():
                await clock.advance(6)
                await asyncio.sleep(0.001)
            assert isinstance(await waiting, Missed)
            async with Postgres(engine.direct, size=1) as other:
                await other.notify("news", "again")
            assert "again" == (await anext(heard)).payload
