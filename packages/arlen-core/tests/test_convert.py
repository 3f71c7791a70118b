"""Convert: what text may become, there and back."""

import datetime as dt
import enum
import math
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from arlen_core.convert import boolean, converter, failed, multiple, prepare, scalar
from arlen_core.uploads import Upload

Slug = NewType("Slug", str)
Age = Annotated[int, Meta(ge=0, le=150)]


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Point(Struct):
    x: int


SCALARS = [str, int, float, bool, Decimal, uuid.UUID, dt.date, dt.datetime, dt.time, dt.timedelta, Color, Level,
           Literal["a"], Literal[1, 2], Slug, Age, int | None, Age | None]  # fmt: skip
OTHERS = [bytes, bytearray, complex, object, type(None), range, list, dict, list[int], dict[str, int], Point, int | str,
          Any, Upload, ValueError, type("Mine", (str,), {})]  # fmt: skip


@pytest.mark.parametrize("kind", SCALARS)
def test_scalars(kind):
    """These one text can be."""
    assert scalar(kind)
    assert multiple(kind) is None


@pytest.mark.parametrize("kind", OTHERS)
def test_no_scalars(kind):
    """These come from somewhere else, or are refused when the application starts."""
    assert not scalar(kind)


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        (list[int], int),
        (set[str], str),
        (frozenset[Color], Color),
        (tuple[int, ...], int),
        (tuple[int, str], int),
        (list[int] | None, int),
        (Annotated[list[Age], Meta(max_length=3)], Age),
        (list[Point], None),
        (list[list[int]], None),
        (list, None),
        (dict[str, int], None),
        (int, None),
    ],
)
def test_multiples(kind, item):
    """Lists, sets and tuples of scalars take every value of a name."""
    assert item == multiple(kind)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (int, "3", 3), (int, "-0", 0), (int, "1.0", 1), (int, "9" * 30, int("9" * 30)),
        (float, "1.5", 1.5), (float, "1e3", 1000.0), (float, "3", 3.0),
        (bool, "on", True), (bool, "YES", True), (bool, "0", False), (bool, "", False), (bool, "False", False),
        (Decimal, "12.50", Decimal("12.50")),
        (uuid.UUID, "123e4567-e89b-12d3-a456-426614174000", uuid.UUID("123e4567-e89b-12d3-a456-426614174000")),
        (dt.date, "2026-11-22", dt.date(2026, 11, 22)),
        (dt.datetime, "2026-11-22T10:30:00Z", dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC)),
        (dt.datetime, "2026-11-22T10:30", dt.datetime.fromisoformat("2026-11-22T10:30")),
        (dt.time, "10:30", dt.time(10, 30)), (dt.time, "10:30:15", dt.time(10, 30, 15)),
        (dt.timedelta, "PT1H", dt.timedelta(hours=1)),
        (Color, "red", Color.RED), (Level, "2", Level.HIGH), (Literal["a", "b"], "b", "b"), (Literal[1, 2], "2", 2),
        (Age, "150", 150), (int | None, "5", 5), (Slug, "x", "x"),
        (list[int], ["1", "2"], [1, 2]), (set[bool], ["on", "no"], {True, False}),
        (tuple[int, str], ["1", "a"], (1, "a")),
        (list[int], ["", "3", ""], [3]), (list[str], ["", "a"], ["", "a"]), (set[int], [""], set()),
        (list[float], ["1", "2.5"], [1.0, 2.5]), (list[dt.time], ["10:30"], [dt.time(10, 30)]),
    ],
)  # fmt: skip
def test_text_becomes_what_was_declared(kind, text, expected):
    """The whole table of what a query, a path, a header or a cookie can say."""
    convert = converter(kind)
    made = text if convert is None else convert(text)
    assert (expected, type(expected)) == (made, type(made))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (int, "x"), (int, ""), (int, "1.5"), (int, " 1"), (int, "1_0"), (int, "+1"), (int, "٣"), (int, "9" * 5000),
        (int, "0x1"), (int, "1e999"), (int, "nan"),
        (float, "x"), (float, "nan"), (float, "NaN"), (float, "inf"), (float, "-Infinity"), (float, "1e999"),
        (float, "1_0"), (float, ""),
        (bool, "maybe"), (bool, "2"),
        (Decimal, "NaN"), (Decimal, "sNaN"), (Decimal, "Infinity"), (Decimal, "1e999999999"), (Decimal, "1e1000"),
        (Decimal, "9" * 200), (Decimal, ""),
        (uuid.UUID, "x"), (dt.date, "2026-02-30"), (dt.date, "22.11.2026"), (dt.datetime, "x"), (dt.time, "25:00"),
        (dt.timedelta, "1h"), (Color, "green"), (Color, "RED"), (Level, "3"), (Literal["a"], "b"), (Literal[1], "2"),
        (Age, "-1"), (Age, "151"), (int | None, "null"), (Age | None, "null"),
        (dt.date | None, "null"), (list[int], ["1", "x"]), (list[float], ["1", "nan"]), (tuple[int, int], ["1"]),
    ],
)  # fmt: skip
def test_what_is_no_such_thing_is_refused_with_rows(kind, text):
    """Whenever the conversion refuses, `failed` says why, at the right name."""
    with pytest.raises(msgspec.ValidationError):
        converter(kind)(text)
    rows = failed(text, kind, "field")
    assert 1 == len(rows)
    assert rows[0].field in {"field", "field[1]"}
    assert rows[0].message


def test_text_needs_no_conversion():
    """The cheapest case costs nothing."""
    assert (None, None) == (converter(str), converter(str | None))
    assert converter(Annotated[str, Meta(max_length=1)]) is not None
    assert "null" == (converter(str | None) or str)("null")


@pytest.mark.parametrize("kind", [Mixed, Annotated[str | None, Meta(max_length=5)], Literal[1.5]])
def test_a_type_that_cannot_be_read_is_known_at_once(kind):
    """Not at the first request."""
    with pytest.raises(TypeError):
        converter(kind)


wild = st.text(max_size=12) | st.sampled_from(["nan", "1e999", "0", "-1", "on", "2026-11-22", "9" * 400, "\0"])


@given(wild, st.sampled_from(SCALARS))
def test_any_text_is_converted_or_refused(text, kind):
    """Nothing but `ValidationError` ever comes out, and numbers are finite."""
    convert = converter(kind)
    if convert is None:
        return
    try:
        made = convert(text)
    except msgspec.ValidationError:
        assert failed(text, kind, "x")
    else:
        assert [] == failed(text, kind, "x")
        assert not isinstance(made, float) or math.isfinite(made)


@given(st.integers(-(10**30), 10**30))
def test_whole_numbers_round_trip(number):
    """Written and read again, it is the same."""
    assert number == converter(int)(str(number))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_round_trip(number):
    """To the last bit."""
    assert number == converter(float)(repr(number))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40, places=30))
def test_decimals_round_trip(number):
    """Digits and exponent included."""
    assert str(number) == str(converter(Decimal)(str(number)))


@given(st.uuids(), st.dates(), st.booleans(), st.sampled_from(Color))
def test_the_rest_round_trips(id, date, flag, color):
    """UUIDs, dates, truths and choices."""
    assert id == converter(uuid.UUID)(str(id))
    assert date == converter(dt.date)(date.isoformat())
    assert flag is converter(bool)(str(flag))
    assert color is converter(Color)(color.value)


@given(st.datetimes(timezones=st.just(dt.UTC) | st.none()))
def test_times_round_trip(moment):
    """With and without a zone."""
    assert moment == converter(dt.datetime)(moment.isoformat())


@pytest.mark.parametrize("value", [None, 3, [], {"a": 1}, 1.5])
def test_what_is_no_text_is_left_alone(value):
    """A typed placeholder hands over its own value; preparing it must not break it."""
    assert value is boolean(value)
    for kind in (Decimal, dt.time):
        assert value is prepare(kind)(value)


def test_a_value_that_is_converted_already_stays():
    """Placeholders convert too."""
    today = dt.date(2026, 11, 22)
    assert (7, 1.5, today) == (converter(int)(7), converter(float)(1.5), converter(dt.date)(today))
