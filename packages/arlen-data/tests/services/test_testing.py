"""Testing: how many queries a block makes."""

import anyio
import pytest

from arlen_data.testing import assert_queries

pytestmark = pytest.mark.anyio


async def ask(db, *statements):
    """Run them one after another."""
    for sql in statements:
        await db.value(sql)


async def test_the_right_number_passes(db):
    """And gives the statements."""
    with assert_queries(db, 2) as statements:
        await db.value("select 1")
        await db.value("select $1", 2)
    assert ["select 1", "select $1"] == statements


async def test_the_wrong_number_shows_the_statements(db):
    """Each with the line that asked, so that nobody has to search."""
    with pytest.raises(AssertionError) as caught, assert_queries(db, 1):
        await ask(db, "select  1", "select 2")
    text = str(caught.value)
    assert "1 queries were expected, and there were 2:\n  1. select 1\n" in text
    assert "2. select 2" in text
    assert f"{__file__}:" in text


async def test_too_few_fail_too(db):
    """A query that does not happen any more is news."""
    with pytest.raises(AssertionError, match="there were 0:\n  none"), assert_queries(db, 1):
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_at_most(db, count):
    """Up to the number passes."""
    with assert_queries(db, at_most=2):
        for _ in range(count):
            await db.value("select 1")


async def test_more_than_at_most_fails(db):
    """One too many."""
    with pytest.raises(AssertionError, match="at most 1 queries"), assert_queries(db, at_most=1):
        await ask(db, "select 1", "select 1")


async def test_a_transaction_counts_its_queries(db):
    """And nothing for its beginning and end; a batch is one."""
    with assert_queries(db, 2):
        async with db.transaction() as tx:
            await tx.value("select 1")
            await tx.batch("select 1", "select 2")


async def test_what_the_block_raises_arrives(db):
    """It says more than a number."""
    with pytest.raises(ZeroDivisionError), assert_queries(db, 5):
        raise ZeroDivisionError


@pytest.mark.parametrize("wanted", [{}, {"exactly": 1, "at_most": 2}])
async def test_it_needs_one_number(db, wanted):
    """Neither none nor two."""
    with pytest.raises(TypeError), assert_queries(db, **wanted):
        pass


async def test_afterwards_nobody_listens(db):
    """The block leaves nothing behind."""
    with assert_queries(db, 0):
        assert db.events.on
    assert not db.events.on
