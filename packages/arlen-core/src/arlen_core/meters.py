"""Meters: what the parts of an application count and measure, whoever may want to know, or nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from math import inf
from typing import Literal, Protocol, TypeVar, get_args

from msgspec import Struct

from arlen_core.errors import StartupError

__all__ = ["SECONDS", "Counter", "Declaration", "Gauge", "Histogram", "Meters", "Registry"]

Number = int | float
Values = Number | Mapping[tuple[str, ...], Number]
Kind = Literal["counter", "gauge", "histogram"]
Combine = Literal["sum", "max", "min"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The bounds that OpenTelemetry advises for the durations of requests."""

_name = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*").fullmatch
_label = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*").fullmatch


class Declaration(Struct, frozen=True):
    """What an instrument is.

    Attributes:
        kind: "counter" only grows; "gauge" goes up and down; "histogram" counts values by size.
        name: by OpenTelemetry's conventions: "http.server.request.duration".
        help: one line for people.
        labels: their names; every call gives their values, in this order.
        unit: of UCUM: "s", "By", "{request}", or "" for a plain number.
        buckets: the upper bounds of a histogram, in order.
        combine: what a gauge of several processes is together: their sum, the greatest, or the least.
    """

    kind: Kind
    name: str
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()
    combine: Combine = "sum"


class Registry(Protocol):
    """Who keeps the numbers; `arlen-metrics` has one. Each method returns what the instrument does from then on."""

    def counter(self, declaration: Declaration) -> Callable[..., object]:
        """Return `add(amount, *values)`."""

    def gauge(self, declaration: Declaration) -> tuple[Callable[..., object], Callable[..., object]]:
        """Return `set(value, *values)` and `add(delta, *values)`."""

    def histogram(self, declaration: Declaration) -> Callable[..., object]:
        """Return `record(value, *values)`."""

    def observe(self, declaration: Declaration, function: Callable[[], Values]) -> object:
        """Ask `function` for the value whenever somebody wants to know, and now and then for other processes."""


class Counter:
    """A number that only grows; see `Meters`.

    Attributes:
        declaration: what it is.
        add: `add(amount=1, *values)`: the amount, not negative, and the values of its labels.
    """

    __slots__ = ("add", "declaration")

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.add: Callable[..., object] = _nothing

    def bind(self, registry: Registry | None) -> None:
        """Count for a registry, or for nobody."""
        self.add = _nothing if registry is None else registry.counter(self.declaration)


class Gauge:
    """A number that goes up and down; see `Meters`.

    Attributes:
        declaration: what it is.
        set: `set(value, *values)`.
        add: `add(delta, *values)`.
    """

    __slots__ = ("add", "declaration", "set")

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.set: Callable[..., object] = _nothing
        self.add: Callable[..., object] = _nothing

    def bind(self, registry: Registry | None) -> None:
        """Tell a registry, or nobody."""
        self.set, self.add = (_nothing, _nothing) if registry is None else registry.gauge(self.declaration)


class Histogram:
    """Values, counted by size; see `Meters`.

    Attributes:
        declaration: what it is.
        record: `record(value, *values)`.
    """

    __slots__ = ("declaration", "record")

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.record: Callable[..., object] = _nothing

    def bind(self, registry: Registry | None) -> None:
        """Record for a registry, or for nobody."""
        self.record = _nothing if registry is None else registry.histogram(self.declaration)


Made = TypeVar("Made", Counter, Gauge, Histogram)


class Meters:
    """The instruments of an application, `app.meters`.

    A package declares what it can tell, whether a registry is there or not and in whatever order they come; without
    one, a call is a call of a function that does nothing. `arlen-metrics` attaches the registry.

    >>> meters = Meters()
    >>> sent = meters.counter("mail.sent", "Mails that left.", labels=("result",), unit="{mail}")
    >>> sent.add(1, "ok")  # nobody listens
    >>> meters.counter("mail.sent", "Mails that left.", labels=("result",), unit="{mail}") is sent
    True
    """

    def __init__(self) -> None:
        self._known: dict[str, Counter | Gauge | Histogram] = {}
        self._observed: dict[str, tuple[Declaration, Callable[[], Values]]] = {}
        self._registry: Registry | None = None
        self._below: list[Meters] = []

    @property
    def attached(self) -> bool:
        """Whether somebody keeps the numbers; ask before work that only makes a number."""
        return self._registry is not None

    @property
    def declarations(self) -> list[Declaration]:
        """Everything that was declared, by name."""
        found = [each.declaration for each in self._known.values()] + [each for each, _ in self._observed.values()]
        return sorted(found, key=lambda each: each.name)

    def counter(self, name: str, help: str, *, labels: tuple[str, ...] = (), unit: str = "") -> Counter:
        """Return the counter of that name; `StartupError` for a bad name, or one that is declared as something else."""
        return self._instrument(Counter, Declaration("counter", name, help, labels, unit))

    def gauge(
        self, name: str, help: str, *, labels: tuple[str, ...] = (), unit: str = "", combine: Combine = "sum"
    ) -> Gauge:
        """Return the gauge of that name; errors as for `counter`."""
        return self._instrument(Gauge, Declaration("gauge", name, help, labels, unit, combine=combine))

    def histogram(
        self,
        name: str,
        help: str,
        *,
        labels: tuple[str, ...] = (),
        unit: str = "s",
        buckets: tuple[float, ...] = SECONDS,
    ) -> Histogram:
        """Return the histogram of that name; errors as for `counter`, and for bounds that do not rise from 0."""
        return self._instrument(Histogram, Declaration("histogram", name, help, labels, unit, _rising(name, buckets)))

    def observe(
        self,
        name: str,
        help: str,
        function: Callable[[], Values],
        *,
        labels: tuple[str, ...] = (),
        unit: str = "",
        kind: Kind = "gauge",
        combine: Combine = "sum",
    ) -> None:
        """Have a function asked for a value, in place of telling it at every change.

        Args:
            name: see `Declaration`.
            help: see there.
            function: quick, on the event loop; returns the number, or a mapping of label values to numbers. What it
                raises is logged, and the value is left out.
            labels: see `Declaration`.
            unit: see there.
            kind: "gauge", or "counter" for a total that only grows.
            combine: see there.

        Raises `StartupError` for a bad name or one that is taken.
        """
        if kind not in {"gauge", "counter"}:
            reason = f"the meter {name!r} is observed as a {kind}"
            raise StartupError(reason, fix='observe a "gauge" or a "counter"')
        declaration = _checked(Declaration(kind, name, help, labels, unit, combine=combine))
        if name in self._known or name in self._observed:
            raise StartupError(f"the meter {name!r} is taken", fix="give one of the two another name")
        self._observed[name] = declaration, function
        if self._registry is not None:
            self._registry.observe(declaration, function)

    def attach(self, registry: Registry | None) -> None:
        """Have a registry keep the numbers of everything that was and will be declared; `None` stops that.

        Raises `StartupError` when another registry does.
        """
        if registry is not None and self._registry is not None and registry is not self._registry:
            raise StartupError("two registries want the numbers of one application", fix="use one of them")
        self._registry = registry
        for instrument in self._known.values():
            instrument.bind(registry)
        if registry is not None:
            for declaration, function in self._observed.values():
                registry.observe(declaration, function)
        for each in self._below:
            each.attach(registry)

    def under(self, meters: Meters) -> None:
        """Tell the registry of another application, on which this one's is mounted, unless it has one of its own."""
        if self._registry is None and self not in meters._below:
            meters._below.append(self)
            self.attach(meters._registry)

    def _instrument(self, kind: type[Made], declaration: Declaration) -> Made:
        _checked(declaration)
        known = self._known.get(declaration.name)
        if known is None and declaration.name not in self._observed:
            known = self._known[declaration.name] = kind(declaration)
            known.bind(self._registry)
        if not isinstance(known, kind) or known.declaration != declaration:
            fix = "use the same kind, help, labels, unit and buckets, or another name"
            raise StartupError(f"the meter {declaration.name!r} is declared as something else", fix=fix)
        return known


def _rising(name: str, buckets: tuple[float, ...]) -> tuple[float, ...]:
    try:
        made = tuple(map(float, buckets))  # so that 1 and 1.0 are the same, whoever tells it
    except (TypeError, ValueError):
        made = ()
    if not (made and made[0] >= 0 and made[-1] < inf and all(low < high for low, high in pairwise(made))):
        raise StartupError(f"the buckets of the meter {name!r} do not rise", fix="write upper bounds in order, from 0")
    return made


def _checked(declaration: Declaration) -> Declaration:
    labels: object = declaration.labels
    told = (declaration.help, declaration.unit, *labels) if isinstance(labels, tuple) else (None,)
    if not all(isinstance(each, str) for each in told):
        reason = f"what the meter {declaration.name!r} says of itself is no text, or its labels are no tuple"
        raise StartupError(reason, fix='write labels=("kind",) and texts')
    if declaration.combine not in get_args(Combine):
        reason = f"the meter {declaration.name!r} cannot combine processes by {declaration.combine!r}"
        raise StartupError(reason, fix=f"use one of {', '.join(get_args(Combine))}")
    wrong = [each for each in declaration.labels if not _label(each)]
    if not _name(declaration.name) or wrong:
        what = f"label {wrong[0]!r} of the meter {declaration.name!r}" if wrong else f"meter {declaration.name!r}"
        raise StartupError(f"the {what} has no proper name", fix="use small letters, digits, _ and dots: 'mail.sent'")
    if len(set(declaration.labels)) != len(declaration.labels):
        raise StartupError(f"a label of the meter {declaration.name!r} comes twice", fix="name each label once")
    return declaration


def _nothing(*_: object) -> None:
    """Do nothing: nobody wants to know."""
