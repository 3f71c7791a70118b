"""Ranges: against a model that cuts a list of bytes."""

from time import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.dates import format_date
from arlen_core.ranges import Unsatisfiable, select
from arlen_core.requests import Request

numbers = st.integers(min_value=0, max_value=30)


def asking(value: str, method: str = "GET", **fields: str) -> Request:
    """Make a request with a Range."""
    more = [(name.replace("_", "-").encode(), text.encode()) for name, text in fields.items()]
    return Request(method, headers=[(b"range", value.encode()), *more])


@given(numbers, numbers, numbers)
def test_a_span_is_a_slice(first, last, size):
    """`first-last` are those bytes that exist, both ends included."""
    data = bytes(range(size))
    expected = data[first : last + 1]
    if last < first:
        assert select(asking(f"bytes={first}-{last}"), size) is None
    elif not expected:
        with pytest.raises(Unsatisfiable):
            select(asking(f"bytes={first}-{last}"), size)
    else:
        offset, length = select(asking(f"bytes={first}-{last}"), size)
        assert expected == data[offset : offset + length]
        assert length == len(expected)


@given(numbers, numbers)
def test_an_open_span_goes_to_the_end(first, size):
    """`first-` is the rest."""
    if first >= size:
        with pytest.raises(Unsatisfiable):
            select(asking(f"bytes={first}-"), size)
    else:
        assert (first, size - first) == select(asking(f"bytes={first}-"), size)


@given(numbers, numbers)
def test_a_suffix_is_the_end(length, size):
    """`-length` are the last bytes, or all; of an empty file it is the whole."""
    data = bytes(range(size))
    if length == 0:
        with pytest.raises(Unsatisfiable):
            select(asking(f"bytes=-{length}"), size)
    elif size == 0:
        assert select(asking(f"bytes=-{length}"), size) is None
    else:
        offset, count = select(asking(f"bytes=-{length}"), size)
        assert data[-length:] == data[offset : offset + count]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "lines=0-1",
        "bytes=0 - 1",
        "bytes 0-1",
        "bytes=\u0660-\u0661",
    ],
)
def test_what_is_not_one_range_gets_the_whole(value):
    """Several ranges, other units and broken syntax are ignored (RFC 9110 §14.2)."""
    assert select(asking(value), 10) is None


@pytest.mark.parametrize("value", ["bytes=0-1", "Bytes=0-1", "bytes= 0-1 "])
def test_the_unit_is_read_in_any_case(value):
    """Range units are case-insensitive; blanks around are allowed."""
    assert (0, 2) == select(asking(value), 10)


def test_two_range_fields_get_the_whole():
    """Two fields are two ranges."""
    assert select(Request(headers=[(b"range", b"bytes=0-1"), (b"range", b"bytes=2-3")]), 10) is None


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_only_get_has_ranges(method):
    """GET is the only method for which ranges are defined."""
    assert select(asking("bytes=0-1", method), 10) is None


def test_numbers_beyond_any_file_are_ignored():
    """A number of many digits is not even read."""
    assert select(asking("bytes=0-" + "9" * 5000), 10) is None


@pytest.mark.parametrize(
    ("condition", "tag", "holds"),
    [
        ('"v1"', '"v1"', True),
        ('"v2"', '"v1"', False),
        ('W/"v1"', '"v1"', False),
        ('W/"v1"', 'W/"v1"', False),
        ('"v1"', "", False),
    ],
)
def test_if_range_compares_tags_strongly(condition, tag, holds):
    """Only the same strong tag lets a download go on (RFC 9110 §13.1.5)."""
    expected = (2, 8) if holds else None
    assert expected == select(asking("bytes=2-", if_range=condition), 10, tag)


def test_if_range_compares_times_exactly():
    """The very second of the last change lets it go on, when that is long enough ago."""
    changed = time() - 3600
    assert (2, 8) == select(asking("bytes=2-", if_range=format_date(changed)), 10, "", changed)
    assert select(asking("bytes=2-", if_range=format_date(changed + 60)), 10, "", changed) is None
    assert select(asking("bytes=2-", if_range="nonsense"), 10, "", changed) is None
    assert select(asking("bytes=2-", if_range=format_date(changed)), 10, "", None) is None


def test_a_change_of_this_second_is_no_strong_time():
    """Another change could hide in the same second; nor is one that seems to be ahead of us."""
    changed = time() + 30
    assert select(asking("bytes=2-", if_range=format_date(changed)), 10, "", changed) is None


def test_without_a_range_it_is_the_whole():
    """No Range, no part."""
    assert select(Request(), 10) is None
