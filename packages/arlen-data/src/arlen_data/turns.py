"""Turns: one runner of migrations at a time on a database, however many there are."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from arlen_data.errors import InvalidArgument
from arlen_data.events import fingerprint
from arlen_data.faults import MigrationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from arlen_data.database import Database
    from arlen_data.transactions import Transaction

__all__ = ["Turn", "late", "turn"]

_PAUSE = 0.05
_LONGEST = 0.25
_QUIET = "set local idle_in_transaction_session_timeout to 0"
_UNLIMITED = "select count(set_config(name, '0', true)) from pg_settings where name = 'transaction_timeout'"


class Turn:
    """The right to run migrations; made by `turn`.

    Attributes:
        database: where to run them.
        exclusive: nobody else runs any. Without it every file is claimed in its own transaction.
    """

    def __init__(self, database: Database, lock: Transaction | None = None) -> None:
        self.database, self.exclusive, self._lock = database, lock is not None, lock

    async def check(self) -> None:
        """Make sure that the lock is still held; `ConnectionLost` when its connection went away."""
        if self._lock is not None:
            await _ask(self._lock, "select 1")


@asynccontextmanager
async def turn(db: Database, name: str, wait: float) -> AsyncIterator[Turn]:
    """Wait for our turn and yield it.

    With advisory locks it is a lock on a connection of its own, and the work has a connection of its own too: what a
    migration sets ends with it. Nothing about the lock blocks `create index concurrently`, which waits for the end of
    every transaction that had a snapshot when it looked: the transaction that holds the lock is `read committed` and
    ends each time in a statement that has none; and who waits asks in one short transaction after the other. The lock
    outlives no transaction, so that it works through PgBouncer too.

    Args:
        db: the database, opened.
        name: of the lock.
        wait: seconds for others to finish.

    Raises:
        MigrationError: they did not.
    """
    if not db.capabilities.advisory_locks:
        yield Turn(db)
        return
    async with _single(db) as keeper, _locked(keeper, name, wait) as lock, _single(db) as work:
        yield Turn(work, lock)


def late(wait: float, **place: Any) -> MigrationError:
    """Return the error of somebody who has waited too long."""
    fix = "look whether that one still runs; wait longer with --wait"
    message = f"another runner of migrations did not finish in {wait:g} s"
    return MigrationError(message, code="migration_locked", fix=fix, **place)


@asynccontextmanager
async def _locked(keeper: Database, name: str, wait: float) -> AsyncIterator[Transaction]:
    number = int.from_bytes(bytes.fromhex(fingerprint(name)), "big", signed=True)
    clock, pause = keeper.clock, _PAUSE
    until = clock.monotonic() + wait
    while True:
        async with keeper.transaction(isolation="read committed") as lock:
            await _ask(lock, _UNLIMITED)
            if await _ask(lock, "select pg_try_advisory_xact_lock($1)", number):
                yield lock
                return
        if clock.monotonic() >= until:
            raise late(wait)
        await clock.sleep(pause)
        pause = min(pause * 2, _LONGEST)


async def _ask(lock: Transaction, sql: str, *args: Any) -> Any:
    """Return a value, and leave no snapshot: the portal of a query keeps its own until the next statement."""
    found = await lock.value(sql, *args)
    await lock.execute(_QUIET)
    return found


def _single(db: Database) -> Database:
    """Return the same database with one connection, when it has a setting for that."""
    try:
        return db.again(size=1, min_size=0)
    except InvalidArgument:
        return db.again()
