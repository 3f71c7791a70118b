"""Testing: how many queries a block makes, and what they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from arlen_data.ledger import place

if TYPE_CHECKING:
    from arlen_data.database import Database
    from arlen_data.events import QueryEvent

__all__ = ["assert_queries"]


@contextmanager
def assert_queries(db: Database, exactly: int | None = None, *, at_most: int | None = None) -> Iterator[list[str]]:
    """Fail with `AssertionError`, and show the statements, when the block does not make that many queries.

    Args:
        db: the database. All of its queries count, whoever makes them; `begin`, `commit` and savepoints do not.
        exactly: how many; a `batch` is one.
        at_most: or the most.

    It gives the list of the statements. What the block raises arrives as it is.

    ```python
    from arlen_data import Database
    from arlen_data.testing import assert_queries


    async def test_orders(db: Database) -> None:
        with assert_queries(db, 1) as statements:
            await db.all("select * from orders")
        assert statements == ["select * from orders"]
    ```
    """
    if (exactly is None) == (at_most is None):
        raise TypeError("assert_queries needs a number, or at_most=, and not both")
    seen: list[tuple[str, str]] = []

    def note(event: QueryEvent) -> None:
        if event.stage == "execute":
            seen.append((event.sql or "", place()))

    statements: list[str] = []
    with db.events.listen(note, sql=True):
        try:
            yield statements
        finally:
            statements += [sql for sql, _ in seen]
    wanted = exactly if exactly is not None else at_most
    if len(seen) != wanted and (exactly is not None or len(seen) > (at_most or 0)):
        rows = "\n".join(
            f"  {number}. {' '.join(sql.split())[:300]}\n     {at}" for number, (sql, at) in enumerate(seen, 1)
        )
        words = "" if exactly is not None else "at most "
        raise AssertionError(f"{words}{wanted} queries were expected, and there were {len(seen)}:\n{rows or '  none'}")
