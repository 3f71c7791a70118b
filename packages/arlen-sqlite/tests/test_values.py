"""Values: what goes in comes out, by the declared type of its column."""

import enum
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_data.errors import DatabaseError, DataError, DecodeError, InvalidArgument, Unsupported
from arlen_data.values import Array, Json
from arlen_sqlite.types import register
from arlen_sqlite.values import encode

pytestmark = pytest.mark.anyio

SECRET = "secret@example.org"


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Point(msgspec.Struct):
    x: int


def back(kind, value):
    """Return what a column of a type makes of what a value is kept as."""
    import sqlite3

    register()
    connection = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES)
    try:
        connection.execute(f"create table t (v {kind})")
        connection.execute("insert into t values (?)", encode((value,)))
        return connection.execute("select v from t").fetchone()[0]
    finally:
        connection.close()


@given(st.decimals(allow_nan=False))
def test_decimals(value):
    """A Decimal of any length keeps every digit in a column `numeric text`."""
    assert str(value) == str(back("numeric text", value))


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])))
def test_moments(value):
    """A moment comes back in UTC with its microseconds."""
    try:
        expected = value.astimezone(UTC)
    except OverflowError:
        return
    found = back("timestamptz", value)
    assert (expected, UTC) == (found, found.tzinfo)


@given(st.datetimes())
def test_timestamps(value):
    """A time without a zone comes back without one."""
    assert value == back("timestamp", value)


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_moments_sort_as_texts(one, other):
    """The texts of moments sort as the moments do."""
    texts = [encode((each,))[0] for each in (one, other)]
    assert (one < other) is (texts[0] < texts[1])


@given(st.dates())
def test_dates(value):
    """A date comes back."""
    assert value == back("date", value)


@given(st.times())
def test_times(value):
    """A time of day comes back."""
    assert value == back("time", value)


@given(st.uuids())
def test_uuids(value):
    """A UUID comes back."""
    assert value == back("uuid", value)


@given(st.booleans())
def test_booleans(value):
    """A truth comes back as a truth."""
    assert value is back("boolean", value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_json(value):
    """JSON comes back, null as `None`, from a column `json text`."""
    assert value == back("json text", Json(value))


@given(st.binary())
def test_bytes(value):
    """Bytes come back as bytes."""
    assert value == back("blob", value)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers(value):
    """An integer of 64 bits comes back."""
    assert value == back("bigint", value)


@given(st.floats(allow_nan=False))
def test_floats(value):
    """A float comes back, infinite ones too."""
    assert value == back("double precision", value)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_texts(value):
    """A text comes back."""
    assert value == back("text", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (Json(Point(1)), '{"x":1}'),
        ({"a": [1]}, '{"a":[1]}'),
        ([1, 2], "[1,2]"),
        (Json(None), "null"),
        (None, None),
        (bytearray(b"a"), bytearray(b"a")),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00.000000+00:00"),
        (time(1, 2), "01:02:00.000000"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.10"), "1.10"),
    ],
)
def test_how_values_are_kept(value, expected):
    """Each type has one way in which it is kept."""
    assert [expected] == list(encode((value,)))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("a\0" + SECRET, DataError),
        (math.nan, DataError),
        (timedelta(1), Unsupported),
        (Array([SECRET]), Unsupported),
        (object(), InvalidArgument),
        (time(1, tzinfo=UTC), InvalidArgument),
        (Json({SECRET: object()}), DataError),
        (1 + 2j, InvalidArgument),
    ],
)
def test_what_is_refused(value, kind):
    """What cannot be kept is refused with its place, and not with its value."""
    with pytest.raises(kind) as caught:
        encode((1, value))
    assert "$2" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**200])
async def test_integers_that_do_not_fit(db, value):
    """An integer beyond 64 bits is a `DataError`, 22003."""
    with pytest.raises(DataError) as caught:
        await db.execute("insert into notes (id) values ($1)", value)
    assert "22003" == caught.value.sqlstate


async def test_surrogates(db):
    """A text with half a character is a `DataError`."""
    with pytest.raises(DataError):
        await db.execute("insert into notes (text) values ($1)", "\ud800")


@pytest.mark.parametrize(
    ("kind", "text"),
    [("uuid", "'x'"), ("boolean", "'maybe'"), ("numeric", "'much'"), ("json text", "'{'"), ("date", "'soon'"),
     ("timestamptz", "'20000-01-01'"), ("time", "'25:00'"), ("boolean", "7")],
)  # fmt: skip
async def test_what_does_not_fit_its_type(db, kind, text):
    """A value that does not fit its declared type is a `DecodeError` with column and type; the connection goes on."""
    await db.execute(f"create table odd (a int, v {kind})")
    await db.execute(f"insert into odd values (1, {text})")
    with pytest.raises(DecodeError) as caught:
        await db.all("select a, v from odd")
    assert ("v", kind.split()[0]) == (caught.value.column, caught.value.datatype)
    with pytest.raises(DecodeError):
        async with db.stream("select v from odd") as rows:
            await anext(rows)
    assert [(1,)] == await db.all("select a from odd")


async def test_moments_that_sqlite_makes(db):
    """What `current_timestamp` and `unixepoch()` make are moments in UTC."""
    await db.execute("create table made (a timestamptz default current_timestamp, b timestamptz default (unixepoch()))")
    row = await db.one("insert into made default values returning a, b")
    assert [UTC, UTC] == [row.a.tzinfo, row.b.tzinfo]
    assert abs(row.a - row.b) < timedelta(seconds=5)


async def test_types_through_views_and_subqueries(db):
    """A column keeps its type through a view, a subquery, an alias and `returning`; an expression has none."""
    await db.execute("create view done as select id, done as is_done from notes")
    made = await db.one("insert into notes (done) values (true) returning done")
    assert made.done is True
    assert True is await db.value("select is_done from done")
    assert True is await db.value("select x from (select done as x from notes)")
    assert type(await db.value("select max(done) from notes")) is int


async def test_into_converts_what_has_no_type(db):
    """An expression has no declared type: `into` converts it."""
    assert True is await db.value("select 1 = 1", into=bool)
    made = uuid4()
    assert made == await db.value("select $1", made, into=UUID)


async def test_columns_of_one_name(db):
    """Two columns of one name are both there, each of its own type."""
    await db.execute("create table pairs (id integer, v uuid)")
    made = uuid4()
    await db.execute("insert into pairs values (1, $1)", made)
    assert (1, made, 1, made) == await db.one("select a.*, b.* from pairs a, pairs b")


async def test_nulls_have_no_type(db):
    """NULL is `None`, whatever the column is."""
    await db.execute("create table nulls (a boolean, b uuid, c json, d timestamptz, e numeric, f date, g time)")
    await db.execute("insert into nulls default values")
    assert (None,) * 7 == await db.one("select * from nulls")


async def test_an_enum_in_a_statement(db):
    """An enum is kept as its value."""
    assert "red" == await db.value("select $1", Color.RED)
    with pytest.raises(DatabaseError):
        await db.value("select $1", Point(1))


def test_a_moment_beyond_the_years():
    """A moment that is no year of UTC is refused by that reason."""
    moment = datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))
    with pytest.raises(DataError, match="after 9999"):
        encode([moment])
