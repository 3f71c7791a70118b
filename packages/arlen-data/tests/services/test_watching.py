"""Watching: listeners for slow queries alone, and guards."""

import pytest

from arlen_data.errors import DatabaseError

pytestmark = pytest.mark.anyio

LEAST = 1e-9
NEVER = 1e6


async def ask(db) -> None:
    """Ask in every way, and fail once."""
    await db.value("select 1")
    await db.batch("select 1", "select 2")
    await db.execute_many("select $1", [(1,), (2,)])
    async with db.stream("select 1") as rows:
        _ = [row async for row in rows]
    with pytest.raises(DatabaseError):
        await db.value("select x")


async def test_slow_queries_alone(db):
    """One event for each, at its end, with everything that others get."""
    seen = []
    with db.events.listen(seen.append, over=LEAST):
        await ask(db)
    assert [("run", "result"), ("batch", "result"), ("many", "result"), ("stream", "result"), ("run", "error")] == [
        (event.operation, event.stage) for event in seen
    ]
    assert all(event.duration_ms > 0 and event.sql_hash and event.sql is None for event in seen)
    assert ("select", 1) == (seen[0].sql_token, seen[0].row_count)


async def test_quick_queries_are_nobodys_business(db):
    """Nothing is told of them."""
    seen = []
    with db.events.listen(seen.append, over=NEVER):
        assert db.events.on
        await ask(db)
    assert [] == seen
    assert not db.events.on


async def test_both_kinds_side_by_side(db):
    """Each gets what it asked for; the text only who wants it."""
    everything, slow = [], []
    with db.events.listen(everything.append), db.events.listen(slow.append, sql=True, over=LEAST):
        await db.value("select 1")
    assert ["compile", "execute", "result"] == [event.stage for event in everything]
    assert ["select 1"] == [event.sql for event in slow]


async def test_a_guard_stops_a_query(db):
    """What it raises arrives, and nothing has run; after the block it is gone."""
    ran = []

    def refuse(sql: str) -> None:
        ran.append(sql)
        raise DatabaseError("no")

    with db.events.guard(refuse), pytest.raises(DatabaseError, match="no"):
        await db.execute("create table t (a text)")
    assert ["create table t (a text)"] == ran
    assert 0 == await db.value("select count(*) from sqlite_master")
