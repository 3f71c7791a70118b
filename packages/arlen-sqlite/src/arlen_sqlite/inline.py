"""Inline: short reads on the event loop's own thread, with a budget; what goes over it runs on a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any

from arlen_data.errors import LockTimeout, QueryCanceled, ReadOnlyTransaction
from arlen_data.results import Result
from arlen_sqlite.plans import Plan
from arlen_sqlite.work import perform

__all__ = ["Inline"]

_STEPS, _ALLOWANCE, _TURNS = 1000, 10, 16


class Inline:
    """A connection on the loop's thread that only reads.

    It stops a statement after 10,000 steps of SQLite's machine; that one runs on threads from then on.

    Args:
        connection: it does not wait for locks.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection, self.cursor = connection, connection.cursor()
        self._left = self._count = 0
        connection.set_progress_handler(self._spent, _STEPS)

    async def run(self, plan: Plan, params: Sequence[Any]) -> Result | None:
        """Return the result, or `None` when a thread has to find it."""
        self._left, self._count = _ALLOWANCE, self._count + 1
        try:
            made = perform(self, plan, params)  # type: ignore[arg-type]  # it has the connection
        except QueryCanceled:
            plan.slow = True
            return None
        except (LockTimeout, ReadOnlyTransaction):
            return None
        if not self._count % _TURNS:  # a task that asks on and on lets the others have their turn
            await asyncio.sleep(0)
        return made

    def close(self) -> None:
        """Close the connection."""
        self.cursor.close()
        self.connection.close()

    def _spent(self) -> Any:
        self._left -= 1
        return self._left < 0
