"""Codecs: what becomes of Python's values, and of PostgreSQL's."""

import enum
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import hypothesis.strategies as st
import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from psycopg.types.range import Range

from arlen_data.errors import DataError, DecodeError, InvalidArgument
from arlen_data.values import Array, Json
from arlen_pg import Postgres
from arlen_pg.codecs import Codec

pytestmark = pytest.mark.anyio


class Colour(enum.Enum):
    """Stored by value."""

    RED = "red"


class Point(msgspec.Struct):
    """Stored as JSON."""

    x: int


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int8", 2**63 - 1),
        ("int2", -7),
        ("numeric", Decimal("1.500")),
        ("numeric", Decimal("NaN")),
        ("float8", -0.0),
        ("bool", True),
        ("text", "é\U0001f600 \\ ' \""),
        ("bytea", bytes(range(256))),
        ("uuid", UUID(int=7)),
        ("date", date(1, 1, 1)),
        ("time", time(23, 59, 59, 999_999)),
        ("timestamp", datetime.fromisoformat("9999-12-31T23:59:59.999999")),
        ("timestamptz", datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)),
        ("interval", timedelta(days=-3, seconds=1, microseconds=5)),
        ("jsonb", {"a": [1, None, {"b": "é"}], "big": 2**80}),
        ("jsonb", [1, [2]]),
        ("text", None),
    ],
)
async def test_a_value_comes_back_as_it_went(db, kind, value):
    """A value comes back equal and of its type, as a parameter and from a column."""
    found = await db.value(f"select cast($1 as {kind})", value)
    assert (type(value), value) == (type(found), found) or str(value) == str(found)
    await db.execute(f"create table kept (v {kind})")
    await db.execute("insert into kept values ($1)", value)
    assert repr(found) == repr(await db.value("select v from kept"))


async def test_integers_beyond_int8_are_numeric(db):
    """An integer that no int8 holds goes as numeric, and is refused where an integer is due."""
    assert Decimal(2**70) == await db.value("select cast($1 as numeric)", 2**70)
    with pytest.raises(DataError) as caught:
        await db.value("select cast($1 as bigint)", 2**70)
    assert "22003" == caught.value.sqlstate


@pytest.mark.parametrize(
    ("sql", "value", "expected"),
    [
        ("select $1", Array([1, None, 3]), [1, None, 3]),
        ("select $1", Array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ("select $1", Array(["a,b", 'q"', "{}", "\\", "", "null", None]), ["a,b", 'q"', "{}", "\\", "", "null", None]),
        ("select $1", Array([], "int8"), []),
        ("select cast($1 as text[])", Array([]), []),
        ("select $1 || cast(4 as int4)", Array([1], "int4"), [1, 4]),
        ("select cast($1 as mood[])", Array(["sad"], "mood"), "{sad}"),
        ("select $1", Array([Decimal("1.0")]), [Decimal("1.0")]),
    ],
)
async def test_arrays_are_asked_for(db, sql, value, expected):
    """An array has the type of its elements, or the one that it names."""
    await db.execute("create type mood as enum ('sad', 'ok')")
    assert expected == await db.value(sql, value)


async def test_documents(db):
    """Json, dicts, lists and Structs are JSON; null in it is not NULL; what JSON has not is refused."""
    assert (None, True) == await db.one("select $1, $2 is not null", Json(None), Json(None))
    assert {"x": 1} == await db.value("select $1", Json(Point(1)))
    when = datetime(2026, 1, 1, tzinfo=UTC)
    assert {"when": "2026-01-01T00:00:00Z"} == await db.value("select $1", {"when": when})
    for wrong in (float("nan"), object(), {"a": {1: object()}}):
        with pytest.raises(DataError, match="cannot be written as JSON"):
            await db.value("select $1", Json(wrong))


async def test_members_of_enumerations_go_by_value(db):
    """A member of an enumeration goes as its value, so that `into` reads it back."""
    assert "red" == await db.value("select cast($1 as text)", Colour.RED)
    assert Colour.RED == await db.value("select cast($1 as text)", Colour.RED, into=Colour)


@pytest.mark.parametrize(
    "literal",
    ["int4range '[1,5)'", "row(1, 'a')", "int8multirange '{[1,5)}'", "cast('sad' as mood)", "cast(1 as small)"],
)
async def test_other_types_are_their_text(db, literal):
    """A type without a counterpart arrives as PostgreSQL writes it."""
    await db.execute("create type mood as enum ('sad', 'ok')")
    await db.execute("create domain small as int check (value < 10)")
    found = await db.value(f"select {literal}")
    assert found == (1 if "small" in literal else await db.value(f"select cast({literal} as text)"))


@pytest.mark.parametrize(
    ("literal", "kind"),
    [
        ("timestamptz 'infinity'", "timestamptz"),
        ("timestamp '-infinity'", "timestamp"),
        ("date '10000-01-01'", "date"),
        ("date '0044-03-15 BC'", "date"),
        ("time '24:00'", "time"),
        ("interval '1 mon'", "interval"),
        ("interval '1 year'", "interval"),
        ("interval 'infinity'", "interval"),
    ],
)
async def test_what_python_cannot_hold_names_its_column(db, literal, kind):
    """A value that Python cannot hold is an error that names column and type, not the value; all goes on."""
    with pytest.raises(DecodeError) as caught:
        await db.all(f"select 1 as id, {literal} as bad")
    error = caught.value
    assert ("bad", kind) == (error.column, error.datatype)
    assert "infinity" not in f"{error} {error.__cause__}"
    assert 7 == await db.value("select 7")


async def test_moments_are_utc_in_any_session(db):
    """A moment is aware and in UTC whatever the session's zone; one without a zone is read in the session's."""
    moment = datetime(2026, 6, 1, 12, tzinfo=UTC)
    async with db.transaction() as tx:
        await tx.execute("set local timezone to 'Asia/Kolkata'")
        assert (moment, UTC) == (found := await tx.value("select $1", moment), found.tzinfo)
        await tx.execute("create temp table moments (v timestamptz)")
        await tx.execute("insert into moments values ($1)", datetime.fromisoformat("2026-06-01T12:00"))
        assert timedelta(hours=-5.5) == (await tx.value("select v from moments")) - moment
    assert moment == await db.value(
        "select cast(cast($1 as timestamp) as timestamptz)", datetime.fromisoformat("2026-06-01T12:00")
    )


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_text_that_is_none_is_refused(db, text):
    """A NUL and a lone surrogate are refused before anything is sent."""
    with pytest.raises(DataError) as caught:
        await db.value("select $1", text)
    assert "22021" == caught.value.sqlstate


async def test_too_many_parameters(raw):
    """The protocol counts parameters in 16 bits."""
    with pytest.raises(InvalidArgument, match="at most 65535 parameters, not 65536"):
        await raw.value("select 1", *range(65_536))


async def test_types_of_ones_own(url, transport):
    """psycopg's adapters take dumpers and loaders for other types, before `open`."""
    db = Postgres(url, transport=transport)
    db.adapters.register_loader("int4range", psycopg.adapters.get_loader(3904, psycopg.pq.Format.TEXT))
    async with db:
        assert Range(1, 5) == await db.value("select int4range(1, 5)")
        assert "[1,5)" == await db.value("select cast($1 as text)", Range(1, 5))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(),
            st.floats(),
            st.text(),
            st.binary(),
            st.booleans(),
            st.decimals(),
            st.datetimes(timezones=st.just(UTC)),
            st.timedeltas(),
            st.dictionaries(st.text(), st.integers()),
        ),
        max_size=40,
    )
)
def test_any_values_are_dumped_or_refused_as_ours(params):
    """Whatever the values, dumping them gives as many, with types that depend on types alone, or an error of ours."""
    codec = Codec()
    try:
        values, types, formats = codec.dump(params)
    except DataError:
        return
    assert len(params) == len(values) == len(types) == len(formats)
    assert all((value is None) == (given is None) for value, given in zip(values, params, strict=True))


async def test_large_results_leave_the_loop_to_others(raw):
    """A large result is read in slices, with others having their turns between them."""
    turns = 0

    async def count():
        nonlocal turns
        while True:
            await raw.clock.sleep(0)
            turns += 1

    import asyncio

    task = asyncio.create_task(count())
    rows = await raw.all("select n, 'x' as x from generate_series(1, 30000) n")
    task.cancel()
    assert (30_000, 30_000) == (len(rows), rows[-1].n)
    assert turns > 10
