"""Errors: classes, facts and positions, and never a value."""

import sqlite3
import traceback

import pytest

from arlen_data import errors
from arlen_data.errors import (
    CheckViolation,
    ConnectionFailed,
    DatabaseError,
    DataError,
    ForeignKeyViolation,
    IntegrityError,
    InvalidArgument,
    LockTimeout,
    NotNullViolation,
    ReadOnlyTransaction,
    SQLSyntaxError,
    UndefinedColumn,
    UndefinedTable,
    UniqueViolation,
)
from arlen_sqlite import SQLite
from arlen_sqlite.errors import translate

pytestmark = pytest.mark.anyio

SECRET = "secret@example.org"


@pytest.fixture
async def tables(path):
    """A database with every kind of constraint."""
    async with SQLite(path) as db:
        await db.execute("create table parents (id integer primary key, email text unique)")
        await db.execute(
            "create table children (id integer primary key, parent int references parents, name text not null,"
            " age int constraint grown check (age > 17), place text, unique (name, place))"
        )
        await db.execute("create unique index lower_name on children (lower(name))")
        await db.execute("create table exact (n int) strict")
        await db.execute("insert into parents values (1, $1)", SECRET)
        await db.execute("insert into children values (1, 1, $1, 20, 'here')", SECRET)
        yield db


@pytest.mark.parametrize(
    ("sql", "kind", "facts"),
    [
        ("insert into parents values (1, null)", UniqueViolation, ("parents", "id", "")),
        ("insert into parents values (2, $1)", UniqueViolation, ("parents", "email", "")),
        ("insert into children values (2, 1, $1, 20, 'here')", UniqueViolation, ("", "", "lower_name")),
        ("insert into children values (2, 1, null, 20, $1)", NotNullViolation, ("children", "name", "")),
        ("insert into children values (2, 1, $1 || 'x', 3, '')", CheckViolation, ("", "", "grown")),
        ("insert into children values (2, 9, $1 || 'x', 20, '')", ForeignKeyViolation, ("", "", "")),
        ("insert into exact values ($1)", DataError, ("exact", "n", "")),
        ("select * from nowhere where x = $1", UndefinedTable, ("nowhere", "", "")),
        ("select nowhere from parents where email = $1", UndefinedColumn, ("", "nowhere", "")),
        ("selec $1", SQLSyntaxError, ("", "", "")),
        ("select json_extract($1, '$.a')", DataError, ("", "", "")),
        ("select abs(-9223372036854775807 - 1), $1", DataError, ("", "", "")),
        ("insert into parents values ('a' || $1, 'b')", DataError, ("", "", "")),
    ],
)
async def test_kinds(tables, sql, kind, facts):
    """Every violation and mistake has its class, its facts and its cause, and no value in its words."""
    with pytest.raises(kind) as caught:
        await tables.execute(sql, *([SECRET] if "$1" in sql else []))
    error = caught.value
    assert facts == (error.table, error.column, error.constraint)
    assert isinstance(error.__cause__, sqlite3.Error)
    assert SECRET not in str(error) + repr(error)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("select nope from parents", "nope"),
        ("select * from nope", "nope"),
        ("selec 1", "selec"),
        ("select 1 fro m", ""),
    ],
)
async def test_positions(tables, sql, word):
    """The position is that of the word which SQLite does not like, when it is there once."""
    with pytest.raises(DatabaseError) as caught:
        await tables.execute(sql)
    assert (sql.index(word) + 1 if word else caught.value.position) == caught.value.position


async def test_a_trigger_speaks_in_detail(tables):
    """What a trigger says is in `detail`: it may hold values."""
    await tables.execute(
        "create trigger no before insert on parents begin select raise(abort, 'connection lost: x'); end"
    )
    with pytest.raises(IntegrityError) as caught:
        await tables.execute("insert into parents values (5, 'x')")
    assert "connection lost: x" == caught.value.detail
    assert "connection" not in str(caught.value)
    assert not caught.value.is_connectivity


def test_words_of_values_are_left_out():
    """What a message quotes and the statement does not have is in `detail` alone."""
    made = translate(sqlite3_error(f'fts5: syntax error near "{SECRET}"', sqlite3.SQLITE_ERROR), "select $1")
    assert SECRET not in str(made)
    assert SECRET in made.detail
    assert "22P02" == made.sqlstate


def test_words_of_the_statement_are_shown():
    """What a message quotes and the statement has is shown."""
    made = translate(sqlite3_error("no such function: nope", sqlite3.SQLITE_ERROR), "select nope(1)")
    assert "no such function: nope" == str(made)
    assert "42883" == made.sqlstate


@pytest.mark.parametrize(
    ("code", "kind", "state"),
    [
        (sqlite3.SQLITE_BUSY, LockTimeout, "55P03"),
        (sqlite3.SQLITE_BUSY_RECOVERY, LockTimeout, "55P03"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, errors.SerializationFailure, "40001"),
        (sqlite3.SQLITE_LOCKED_SHAREDCACHE, LockTimeout, "55P03"),
        (sqlite3.SQLITE_INTERRUPT, errors.QueryCanceled, "57014"),
        (sqlite3.SQLITE_READONLY_DBMOVED, ReadOnlyTransaction, "25006"),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, ConnectionFailed, "08001"),
        (sqlite3.SQLITE_FULL, DatabaseError, "53100"),
        (sqlite3.SQLITE_IOERR_WRITE, DatabaseError, "58030"),
        (sqlite3.SQLITE_CORRUPT_INDEX, DatabaseError, "XX001"),
        (sqlite3.SQLITE_TOOBIG, DataError, "22001"),
    ],
)
def test_codes(code, kind, state):
    """Codes that tests cannot provoke have their classes too; an extended one has that of its family."""
    made = translate(sqlite3_error("words", code))
    assert (kind, state) == (type(made), made.sqlstate)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OverflowError("Python int too large"), DataError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), DataError),
        (sqlite3.ProgrammingError("Cannot operate on a closed database."), errors.PoolClosed),
        (sqlite3.ProgrammingError("the query contains a null character"), InvalidArgument),
        (sqlite3.Warning("You can only execute one statement at a time."), InvalidArgument),
        (sqlite3.ProgrammingError("Incorrect number of bindings supplied."), InvalidArgument),
        (sqlite3.OperationalError("interrupted"), errors.QueryCanceled),
        (ZeroDivisionError("x"), DatabaseError),
    ],
)
def test_what_the_driver_refuses(error, kind):
    """What Python's module refuses itself has a class as well."""
    made = translate(error)
    assert kind is type(made)
    assert error is made.__cause__


async def test_parameters_that_do_not_fit(db):
    """Too few and too many parameters are refused."""
    for args in ((), (1, 2)):
        with pytest.raises(InvalidArgument):
            await db.all("select $1", *args)


async def test_the_statement_goes_on(db):
    """After an error the connection works."""
    with pytest.raises(DatabaseError):
        await db.execute("insert into nothing default values")
    assert 1 == await db.execute("insert into notes default values")


def sqlite3_error(message, code):
    """Return an error as the module raises it."""
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = code
    return error


async def test_no_traceback_tells_a_value(db):
    """A value that SQLite quotes is not in the driver's exception either, which every traceback shows."""
    value = "hunter" + str(2)  # a traceback shows lines of this file too
    with pytest.raises(DataError) as caught:
        await db.value("select json_extract('{}', $1)", value)
    assert value not in "".join(traceback.format_exception(caught.value))
    assert value in caught.value.detail
