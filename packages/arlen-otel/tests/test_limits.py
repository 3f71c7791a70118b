"""Limits: what is cut of a span before it waits."""

from __future__ import annotations

from enum import StrEnum

import hypothesis.strategies as st
import pytest
from hypothesis import given

from arlen_core.spans import Event, Span
from arlen_core.vault import Secret
from arlen_otel.encoding import encode, resource
from arlen_otel.limits import ITEMS, LARGER, limited, values

PARTS = resource({}, "arlen", "0.1")


def span(name="a", **given):
    """A span."""
    return Span(name=name, **{"trace_id": "1" * 32, "span_id": "2" * 16, "start": 1} | given)


class Odd:
    """A value that cannot be told."""

    def __str__(self):
        raise ValueError("odd")


class Colour(StrEnum):
    """A text of its own class."""

    RED = "crimson"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("x" * 9, "x" * 4),
        ("x" * 4, "x" * 4),
        ("é€ü😀x", "é€ü😀"),
        (b"12345", b"1234"),
        (["12345", "1", 7], ["1234", "1", 7]),
        (("12345",), ("1234",)),
        ({"12345": {"b": ["12345"]}}, {"1234": {"b": ["1234"]}}),
        ([1] * 1000, [1] * ITEMS),
        (dict.fromkeys(range(1000), 1), {str(number): 1 for number in range(ITEMS)}),
        (Colour.RED, "crim"),
        (Secret("hunter"), "****"),
        (1 + 2j, "(1+2"),
        (123456, 123456),
        (None, None),
        (True, True),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_each_value_is_cut(value, wanted):
    """Texts by characters, bytes by bytes, those in lists and mappings too, of which some elements are kept."""
    assert {"a": wanted} == limited(span(attributes={"a": value}), 4).attributes


def test_a_span_that_fits_is_the_same():
    """Nothing is copied for most of them."""
    mine = span(attributes={"a": "1234", "b": 1, "c": 1.5, "d": True, "e": None})
    assert limited(mine, 4) is mine


def test_the_span_of_others_stays_as_it_is():
    """Other listeners have the same one."""
    mine = span(attributes={"a": "x" * 9}, events=(Event("e", 1, {"b": "y" * 9}),))
    limited(mine, 4)
    assert ("x" * 9, "y" * 9) == (mine.attributes["a"], mine.events[0].attributes["b"])


def test_names_events_and_words_for_errors_are_cut():
    """Every text of a span but ids and the names of attributes, which code says."""
    made = limited(span("GET /long", error="failure", events=(Event("loaded", 1, {"a": "12345"}),)), 4)
    assert ("GET ", "fail", "load", {"a": "1234"}) == (
        made.name,
        made.error,
        made.events[0].name,
        made.events[0].attributes,
    )


def test_texts_of_exceptions_may_be_longer():
    """What somebody needs to find the fault: also those that OpenTelemetry's interface has recorded."""
    made = limited(span(error=LookupError("x" * 99)), 4)
    assert ["x" * 4 * LARGER, 4 * LARGER] == [made.error.message, len(made.error.attributes["exception.stacktrace"])]
    told = values({"exception.message": "x" * 99, "exception.stacktrace": "x" * 99, "exception.type": "x" * 99}, 4)
    assert [4 * LARGER, 4 * LARGER, 4] == [*map(len, told.values())]


def test_an_odd_value_is_left_to_who_encodes_it():
    """There it is counted, and no other span is lost."""
    odd = Odd()
    assert {"a": odd, "b": "1234"} == limited(span(attributes={"a": odd, "b": "12345"}), 4).attributes


def test_a_list_that_holds_itself_ends():
    """Depth is bounded too."""
    circle = []
    circle.append(circle)
    assert {"a": [[[[[]]]]]} == limited(span(attributes={"a": circle}), 4).attributes


texts = st.text(max_size=50)
plain = st.one_of(
    texts, st.integers(), st.booleans(), st.floats(), st.none(), st.binary(max_size=50), st.complex_numbers()
)
anything = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=4
)


@given(given=st.dictionaries(texts, anything, max_size=4))
def test_what_fits_is_encoded_as_it_was(given):
    """Cutting changes nothing else."""
    mine = span(attributes=given, events=(Event("e", 1, given),))
    assert encode([mine], 0, PARTS) == encode([limited(mine, 500)], 0, PARTS)


@given(given=st.dictionaries(texts, anything, max_size=4), length=st.integers(1, 20))
def test_no_text_is_longer(given, length):
    """Whatever stands in a span."""

    def longest(value):
        if isinstance(value, str | bytes):
            return len(value)
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        return max(map(longest, inner), default=0)

    assert length >= longest(limited(span(attributes=given), length).attributes)
