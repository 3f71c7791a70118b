"""Results: one row or all, and rows that become the caller's own types."""

import enum
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Generic, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import pytest
from msgspec import Meta, Struct
from msgspec import field as renamed

from arlen_data.errors import AmbiguousColumn, DecodeError, InvalidArgument, MultipleRows, NoRows
from arlen_data.results import Result, reader
from arlen_data.rows import shape

T = TypeVar("T")


class Color(enum.Enum):
    """An enum of texts."""

    RED = "red"


class User(Struct):
    """A Struct with a default."""

    id: int
    name: str = "nobody"


class Renamed(Struct, rename="camel"):
    """A Struct whose fields have other names elsewhere."""

    user_id: int
    full_name: str = renamed(name="n", default="")


class Closed(Struct, forbid_unknown_fields=True):
    """A Struct that wants nothing else."""

    id: int


class Listed(Struct, array_like=True):
    """A Struct that is a list elsewhere."""

    id: int
    name: str = "nobody"


class Box(Struct, Generic[T]):
    """A generic Struct."""

    value: T


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)


class Movie(TypedDict):
    """A typed dict."""

    title: str
    year: NotRequired[int]


class Pair(NamedTuple):
    """A named tuple."""

    a: int
    b: int = 2


def result(*rows, columns=("id", "name")):
    """Return a result of these rows."""
    return Result(columns, [shape(columns)(row) for row in rows], len(rows))


def test_one():
    """It is the only row; none and two are errors that say what to do."""
    assert (1, "ada") == result((1, "ada")).one()
    with pytest.raises(NoRows, match="there is none"):
        result().one()
    with pytest.raises(MultipleRows, match="there are 2"):
        result((1, "a"), (2, "b")).one()


def test_one_or_none():
    """None is fine, two are not."""
    assert result().one_or_none() is None
    assert (1, "ada") == result((1, "ada")).one_or_none()
    with pytest.raises(MultipleRows):
        result((1, "a"), (2, "b")).one_or_none()


def test_the_errors_are_lookup_errors():
    """Who asks for one row may catch `LookupError`."""
    with pytest.raises(LookupError):
        result().one()


def test_value():
    """It is the only value of the only row, and may be null."""
    assert 7 == result((7,), columns=("n",)).value()
    assert result((None,), columns=("n",)).value() is None
    with pytest.raises(NoRows):
        result(columns=("n",)).value()
    with pytest.raises(InvalidArgument, match="has 2 columns"):
        result((1, "ada")).value()
    with pytest.raises(InvalidArgument, match="has 0 columns"):
        Result((), [], 0).value()


def test_value_into():
    """The value becomes a type; a document of JSON becomes a Struct."""
    assert Color.RED is result(("red",), columns=("c",)).value(Color)
    assert User(1, "ada") == result(({"id": 1, "name": "ada"},), columns=("doc",)).value(User)
    with pytest.raises(DecodeError) as caught:
        result((None,), columns=("n",)).value(int)
    assert "n" == caught.value.column


def test_all():
    """Without a type they are the rows themselves."""
    rows = result((1, "a"), (2, "b"))
    assert rows.all() is rows.rows
    assert [User(1, "a"), User(2, "b")] == rows.all(User)
    assert 2 == len(rows)


@pytest.mark.parametrize(
    ("into", "columns", "values", "expected"),
    [
        (User, ("id", "name"), (1, "ada"), User(1, "ada")),
        (User, ("name", "id"), ("ada", 1), User(1, "ada")),
        (User, ("id",), (1,), User(1)),
        (User, ("id", "more"), (1, object()), User(1)),
        (Renamed, ("user_id", "full_name"), (1, "x"), Renamed(1, "x")),
        (Closed, ("more", "id"), (0, 1), Closed(1)),
        (Listed, ("name", "id"), ("ada", 1), Listed(1, "ada")),
        (Listed, ("id",), (1,), Listed(1)),
        (Box[int], ("value",), (1,), Box(1)),
        (Point, ("x", "tags"), (1, ["a"]), Point(1, 0, ["a"])),
        (Movie, ("title",), ("M",), {"title": "M"}),
        (Movie, ("title", "year", "more"), ("M", 1931, 1), {"title": "M", "year": 1931}),
        (Pair, ("b", "a"), (4, 3), Pair(3, 4)),
        (dict, ("id", "name"), (1, "ada"), {"id": 1, "name": "ada"}),
        (tuple, ("id", "id"), (1, 2), (1, 2)),
        (int, ("n",), (7,), 7),
        (bool, ("n",), (1,), True),
        (Color, ("c",), ("red",), Color.RED),
        (UUID, ("u",), ("12345678123456781234567812345678",), UUID("12345678-1234-5678-1234-567812345678")),
        (Decimal, ("d",), (Decimal("1.10"),), Decimal("1.10")),
        (bytes, ("b",), (memoryview(b"x"),), b"x"),
        (int | None, ("n",), (None,), None),
        (list[int], ("a",), ([1, 2],), [1, 2]),
        (Annotated[int, Meta(ge=1)], ("n",), (1,), 1),
        (date, ("d",), (date(2026, 1, 2),), date(2026, 1, 2)),
    ],
)
def test_into(into, columns, values, expected):
    """A row becomes a Struct, a dataclass, a typed dict, a named tuple, a dict, a tuple or its only value."""
    found = reader(into, columns)(shape(columns)(values))
    assert (type(expected), expected) == (type(found), found)


def test_into_keeps_values():
    """Values that have the type already are the same objects: nothing goes through a text."""

    class Wide(Struct):
        d: Decimal
        t: datetime
        u: UUID
        b: bytes

    values = (Decimal("1.10"), datetime(2026, 1, 2, tzinfo=UTC), UUID(int=7), b"x")
    found = reader(Wide, ("d", "t", "u", "b"))(values)
    assert values == (found.d, found.t, found.u, found.b)
    assert values[1] is found.t


@pytest.mark.parametrize("into", [User, Point, Movie, Pair, Listed, Closed, Renamed])
def test_a_column_that_is_missing(into):
    """A field without a column and without a default is an error that names it, also when there are no rows."""
    with pytest.raises(DecodeError, match="have no such column") as caught:
        reader(into, ("other",))
    assert caught.value.column in {"id", "x", "title", "a", "user_id"}
    with pytest.raises(DecodeError):
        result(columns=("other",)).all(into)


def test_a_value_that_does_not_fit():
    """It is an error that names the type and the column."""
    with pytest.raises(DecodeError, match=r"User in the column id: Expected `int`, got `str`$") as caught:
        reader(User, ("id",))(("x",))
    assert "id" == caught.value.column


def test_a_renamed_field_is_told_by_its_column():
    """The error names the column, not what the field is called elsewhere."""
    with pytest.raises(DecodeError) as caught:
        reader(Renamed, ("user_id",))(("x",))
    assert "user_id" == caught.value.column


def test_a_value_deep_inside():
    """The error names the column in which it is."""
    with pytest.raises(DecodeError) as caught:
        reader(Box[dict[str, list[int]]], ("value",))(({"a": ["secret"]},))
    assert "value" == caught.value.column


def test_no_value_is_told():
    """An error does not quote the value."""
    for into, columns in ((Color, ("c",)), (Box[Color], ("value",))):
        with pytest.raises(DecodeError) as caught:
            reader(into, columns)(("secret@x",))
        assert "secret" not in repr(caught.value)
        assert caught.value.__cause__ is None
        assert columns[0] == caught.value.column
        assert caught.value.__context__ is None


@pytest.mark.parametrize("into", [User, dict, Listed])
def test_doubles(into):
    """A field with two columns is an error; two columns that no field wants are not."""
    with pytest.raises(AmbiguousColumn, match="several columns 'id'"):
        reader(into, ("id", "id"))
    assert User(1) == reader(User, ("id", "x", "x"))((1, 2, 3))


def test_types_that_take_no_row():
    """A plain type takes one column, and what is no type takes nothing."""
    for into in (int, Color, list[int]):
        with pytest.raises(InvalidArgument, match="does not take a row of 2 columns"):
            reader(into, ("a", "b"))
    with pytest.raises(InvalidArgument, match="is no type"):
        reader(7, ("a",))


def test_a_list_has_no_gaps():
    """A field before others needs a column where fields have no names."""

    class Gaps(Struct, array_like=True):
        a: int = 1
        b: int = 2

    with pytest.raises(InvalidArgument, match="no column for a field before others"):
        reader(Gaps, ("b",))


def test_what_a_struct_refuses():
    """What `__post_init__` refuses does not fit."""

    class Even(Struct):
        n: int

        def __post_init__(self):
            if self.n % 2:
                raise ValueError("it is odd")

    assert 2 == reader(Even, ("n",))((2,)).n
    with pytest.raises(DecodeError, match="it is odd"):
        reader(Even, ("n",))((3,))


def test_a_reader_is_made_once():
    """Rows of the same columns share their reader."""
    assert reader(User, ("id",)) is reader(User, ("id",))
