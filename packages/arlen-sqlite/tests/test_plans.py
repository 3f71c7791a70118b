"""Plans: placeholders, and what the text of a statement tells."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_data.errors import InvalidArgument, TransactionError
from arlen_sqlite.plans import Plan, plan

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select $1, $2, $1", "select ?, ?, ?"),
        ("select '$1', $1", "select '$1', ?"),
        ("select 'it''s $1', $1", "select 'it''s $1', ?"),
        ('select "$1", $1', 'select "$1", ?'),
        ('select "a""$1", $1', 'select "a""$1", ?'),
        ("select `$1`, [$1], $1", "select `$1`, [$1], ?"),
        ("select $1 -- $2\n, $2", "select ? -- $2\n, ?"),
        ("select /* $1 */ $1", "select /* $1 */ ?"),
        ("select a$1, $1", "select a$1, ?"),
        ("select $12", "select ?"),
        ("select $1abc", "select $1abc"),
        ("select :a, @b, #c, $d", "select :a, @b, #c, $d"),
        ("select ?, ?2", "select ?, ?2"),
        ("select '$1", "select '$1"),
        ("select 1e5$1", "select 1e5$1"),
        ("select x=$1", "select x=?"),
        ("select ($1)", "select (?)"),
    ],
)
def test_placeholders(text, expected):
    """`$1` becomes `?`, but not in strings, quoted names, comments and longer words."""
    assert expected == Plan(text).sql


@given(st.text(alphabet="ab $1'\"`[]-/*\n?:é", max_size=40))
def test_literals_stay(value):
    """A text literal stays as it is, whatever it holds, and what follows it is still found."""
    literal = "'" + value.replace("'", "''") + "'"
    found = Plan(f"select {literal}, $1").sql
    assert f"select {literal}, ?" == found
    with sqlite3.connect(":memory:") as connection:
        row = connection.execute(found, (7,)).fetchone()
    connection.close()
    assert (value, 7) == row


@given(st.text(alphabet="ab$1'\"`[]-/* \n", min_size=1, max_size=30))
def test_quoted_names_stay(name):
    """A quoted name stays as it is."""
    quoted = '"' + name.replace('"', '""') + '"'
    assert f"select 1 as {quoted}, ?" == Plan(f"select 1 as {quoted}, $1").sql


@given(
    st.lists(st.sampled_from(["$1", "'$2'", "/*$3*/", '"$4"', "--$5\n", " ", "x", ",", "[$6]", "`$7`"]), max_size=20)
)
def test_only_placeholders_change(parts):
    """Of any mixture of pieces, only the placeholders that stand alone change."""
    pieces = [piece for part in parts for piece in (part, " ")]
    expected = "".join("?" if piece == "$1" else piece for piece in pieces)
    assert expected == Plan("select " + "".join(pieces)).sql[len("select ") :]


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("select $1, $2", None),
        ("select 1", None),
        ("select $1, $1", (0, 0)),
        ("select $2, $1", (1, 0)),
        ("select $2", (1,)),
    ],
)
def test_order(text, order):
    """Parameters that are not in order, or are there twice, are put in their places."""
    assert order == Plan(text).order


async def test_placed(db):
    """Each placeholder gets its parameter, wherever it is; too few and too many are refused."""
    assert (8, 7, 8) == await db.one("select $2, $1, $2", 7, 8)
    assert [(8, 7)] == [row async for row in db.stream("select $2, $1", 7, 8)]
    assert 2 == await db.execute_many("insert into notes (text, id) values ($2, $1)", [(1, "a"), (2, "b")])
    for args in ((7,), (7, 8, 9)):
        with pytest.raises(InvalidArgument):
            await db.all("select $2, $1", *args)
    with pytest.raises(InvalidArgument):
        await db.all("select $0", 1)


@pytest.mark.parametrize(
    "text",
    [
        "begin",
        "BEGIN immediate",
        " -- why\n commit",
        "/* a */ rollback",
        ";;end",
        "\ufeffcommit",
        "-- why\n\ufeff /* \n */ Begin",
        "savepoint a",
        "release a",
        "start transaction",
        "abort",
    ],
)
def test_control_is_refused(text):
    """What begins or ends a transaction is refused, however it is written."""
    with pytest.raises(TransactionError):
        plan(text)


@pytest.mark.parametrize(
    "text",
    [
        "attach 'other.db' as other",
        "detach other",
        "pragma query_only = off",
        "pragma foreign_keys = 0",
        "pragma main.journal_mode(delete)",
        "PRAGMA synchronous=OFF",
        "/**/ pragma writable_schema = on",
        "pragma/**/query_only=off",
        "pragma query_only/**/ -- why\n = off",
        'pragma "query_only" = off',
        "pragma [query_only] = off",
        "pragma main . query_only(off)",
        "explain pragma query_only = off",
        "EXPLAIN/**/query plan pragma query_only = off",
        "\ufeffattach 'other.db' as other",
    ],
)
def test_one_of_several_connections(text):
    """What would change one of several connections is refused."""
    with pytest.raises(InvalidArgument):
        plan(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1", True),
        ("  (select 1)", False),
        ("with x as (select 1) select * from x", True),
        ("values (1)", True),
        ("explain delete from notes", True),
        ("pragma user_version", True),
        ("pragma table_info(notes)", True),
        ("pragma main.user_version", True),
        ("pragma user_version; -- why", True),
        ("/* pragma */ explain select pragma from notes", True),
        ("pragma user_version = 3", False),
        ("pragma wal_checkpoint", False),
        ("insert into notes default values", False),
        ("create table a (b)", False),
        ("", False),
    ],
)
def test_reads(text, expected):
    """The first word tells whether a statement seems to read."""
    assert expected is plan(text).reads


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("insert into notes default values", True),
        ("replace into notes (id) values (1)", True),
        ("insert into notes default values returning id", False),
        ("with x as (select 1) insert into notes select * from x", False),
    ],
)
def test_changes(text, expected):
    """An insert, update or delete without `returning` can run for many rows at once."""
    assert expected is plan(text).changes


@pytest.mark.parametrize("text", ["create temp table a (b)", "create temporary view a as select 1"])
def test_temporary(text):
    """What is temporary is known by its words."""
    assert plan(text).temporary


@pytest.mark.parametrize("text", ["vacuum", "pragma optimize", "pragma wal_checkpoint(truncate)"])
def test_alone(text):
    """What cannot be in a transaction with others is known by its words."""
    assert plan(text).alone


def test_plans_are_kept():
    """The same text is looked at once."""
    assert plan("select 'kept'") is plan("select 'kept'")
