"""Tests of arlen_core.versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.versions import fits, numbers


@pytest.mark.parametrize(
    ("version", "wanted", "good"),
    [
        ("1.0", ">=1,<2", True),
        ("1.9.9", ">=1, <2", True),
        ("2.0", ">=1,<2", False),
        ("0.9", ">=1", False),
        ("1.0", "==1", True),
        ("1.0.1", "!=1", True),
        ("1.0", "!=1.0.0", False),
        ("1.10", ">1.9", True),
        ("1.0", ">1", False),
        ("1.0", "<=1", True),
        ("1.0rc1", ">=1", True),
        ("1.0", "", True),
        ("1.0", "  ", True),
        ("new", ">=1", False),
    ],
)
def test_bounds(version, wanted, good):
    """All bounds count; numbers are compared one by one, and missing ones are 0."""
    assert good is fits(version, wanted)


@pytest.mark.parametrize("wanted", ["1", "~=1", "==1.*", ">=1,", "=1", ">=1;<2", ">=a", ">=1.0rc1", ">= -1", ">=۳"])
def test_what_is_no_bound(wanted):
    """Is named in the error; nothing is guessed."""
    with pytest.raises(ValueError, match="no bound of versions"):
        fits("1.0", wanted)


def test_numbers():
    """The leading numbers of a version, and nothing behind them."""
    assert (1, 10, 0) == numbers("1.10.0rc1")
    assert () == numbers("v1")


PARTS = st.lists(st.integers(0, 30), min_size=1, max_size=4)


@given(PARTS, PARTS)
def test_one_of_three_holds(one, other):
    """A version is below, at or above another: exactly one of them."""
    have, bound = (".".join(map(str, each)) for each in (one, other))
    assert 1 == sum(fits(have, f"{sign}{bound}") for sign in ("<", "==", ">"))
    assert fits(have, f">={bound}") is not fits(have, f"<{bound}")
    assert fits(have, f"!={bound}") is not fits(have, f"=={bound}")
