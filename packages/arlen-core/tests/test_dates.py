"""Dates: the three forms of HTTP, written and read without the locale."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.dates import format_date, parse_date

moments = st.integers(min_value=-62_000_000_000, max_value=250_000_000_000)


@given(st.integers(min_value=0, max_value=250_000_000_000))
def test_dates_are_written_as_the_standard_library_does(seconds):
    """The form is IMF-fixdate."""
    assert formatdate(seconds, usegmt=True) == format_date(seconds)


@given(moments)
def test_what_was_written_is_read(seconds):
    """A date comes back to the second."""
    assert seconds == parse_date(format_date(seconds))


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 GMT ",
    ],
)
def test_the_three_forms_are_read(text):
    """All the forms of RFC 9110 §5.6.7 name the same second."""
    assert 784111777 == parse_date(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "784111777",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Sep 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov ١٩٩٤ 08:49:37 GMT",
    ],
)
def test_anything_else_is_no_date(text):
    """What is no date of HTTP is none, rather than a guess."""
    assert parse_date(text) is None


def test_two_digits_are_a_year_near_now():
    """A year of two digits is not more than 50 years ahead."""
    assert 1999 == _year(parse_date("Friday, 31-Dec-99 00:00:00 GMT"))
    assert 2020 == _year(parse_date("Wednesday, 01-Jan-20 00:00:00 GMT"))


def _year(seconds: float) -> int:
    return int(format_date(seconds)[12:16])


def test_fractions_are_dropped():
    """HTTP dates count whole seconds."""
    assert "Thu, 01 Jan 1970 00:00:01 GMT" == format_date(1.999)


@given(st.text(max_size=40))
def test_no_text_breaks_it(text):
    """Any text is a date or none."""
    assert isinstance(parse_date(text), int | None)
