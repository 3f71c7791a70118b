"""Statements: what is prepared on one connection, the one that was not used for longest being given up first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from arlen_pg.codecs import columns, maker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.pq.abc import PGresult

__all__ = ["Statement", "Statements"]

Key = tuple[str, "Sequence[int]"]


class Statement:
    """One statement on one connection.

    Args:
        name: on the server; empty when it is not prepared.

    Attributes:
        columns: the names of its columns; `None` until the first result. They cannot change: the server refuses with
            0A000 when they would.
        make: what makes its rows.
    """

    __slots__ = ("columns", "key", "make", "name")

    def __init__(self, name: bytes, key: Key) -> None:
        self.name, self.key = name, key
        self.columns: tuple[str, ...] | None = None
        self.make: Any = None

    def learn(self, result: PGresult) -> tuple[str, ...]:
        """Look at the columns of the first result."""
        self.columns = names = columns(result)
        self.make = maker(names)
        return names


class Statements(OrderedDict[Key, Statement]):
    """The prepared statements of one connection, by text and types of parameters.

    Args:
        limit: how many; 0 prepares none.

    Attributes:
        closing: names that are to be given up on the server with the next statement.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.closing: list[bytes] = []
        self._count = 0

    def add(self, key: Key) -> Statement:
        """Return a new statement; when there is no room for it, the oldest one goes."""
        while len(self) >= self.limit:
            self.closing.append(self.popitem(last=False)[1].name)
        self._count += 1
        made = self[key] = Statement(b"arlen_%d" % self._count, key)
        return made

    def forget(self, key: Key) -> None:
        """Give up one statement, if it is there."""
        found = self.pop(key, None)
        if found is not None:
            self.closing.append(found.name)

    def lose(self) -> None:
        """Forget everything: the server has."""
        self.clear()
        self.closing.clear()
