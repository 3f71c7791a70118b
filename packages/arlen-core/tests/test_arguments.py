"""Arguments: one function an argument, made once."""

from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from arlen_core.arguments import SOURCES, converted, model, reader, segment
from arlen_core.params import Invalid
from arlen_core.requests import Request
from arlen_core.signatures import MISSING


class Filters(Struct):
    page: Annotated[int, Meta(ge=1)] = 1
    q: str = ""


def request(**params) -> Request:
    """Return a request with one value in every source."""
    made = Request(query=b"x=1&x=2", headers=[(b"x", b"3"), (b"x", b"4"), (b"cookie", b"x=5; x=6")])
    made.params = params
    return made


@pytest.mark.parametrize(
    ("source", "one", "many"), [("query", "1", ["1", "2"]), ("header", "3", ["3", "4"]), ("cookie", "5", ["5"])]
)
def test_the_sources(source, one, many):
    """One value is the first; several are all; none is None."""
    assert one == SOURCES[source]("x", many=False)(request())
    assert many == SOURCES[source]("x", many=True)(request())
    assert None is SOURCES[source]("y", many=False)(request())
    assert None is SOURCES[source]("y", many=True)(request())


def test_no_other_source():
    """Three, by name."""
    assert {"query", "header", "cookie"} == set(SOURCES)


@pytest.mark.parametrize(
    ("value", "default", "blank", "expected"),
    [("3", MISSING, True, 3), ("3", 1, True, 3), ("", 1, True, 1), (None, 1, True, 1), (None, None, False, None)],
)
def test_converted(value, default, blank, expected):
    """A value, or the default for one that is absent."""
    assert expected == converted(lambda _: value, reader(int, "x", default, blank=blank))(Request())


@pytest.mark.parametrize(
    ("value", "blank", "code"), [(None, True, "missing"), ("", True, "missing"), ("", False, "invalid_type")]
)
def test_not_converted(value, blank, code):
    """What is absent without a default, or no such thing, is a row at its wire name."""
    with pytest.raises(Invalid) as caught:
        converted(lambda _: value, reader(int, "x-wire", MISSING, blank=blank))(Request())
    assert [("x-wire", code)] == [(row.field, row.code) for row in caught.value.rows]


@given(st.text(max_size=8))
def test_text_passes_untouched(text):
    """No conversion, no trimming."""
    assert text == converted(lambda _: text, reader(str, "x", MISSING, blank=False))(Request())


def test_segments():
    """Of the path's parameters, by name."""
    assert ("7", 7, 7) == (
        segment("id", MISSING)(request(id="7")),
        segment("id", int)(request(id="7")),
        segment("id", int)(request(id=7)),
    )
    with pytest.raises(Invalid) as caught:
        segment("id", int)(request(id="x"))
    assert "id" == caught.value.rows[0].field


def test_models():
    """A record from the query, with every wrong field in one refusal."""
    take = model(Filters)
    assert Filters(2, "tea") == take(Request(query=b"page=2&q=tea&other=1"))
    assert Filters() == take(Request())
    with pytest.raises(Invalid) as caught:
        take(Request(query=b"page=0"))
    assert [("page", "too_small")] == [(row.field, row.code) for row in caught.value.rows]


@pytest.mark.parametrize(
    "text", ["7", "007", "0", "-7", "+7", "7.0", "\u0667", "9" * 18, "9" * 19, "9" * 30, "x", "1_0"]
)
def test_short_ways_read_as_the_long_one_does(text):
    """A number that is taken without msgspec is what msgspec would have made of it."""

    def read(take):
        try:
            return take(text)
        except (Invalid, msgspec.ValidationError):
            return "refused"

    assert read(lambda each: msgspec.convert(each, int, strict=False)) == read(reader(int, "x", MISSING, blank=True))


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), ("TRUE", True), ("1", True), ("false", False), ("off", False)]
)
def test_truths(text, expected):
    """However they are written."""
    assert expected is reader(bool, "x", MISSING, blank=True)(text)
