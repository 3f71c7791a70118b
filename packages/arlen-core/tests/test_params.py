"""Parameters: the markers, and input that may be wrong."""

import pytest

from arlen_core.errors import ArlenError, FieldError
from arlen_core.params import Cookie, Header, Input, Invalid


def test_markers_are_values():
    """Equal when their names are, and without a name by default."""
    assert Header("x-a") == Header("x-a")
    assert Header("a") != Cookie("a")
    assert ("", "") == (Header().name, Cookie().name)


def test_good_input_has_a_value():
    """`valid` gives it."""
    good = Input(int, 3)
    assert (True, 3, 3, [], {}, "") == (good.ok, good.value, good.valid(), good.errors, good.raw, good.error("x"))


def test_wrong_input_has_rows_and_what_was_sent():
    """The first message of each field, and the raw values, are there for the form."""
    rows = [FieldError("a", "x", "is wrong"), FieldError("a", "y", "is worse"), FieldError("b", "z", "is missing")]
    wrong = Input(int, None, {"a": "q"}, rows)
    assert (False, None, {"a": "q"}) == (wrong.ok, wrong.value, wrong.raw)
    assert ("is wrong", "is missing", "") == (wrong.error("a"), wrong.error("b"), wrong.error("c"))
    with pytest.raises(ValueError, match="look at `errors` first"):
        wrong.valid()


def test_no_value_is_not_valid():
    """Even without a row."""
    with pytest.raises(ValueError, match="not valid"):
        Input(int).valid()


def test_two_inputs_share_nothing():
    """Rows and raw values are each input's own."""
    one, two = Input(int), Input(int)
    one.errors.append(FieldError("a", "b", "c"))
    one.raw["a"] = 1
    assert ([], {}) == (two.errors, two.raw)


def test_invalid_carries_rows():
    """One source of parameters failed."""
    error = Invalid([FieldError("a", "b", "c")])
    assert (1, "1 invalid fields") == (len(error.rows), str(error))
    assert isinstance(error, ArlenError)
