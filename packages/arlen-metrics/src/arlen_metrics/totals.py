"""Totals: what all processes counted, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf, isnan
from operator import add

from arlen_core.meters import Declaration

__all__ = ["Family", "Row", "Totals", "Values", "shape", "sound", "width"]

Values = tuple[str, ...] | None
"""The values of a series' labels; `None` is the series of all that came past the bound."""

Row = tuple[Values, list[float]]
"""A series and its cells."""

_COMBINE: dict[str, Callable[[float, float], float]] = {"sum": add, "max": max, "min": min}


def shape(declaration: Declaration) -> tuple[object, ...]:
    """Return what must be the same for two processes to be added up: everything but the help."""
    kind, labels = declaration.kind, declaration.labels
    return declaration.name, kind, labels, declaration.unit, declaration.buckets, declaration.combine


def width(declaration: Declaration) -> int:
    """Return how many cells a series of a metric has.

    >>> width(Declaration("histogram", "mail.duration", "How long.", buckets=(0.1, 1.0)))
    4
    """
    return len(declaration.buckets) + 2 if declaration.kind == "histogram" else 1


def sound(declaration: Declaration, values: Values, cells: list[float]) -> bool:
    """Say whether somebody can have counted this: as many labels and cells as there should be, nothing below zero.

    >>> sent = Declaration("counter", "mail.sent", "Mails that left.", ("result",))
    >>> sound(sent, ("ok",), [3.0]), sound(sent, ("ok",), [-3.0]), sound(sent, (), [3.0])
    (True, False, False)
    """
    if len(cells) != width(declaration) or (values is not None and len(values) != len(declaration.labels)):
        return False
    if declaration.kind == "histogram":
        return min(cells[:-1]) >= 0 and sum(cells[:-1]) < inf  # the sum of what was counted may be anything
    return declaration.kind == "gauge" or cells[0] >= 0


class Family:
    """One metric and its series.

    Args:
        declaration: what it is.
        limit: most series; more are added to the overflow.

    Attributes:
        series: by their values: one cell, or those of a histogram: a count for each bucket, one for more, the sum.
    """

    def __init__(self, declaration: Declaration, limit: int = 0) -> None:
        self.declaration = declaration
        self.series: dict[Values, list[float]] = {}
        self._limit = limit
        self._combine = _COMBINE[declaration.combine if declaration.kind == "gauge" else "sum"]

    def put(self, values: Values, cells: list[float]) -> None:
        """Take note of a series of one more process."""
        if self.declaration.kind == "gauge" and isnan(cells[0]):
            return  # nobody has set it, or nobody does any more
        if values is None and not any(cells):
            return  # nothing came past the bound
        known = self.series.get(values)
        if known is not None:
            known[:] = map(self._combine, known, cells)
        elif self._limit and values is not None and len(self.series) >= self._limit:
            self.put(None, cells)
        else:
            self.series[values] = cells


class Totals:
    """The metrics of several processes.

    Args:
        declarations: of this process; of two processes that disagree about a metric, this one is right.
        limit: most series of a metric, 0 for no bound.
        apart: keep what does not add up beside each other; `families` are by name and shape then.

    Attributes:
        families: by their names.
        refused: names of metrics that another process declares as something else.
    """

    def __init__(self, declarations: Iterable[Declaration] = (), *, limit: int = 0, apart: bool = False) -> None:
        self._limit, self._apart = limit, apart
        self.families = {each.name: Family(each, limit) for each in declarations}
        self.refused: set[str] = set()

    def add(self, declaration: Declaration, rows: Iterable[Row]) -> None:
        """Add the series of one metric of one process."""
        key = str(shape(declaration)) if self._apart else declaration.name
        family = self.families.get(key)
        if family is None:
            family = self.families[key] = Family(declaration, self._limit)
        elif family.declaration is not declaration and shape(family.declaration) != shape(declaration):
            self.refused.add(declaration.name)
            return
        put = family.put
        for values, cells in rows:
            put(values, cells)
