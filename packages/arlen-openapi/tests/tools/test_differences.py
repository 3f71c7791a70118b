"""Differences: where two documents differ, one line for each place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_openapi.differences import differences, told

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab ", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 2}, ["~ $.a: 1 -> 2"]),
        ({"a": 1}, {}, ["- $.a: 1"]),
        ({}, {"a b": {"c": [1]}}, ['+ $["a b"]: {"c": [1]}']),
        ([1, 2], [1, 3, 4], ["~ $[1]: 2 -> 3", "+ $[2]: 4"]),
        ([1, 2], [1], ["- $[1]: 2"]),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, ['~ $.a.b: "x" -> "y"']),
        ({"a": []}, {"a": {}}, ["~ $.a: [] -> {}"]),
        ({"a": 1}, {"a": True}, ["~ $.a: 1 -> true"]),
        ({"a": None}, {}, ["- $.a: null"]),
        (1, 2, ["~ $: 1 -> 2"]),
        ({"a": "é"}, {}, ['- $.a: "é"']),
    ],
)
def test_each_place_has_a_line(before, after, lines):
    """What was added, what was removed, and what is something else now."""
    assert lines == [told(each) for each in differences(before, after)]


def test_a_long_value_is_cut():
    """A line is to be read."""
    (found,) = differences({}, {"a": "x" * 500})
    assert (99, "…") == (len(told(found).removeprefix("+ $.a: ")) - 1, told(found)[-1])


@given(JSON, JSON)
def test_only_equal_documents_do_not_differ(before, after):
    """1 and true are not equal here."""

    def spelled(node):
        if isinstance(node, dict):
            return {key: spelled(value) for key, value in node.items()}
        return [spelled(each) for each in node] if isinstance(node, list) else (type(node).__name__, node)

    assert (spelled(before) == spelled(after)) is not any(differences(before, after))
