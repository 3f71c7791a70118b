"""Tests of arlen_core.placeholders."""

from datetime import date, datetime
from enum import Enum, IntEnum
from typing import Annotated, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core import placeholders
from arlen_core.errors import StartupError
from arlen_core.placeholders import PATH, TEXT, known, lookup, matching, of_type, register

ONE = UUID("12345678-1234-5678-1234-567812345678")


class Colour(Enum):
    RED = "red"
    DEEP_BLUE = "deep blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Each test has its own registry."""
    monkeypatch.setattr(placeholders, "_kinds", dict(placeholders._kinds))


def read(name, text):
    """Read a text with the type of that name."""
    kind = lookup(name)
    found = kind.read(text.encode())
    return None if found is None else found[0]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("int", "5", 5),
        ("int", "-5", -5),
        ("int", "007", 7),
        ("int", "9223372036854775807", 2**63 - 1),
        ("int", "-9223372036854775808", -(2**63)),
        ("float", "1.5", 1.5),
        ("float", "-3", -3.0),
        ("uuid", str(ONE), ONE),
        ("uuid", str(ONE).upper(), ONE),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("slug", "a-b_C9", "a-b_C9"),
        ("str", "é", "é"),
        ("path", "a/b", "a/b"),
    ],
)
def test_values_are_read(name, text, value):
    """Each type makes its Python value from the text."""
    assert value == read(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("int", ""),
        ("int", "-"),
        ("int", "+5"),
        ("int", "5.0"),
        ("int", "5 "),
        ("int", "٣"),
        ("int", "5\n"),
        ("int", "1_000"),
        ("int", "9223372036854775808"),
        ("int", "9" * 5000),
        ("float", "nan"),
        ("float", "inf"),
        ("float", "1e5"),
        ("float", ".5"),
        ("float", "1."),
        ("float", "1" * 300),
        ("uuid", str(ONE).replace("-", "")),
        ("uuid", "{" + str(ONE) + "}"),
        ("date", "2023-02-29"),
        ("date", "2024-2-9"),
        ("date", "20240209"),
        ("slug", "a b"),
        ("slug", "é"),
        ("slug", ""),
        ("str", ""),
    ],
)
def test_what_is_no_value_does_not_match(name, text):
    """A text that is not exactly a value of the type does not match, so that another route may."""
    assert read(name, text) is None


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("int", 5, "5"),
        ("int", "5", "5"),
        ("int", 5.0, "5"),
        ("float", 1e22, "10000000000000000000000"),
        ("float", 0.00001, "0.00001"),
        ("uuid", ONE, str(ONE)),
        ("uuid", str(ONE).upper(), str(ONE)),
        ("date", date(2024, 2, 9), "2024-02-09"),
        ("date", "2024-02-09", "2024-02-09"),
    ],
)
def test_values_are_written(name, value, text):
    """Each type writes a value in the one form that it prefers."""
    assert text == lookup(name).write(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("int", "x"), ("int", 5.5), ("int", object()), ("uuid", "x"), ("date", "x"), ("date", datetime(2024, 1, 1))],  # noqa: DTZ001
)
def test_what_cannot_be_written_is_an_error(name, value):
    """A value that the type does not know is refused."""
    with pytest.raises((ValueError, TypeError)):
        lookup(name).write(value)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_come_back(number):
    """What the type int writes, it reads."""
    assert (number,) == lookup("int").read(lookup("int").write(number).encode())


@given(st.floats(-1e200, 1e200).filter(lambda number: number == 0 or abs(number) > 1e-200))
def test_floats_come_back(number):
    """What the type float writes, it reads."""
    assert (number,) == lookup("float").read(lookup("float").write(number).encode())


def test_a_type_can_be_registered():
    """A registered type is found by its name, and its parser may refuse what the pattern let through."""

    def even(text):
        if int(text) % 2:
            raise ValueError(text)
        return int(text)

    kind = register("even", "[0-9]+", even, str, int)
    assert kind is lookup("even")
    assert "even" in known()
    assert (4,) == kind.read(b"4")
    assert kind.read(b"5") is None


def test_a_registered_type_may_be_replaced_by_the_same():
    """Loading a module twice registers its types twice; that is no conflict."""
    register("even", "[0-9]+")
    assert register("even", "[0-9]+") is lookup("even")


@pytest.mark.parametrize(
    ("name", "pattern", "part"),
    [
        ("int", "[0-9]", "already a type of placeholder called 'int'"),
        ("Upper", "[0-9]", "no name"),
        ("a-b", "[0-9]", "no name"),
        ("", "[0-9]", "no name"),
        ("slow", "(a+)+", "a group that repeats"),
        ("broken", "[", "regular expression is wrong"),
    ],
)
def test_a_wrong_type_is_refused(name, pattern, part):
    """A type needs a free name and a safe pattern."""
    with pytest.raises(StartupError, match=part) as error:
        register(name, pattern)
    assert error.value.fix


def test_a_regular_expression_is_not_tried_on_long_text():
    """Beyond 255 characters nothing matches, so that time is bounded."""
    assert matching("a+")(b"a" * 255) is not None
    assert matching("a+")(b"a" * 256) is None


def test_a_regular_expression_matches_the_whole():
    """A match of a part, or up to a newline, is none."""
    assert matching("a+")(b"aab") is None
    assert matching("a+")(b"aa\n") is None


def test_digits_are_ascii():
    r"""`\d` is 0 to 9, so that what matches is what int() makes the same of everywhere."""
    assert matching(r"\d")("٣".encode()) is None


def test_an_annotation_has_a_type():
    """The types of handlers' parameters have their placeholders; others have none."""
    assert [lookup("int"), lookup("float"), lookup("uuid"), lookup("date")] == [
        of_type(each) for each in (int, float, UUID, date)
    ]
    assert [None] * 5 == [of_type(each) for each in (str, list[int], bytes, Annotated[list[int], []], None)]


def test_a_literal_is_a_choice():
    """A Literal matches its values only, and gives them back with their types."""
    kind = of_type(Literal["asc", 7])
    assert [("asc",), (7,), None] == [kind.read(each) for each in (b"asc", b"7", b"desc")]
    assert ["asc", "7", "7"] == [kind.write("asc"), kind.write(7), kind.write("7")]
    with pytest.raises(ValueError, match="asc, 7"):
        kind.write("desc")


def test_an_enum_is_a_choice_of_its_values():
    """An Enum matches the values of its members."""
    kind = of_type(Colour)
    assert [(Colour.RED,), (Colour.DEEP_BLUE,), None] == [kind.read(each) for each in (b"red", b"deep blue", b"RED")]
    assert ["red", "deep blue"] == [kind.write(Colour.RED), kind.write("deep blue")]


def test_an_enum_of_integers_is_written_by_value():
    """An IntEnum is read from and written to its number."""
    kind = of_type(Level)
    assert (Level.HIGH,) == kind.read(b"2")
    assert "2" == kind.write(Level.HIGH)


def test_enums_of_equal_values_stay_apart():
    """Two Enums with the same values are two types, or one handler would get the other's members."""
    other = Enum("Other", {"RED": "red", "DEEP_BLUE": "deep blue"})
    assert of_type(Colour).key != of_type(other).key


def test_the_plain_type_is_called_str():
    """`{x:str}` is the same as `{x}`."""
    assert TEXT is lookup("str")
    assert PATH is lookup("path")
