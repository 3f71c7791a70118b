"""Charts: the geometry of the pictures, in numbers; templates draw them as inline SVG, without a script or a style."""

from collections.abc import Sequence
from datetime import date

from arlen import Struct

from figures import Week

__all__ = ["Bar", "Chart", "Column", "Line", "weekly"]

WIDTH, HEIGHT = 1080, 280
LEFT, RIGHT, TOP, BOTTOM = 40, 6, 12, 30
GAP = 0.3
"""The share of a week's width that stays empty."""


class Bar(Struct, frozen=True):
    """A rectangle and the number it stands for."""

    x: float
    y: float
    width: float
    height: float
    value: int


class Column(Struct, frozen=True):
    """A week: its name, where that is written, and its two bars."""

    monday: date
    x: float
    opened: Bar
    resolved: Bar


class Line(Struct, frozen=True):
    """A line of the grid and its number."""

    y: float
    value: int


class Chart(Struct, frozen=True):
    """A picture of `width` by `height`: the grid, and a column for each week above `base`."""

    width: int
    height: int
    left: int
    base: float
    grid: list[Line]
    columns: list[Column]


def weekly(weeks: Sequence[Week]) -> Chart:
    """Lay out two bars for each week: what was opened, and what was resolved.

    >>> weekly([Week(date(2026, 11, 16), 8, 4)]).grid[-1].value
    8
    """
    step, count = scale(max([each.opened for each in weeks] + [each.resolved for each in weeks], default=0))
    base, top = HEIGHT - BOTTOM, step * count
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(weeks))
    thick = slot * (1 - GAP) / 2

    def bar(place: int, value: int, second: int) -> Bar:
        height = round((base - TOP) * value / top, 1)
        x = LEFT + slot * (place + GAP / 2) + thick * second
        return Bar(round(x, 1), round(base - height, 1), round(thick - 1, 1), height, value)

    columns = [
        Column(
            each.monday, round(LEFT + slot * (place + 0.5), 1), bar(place, each.opened, 0), bar(place, each.resolved, 1)
        )
        for place, each in enumerate(weeks)
    ]
    grid = [Line(round(base - (base - TOP) * n / count, 1), step * n) for n in range(count + 1)]
    return Chart(WIDTH, HEIGHT, LEFT, base, grid, columns)


def scale(most: int) -> tuple[int, int]:
    """Return a round step and how many of them reach `most`: at most five.

    >>> scale(0), scale(8), scale(47), scale(1234)
    ((1, 1), (2, 4), (10, 5), (500, 3))
    """
    size = 1
    while True:
        for step in (size, size * 2, size * 5):
            if step * 5 >= most:
                return step, max(1, -(-most // step))
        size *= 10
