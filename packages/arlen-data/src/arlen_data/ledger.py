"""Ledger: how many queries one request makes, how long they take, and which of them repeat (N+1)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlen_core.logs import current
from arlen_data.errors import DatabaseError
from arlen_data.events import fingerprint

if TYPE_CHECKING:
    from arlen_data.events import QueryEvent

__all__ = ["BudgetExceeded", "Ledger", "Ledgers", "place"]

_HERE = str(Path(__file__).parent)
_KEY = "arlen_data.ledger"


class BudgetExceeded(DatabaseError):
    """One request asked the database too often, or for too long, and the budget is strict."""

    code = "budget_exceeded"


class Ledger:
    """The queries of one request, in all databases.

    Attributes:
        count: how many.
        seconds: how long they took; those that ran side by side count each.
        shapes: how often each statement ran, by its hash.
    """

    __slots__ = ("count", "seconds", "shapes", "told")

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        self.shapes: dict[str, int] = {}
        self.told: set[str] = set()


class Ledgers:
    """Keeps a ledger for each request, in its `state`; queries outside of requests are not counted.

    Args:
        log: where warnings go.
        count: most queries, 0 for no bound.
        time: most seconds in queries, 0 for no bound.
        repeats: how often the same statement may run before it is a warning, 0 for no bound.
        strict: the query after the budget raises `BudgetExceeded`; else the first one over it is a warning.
    """

    def __init__(self, log: Any, *, count: int = 0, time: float = 0.0, repeats: int = 0, strict: bool = False) -> None:
        self._log = log
        self._count, self._time, self._repeats, self._strict = count, time, repeats, strict

    @property
    def on(self) -> bool:
        """Whether there is any bound; without one nothing is counted."""
        return bool(self._count or self._time or self._repeats)

    def guard(self, sql: str) -> None:
        """Count a query that is about to run; `BudgetExceeded` when it may not."""
        ledger = _ledger()
        if ledger is None:
            return
        ledger.count += 1
        if self._repeats:
            self._repeated(ledger, sql)
        spent = self._spent(ledger)
        if spent and self._strict:
            raise BudgetExceeded(f"one request {spent}, at {place()}", fix="ask for more rows with fewer statements")
        if spent and "budget" not in ledger.told:
            ledger.told.add("budget")
            self._log.warning("database.budget.exceeded", reason=f"one request {spent}", place=place())

    def tell(self, event: QueryEvent) -> None:
        """Add the time of a query that has ended."""
        ledger = _ledger()
        if ledger is not None:
            ledger.seconds += event.duration_ms / 1000

    def _repeated(self, ledger: Ledger, sql: str) -> None:
        shape = fingerprint(sql)
        count = ledger.shapes[shape] = ledger.shapes.get(shape, 0) + 1
        if count == self._repeats + 1:
            self._log.warning("database.query.repeated", sql=sql[:500], sql_hash=shape, times=count, place=place())

    def _spent(self, ledger: Ledger) -> str:
        if self._count and ledger.count > self._count:
            return f"makes more than {self._count} queries"
        if self._time and ledger.seconds > self._time:
            return f"spends more than {self._time:g} s in queries"
        return ""


def place() -> str:
    """Return file, line and function of the innermost caller outside of this package and of its adapters.

    >>> place().rpartition(" in ")[2]
    '<module>'
    """
    frame = sys._getframe(1)  # noqa: SLF001  # `inspect` reads every source line
    while frame.f_back is not None and _inner(frame.f_code.co_filename, frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


def _inner(file: str, module: str) -> bool:
    return file.startswith(_HERE) or module.partition(".")[0] in {"arlen_sqlite", "arlen_pg", "contextlib"}


def _ledger() -> Ledger | None:
    request = current.get()
    if request is None:
        return None
    made: Ledger | None = request.state.get(_KEY)
    if made is None:
        made = request.state[_KEY] = Ledger()
    return made
