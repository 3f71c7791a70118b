"""Decimals: bounded in text and in values."""

import dataclasses
from decimal import Decimal
from typing import Annotated, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from arlen_core.decimals import DIGITS, EXPONENT, bounded, holds, is_decimal, unsound


class Price(Struct, rename="camel"):
    the_amount: Decimal
    word: str = ""


class Node(Struct):
    kids: "list[Node]" = []


class Rich(Struct):
    kids: "list[Rich]" = []
    money: Decimal | None = None


@dataclasses.dataclass
class Plain:
    prices: dict[str, list[Price]]


class Half(TypedDict):
    price: Price


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**50), max_value=10**50, places=30))
def test_every_number_of_bounded_size_passes(number):
    """What people write stays as it is."""
    assert str(number) == bounded(str(number))


@pytest.mark.parametrize(
    "text", ["1", "-1.", "+.5", "12.50", "1e999", "1E-999", "1e0999", "0" * DIGITS, "1." + "0" * DIGITS + "e-999"]
)
def test_numbers(text):
    """Every spelling of a finite number within the bounds is one."""
    assert text == bounded(text)
    Decimal(text)


@pytest.mark.parametrize(
    "text",
    ["NaN", "sNaN", "Infinity", "-inf", "1e1000", "1e-1000", "1e999999999", "9" * (DIGITS + 9), "", ".", "x", "1 ",
     "1_0", "\u0663", "1e", "--1", "0x1"],
)  # fmt: skip
def test_what_is_no_number_here(text):
    """Special values, huge ones and other scripts' digits are no numbers, and never a long text in a message."""
    made = bounded(text)
    assert made.startswith("no number: ")
    assert len(made) < 40


def test_other_things_pass():
    """Only text is looked at."""
    assert (3, None, [1]) == (bounded(3), bounded(None), bounded([1]))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Decimal, True),
        (Decimal | None, True),
        (Annotated[Decimal, Meta(title="x")], True),
        (list[Decimal], True),
        (dict[str, tuple[int, Decimal]], True),
        (Price, True),
        (Plain, True),
        (Half, True),
        (Rich, True),
        (int | Price, True),
        (Node, False),
        (int, False),
        (dict, False),
        (list[dict[str, str]], False),
    ],
)
def test_holds(kind, expected):
    """A type that may have a decimal somewhere inside, however deep, and recursive types end."""
    assert expected == holds(kind)


def test_is_decimal_by_name():
    """The type itself, and no other."""
    assert (True, False, False) == (is_decimal(Decimal), is_decimal(float), is_decimal(Price))


def test_unsound_finds_every_one_and_says_where():
    """Names as they are on the wire."""
    nan, huge = Decimal("NaN"), Decimal("1e1000")
    value = Plain({"a": [Price(Decimal(1)), Price(nan)], "b": [Price(huge)]})
    assert ["prices.a[1].theAmount", "prices.b[0].theAmount"] == [row.field for row in unsound(value)]
    assert ["price.theAmount"] == [row.field for row in unsound({"price": Price(nan)})]
    assert ["[0]", "[1][0]"] == [row.field for row in unsound([nan, (huge,)])]
    assert ["x", "x[0]"] == [row.field for row in [*unsound(nan, "x"), *unsound([nan], "x")]]


@pytest.mark.parametrize("text", ["0", "9" * DIGITS, f"1e{EXPONENT}", f"1e-{EXPONENT}", "-12.5"])
def test_sound(text):
    """At the bounds a number is good."""
    assert [] == list(unsound(Decimal(text)))


@pytest.mark.parametrize("text", ["sNaN", "Infinity", "9" * (DIGITS + 1), f"1e{EXPONENT + 1}", f"1e-{EXPONENT + 1}"])
def test_not_sound(text):
    """One past them it is not."""
    assert ["too_large"] == [row.code for row in unsound(Decimal(text))]
