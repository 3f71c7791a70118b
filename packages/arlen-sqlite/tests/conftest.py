"""What the tests of arlen-sqlite share: a database in a file, statements that take for ever, counts of threads."""

import threading

import pytest

from arlen_sqlite import SQLite

ENDLESS = "with recursive s(n) as (select 1 union all select n + 1 from s) select count(*) as n from s where n < 0"


@pytest.fixture
def endless():
    """A statement that takes for ever."""
    return ENDLESS


@pytest.fixture
def path(tmp_path):
    """A file that is not there yet."""
    return tmp_path / "test.db"


@pytest.fixture
async def db(path):
    """A database with a table."""
    async with SQLite(path) as made:
        await made.execute("create table notes (id integer primary key, text text unique, done boolean)")
        yield made


@pytest.fixture
def threads():
    """Return how many threads there are whose name has a word in it."""
    return lambda word: sum(word in each.name for each in threading.enumerate())
