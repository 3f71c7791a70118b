"""Failures: classes, fields, and no bound value in anything that is printed."""

import traceback

import psycopg
import pytest

from arlen_data.errors import (
    ConnectionLost,
    DatabaseError,
    DataError,
    InvalidArgument,
    SQLSyntaxError,
    UndefinedTable,
    UniqueViolation,
)
from arlen_pg.failures import lost, masked, unreachable

pytestmark = pytest.mark.anyio

SECRET = "ada.secret@example.com"


@pytest.mark.parametrize(
    "message",
    [
        f'invalid input syntax for type integer: "{SECRET}"',
        f"ungültige Eingabesyntax für Typ integer: „{SECRET}“",
        f"syntaxe en entrée invalide pour le type integer : « {SECRET} »".replace("« ", "«").replace(" »", "»"),
        f'value "{SECRET}" is out of range for type integer',
        f'a "quote" in "{SECRET}"',
    ],
)
def test_what_an_error_about_data_quotes_is_masked(message):
    """Whatever language the server speaks, an error about data keeps nothing that it quotes."""
    assert SECRET not in masked(message, "22P02")
    assert '"..."' in masked(message, "22P02")


def test_what_was_bound_is_masked_in_any_error():
    """A function of the application may put a parameter into its message; short words are left alone."""
    message = f"user {SECRET} may not use 42"
    assert "user ... may not use 42" == masked(message, "P0001", [SECRET, 42, b"x", None])
    assert "user ... may not" == masked("user secret may not", "P0001", [b"secret"])


async def test_a_violation_has_every_field_and_tells_no_value(db):
    """A violation names constraint, table and schema; what it says about values is `detail` alone."""
    await db.execute("create table users (id int primary key, email text constraint users_email unique)")
    sql = "insert into users values ($1, $2)"
    await db.execute(sql, 1, SECRET)
    with pytest.raises(UniqueViolation) as caught:
        await db.execute(sql, 2, SECRET)
    error = caught.value
    assert ("23505", "users_email", "users", "public") == (
        error.sqlstate,
        error.constraint,
        error.table,
        error.schema,
    )
    assert SECRET in error.detail
    assert isinstance(error.__cause__, psycopg.errors.UniqueViolation)
    assert SECRET not in "".join(traceback.format_exception(error))
    assert SECRET not in f"{error} {error!r} {error.__cause__} {error.__cause__!r} {error.args} {error.__cause__.args}"


@pytest.mark.parametrize(
    "sql",
    [
        "select cast(cast($1 as text) as integer)",
        "select cast(cast($1 as text) as date)",
        "select cast(cast($1 as text) as json)",
        "select cast(cast($1 as text) as int[])",
        "select cast(cast($1 as text) as uuid)",
    ],
)
async def test_a_value_that_does_not_fit_is_not_told(db, sql):
    """The server quotes what it cannot read, and nobody prints it."""
    with pytest.raises(DataError) as caught:
        await db.value(sql, SECRET)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_a_message_of_the_application_hides_parameters(db):
    """What a function raises may hold a parameter; it is masked."""
    await db.execute(
        "create function refuse(who text) returns int language plpgsql as"
        " $$begin raise exception 'no user % here', who; end$$"
    )
    with pytest.raises(DatabaseError) as caught:
        await db.value("select refuse($1)", SECRET)
    assert "no user ... here" == str(caught.value)


async def test_a_position_is_in_characters_of_the_statement(db):
    """An error of syntax tells where."""
    with pytest.raises(SQLSyntaxError) as caught:
        await db.all("select 1 frm t")
    assert 0 < caught.value.position <= 14
    with pytest.raises(UndefinedTable) as caught:
        await db.all("select * from nowhere")
    assert 15 == caught.value.position


async def test_a_parameter_without_a_counterpart_names_its_place(db):
    """A type that PostgreSQL has not is refused before anything is sent, by place and type."""
    with pytest.raises(InvalidArgument, match=r"\$2 is of type object"):
        await db.value("select $1, $2", 1, object())
    assert 1 == await db.value("select 1")


async def test_the_traceback_shows_the_callers_line(db):
    """The traceback leads to the line that asked."""
    with pytest.raises(DatabaseError) as caught:
        await db.all("select * from nowhere")  # this line
    assert "# this line" in "".join(traceback.format_exception(caught.value))


def test_a_lost_connection_says_no_secret():
    """What libpq says about a connection may quote what it was told."""
    assert "the connection to the database was lost: bye ..." == str(lost("bye\n pw", secrets=["pw"]))
    error = unreachable(OSError("no pw"), "host=db", secrets=["pw"])
    assert "no connection to host=db: no ..." in str(error)
    assert "pw" not in repr(error.__cause__)
    assert isinstance(error, ConnectionLost)
