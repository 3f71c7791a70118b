"""Bulk: streams, many rows in, many statements at once, all or nothing."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from arlen_conformance import promise
from arlen_data.conformance.aids import count, raises
from arlen_data.conformance.checks.transactions import Sentinel
from arlen_data.conformance.dialects import dialect
from arlen_data.database import Database
from arlen_data.errors import DatabaseError, IntegrityError, NotNullViolation, UniqueViolation

__all__ = ["Bulk"]

STREAMED = 100_000
"""Rows, of a kilobyte each: six times what a stream may hold."""

HELD = 16 * 1024 * 1024
"""Bytes by which a stream of any length may make the process grow."""

LOADED = 20_000
_ODD = ("a\tb", "a\nb\r", "\\N", "\\.", "", "é\U0001f600", "'", '"', ",", None)


class Bulk:
    """ST01, BK01."""

    @promise
    async def test_st01_a_stream_has_every_row_in_order(self, adapter: Database) -> None:
        """A stream gives every row once, in order, in chunks of at most the size that was asked for."""
        sql = dialect(adapter).series
        async with adapter.stream(sql, 2500, size=100) as rows:
            assert list(range(1, 2501)) == [row.n async for row in rows]
        async with adapter.stream(sql, 250, size=100) as rows:
            sizes = [len(chunk) async for chunk in rows.chunks()]
        assert 250 == sum(sizes)
        assert max(sizes) <= 100
        async with adapter.stream(sql, 0) as rows:
            assert [] == [row async for row in rows]

    @promise(heavy=True)
    async def test_st01_a_stream_that_is_left_early(self, adapter: Database) -> None:
        """A stream that is left early frees its connection: any number of them, one after another."""
        sql = dialect(adapter).series
        for _ in range(30):
            async with adapter.stream(sql, 5000, size=10) as rows:
                async for row in rows:
                    assert 1 == row.n
                    break
        for _ in range(30):
            with raises(Sentinel):
                async with adapter.stream(sql, 5000, size=10) as rows:
                    async for _ in rows:
                        raise Sentinel
        assert 7 == await adapter.value("select 7")

    @promise(heavy=True)
    async def test_st01_an_error_in_a_stream(self, adapter: Database) -> None:
        """An error after many rows arrives where the rows are read, and the connection goes on."""
        seen = 0
        with raises(DatabaseError):
            async with adapter.stream(dialect(adapter).failing, 5000, size=100) as rows:
                async for row in rows:
                    assert seen + 1 == row.n
                    seen = row.n
        assert seen < 3000
        assert 7 == await adapter.value("select 7")

    @promise(needs=["transactions"])
    async def test_st01_a_stream_in_a_transaction(self, adapter: Database) -> None:
        """A stream in a transaction sees what the transaction wrote, and leaves it usable."""
        await adapter.execute("create table st01 (id int)")
        async with adapter.transaction() as tx:
            await tx.execute_many("insert into st01 (id) values ($1)", [(number,) for number in range(20)])
            async with tx.stream("select id from st01 order by id", size=3) as rows:
                assert 0 == (await anext(rows)).id
            await tx.execute("insert into st01 (id) values (20)")
        assert 21 == await count(adapter, "st01")

    @promise(needs=["streaming"], heavy=True)
    async def test_st01_a_stream_holds_little(self, adapter: Database) -> None:
        """With `streaming`, a stream of a hundred megabytes makes the process grow by less than 16 MiB."""
        most = seen = 0
        async with adapter.stream(dialect(adapter).series, STREAMED) as rows:
            gc.collect()
            before = _resident()
            async for chunk in rows.chunks():
                seen += len(chunk)
                most = max(most, _resident())
        assert STREAMED == seen
        assert most - before < HELD

    @promise(needs=["transactions"], heavy=True)
    async def test_bk01_many_rows(self, adapter: Database) -> None:
        """Rows go in with null, delimiters and every script, from a list, a generator and an asynchronous one."""
        await adapter.execute("create table bk01 (id bigint, name text)")
        rows = [(number, _ODD[number % len(_ODD)]) for number in range(LOADED)]
        for source in (rows, (row for row in rows), _slowly(rows)):
            assert LOADED == await adapter.copy_in("bk01", ["id", "name"], source)
            result = await adapter.all("select id, name from bk01 order by id")
            wrong = [pair for pair in zip(rows, result, strict=True) if pair[0] != pair[1]]
            assert [] == wrong[:1]  # a diff of thousands of rows would take minutes
            assert LOADED == await adapter.execute("delete from bk01")
        assert 0 == await adapter.copy_in("bk01", ["id"], [])

    @promise(needs=["transactions"])
    async def test_bk01_names_are_quoted(self, adapter: Database) -> None:
        """The names of the table and of the columns are names, whatever is in them."""
        await adapter.execute('create table "bk 01; ""x""" ("select" bigint, "A.b" text)')
        assert 1 == await adapter.copy_in('bk 01; "x"', ["A.b", "select"], [("one", 1)])
        assert [(1, "one")] == await adapter.all('select "select", "A.b" from "bk 01; ""x"""')

    @promise(needs=["transactions"])
    async def test_bk01_a_wrong_row_takes_all_back(self, adapter: Database) -> None:
        """A row that does not fit takes back all others, and the error has its class and the number of the row."""
        await adapter.execute("create table bk01_wrong (id bigint, name text not null)")
        rows: list[tuple[Any, ...]] = [(number, "x") for number in range(100)]
        with raises(NotNullViolation) as caught:
            await adapter.copy_in("bk01_wrong", ["id", "name"], [*rows[:40], (40, None), *rows[41:]])
        assert "41" in str(caught.error)
        assert 0 == await count(adapter, "bk01_wrong")

    @promise(needs=["transactions"])
    async def test_bk01_a_source_that_fails(self, adapter: Database) -> None:
        """An exception of the source of the rows arrives as it is, and nothing is stored."""
        await adapter.execute("create table bk01_source (id bigint)")
        error = Sentinel("the source")

        def source() -> Iterator[tuple[int]]:
            yield (1,)
            raise error

        with raises(Sentinel) as caught:
            await adapter.copy_in("bk01_source", ["id"], source())
        assert error is caught.error
        assert 0 == await count(adapter, "bk01_source")
        assert 1 == await adapter.copy_in("bk01_source", ["id"], [(2,)])

    @promise(needs=["transactions"])
    async def test_bk01_execute_many_is_all_or_nothing(self, adapter: Database) -> None:
        """A statement for many rows affects all of them, or none when one fails."""
        await adapter.execute("create table bk01_many (id bigint primary key)")
        sql = "insert into bk01_many (id) values ($1)"
        assert 3 == await adapter.execute_many(sql, ((number,) for number in range(3)))
        with raises(UniqueViolation):
            await adapter.execute_many(sql, [(7,), (8,), (7,), (9,)])
        assert 3 == await count(adapter, "bk01_many")
        assert 0 == await adapter.execute_many(sql, [])

    @promise(needs=["transactions"])
    async def test_bk01_a_batch_is_all_or_nothing(self, adapter: Database) -> None:
        """A batch gives each statement's result in order, and takes back everything when one fails."""
        await adapter.execute("create table bk01_batch (id bigint primary key)")
        add = "insert into bk01_batch (id) values ($1)"
        results = await adapter.batch((add, 1), (add, 2), "select id from bk01_batch order by id", (add, 3))
        assert [1, 1, 2, 1] == [result.affected for result in results]
        assert [(1,), (2,)] == results[2].rows
        with raises(IntegrityError):
            await adapter.batch((add, 4), (add, 1), (add, 5))
        assert 3 == await count(adapter, "bk01_batch")
        assert [] == await adapter.batch()


async def _slowly(rows: list[tuple[int, str | None]]) -> AsyncIterator[tuple[int, str | None]]:
    for row in rows:
        yield row


def _resident() -> int:
    """Return the bytes of memory that this process has now; where nobody tells, what it had at most."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text("ascii").split()[1]) * 4096
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
