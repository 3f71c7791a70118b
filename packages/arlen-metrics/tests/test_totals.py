"""Totals: how the numbers of several processes become one."""

import math

import pytest

from arlen_core.meters import Declaration
from arlen_metrics.totals import Totals


@pytest.mark.parametrize(("combine", "expected"), [("sum", 9.0), ("max", 5.0), ("min", 1.0)])
def test_gauges_say_what_they_are_together(combine, expected):
    """The sum, the greatest or the least of those who have set it."""
    totals, gauge = Totals(), Declaration("gauge", "x", "X.", combine=combine)
    for value in (3.0, 5.0, 1.0, math.nan):
        totals.add(gauge, [((), [value])])
    assert {(): [expected]} == totals.families["x"].series


def test_counters_and_histograms_are_added_cell_by_cell():
    """Each bucket is the sum of that bucket of all."""
    totals, times = Totals(), Declaration("histogram", "x", "X.", (), "s", (1.0,))
    totals.add(times, [((), [1.0, 2.0, 3.5])])
    totals.add(times, [((), [10.0, 20.0, 30.0])])
    assert {(): [11.0, 22.0, 33.5]} == totals.families["x"].series


def test_another_help_is_the_same_metric():
    """A newer version of an application may explain it better."""
    totals = Totals()
    totals.add(Declaration("counter", "x", "X."), [((), [1.0])])
    totals.add(Declaration("counter", "x", "All X."), [((), [2.0])])
    assert {(): [3.0]} == totals.families["x"].series
    assert set() == totals.refused


def test_another_shape_is_left_out():
    """What cannot be added up is not; the declaration of the process that asks is right."""
    totals = Totals([Declaration("histogram", "x", "X.", (), "s", (1.0,))])
    totals.add(Declaration("histogram", "x", "X.", (), "s", (2.0,)), [((), [1.0, 1.0, 1.0])])
    assert {} == totals.families["x"].series
    assert {"x"} == totals.refused


def test_series_past_the_limit_are_one():
    """The counts stay, the labels go; what is known goes on."""
    totals, counter = Totals(limit=2), Declaration("counter", "x", "X.", ("a",))
    totals.add(counter, [((str(number),), [1.0]) for number in range(5)])
    totals.add(counter, [(("0",), [1.0]), (("9",), [1.0])])
    assert {("0",): [2.0], ("1",): [1.0], None: [4.0]} == totals.families["x"].series


def test_an_overflow_of_nothing_is_none():
    """The room for it is made before it is needed."""
    totals = Totals()
    totals.add(Declaration("counter", "x", "X.", ("a",)), [(None, [0.0])])
    assert {} == totals.families["x"].series
