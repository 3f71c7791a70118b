"""Rules: the attributes that a browser checks are those that the server checks."""

import dataclasses
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal, TypedDict
from uuid import UUID

import pytest
from msgspec import Meta, Struct

from arlen_core import Secret, Upload
from arlen_web.rules import Rule, empty, rules


class Level(Enum):
    """How bad it is."""

    LOW = "low"
    VERY_HIGH = "high"


def rule(kind, name="x", **options) -> Rule:
    """Return the rule of a single field."""
    made = type("Made", (Struct,), {"__annotations__": {name: kind}, **options})
    return rules(made)[name]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (str, "text"),
        (int, "number"),
        (float, "number"),
        (Decimal, "number"),
        (bool, "checkbox"),
        (date, "date"),
        (datetime, "datetime-local"),
        (time, "time"),
        (UUID, "text"),
        (Upload, "file"),
        (Secret, "password"),
        (int | None, "number"),
        (Annotated[date, Meta(title="When")], "date"),
        (Annotated[int | None, Meta(title="When")], "number"),
        (list[int], "number"),
        (list[Upload], "file"),
        (Level, "text"),
        (int | str, "text"),
    ],
)
def test_the_type_of_the_input(kind, expected):
    """Each type has its input; optional and described ones too."""
    assert expected == rule(kind).type


@pytest.mark.parametrize(
    ("name", "expected"),
    [("email", "email"), ("work_email", "email"), ("password", "password"), ("emails", "text"), ("mail", "text")],
)
def test_some_names_say_more(name, expected):
    """An e-mail address and a password have inputs of their own."""
    assert expected == rule(str, name).type


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (str, {}),
        (Annotated[str, Meta(min_length=1)], {"minlength": 1, "required": True}),
        (Annotated[str, Meta(min_length=2, max_length=9)], {"minlength": 2, "maxlength": 9, "required": True}),
        (Annotated[str, Meta(min_length=1)] | None, {"minlength": 1}),
        (int, {"required": True}),
        (int | None, {}),
        (Annotated[int, Meta(ge=1, le=5)], {"min": 1, "max": 5, "required": True}),
        (Annotated[int, Meta(gt=1, lt=5)], {"min": 2, "max": 4, "required": True}),
        (Annotated[int, Meta(multiple_of=5)], {"step": 5, "required": True}),
        (Annotated[float, Meta(ge=0.5, lt=2)], {"min": 0.5, "max": 2, "step": "any", "required": True}),
        (Decimal, {"step": "any", "required": True}),
        (date, {"required": True}),
        (bool, {}),
        (list[int], {}),
        (Annotated[int, Meta(ge=0)] | None, {"min": 0}),
        (Annotated[int | None, Meta(title="x")], {}),
    ],
)
def test_the_limits(kind, expected):
    """Bounds are inclusive in HTML; a text that may be empty is not required; neither is a check box or a list."""
    assert expected == rule(kind).attributes


def test_a_default_makes_it_optional():
    """What the Struct fills in need not be typed."""
    assert "required" not in rule(int, x=3).attributes


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Level, (("low", "Low"), ("high", "Very high"))),
        (Literal["a_b", "c"], (("a_b", "A b"), ("c", "C"))),
        (Literal[1, 2], (("1", "1"), ("2", "2"))),
        (Level | None, (("low", "Low"), ("high", "Very high"))),
        (str, ()),
    ],
)
def test_the_options(kind, expected):
    """An Enum and a Literal say what may be chosen."""
    assert expected == rule(kind).options


def test_a_list_takes_several():
    """The options of a list are those of its items."""
    found = rule(list[Level])
    assert found.multiple
    assert ("low", "Low") in found.options
    assert not rule(Level).multiple


def test_the_description_is_kept():
    """Title and description come from Meta."""
    found = rule(Annotated[str, Meta(title="Full name", description="As in the passport")])
    assert ("Full name", "As in the passport") == (found.title, found.help)


def test_names_are_those_of_the_form():
    """A renamed field has its wire name."""

    class Renamed(Struct, rename="camel"):
        first_name: str

    assert ["firstName"] == list(rules(Renamed))


def test_other_kinds_of_classes():
    """Dataclasses and TypedDicts have rules too; a plain type has none."""

    @dataclasses.dataclass
    class Data:
        a: int
        b: str = ""

    assert ["number", "text"] == [each.type for each in rules(Data).values()]
    assert {"a": "number"} == {name: each.type for name, each in rules(TypedDict("T", {"a": int})).items()}
    assert {} == rules(int)


def test_the_defaults():
    """An empty form shows the defaults; lists get a fresh one."""

    class Made(Struct):
        a: int
        b: int = 2
        c: list[int] = []

    assert {"b": 2, "c": []} == empty(Made)
