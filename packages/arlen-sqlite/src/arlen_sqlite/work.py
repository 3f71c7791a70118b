"""Work: what threads do with their connections; every function here blocks, and raises the data layer's errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from sqlite3 import Cursor
from typing import TYPE_CHECKING, Any

from arlen_data.errors import DatabaseError
from arlen_data.results import Result
from arlen_data.rows import Row, shape
from arlen_sqlite.errors import translate
from arlen_sqlite.plans import Plan
from arlen_sqlite.types import checked
from arlen_sqlite.values import encode

if TYPE_CHECKING:
    from arlen_sqlite.threads import Worker

__all__ = ["Rows", "batch", "fetch", "many", "perform", "ready", "saved", "script", "snapshot"]


class Rows:
    """A statement whose rows are fetched some at a time.

    Args:
        cursor: of the connection.
        sql: the statement.
    """

    def __init__(self, cursor: Cursor, sql: str) -> None:
        self.cursor, self.sql = cursor, sql
        self.columns = tuple([each[0] for each in cursor.description or ()])
        self.shape = shape(self.columns)

    @classmethod
    def of(cls, worker: Worker, plan: Plan, params: Sequence[Any]) -> Rows:
        """Begin a statement."""
        try:
            return cls(worker.connection.execute(plan.sql, encode(plan.placed(params))), plan.sql)
        except Exception as error:
            raise translate(error, plan.sql) from error


def ready(worker: Worker) -> None:
    """Do nothing: the connection is there."""


def perform(worker: Worker, plan: Plan, params: Sequence[Any]) -> Result:
    """Run a statement."""
    try:
        cursor = worker.cursor
        cursor.execute(plan.sql, encode(params if plan.order is None else plan.placed(params)))
        described = cursor.description
        if described is None:
            affected = cursor.rowcount
            if affected < 0:
                affected = cursor.execute("select changes()").fetchone()[0] if plan.counts else 0
            return Result((), [], affected)
        rows = cursor.fetchall()
    except DatabaseError:
        raise
    except Exception as error:
        raise translate(error, plan.sql) from error
    _, columns, make = plan.shaped(described)
    made: list[Row] = [make(row) for row in checked(rows, columns)]
    return Result(columns, made, len(made))


def script(worker: Worker, *statements: str) -> None:
    """Run statements of our own."""
    try:
        for each in statements:
            worker.connection.execute(each)
    except Exception as error:
        raise translate(error, each) from error


def many(worker: Worker, plan: Plan, rows: Sequence[Sequence[Any]], before: int = 0) -> int:
    """Run a statement for each row; an error names the row, of which there were so many before."""
    at = [before]
    try:
        if plan.changes:
            return max(worker.connection.executemany(plan.sql, _every(plan, rows, at)).rowcount, 0)
        return _each(worker, plan, rows, at)
    except Exception as error:  # noqa: BLE001  # it is told in our words
        made = translate(error, plan.sql)
        made.args = (f"row {at[0]}: {made}",)
        raise made from (made.__cause__ or error)


def _every(plan: Plan, rows: Sequence[Sequence[Any]], at: list[int]) -> Iterator[Sequence[Any]]:
    """Yield rows of parameters as SQLite keeps them, and count them in `at[0]`."""
    for row in rows:
        at[0] += 1
        yield encode(plan.placed(row))


def _each(worker: Worker, plan: Plan, rows: Sequence[Sequence[Any]], at: list[int]) -> int:
    affected = 0
    for row in rows:
        at[0] += 1
        affected += perform(worker, plan, row).affected
    return affected


def batch(worker: Worker, statements: Sequence[tuple[Plan, Sequence[Any]]]) -> list[Result]:
    """Run statements in their order."""
    return [perform(worker, plan, params) for plan, params in statements]


def fetch(_worker: Worker, rows: Rows, size: int) -> list[Row]:
    """Return the next rows."""
    try:
        found = rows.cursor.fetchmany(size)
    except Exception as error:
        raise translate(error, rows.sql) from error
    return list(map(rows.shape, checked(found, rows.columns)))


@contextmanager
def saved(worker: Worker, name: str) -> Iterator[None]:
    """Take back what an error leaves half done."""
    script(worker, f"savepoint {name}")
    try:
        yield
    except BaseException:
        if worker.connection.in_transaction:
            script(worker, f"rollback to {name}", f"release {name}")
        raise
    script(worker, f"release {name}")


def snapshot(worker: Worker, work: Callable[..., Any], *args: Any) -> Any:
    """Do something that only reads, all of it at one moment."""
    script(worker, "begin")
    try:
        return work(worker, *args)
    finally:
        if worker.connection.in_transaction:
            script(worker, "rollback")
