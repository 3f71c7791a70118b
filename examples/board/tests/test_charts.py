"""Charts: geometry that a template draws."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from charts import HEIGHT, LEFT, WIDTH, scale, weekly
from figures import Week

WEEKS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=1, max_size=20)


def weeks(counts: list[tuple[int, int]]) -> list[Week]:
    """Return weeks with these counts."""
    return [Week(date(2026, 1, 5) + timedelta(weeks=n), *pair) for n, pair in enumerate(counts)]


@given(WEEKS)
def test_every_bar_is_inside_the_picture(counts: list[tuple[int, int]]) -> None:
    """Whatever the numbers are, and no two bars overlap."""
    chart = weekly(weeks(counts))
    bars = [bar for column in chart.columns for bar in (column.opened, column.resolved)]
    assert all(LEFT <= bar.x and bar.x + bar.width <= WIDTH for bar in bars)
    assert all(bar.y >= 0 and bar.y + bar.height <= chart.base + 0.11 for bar in bars)
    assert all(left.x + left.width <= right.x for left, right in pairwise(bars))


@given(WEEKS)
def test_heights_are_in_proportion(counts: list[tuple[int, int]]) -> None:
    """A bar as high as a line of the grid stands for its number."""
    chart = weekly(weeks(counts))
    top = chart.grid[-1]
    for column in chart.columns:
        expected = (chart.base - top.y) * column.opened.value / top.value
        assert abs(expected - column.opened.height) <= 0.06


@given(st.integers(0, 10**6))
def test_the_scale_is_round_and_just_enough(most: int) -> None:
    """At most five steps of 1, 2 or 5 times a power of ten."""
    step, count = scale(most)
    assert step * count >= most
    assert step * (count - 1) < max(1, most)
    assert 1 <= count <= 5
    assert str(step).rstrip("0") in {"1", "2", "5"}


def test_no_weeks_are_an_empty_picture() -> None:
    """With its grid."""
    chart = weekly([])
    assert ([], [0, 1], HEIGHT) == (chart.columns, [line.value for line in chart.grid], chart.height)
