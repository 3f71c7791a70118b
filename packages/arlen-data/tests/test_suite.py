"""The suite for databases itself: its promises, its tools, and the wrapper of its saboteurs."""

import re

import anyio
import pytest
from tiny import Tiny

from arlen_data.conformance import DatabaseContract, aids
from arlen_data.conformance.aids import count, exactly, keeps, raises, sibling, until
from arlen_data.conformance.dialects import dialect
from arlen_data.conformance.wrapped import SABOTEURS, Wrapped, caught_by, result
from arlen_data.errors import DatabaseError, UndefinedTable, UniqueViolation

pytestmark = pytest.mark.anyio

FAMILIES = {"ty": 15, "ro": 3, "tx": 12, "cx": 7, "po": 9, "ps": 3, "er": 6, "st": 1, "bk": 1, "ln": 1, "mg": 1}
PROMISES = DatabaseContract.specification.promises


def test_every_check_is_there():
    """Each of the 59 checks has a promise under its number, and there is no other number."""
    found = {promise.name.split("_")[1] for promise in PROMISES}
    assert {f"{family}{number:02}" for family, most in FAMILIES.items() for number in range(1, most + 1)} == found
    assert 59 == len(found)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_a_promise_is_one_sentence(promise):
    """It ends with a full stop, and names no product."""
    assert promise.text.endswith(".")
    assert not re.search(r"sqlite|postgres|psycopg|asyncpg|\bpg\b", promise.text, re.IGNORECASE)


def test_what_is_refused_without_a_capability():
    """Where an adapter may lack something that users ask for by a call of its own, a check wants the right refusal."""
    refused = {name for promise in PROMISES for name in promise.unless}
    assert {"json", "arrays", "numeric", "listen", "transactions", "read_only", "nul_text", "temporal"} <= refused


def test_raises():
    """It wants one of its classes, lets others pass, and complains when nothing is raised."""
    with raises(KeyError, ValueError) as caught:
        raise ValueError("this")
    assert "this" == str(caught.error)
    with pytest.raises(AssertionError, match="nothing was raised where KeyError is due"), raises(KeyError):
        pass
    with pytest.raises(OSError, match="other"), raises(KeyError):
        raise OSError("other")


async def test_until(monkeypatch):
    """It asks until something is so, and fails when that takes too long."""
    answers = iter([0, "", 1])

    async def ask():
        return next(answers)

    await until(ask, "an answer")
    monkeypatch.setattr(aids, "BOUND", 0.01)

    async def never():
        await anyio.lowlevel.checkpoint()

    with pytest.raises(AssertionError, match="an answer: not within"):
        await until(never, "an answer")


async def test_keeps(db):
    """What comes back must have the type of what went in."""
    await db.execute("create table t (v text)")
    assert "a" == await keeps(db, "t", "a")
    with pytest.raises(AssertionError, match="int came back as str"):
        await keeps(db, "t", 7)
    assert 1 == await count(db, "t")


async def test_sibling(db):
    """It is another one on the same database, or the same one where there cannot be another."""
    await db.execute("create table t (v text)")
    async with sibling(db) as other:
        assert other is not db
        assert 0 == await count(other, "t")
    async with Tiny() as memory, sibling(memory) as same:
        assert memory is same


async def test_exactly(db):
    """Where there is no bound, one more is found: that is the failure."""
    with pytest.raises(AssertionError, match="PoolTimeout is due"):
        await exactly(db, 0)


async def test_dialects(db):
    """A dialect says everything in its own words: here all of them run."""
    words = dialect(db)
    assert [3, 1000] == [len(await db.all(words.series, 3)), len((await db.all(words.series, 1))[0].filler)]
    assert 0 == len(await db.all(words.series, 0))
    assert 2 == len(await db.all(words.failing, 2))
    with pytest.raises(DatabaseError):
        await db.all(words.failing, 4000)
    for sql in (*words.broken, *words.raising):
        await db.execute(sql)


async def test_wrapped_changes_nothing(db):
    """A wrapper that nobody overrides passes everything on: statements, transactions, streams, rows and errors."""
    wrapped = Wrapped(db)
    await wrapped.execute("create table t (v int primary key)")
    async with wrapped.transaction() as tx:
        async with tx.transaction() as inner:
            assert 2 == await inner.execute_many("insert into t (v) values ($1)", [(1,), (2,)])
        assert 1 == await tx.copy_in("t", ["v"], [(3,)])
        async with tx.stream("select v from t order by v") as rows:
            assert [1, 2, 3] == [row.v async for row in rows]
    assert [3] == [each.value() for each in await wrapped.batch("select count(*) from t")]
    assert 1 == await wrapped.copy_in("t", ["v"], [(4,)])
    with pytest.raises(UniqueViolation):
        await wrapped.execute("insert into t (v) values (1)")
    async with wrapped.again() as other:
        assert (Wrapped, 4) == (type(other), await count(other, "t"))


async def test_wrapped_looks_at_its_own(db):
    """Hooks see the statements alone in which the pattern occurs as a word."""

    class Changed(Wrapped):
        about = "mine"

        def incoming(self, value):
            return value + 1

        def failed(self, sql, error):
            return DatabaseError("changed")

    wrapped = Changed(db)
    assert [8, 7, 7] == [await wrapped.value(f"select 7 as {name}", into=int) for name in ("mine", "mine_too", "other")]
    with pytest.raises(DatabaseError, match="changed") as caught:
        await wrapped.value("select 1 from mine")
    assert isinstance(caught.value.__cause__, UndefinedTable)
    with pytest.raises(UndefinedTable):
        await wrapped.value("select 1 from other")


def test_a_saboteur_is_named(monkeypatch):
    """A saboteur is remembered with the check that catches it, and every one of them has a docstring."""
    known = list(SABOTEURS)
    caught_by("test_x")(Wrapped)
    assert ("test_x", Wrapped) == SABOTEURS.pop()
    assert known == SABOTEURS
    assert [] == [breaks for _, breaks in SABOTEURS if not breaks.__doc__]


def test_a_result():
    """A result may be made up."""
    assert [(1, 2)] == result(("a", "b"), (1, 2)).rows
    assert 0 == result().affected
