"""Aids: what the checks share: to expect an error, to wait for something with a bound, to count rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import anyio

from arlen_data.database import Database
from arlen_data.errors import PoolTimeout, Unsupported
from arlen_data.queries import Queries

__all__ = ["BOUND", "Raises", "count", "exactly", "keeps", "raises", "sibling", "until"]

E = TypeVar("E", bound=BaseException)

BOUND = 10.0
"""Seconds after which a check that waits for something has failed; nothing that is right takes nearly as long."""


class Raises(Generic[E]):
    """Expects an error in a `with` block; `error` is it, afterwards."""

    error: E

    def __init__(self, kinds: tuple[type[E], ...]) -> None:
        self._kinds = kinds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            raise AssertionError(
                f"nothing was raised where {' or '.join(each.__name__ for each in self._kinds)} is due"
            )
        if not isinstance(error, self._kinds):
            return False
        self.error = error
        return True


def raises(*kinds: type[E]) -> Raises[E]:
    """Expect an error of one of these classes, as `pytest.raises` does.

    >>> with raises(ValueError) as caught:
    ...     int("x")
    >>> type(caught.error).__name__
    'ValueError'
    """
    return Raises(kinds)


async def until(ask: Callable[[], Awaitable[object]], what: str) -> None:
    """Wait until something that only the server can tell is so; fail when it takes longer than `BOUND`."""
    with anyio.move_on_after(BOUND):
        while not await ask():  # it is the server that changes  # noqa: ASYNC110
            await anyio.sleep(0.01)
        return
    raise AssertionError(f"{what}: not within {BOUND:g} s")


async def count(db: Queries, table: str) -> int:
    """Return how many rows a table has."""
    return await db.value(f"select count(*) from {table}", into=int)  # the checks' own names  # noqa: S608


@asynccontextmanager
async def sibling(db: Database) -> AsyncIterator[Database]:
    """Open another one for the same database; where there cannot be one, as in memory, it is the same."""
    try:
        other = db.again()
    except Unsupported:
        yield db
        return
    async with other:
        yield other


async def exactly(db: Database, size: int) -> None:
    """Hold as many transactions as the pool may have connections; one more finds none."""
    async with AsyncExitStack() as held:
        for number in range(size):
            tx = await held.enter_async_context(db.transaction())
            assert number == await tx.value("select cast($1 as bigint)", number)
        with raises(PoolTimeout):
            await db.value("select 1")


async def keeps(db: Database, table: str, value: Any) -> Any:
    """Write a value into the column `v` of a table, alone, and return what is read; it must be of the same type."""
    await db.execute(f"delete from {table}")  # noqa: S608
    assert 1 == await db.execute(f"insert into {table} (v) values ($1)", value)  # noqa: S608
    found = await db.value(f"select v from {table}")  # noqa: S608
    assert type(value) is type(found), f"{type(value).__name__} came back as {type(found).__name__}"
    return found
