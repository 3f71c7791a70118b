"""Streams: rows one after another, and what happens to those that nobody reads."""

# ruff: noqa: PT031 - what is raised here leaves a block

import asyncio
import gc

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from arlen_data.errors import DataError, DecodeError, InvalidArgument, UndefinedTable
from arlen_data.rows import shape
from arlen_data.streams import Stream

pytestmark = pytest.mark.anyio

ROW = shape(("n",))


class Number(Struct):
    """A row."""

    n: int


class Source:
    """Chunks, and whether they were closed."""

    def __init__(self, *sizes, error=None):
        self.sizes, self.error, self.closed = sizes, error, False

    async def chunks(self):
        try:
            number = 0
            for size in self.sizes:
                await anyio.lowlevel.checkpoint()
                yield [ROW((number + each,)) for each in range(size)]
                number += size
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


def stream(source):
    """Return a stream of it."""
    return Stream(source.chunks(), lambda _: lambda row: row)


async def test_every_row_in_order():
    """Rows come one by one, over empty chunks too, and the source is closed at the end."""
    source = Source(2, 0, 3, 0)
    assert [(0,), (1,), (2,), (3,), (4,)] == [row async for row in stream(source)]
    assert source.closed


@given(st.lists(st.integers(0, 4), max_size=6), st.integers(0, 20))
def test_rows_and_chunks(sizes, count):
    """Whoever reads some rows and then chunks has every row once."""

    async def main():
        async with stream(Source(*sizes)) as rows:
            found = [row.n async for row in limited(rows, count)]
            async for chunk in rows.chunks():
                found += [row.n for row in chunk]
            assert list(range(sum(sizes))) == found

    anyio.run(main)


async def limited(rows, count):
    """Yield some of them."""
    for _ in range(count):
        try:
            yield await anext(rows)
        except StopAsyncIteration:
            return


async def test_left_early():
    """Leaving the block closes the source, and what was fetched is gone."""
    source = Source(3, 3)
    async with stream(source) as rows:
        async for row in rows:
            assert 0 == row.n
            break
    assert source.closed
    with pytest.raises(StopAsyncIteration):
        await anext(rows)


async def test_closed_twice():
    """To close is harmless again, and before anything was read."""
    source = Source(3)
    rows = stream(source)
    await rows.aclose()
    await rows.aclose()
    assert not source.closed  # it had not begun


async def test_an_error_between_rows():
    """An error of the source arrives after the rows before it, and the stream is at its end."""
    source = Source(2, error=DataError("no"))
    rows = stream(source)
    assert [(0,), (1,)] == [await anext(rows), await anext(rows)]
    with pytest.raises(DataError):
        await anext(rows)
    with pytest.raises(StopAsyncIteration):
        await anext(rows)
    assert source.closed


async def test_dropped():
    """A stream that is dropped half-read warns, and its source is closed when the loop gets to it."""
    source = Source(2, 2)
    rows = stream(source)
    await anext(rows)
    with pytest.warns(ResourceWarning, match="not read to its end"):
        del rows
        gc.collect()
    await anyio.wait_all_tasks_blocked()
    assert source.closed


async def test_dropped_without_harm():
    """A stream that nobody began, or that was read to its end, needs no closing."""
    rows = stream(Source(2))
    del rows
    rows = stream(Source(1))
    assert 1 == len([row async for row in rows])
    del rows
    gc.collect()


async def test_a_cancel_closes():
    """Who is cancelled in the block closes the source on the way out, also when that needs to wait."""
    closed, ready = [], asyncio.Event()

    async def chunks():
        try:
            yield [ROW((1,))]
        finally:
            await anyio.lowlevel.checkpoint()
            closed.append(True)

    async def read():
        async with Stream(chunks(), lambda _: lambda row: row) as rows:
            async for _ in rows:
                ready.set()
                await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await ready.wait()
        group.cancel_scope.cancel()
    assert [True] == closed


async def test_into(db):
    """Rows become a type as everywhere, and one that does not fit is an error."""
    async with db.stream("select 1 as n union all select 2", into=Number) as rows:
        assert [Number(1), Number(2)] == [row async for row in rows]
    with pytest.raises(DecodeError):
        async with db.stream("select 'x' as n", into=Number) as rows:
            await anext(rows)


@pytest.mark.parametrize("size", [0, -1, 100_001])
async def test_sizes(db, size):
    """Chunks have 1 to 100,000 rows."""
    with pytest.raises(InvalidArgument, match="1 to 100,000 rows"):
        db.stream("select 1", size=size)


async def test_events(db):
    """A stream tells its beginning and its end: also one that is left, and one that fails."""
    events = []
    with db.events.listen(events.append):
        async with db.stream("select 1 as n union all select 2") as rows:
            assert 2 == len([row async for row in rows])
        async with db.stream("select 1 as n union all select 2", size=1) as rows:
            await anext(rows)
        with pytest.raises(UndefinedTable):
            async with db.stream("select 1 from nowhere") as rows:
                await anext(rows)
    assert [("result", 2), ("result", 1), ("error", 0)] == [
        (each.stage, each.row_count) for each in events if each.stage in {"result", "error"}
    ]
    assert {"stream"} == {each.operation for each in events}


async def test_a_stream_that_nobody_reads_asks_nothing(db):
    """Before the first row is asked for, nothing reaches the database."""
    events = []
    with db.events.listen(events.append):
        async with db.stream("select 1 from nowhere"):
            pass
    assert [] == events
