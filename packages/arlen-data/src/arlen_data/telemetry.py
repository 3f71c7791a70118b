"""Telemetry: spans and metrics of a database in an application, in the words of OpenTelemetry's conventions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from arlen_core.ambient import inside
from arlen_core.logs import current
from arlen_core.spans import Tracer
from arlen_data.errors import DatabaseError
from arlen_data.summaries import masked, operation, summary

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from arlen_core.app import App
    from arlen_core.spans import Span
    from arlen_data.database import Database
    from arlen_data.events import Ended

__all__ = ["Telemetry"]

_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)  # as OpenTelemetry advises for databases
_POOL = "db.client.connection.pool.name"
_TARGET = "arlen.db.target"
_STATE = "db.client.connection.state"

_boards: WeakKeyDictionary[Any, list[Database]] = WeakKeyDictionary()


class Telemetry:
    """Tells an application's spans and meters what a database does; `app.use(database)` makes one.

    A query is a span only inside of one, or of a request: what a relay asks every second is no trace of its own. The
    metrics count all of them.

    Args:
        database: the database.
        app: the application.
        text: whether spans hold the text of queries, with `?` for every literal.

    Attributes:
        on: whether anybody wants to know; when nobody does, a query costs what it costs without this.
    """

    def __init__(self, database: Database, app: App, *, text: bool = False) -> None:
        self._database, self._meters, self._text = database, app.meters, text
        self._facts: dict[str, Any] = {"db.system.name": database.capabilities.dialect, _TARGET: database.name}
        self._running = self.on = False
        self._instruments(app)
        self._tracer = Tracer(partial(_failed, app), self._changed)
        self._tracer.under(app.spans)
        _board(app).append(database)

    def start(self) -> None:
        """Begin: the database is open, and whoever keeps numbers is there."""
        self._facts |= self._database.origin()
        self._running = True
        self._changed()

    def stop(self) -> None:
        """End."""
        self._running = False
        self._changed()

    def ended(self, query: Ended) -> None:
        """Record a query that has ended."""
        dialect = self._database.capabilities.dialect
        short = summary(query.sql, dialect)
        name = "batch" if query.operation == "batch" else operation(short)
        error = "" if query.error is None else _word(query.error)
        self._durations.record(query.spent, self._facts["db.system.name"], self._database.name, name, error)
        if self._wanted():
            made = self._attributes(query, name, short, error)
            begun = int(query.begun * 1e9)
            end, title = begun + int(query.spent * 1e9), made["db.query.summary"]
            self._tracer.add(title, begun, end=end, kind="client", attributes=made, error=query.error)

    def transaction(self) -> Callable[[BaseException | None, str], None]:
        """Begin the span of a transaction, in which its queries are; the result ends it."""
        if not self._wanted():
            return partial(self._over, None, None)
        block = self._tracer.span("transaction", **self._facts)
        return partial(self._over, block, block.__enter__())

    def waited(self, seconds: float, pool: str = "") -> None:
        """Record how long a caller waited for a connection."""
        self._waits.record(seconds, _pool(self._database, pool))

    def _over(
        self,
        block: AbstractContextManager[Span] | None,
        span: Span | None,
        error: BaseException | None,
        outcome: str,
    ) -> None:
        self._transactions.add(1, self._database.name, outcome)
        if block is None or span is None:
            return
        span.set("arlen.db.outcome", outcome)
        span.error = error
        block.__exit__(None, None, None)  # the error is the block's, and goes its own way

    def _wanted(self) -> bool:
        """Whether what happens now is a part of something that is recorded."""
        if not self._tracer.on:
            return False
        request = current.get()
        return bool(inside()) if request is None else self._tracer.record(request) is not None

    def _attributes(self, query: Ended, name: str, short: str, error: str) -> dict[str, Any]:
        batch = query.operation == "batch"
        made = self._facts | {
            "db.operation.name": name,
            "db.query.summary": f"batch {short}" if batch else short,
            "db.response.returned_rows": query.rows,
            "arlen.stage": "sql",
        }
        if batch and query.count > 1:
            made["db.operation.batch.size"] = query.count
        if self._text:
            made["db.query.text"] = masked(query.sql, self._database.capabilities.dialect)
        if error:
            made["error.type"] = error
            if state := getattr(query.error, "sqlstate", ""):
                made["db.response.status_code"] = state
        return made

    def _changed(self) -> None:
        self.on = self._running and (self._tracer.on or self._meters.attached)
        self._database.events.attach(self if self.on else None)

    def _instruments(self, app: App) -> None:
        self._durations = app.meters.histogram(
            "db.client.operation.duration",
            "Time that queries took, from the call to the result; streams to their last row.",
            labels=("db.system.name", _TARGET, "db.operation.name", "error.type"),
            buckets=_SECONDS,
        )
        self._waits = app.meters.histogram(
            "db.client.connection.wait_time",
            "Time that callers waited for a connection, of those who had to.",
            labels=(_POOL,),
            buckets=_SECONDS,
        )
        self._transactions = app.meters.counter(
            "arlen.db.transactions",
            "Transactions that ended, by how: committed, rolled back, or failed.",
            labels=(_TARGET, "outcome"),
            unit="{transaction}",
        )


def _board(app: App) -> list[Database]:
    """Return the databases of an application whose pools are observed; the first one declares how."""
    board = _boards.get(app)
    if board is not None:
        return board
    board = _boards[app] = []

    def observe(name: str, help: str, field: str, unit: str, **options: Any) -> None:
        app.meters.observe(name, help, partial(_each, board, field), labels=(_POOL,), unit=unit, **options)

    prefix = "db.client.connection"
    app.meters.observe(
        f"{prefix}.count",
        "Connections of pools, idle and used.",
        partial(_counts, board),
        labels=(_POOL, _STATE),
        unit="{connection}",
    )
    observe(f"{prefix}.max", "Most connections that pools may have.", "limit", "{connection}")
    observe(f"{prefix}.pending_requests", "Callers that wait for a connection.", "pending", "{request}")
    observe(f"{prefix}.timeouts", "Callers that waited in vain.", "timeouts", "{timeout}", kind="counter")
    refused = "Callers that came when too many waited already."
    observe("arlen.db.connection.refused", refused, "refused", "{request}", kind="counter")
    return board


def _counts(board: list[Database]) -> dict[tuple[str, ...], float]:
    made: dict[tuple[str, ...], float] = {}
    for database in board:
        for stats in database.stats():
            name = _pool(database, stats.pool)
            made |= {(name, "idle"): stats.idle, (name, "used"): stats.used}
    return made


def _each(board: list[Database], field: str) -> dict[tuple[str, ...], float]:
    found = [(_pool(database, stats.pool), stats) for database in board for stats in database.stats()]
    return {(name,): getattr(stats, field) for name, stats in found}


def _pool(database: Database, pool: str) -> str:
    return f"{database.name}.{pool}" if pool else database.name


def _word(error: BaseException) -> str:
    return error.code if isinstance(error, DatabaseError) else type(error).__name__


def _failed(app: App, part: str, error: BaseException) -> None:
    app.log.error("http.late.failed", part=part, exc_info=error)
