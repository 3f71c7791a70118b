"""Events: what happened to each query, for metrics, traces and tests; never a value, and no SQL unless asked for."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from math import inf
from time import perf_counter
from typing import Any, Literal, Protocol, TypeVar

from msgspec import Struct

from arlen_data.errors import DatabaseError

__all__ = ["Ended", "Events", "Listener", "QueryEvent", "Watcher", "fingerprint"]

T = TypeVar("T")

_log = logging.getLogger("arlen_data")


class QueryEvent(Struct, frozen=True, kw_only=True):
    """One stage in the life of a query: "compile" and "execute", then "result" or "error".

    Args:
        stage: see above.
        source: the adapter's name.
        target: the name of the database, see `Database`.
        operation: "run", "many", "batch", "stream" or "load".
        sql_hash: FNV-1a of the text, 64 bits, in 16 hexadecimal digits: the same statement has the same one.
        sql_length: in characters.
        sql_token: the first word of the text in lower case, at most 24 characters.
        parameter_count: how many parameters.
        duration_ms: since "execute"; 0.0 in the first two stages.
        row_count: rows that came back.
        affected_rows: rows that were changed.
        error_code: `DatabaseError.code`, or the name of another exception's type.
        sqlstate: of the error.
        sql: the text, when the listener asked for it; `None` otherwise.
    """

    stage: Literal["compile", "execute", "result", "error"]
    source: str
    target: str
    operation: str
    sql_hash: str
    sql_length: int
    sql_token: str
    parameter_count: int
    duration_ms: float = 0.0
    row_count: int = 0
    affected_rows: int = 0
    error_code: str = ""
    sqlstate: str = ""
    sql: str | None = None


Listener = Callable[[QueryEvent], object]


class Ended(Struct, frozen=True):
    """A query that has ended, for a watcher.

    Attributes:
        operation: see `QueryEvent`.
        sql: the text; those of a batch with "; " between them, and "copy" with the name of the table for `copy_in`.
        count: of parameters; of a batch, of statements.
        begun: when, by `time.perf_counter`.
        spent: seconds, for a stream until its last row was taken.
        rows: that came back.
        error: what it failed with.
    """

    operation: str
    sql: str
    count: int
    begun: float
    spent: float
    rows: int = 0
    error: BaseException | None = None


class Watcher(Protocol):
    """Makes spans and numbers of what happens; `arlen_data.telemetry` has one for an application.

    Attributes:
        on: whether anybody wants them; whoever changes it calls `Events.attach` again.
    """

    on: bool

    def ended(self, query: Ended) -> object:
        """Learn of a query that has ended."""

    def transaction(self) -> Callable[[BaseException | None, str], object]:
        """Learn that a transaction begins; call what this returns with its error and outcome when it has ended."""

    def waited(self, seconds: float, pool: str = "") -> object:
        """Learn how long somebody waited for a connection of a pool."""


class Events:
    """The listeners of one database.

    Attributes:
        on: whether anybody wants to know anything; else a query costs nothing here.
        watcher: see `attach`; `None` when nobody watches.

    >>> events = Events("sqlite", "default")
    >>> with events.listen(print):
    ...     events.on
    True
    >>> events.on
    False
    """

    def __init__(self, source: str, target: str) -> None:
        self._source, self._target = source, target
        self._listeners: tuple[_Entry, ...] = ()
        self._slow: tuple[_Entry, ...] = ()
        self._guards: tuple[Callable[[str], object], ...] = ()
        self._least = self._slowest = inf
        self.watcher: Watcher | None = None
        self.on = False

    @contextmanager
    def listen(self, listener: Listener, *, sql: bool = False, over: float = 0.0) -> Iterator[None]:
        """Call `listener` with every event inside the `with` block; see `add`."""
        entry = self.add(listener, sql=sql, over=over)
        try:
            yield
        finally:
            self._listeners = tuple(each for each in self._listeners if each is not entry)
            self._slow = tuple(each for each in self._slow if each is not entry)
            self._count()

    def add(self, listener: Listener, *, sql: bool = False, over: float = 0.0) -> object:
        """Call `listener` with every event from now on.

        Args:
            listener: quick, and on the event loop. What it raises is logged and harms no query.
            sql: events hold the text, which is the application's own and may hold what was pasted into it.
            over: seconds; with it, only the "result" and "error" of queries that took at least as long. That costs
                the others next to nothing.
        """
        entry = _Entry(listener, sql, over * 1000)
        if over > 0:
            self._slow = (*self._slow, entry)
        else:
            self._listeners = (*self._listeners, entry)
        self._count()
        return entry

    @contextmanager
    def guard(self, check: Callable[[str], object]) -> Iterator[None]:
        """Call `check` with the text of each query before it runs; what it raises, the query raises instead."""
        self._guards = (*self._guards, check)
        self._count()
        try:
            yield
        finally:
            self._guards = tuple(each for each in self._guards if each is not check)
            self._count()

    def attach(self, watcher: Watcher | None) -> None:
        """Have a watcher learn of what ends, as long as it is on; `None` ends that. A database has one at a time."""
        self.watcher = watcher if watcher is not None and watcher.on else None
        self._count()

    async def watch(self, operation: str, sql: str, count: int, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work and tell everybody."""
        facts: dict[str, Any] = {}
        if self._listeners or self._guards:
            facts, begun = self.begin(operation, sql, count)
        else:  # whoever wants to know of slow queries alone costs the others next to nothing
            begun = perf_counter()
        try:
            result = await work()
        except BaseException as error:
            self.failed(sql, facts or _plain(operation, count), begun, error)
            raise
        if self._listeners or (perf_counter() - begun) * 1000 >= self._least:
            rows, affected = _counts(result)
            self.done(sql, facts or _plain(operation, count), begun, rows, affected)
        return result

    def begin(self, operation: str, sql: str, count: int) -> tuple[dict[str, Any], float]:
        """Tell that a query begins; pass what this returns to `done` or `failed`. Raises what a guard raises."""
        for check in self._guards:
            check(sql)
        facts = _plain(operation, count)
        if self._listeners:
            self._tell(sql, facts, self._listeners, stage="compile")
            self._tell(sql, facts, self._listeners, stage="execute")
        return facts, perf_counter()

    def done(self, sql: str, facts: dict[str, Any], begun: float, rows: int, affected: int) -> None:
        """Tell that it ended well."""
        spent = perf_counter() - begun
        if self.watcher is not None:
            self._watched(self.watcher, sql, facts, (begun, spent, rows))
        if self._listeners or spent * 1000 >= self._slowest:
            self._end(sql, facts, spent * 1000, stage="result", row_count=rows, affected_rows=affected)

    def failed(self, sql: str, facts: dict[str, Any], begun: float, error: BaseException) -> None:
        """Tell that it failed."""
        code = error.code if isinstance(error, DatabaseError) else type(error).__name__
        state = getattr(error, "sqlstate", "") or ""
        spent = perf_counter() - begun
        if self.watcher is not None:
            self._watched(self.watcher, sql, facts, (begun, spent, 0, error))
        self._end(sql, facts, spent * 1000, stage="error", error_code=code, sqlstate=state)

    def _watched(self, watcher: Watcher, sql: str, facts: dict[str, Any], rest: tuple[Any, ...]) -> None:
        try:
            watcher.ended(Ended(facts["operation"], sql, facts["parameter_count"], *rest))
        except Exception:  # noqa: BLE001  # a span is no reason for a query to fail
            _log.exception("a watcher of queries failed")

    def _end(self, sql: str, facts: dict[str, Any], spent: float, **more: Any) -> None:
        wanted = (*self._listeners, *(each for each in self._slow if spent >= each.over))
        self._tell(sql, facts, wanted, duration_ms=spent, **more)

    def _tell(self, text: str, facts: dict[str, Any], wanted: Sequence[_Entry], **more: Any) -> None:
        if wanted and "sql_hash" not in facts:
            facts |= self._facts(text)
        for each in wanted:
            try:
                each.listener(QueryEvent(**facts, **more, sql=text if each.sql else None))
            except Exception:  # noqa: BLE001  # it harms nobody else
                _log.exception("a listener for queries failed")

    def _facts(self, sql: str) -> dict[str, Any]:
        return {
            "source": self._source,
            "target": self._target,
            "sql_hash": fingerprint(sql),
            "sql_length": len(sql),
            "sql_token": sql.split(None, 1)[0][:24].lower() if sql.strip() else "",
        }

    def _count(self) -> None:
        self._slowest = min((each.over for each in self._slow), default=inf)
        self._least = self._slowest if self.watcher is None else -inf
        self.on = bool(self._listeners or self._slow or self._guards or self.watcher is not None)


class _Entry(Struct, frozen=True, eq=False):
    listener: Listener
    sql: bool
    over: float


@lru_cache(maxsize=1024)
def fingerprint(sql: str) -> str:
    """Return FNV-1a, 64 bits, of a text.

    >>> fingerprint("select 1")
    '02fb785a1a5a96f2'
    """
    made = 0xCBF29CE484222325
    for byte in sql.encode():
        made = (made ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{made:016x}"


def _plain(operation: str, count: int) -> dict[str, Any]:
    return {"operation": operation, "parameter_count": count}


def _counts(result: Any) -> tuple[int, int]:
    if isinstance(result, int):
        return 0, result
    if not isinstance(result, list):
        rows = len(result.rows)
        return rows, 0 if rows else result.affected
    results: list[Any] = result
    return sum(len(each.rows) for each in results), sum(0 if each.rows else each.affected for each in results)
