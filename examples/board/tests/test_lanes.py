"""Lanes: threads for a database that blocks."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from sqlite3 import Connection

import pytest

from lanes import Busy, Lane

pytestmark = pytest.mark.anyio


def memory() -> Connection:
    """Return a connection that may wander."""
    return sqlite3.connect(":memory:", check_same_thread=False)


@contextmanager
def lane(threads: int = 1, waiting: int = 8) -> Iterator[Lane]:
    """Open a lane, and close it after the test."""
    made = Lane("test-lane", [memory() for _ in range(threads)], waiting)
    try:
        yield made
    finally:
        made.close()


def blocked(begun: threading.Event, go: threading.Event) -> Callable[[Connection], str]:
    """Return work that says when it begins, and waits."""

    def work(db: Connection) -> str:
        begun.set()
        assert go.wait(30)
        return "done"

    return work


async def test_work_gets_a_connection_and_its_result_comes_back() -> None:
    """What the function returns or raises is what the caller gets."""
    with lane() as made:
        assert 2 == await made.run(lambda db: db.execute("select 1 + 1").fetchone()[0])
        with pytest.raises(sqlite3.OperationalError):
            await made.run(lambda db: db.execute("no sql"))
        assert 1 == await made.run(lambda _: 1)


async def test_work_runs_in_a_thread_of_the_lane() -> None:
    """The event loop goes on."""
    with lane() as made:
        assert (await made.run(lambda _: threading.current_thread().name)).startswith("test-lane")


async def test_one_connection_works_in_order() -> None:
    """A lane with one connection is a queue."""
    seen: list[int] = []
    with lane() as made:
        await asyncio.gather(*[made.run(lambda _, n=n: seen.append(n)) for n in range(8)])  # type: ignore[misc]
    assert list(range(8)) == seen


async def test_a_full_lane_refuses() -> None:
    """More than what runs and may wait is refused at once, and room that is free again is used again."""
    begun, go = threading.Event(), threading.Event()
    with lane(waiting=1) as made:
        first = asyncio.ensure_future(made.run(blocked(begun, go)))
        second = asyncio.ensure_future(made.run(lambda _: "second"))
        await asyncio.to_thread(begun.wait)
        with pytest.raises(Busy):
            await made.run(lambda _: "third")
        go.set()
        assert ["done", "second"] == await asyncio.gather(first, second)
        assert "third" == await made.run(lambda _: "third")


async def test_who_goes_away_takes_waiting_work_along() -> None:
    """Work that has not begun is not done for nobody; its room is free."""
    begun, go, ran = threading.Event(), threading.Event(), threading.Event()
    with lane(waiting=1) as made:
        first = asyncio.ensure_future(made.run(blocked(begun, go)))
        await asyncio.to_thread(begun.wait)
        second = asyncio.ensure_future(made.run(lambda _: ran.set()))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        third = asyncio.ensure_future(made.run(lambda _: "third"))
        go.set()
        assert ["done", "third"] == await asyncio.gather(first, third)
    assert not ran.is_set()


async def test_work_that_has_begun_goes_on() -> None:
    """A client that goes away in the middle of a write does not tear it apart."""
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def work(db: Connection) -> None:
        begun.set()
        assert go.wait(30)
        ended.set()

    with lane() as made:
        call = asyncio.ensure_future(made.run(work))
        await asyncio.to_thread(begun.wait)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        go.set()
    assert ended.is_set()


async def test_readers_work_side_by_side() -> None:
    """Each connection is used by one function at a time, and all of them are used."""
    meet = threading.Barrier(3, timeout=30)
    with lane(threads=3) as made:
        found = await asyncio.gather(*[made.run(lambda db: (meet.wait(), id(db))[1]) for _ in range(3)])
    assert 3 == len(set(found))


async def test_closing_closes_the_connections() -> None:
    """What was taken is finished first."""
    connection = memory()
    made = Lane("test-lane", [connection], 1)
    call = asyncio.ensure_future(made.run(lambda _: "last"))
    await asyncio.sleep(0)
    await asyncio.to_thread(made.close)
    assert "last" == await call
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("select 1")
