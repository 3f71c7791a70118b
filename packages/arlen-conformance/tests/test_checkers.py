"""Tests of the checkers: pure functions over histories."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_conformance.checkers import disordered, duplicated, lost, nonlinear, overlapping, stale, unequal
from arlen_conformance.histories import Operation

NUMBERS = st.lists(st.integers(0, 5))


@given(NUMBERS, NUMBERS)
def test_lost(sent, received):
    """Nothing is lost exactly when everything that was sent was received."""
    assert (not lost(sent, received)) == (set(sent) <= set(received))


def test_lost_names_it():
    """What is lost is named, in the order in which it was sent."""
    assert lost("abcd", "db") == ["a", "c"]


@given(NUMBERS)
def test_duplicated(received):
    """There is a duplicate exactly when there are fewer values than messages."""
    assert bool(duplicated(received)) == (len(set(received)) < len(received))


@given(NUMBERS, NUMBERS)
def test_unequal(committed, applied):
    """Two sets are equal exactly when nothing is missing and nothing is a phantom."""
    assert (not unequal(committed, applied)) == (set(committed) == set(applied))


@given(st.permutations(range(4)))
def test_disordered(order):
    """One key's values are in order exactly when nothing is found."""
    found = disordered([("k", value) for value in range(4)], [("k", value) for value in order])
    assert (not found) == (list(order) == sorted(order))


def test_keys_have_orders_of_their_own():
    """Between keys there is no order; repetitions are in order; what was never sent counts as first."""
    sent = [("a", 1), ("b", 1), ("a", 2)]
    assert not disordered(sent, [("b", 1), ("a", 1), ("a", 1), ("a", 2)])
    assert disordered(sent, [("a", 1), ("a", 9)]) == [("a", 9)]


@given(NUMBERS)
def test_stale(tokens):
    """No token is stale exactly when they never go down."""
    assert (not stale(tokens)) == (tokens == sorted(tokens))


def test_stale_names_each():
    """Everything below the greatest so far is stale."""
    assert stale([1, 5, 2, 3, 5]) == [2, 3]


@pytest.mark.parametrize(
    ("holds", "limit", "found"),
    [
        ([], 1, []),
        ([("a", 0, 5), ("b", 5, 6)], 1, []),
        ([("b", 4, 6), ("a", 0, 5)], 1, [("b", 4, 6)]),
        ([("a", 0, 9), ("b", 1, 9), ("c", 2, 9)], 2, [("c", 2, 9)]),
        ([("a", 0, 9), ("b", 1, 2), ("c", 3, 4)], 1, [("b", 1, 2), ("c", 3, 4)]),
    ],
)
def test_overlapping(holds, limit, found):
    """Holds that begin while the limit is reached are found."""
    assert overlapping(holds, limit) == found


def write(value, start, end, result="ok"):
    """Return a write."""
    return Operation("w", "write", "x", value, start, end, result)


def read(value, start, end, result="ok"):
    """Return a read."""
    return Operation("r", "read", "x", value, start, end, result)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [read(None, 0, 1)],
        [write(1, 0, 1), read(1, 2, 3)],
        [write(1, 0, 9), read(None, 1, 2), read(1, 3, 4)],
        [write(1, 0, 9), write(2, 0, 9), read(2, 10, 11)],
        [write(1, 0, 9), write(2, 0, 9), read(1, 10, 11)],
        [write(1, 0, None, ""), read(None, 5, 6), read(1, 7, 8)],
        [write(1, 0, None, ""), read(None, 5, 6)],
        [write(1, 0, 2, "timeout"), read(1, 5, 6)],
        [write(1, 0, 1), read(7, 2, None, ""), read(7, 2, 3, "error")],
    ],
)
def test_linear(history):
    """A history that could have happened one after the other is well."""
    assert nonlinear(history) == []


@pytest.mark.parametrize(
    ("history", "found"),
    [
        ([read(1, 0, 1)], [0]),
        ([write(1, 0, 1), read(None, 2, 3)], [1]),
        ([write(1, 0, 9), read(1, 1, 2), read(None, 3, 4)], [2]),
        ([write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)], [2]),
        ([write(1, 0, 1), write(2, 2, None, ""), read(2, 3, 4), read(1, 5, 6)], [3]),
    ],
)
def test_not_linear(history, found):
    """What cannot be put in an order is named."""
    assert [history.index(each) for each in nonlinear(history)] == found


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["read", "write"]), st.integers(0, 2), st.integers(0, 6), st.integers(1, 4)), max_size=5
)


@given(OPERATIONS)
def test_against_all_orders(drawn):
    """The search agrees with trying every order."""
    history = [Operation("a", op, "x", value, start, start + long, "ok") for op, value, start, long in drawn]
    assert (not nonlinear(history, 0)) == any(map(possible, itertools.permutations(history)))


def possible(order):
    """Return whether operations can have happened in this order."""
    value = 0
    for place, each in enumerate(order):
        if any(later.end < each.start for later in order[place + 1 :]):
            return False
        if each.op == "read" and each.value != value:
            return False
        value = each.value if each.op == "write" else value
    return True
