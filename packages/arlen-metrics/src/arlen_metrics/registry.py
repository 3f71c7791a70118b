"""Registry: the instruments of one application, and the cells that they write."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Protocol
from weakref import WeakSet

from arlen_core.errors import StartupError
from arlen_core.meters import Declaration
from arlen_metrics.files import Cells, Full
from arlen_metrics.instruments import Child, Instrument, adder, changer, recorder, setter
from arlen_metrics.names import check
from arlen_metrics.store import Alone
from arlen_metrics.totals import Totals, shape

__all__ = ["Registry", "Store"]

Number = int | float
Observed = Callable[[], Number | Mapping[tuple[str, ...], Number]]


class Store(Protocol):
    """Where a registry keeps its numbers."""

    cells: Cells
    unreadable: set[str]

    def add(self, totals: Totals) -> None:
        """Add the numbers of all processes to `totals`."""

    def fold(self, limit: int = 0) -> int:
        """Put the counts of the dead together."""

    def living(self) -> int:
        """Return how many processes live."""

    def forked(self) -> None:
        """Begin again in a forked process."""

    def close(self) -> None:
        """Leave."""


class Registry:
    """Keeps what the instruments of an application tell; `app.meters.attach` binds them to it.

    Args:
        max_series: most series of a metric in this process; what comes past it is counted in one series, "overflow".
        max_label: most characters of a label's value; a longer one goes to the overflow.
        log: gets a line when a metric comes past its bound, the first time.

    Attributes:
        taken: the names that are in use in answers, and by which metric.

    >>> from arlen_core.meters import Meters
    >>> meters, registry = Meters(), Registry()
    >>> meters.attach(registry)
    >>> meters.counter("mail.sent", "Mails that left.", labels=("result",)).add(2, "ok")
    >>> registry.totals().families["mail.sent"].series
    {('ok',): [2.0]}
    """

    def __init__(self, *, max_series: int = 2000, max_label: int = 200, log: Any = None) -> None:
        self.configure(max_series=max_series, max_label=max_label, log=log)
        self._store: Store = Alone()
        self._lock = Lock()
        self._meters: dict[str, Instrument] = {}
        self._observed: dict[str, tuple[Instrument, list[Observed]]] = {}
        self._told: set[str] = set()
        self.taken: dict[str, str] = {}
        self._overflows = self._meter(
            Declaration("counter", "arlen.metrics.overflows", "Calls past the bound of series.", ("metric",), "{call}")
        )
        _living.add(self)

    def configure(self, *, max_series: int, max_label: int, log: Any = None) -> None:
        """Set the bounds and the log; see the class."""
        self.max_series, self.max_label, self._log = max_series, max_label, log

    @property
    def declarations(self) -> list[Declaration]:
        """Everything that was declared, by name."""
        return [self._meters[name].declaration for name in sorted(self._meters)]

    def counter(self, declaration: Declaration) -> Callable[..., None]:
        """Return `add(amount=1, *values)`; see `arlen_core.meters.Registry`."""
        return adder(self._meter(declaration))

    def gauge(self, declaration: Declaration) -> tuple[Callable[..., None], Callable[..., None]]:
        """Return `set(value, *values)` and `add(delta, *values)`."""
        meter = self._meter(declaration)
        return setter(meter), changer(meter)

    def histogram(self, declaration: Declaration) -> Callable[..., None]:
        """Return `record(value, *values)`."""
        return recorder(self._meter(declaration))

    def observe(self, declaration: Declaration, function: Observed) -> None:
        """Ask `function` for the value whenever somebody wants to know, and at each `refresh`.

        What several functions of one name say, those of mounted applications, is put together as processes are.
        """
        _, functions = self._observed.setdefault(declaration.name, (self._meter(declaration), []))
        if function not in functions:
            functions.append(function)

    def child(self, declaration: Declaration, values: tuple[str, ...]) -> Child:
        """Return the cells of a series, for those who write them by themselves: they know what they do."""
        return self._meter(declaration).child(values)

    def refresh(self) -> None:
        """Ask everything that is observed, so that other processes see it."""
        for name, (meter, functions) in self._observed.items():
            try:
                meter.show(_together(functions, meter.declaration.combine))
            except Exception as error:  # noqa: BLE001  # one that fails is no reason to lose the others
                meter.show({})  # a gauge would go on telling what it was
                self.tell("metrics.observe.failed", name, exc_info=error)

    def totals(self) -> Totals:
        """Return what all processes have counted."""
        self.refresh()
        totals = Totals(self.declarations)
        self._store.add(totals)
        for name in totals.refused:
            self.tell("metrics.conflict", name, reason="another process declares it as something else")
        for name in self._store.unreadable:
            self.tell("metrics.unreadable", "all of one file", file=name)
        return totals

    def fold(self) -> int:
        """Put the counts of dead processes together; returns how many there were.

        What keeps it from that, such as a full disk, is logged: the counts are read from the files of the dead.
        """
        try:
            return self._store.fold(self.max_series)
        except OSError as error:
            self.tell("metrics.fold.failed", "all of them", reason=str(error))
            return 0

    def living(self) -> int:
        """Return how many processes share their numbers just now."""
        return self._store.living()

    def use(self, store: Store, *, keep: bool = True) -> None:
        """Keep the numbers in another store from now on; with `keep`, those of this process so far go with them."""
        with self._lock:
            old, self._store = self._store, store
            for meter in self._meters.values():
                meter.move(store.cells, keep=keep)
            old.close()

    def forked(self) -> None:
        """Begin again in a forked process, at 0: what was counted so far is its parent's."""
        self._lock = Lock()  # another thread of the parent may have held it
        try:
            self._store.forked()
        except (OSError, Full):
            self._store = Alone()
        for meter in self._meters.values():
            meter.move(self._store.cells, keep=False)

    def tell(self, event: str, name: str, **details: Any) -> None:
        """Log something about a metric, the first time."""
        if self._log is not None and f"{event} {name}" not in self._told:
            self._told.add(f"{event} {name}")
            self._log.warning(event, metric=name, **details)

    def _meter(self, declaration: Declaration) -> Instrument:
        meter = self._meters.get(declaration.name)
        if meter is None:
            check(declaration, self.taken)
            with self._lock:
                meter = self._meters.get(declaration.name) or self._made(declaration)
        if shape(meter.declaration) != shape(declaration):
            fix = "use the same kind, labels, unit, buckets and combination, or another name"
            raise StartupError(f"the metric {declaration.name!r} is declared as something else", fix=fix)
        return meter

    def _made(self, declaration: Declaration) -> Instrument:
        made = self._meters[declaration.name] = Instrument(declaration, self._store.cells, self._make, self.tell)
        return made

    def _make(self, meter: Instrument, values: tuple[str, ...]) -> Child:
        """Return the cells of a new series, or those of the overflow."""
        names = meter.declaration.labels
        if len(values) != len(names):
            raise ValueError(f"the metric {meter.declaration.name!r} has the labels {names}, and got {values!r}")
        texts = tuple(map(_text, values))
        with self._lock:
            child = meter.children.get(texts)
            if child is None:
                fits = len(meter.children) < self.max_series and all(len(each) <= self.max_label for each in texts)
                child = meter.grow(texts) if fits else None
            if child is not None:
                return child
            child = meter.past or meter.spill()
        self.tell("metrics.overflow", meter.declaration.name, series=len(meter.children))
        if meter is not self._overflows:
            count = self._overflows.child((meter.declaration.name,))
            count.cells[count.at] += 1.0
        return child


def _text(value: object) -> str:
    text = str(value)
    return text if text.isascii() else text.encode(errors="replace").decode()  # no halves of characters


def _together(functions: list[Observed], combine: str) -> dict[tuple[str, ...], Number]:
    found: dict[tuple[str, ...], list[Number]] = {}
    for function in functions:
        made = function()
        for values, number in made.items() if isinstance(made, Mapping) else [((), made)]:
            found.setdefault(values, []).append(number)
    how: Callable[[list[Number]], Number] = {"max": max, "min": min}.get(combine, sum)
    return {values: how(numbers) for values, numbers in found.items()}


_living: WeakSet[Registry] = WeakSet()


def _forked() -> None:
    for each in list(_living):
        each.forked()


os.register_at_fork(after_in_child=_forked)
