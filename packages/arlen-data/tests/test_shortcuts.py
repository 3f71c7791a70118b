"""Shortcuts: they change the speed of a reader and nothing else."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from arlen_data.errors import DecodeError
from arlen_data.results import reader
from arlen_data.shortcuts import shortcut

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "1", "null", "true"])
    | st.binary(max_size=2)
    | st.sampled_from([Decimal("1.10"), UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), time(1)])
)


class Plain(Struct):
    """A Struct of plain fields."""

    id: int
    name: str | None
    rate: float = 1.0
    at: datetime | None = None


def outcome(read, row):
    """Return what a reader gives, or that the row does not fit."""
    try:
        return read(row)
    except DecodeError:
        return DecodeError


@given(st.lists(st.tuples(VALUES, VALUES, VALUES, VALUES), max_size=6))
def test_the_same_as_without(rows):
    """Whatever the rows hold, and in whatever order they come, the shortcut gives what converting them gives."""
    reader.cache_clear()
    quick, slow = (reader(Plain, ("id", "name", "rate", "at")), reader(Plain, ("id", "name", "rate", "at", "more")))
    for row in rows + rows:
        assert outcome(slow, (*row, 0)) == outcome(quick, row)


@pytest.mark.parametrize(
    "value", [1, 1.5, True, "a", b"a", Decimal(1), UUID(int=1), date.min, time.min, timedelta(1), None]
)
def test_values_are_passed_on(value):
    """From the second row of the same types on, the values are the very objects, and nothing is converted."""

    class One(Struct):
        v: type(value)

    asked = []
    read = shortcut(One, ("v",), lambda row: asked.append(row) or One(*row))
    assert [value, value] == [read((value,)).v, read((value,)).v]
    assert [(value,)] == asked


class Constrained(Struct):
    """A field with a bound."""

    id: Annotated[int, Meta(ge=1)]


class Checked(Struct):
    """A check of its own."""

    id: int

    def __post_init__(self):
        if self.id < 1:
            raise ValueError("too small")


class Named(Struct, kw_only=True):
    """Fields by name alone."""

    id: int


class Nested(Struct):
    """A field that is a Struct."""

    id: Plain


@pytest.mark.parametrize("into", [Constrained, Checked, Named, Nested, dict[str, int], Plain | None])
def test_no_shortcut(into):
    """Where a value might not fit although its type does, every row is converted."""
    assert outcome is shortcut(into, ("id",), outcome)


def test_other_columns():
    """Columns in another order, or further ones, are converted."""
    for columns in (("name", "id"), ("id", "name", "more"), ("name",)):
        assert outcome is shortcut(Plain, columns, outcome)
    assert outcome is not shortcut(Plain, ("id", "name"), outcome)


def test_a_bound_holds_for_every_row():
    """A value beyond its bound does not fit, also after many that did."""
    for into in (Constrained, Checked):
        read = reader(into, ("id",))
        assert [1, 2] == [read((1,)).id, read((2,)).id]
        with pytest.raises(DecodeError):
            read((0,))
