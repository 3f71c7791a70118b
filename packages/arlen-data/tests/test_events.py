"""Events: what listeners learn of each query, and what they never learn."""

import asyncio
import logging

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from arlen_data.errors import UniqueViolation
from arlen_data.events import Events, QueryEvent, fingerprint

pytestmark = pytest.mark.anyio

SECRET = "secret@x"


@pytest.fixture
async def events(db):
    """The events of a test, in a list; and a table."""
    await db.execute("create table t (id int primary key, v text)")
    found = []
    with db.events.listen(found.append):
        yield found


def stages(events):
    """Return what was told, in order."""
    return [event.stage for event in events]


async def test_a_query(db, events):
    """It is compiled, executed, and has a result with its counts."""
    await db.execute("insert into t (id, v) values ($1, $2)", 1, SECRET)
    assert ["compile", "execute", "result"] == stages(events)
    last = events[-1]
    assert ("tiny", "default", "run", "insert", 2, 1, 0) == (
        last.source,
        last.target,
        last.operation,
        last.sql_token,
        last.parameter_count,
        last.affected_rows,
        last.row_count,
    )
    assert last.duration_ms > 0.0 == events[0].duration_ms


async def test_a_failure(db, events):
    """It has the error's code and SQLSTATE, and the error arrives."""
    await db.execute("insert into t (id) values (1)")
    with pytest.raises(UniqueViolation):
        await db.execute("insert into t (id) values (1)")
    assert ("error", "unique_violation", "23505") == (events[-1].stage, events[-1].error_code, events[-1].sqlstate)


async def test_a_cancel(db, events):
    """A query that is cancelled failed, with the name of what ended it."""

    async def hang():
        await anyio.sleep_forever()

    task = asyncio.create_task(db.events.watch("run", "select 1", 0, hang))
    await anyio.wait_all_tasks_blocked()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ("error", "CancelledError", "") == (events[-1].stage, events[-1].error_code, events[-1].sqlstate)


async def test_every_way_to_ask(db, events):
    """Each way has its name, and counts what it did."""
    await db.execute_many("insert into t (id) values ($1)", [(1,), (2,)])
    await db.batch("select id from t", ("insert into t (id) values ($1)", 3))
    await db.copy_in("t", ["id"], [(4,), (5,)])
    async with db.stream("select id from t") as rows:
        assert 5 == len([row async for row in rows])
    async with db.transaction() as tx:
        await tx.value("select count(*) from t")
    ends = [(each.operation, each.row_count, each.affected_rows) for each in events if each.stage == "result"]
    assert [("many", 0, 2), ("batch", 2, 1), ("load", 0, 2), ("stream", 5, 0), ("run", 1, 0)] == ends


async def test_no_value_is_told(db, events):
    """No event holds a value or, unasked, the text."""
    await db.execute("insert into t (id, v) values ($1, $2)", 1, SECRET)
    await db.all("select v from t where v = $1", SECRET)
    await db.copy_in("t", ["id", "v"], [(2, SECRET)])
    with pytest.raises(UniqueViolation):
        await db.execute("insert into t (id, v) values ($1, $2)", 1, SECRET)
    assert SECRET not in repr(events)
    assert {None} == {event.sql for event in events}


async def test_the_text_is_told_to_who_asks(db):
    """One listener may have the text and another one not."""
    plain, full = [], []
    with db.events.listen(plain.append), db.events.listen(full.append, sql=True):
        await db.value("select 7")
    assert ({None}, {"select 7"}) == ({each.sql for each in plain}, {each.sql for each in full})


async def test_a_listener_that_fails(db, caplog):
    """It is logged, the others hear, and the query is none the worse."""
    heard = []

    def fail(event):
        raise OSError(event.stage)

    with caplog.at_level(logging.ERROR, logger="arlen_data"), db.events.listen(fail), db.events.listen(heard.append):
        assert 7 == await db.value("select 7")
    assert 3 == len(heard) == len(caplog.records)


async def test_nobody_listens(db):
    """After the block nothing is told, and `on` says so: queries cost nothing then."""
    heard = []
    with db.events.listen(heard.append):
        assert db.events.on
    await db.value("select 7")
    assert (False, []) == (db.events.on, heard)


def test_the_same_listener_twice():
    """It hears everything twice, and leaving one block leaves the other."""
    events, heard = Events("mine", "default"), []
    with events.listen(heard.append):
        with events.listen(heard.append):
            events.begin("run", "select 1", 0)
        assert events.on
        assert 4 == len(heard)
    assert not events.on


@pytest.mark.parametrize(
    ("sql", "token"),
    [("SELECT 1", "select"), ("  with x", "with"), ("", ""), (" \n ", ""), ("x" * 40, "x" * 24)],
)
def test_tokens(sql, token):
    """The first word is in lower case, and short."""
    events, heard = Events("mine", "default"), []
    with events.listen(heard.append):
        events.begin("run", sql, 0)
    assert (token, len(sql)) == (heard[0].sql_token, heard[0].sql_length)


@given(st.text(), st.text())
def test_fingerprints(one, two):
    """They are 16 hexadecimal digits, the same for the same text and, but for a miracle, for no other."""
    assert 16 == len(fingerprint(one))
    assert int(fingerprint(one), 16) >= 0
    assert (one == two) == (fingerprint(one) == fingerprint(two))


def test_events_are_facts():
    """An event cannot be changed, and becomes a dict for who sends it on."""
    event = QueryEvent(
        stage="compile",
        source="mine",
        target="default",
        operation="run",
        sql_hash="0",
        sql_length=1,
        sql_token="s",
        parameter_count=0,
    )
    with pytest.raises(AttributeError):
        event.stage = "result"
    assert "compile" == structs.asdict(event)["stage"]
