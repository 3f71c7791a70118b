"""Texts: what the first words of a statement say."""

import pytest

from arlen_data.errors import InvalidArgument, TransactionError, Unsupported
from arlen_pg.texts import traits


@pytest.mark.parametrize(
    "sql",
    [
        "begin",
        "BEGIN ISOLATION LEVEL serializable",
        "start transaction",
        " \n-- a comment\ncommit",
        "/* a comment */ end",
        ";rollback",
        "abort",
        "savepoint a",
        "release a",
        "rollback to savepoint a",
        "prepare transaction 'x'",
        "prepare/**/transaction 'x'",
        "/* /* a */ select */ commit",
        "-- a comment\rcommit",
        "/**/" * 1000 + "(commit",
    ],
)
def test_transaction_control_is_refused(sql):
    """Whatever begins or ends a transaction is refused, also behind comments."""
    with pytest.raises(TransactionError, match="is not a statement to run"):
        traits(sql)


@pytest.mark.parametrize("sql", ["copy t from stdin", "COPY t (a) FROM  STDIN with csv", "copy (select 1) to stdout"])
def test_a_copy_by_the_wire_is_refused(sql):
    """A copy that goes over the connection has its own call."""
    with pytest.raises(Unsupported, match="copy_in"):
        traits(sql)


def test_many_comments_take_no_time():
    """The time to look at a text does not explode with its comments."""
    assert "" == traits("/**/" * 1000 + "1").word
    assert "" == traits("/*" * 1000 + "commit").word


def test_half_a_character_is_refused():
    """A text that cannot be sent is refused in our words."""
    with pytest.raises(InvalidArgument, match="surrogate"):
        traits("select '\ud800'")


def test_a_copy_on_the_server_is_a_statement():
    """A copy from a file of the server is a statement like others."""
    assert "copy" == traits("copy t from '/tmp/rows.csv'").word


def test_a_nul_is_refused():
    """A text with a NUL would be cut off there."""
    with pytest.raises(InvalidArgument, match="NUL"):
        traits("select 1\0; drop table t")


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("select 1", True),
        ("(select 1) union select 2", True),
        ("-- why\nwith a as (select 1) select * from a", True),
        ("insert into t values (1)", True),
        ("MERGE into t using s on true when matched then do nothing", True),
        ("create table t (id int)", False),
        ("vacuum", False),
        ("", False),
        (f"select {'1' * 20_000}", False),
    ],
)
def test_what_is_worth_preparing(sql, kept):
    """Queries are prepared; what runs once, and texts that programs made, are not."""
    assert kept == traits(sql).kept


@pytest.mark.parametrize(
    ("sql", "stateful"),
    [
        ("select 1", False),
        ("set work_mem = '1MB'", True),
        ("set local work_mem = '1MB'", False),
        ("set transaction read only", False),
        ("set constraints all deferred", False),
        ("reset all", True),
        ("listen news", True),
        ("do $$ begin end $$", True),
        ("call p()", True),
        ("select set_config('a.b', 'c', false)", True),
        ("select pg_advisory_lock(1)", True),
        ("select pg_try_advisory_lock_shared(1)", True),
        ("select pg_advisory_xact_lock(1)", False),
        ("create temp table t (id int)", True),
        ("create temporary view v as select 1", True),
        ("create local temporary table t (id int)", True),
        ("select 1 into temp t", True),
        ("select temp from readings", False),
        ("declare c cursor with hold for select 1", True),
        ("discard plans", True),
    ],
)
def test_what_may_leave_something_behind(sql, stateful):
    """What may leave something in the session is known by its text."""
    assert stateful == traits(sql).stateful


def test_what_does_away_with_prepared_statements():
    """Statements that prepare or unprepare by SQL are known."""
    found = [
        traits(sql).unprepares for sql in ("deallocate all", "discard all", "prepare a as select 1", "set a.b = 1")
    ]
    assert [True, True, True, False] == found
