"""Instruments: one metric of this process, its series, and the calls that write them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from math import inf, isnan, nan

from arlen_core.meters import Declaration
from arlen_metrics.files import Cells, Full, Memory
from arlen_metrics.totals import Values, width

__all__ = ["Child", "Instrument", "adder", "changer", "recorder", "setter"]

Number = int | float
Texts = tuple[str, ...]


class Child:
    """One series: `cells[at]` is its first cell."""

    __slots__ = ("at", "cells")

    def __init__(self, cells: memoryview[float], at: int) -> None:
        self.cells, self.at = cells, at


class Instrument:
    """One metric of this process and its series.

    Args:
        declaration: what it is.
        cells: where its numbers stand.
        missing: returns the series of values that there is none for yet.
        tell: gets an event, the metric's name and a reason, when there is no room for it.

    Attributes:
        children: the series by their values.
        past: the series of everything that comes past the bound.
        width: how many cells a series has.
    """

    def __init__(
        self,
        declaration: Declaration,
        cells: Cells,
        missing: Callable[[Instrument, Texts], Child],
        tell: Callable[..., object],
    ) -> None:
        self.declaration = declaration
        self.width = width(declaration)
        # an own gauge that is a sum begins at 0; whoever tells the greatest or the least has not done so yet
        unset = declaration.kind == "gauge" and (declaration.labels or declaration.combine != "sum")
        self._blank = nan if unset else 0.0
        self.children: dict[Texts, Child] = {}
        self.past: Child | None = None
        self._missing, self._tell = missing, tell
        self._cells, self._number = self._declare(cells)
        if declaration.labels:
            self.past = self.spill()  # now, for there is no room for it when there is none for others
        else:
            self.children[()] = self.grow(()) or self.spill()

    def child(self, values: Texts) -> Child:
        """Return the cells of a series."""
        return self.children.get(values) or self._missing(self, values)

    def grow(self, values: Values) -> Child | None:
        """Make a series; `None` when there is no room."""
        try:
            cells, at = self._cells.take(self._number, values, self.width)
        except Full:
            return None
        cells[at] = self._blank
        child = Child(cells, at)
        if values is not None:
            self.children[values] = child
        return child

    def spill(self) -> Child:
        """Make the series of everything that comes past the bound; a gauge has none, for it would mean nothing."""
        made = None if self.declaration.kind == "gauge" else self.grow(None)
        if made is None:
            memory = Memory()
            made = Child(*memory.take(memory.declare(self.declaration), None, self.width))
        return made

    def move(self, cells: Cells, *, keep: bool) -> None:
        """Write to other cells from now on, beginning with what was counted, or with nothing."""
        self._cells, self._number = self._declare(cells)
        for values, child in self._all():
            made = self._new(values)
            for index in range(self.width):
                made.cells[made.at + index] += child.cells[child.at + index] if keep else 0.0
            if keep and self.declaration.kind == "gauge":
                made.cells[made.at] = child.cells[child.at]
            child.cells, child.at = made.cells, made.at

    def show(self, found: Mapping[Texts, Number]) -> None:
        """Put these values in the place of all others."""
        for values, child in list(self.children.items()):
            if values not in found and self.declaration.kind == "gauge":
                child.cells[child.at] = nan
        past: Number = 0
        for values, value in found.items():
            if self.declaration.kind == "counter" and not 0 <= value < inf:
                raise ValueError(f"{self.declaration.name} only grows: {value} is no total")
            child = self.child(values)
            past += value if child is self.past else 0
            child.cells[child.at] = past if child is self.past else value

    def _new(self, values: Values) -> Child:
        memory = Memory()
        try:
            cells, at = self._cells.take(self._number, values, self.width)
        except Full:
            cells, at = memory.take(memory.declare(self.declaration), values, self.width)
        cells[at] = self._blank
        return Child(cells, at)

    def _all(self) -> Iterator[tuple[Values, Child]]:
        yield from list(self.children.items())  # a thread may add one
        if self.past is not None and self.declaration.kind != "gauge":
            yield None, self.past

    def _declare(self, cells: Cells) -> tuple[Cells, int]:
        try:
            return cells, cells.declare(self.declaration)
        except Full as error:
            self._tell("metrics.full", self.declaration.name, reason=str(error))
            alone = Memory()
            return alone, alone.declare(self.declaration)


def adder(meter: Instrument) -> Callable[..., None]:
    """Return `add(amount=1, *values)` of a counter."""

    def add(amount: Number = 1, *values: str) -> None:
        child = known(values) or find(values)
        if not 0 <= amount < inf:
            raise ValueError(f"{name} only grows: {amount} is no amount")
        child.cells[child.at] += amount

    known, find, name = meter.children.get, meter.child, meter.declaration.name
    return add


def setter(meter: Instrument) -> Callable[..., None]:
    """Return `set(value, *values)` of a gauge."""

    def put(value: Number, *values: str) -> None:
        child = known(values) or find(values)
        child.cells[child.at] = value

    known, find = meter.children.get, meter.child
    return put


def changer(meter: Instrument) -> Callable[..., None]:
    """Return `add(delta, *values)` of a gauge."""

    def add(delta: Number, *values: str) -> None:
        child = known(values) or find(values)
        cells, at = child.cells, child.at
        if isnan(cells[at]):  # nobody has set it yet
            cells[at] = 0.0
        cells[at] += delta

    known, find = meter.children.get, meter.child
    return add


def recorder(meter: Instrument) -> Callable[..., None]:
    """Return `record(value, *values)` of a histogram."""

    def record(value: Number, *values: str) -> None:
        child = known(values) or find(values)
        if not 0 <= value < inf:
            raise ValueError(f"{name} cannot hold {value}: a histogram counts sizes, which are not negative")
        cells, at = child.cells, child.at
        cells[at + bisect_left(bounds, value)] += 1.0
        cells[at + last] += value

    known, find, name = meter.children.get, meter.child, meter.declaration.name
    bounds, last = meter.declaration.buckets, meter.width - 1
    return record
