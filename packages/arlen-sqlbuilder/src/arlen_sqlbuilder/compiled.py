"""Compiled statements: text and parameters, to be executed as they are or with values for the open ones."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from arlen_sqlbuilder.dialects import Dialect, dialect_of
from arlen_sqlbuilder.errors import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Compiled", "Open"]


class Open(str):
    """The place of a parameter that gets its value later: its name."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"param({str(self)!r})"


class Compiled:
    """A statement in one dialect. It never changes, and threads may share it.

    Args:
        sql: the text.
        values: the parameters in the order of the text; an open one is an `Open`.
        dialect: the dialect.
        names: the names of the open parameters.

    >>> from arlen_sqlbuilder import PG, Table, param, select
    >>> users = Table("users").c
    >>> by_id = select(users.email).where(users.id == param("id")).compile(PG)
    >>> by_id.sql
    'SELECT "email" FROM "users" WHERE "id" = $1'
    >>> by_id.bind(id=5)
    (5,)
    """

    __slots__ = ("_fixed", "_get", "_values", "dialect", "names", "sql")

    def __init__(self, sql: str, values: tuple[Any, ...], dialect: Dialect, names: Iterable[str] = ()) -> None:
        self.sql = sql
        self.dialect = dialect
        self.names = frozenset(names)
        self._values = values
        if self.names:
            self._fixed = {place: value for place, value in enumerate(values) if type(value) is not Open}
            self._get = _getter(values)

    @property
    def params(self) -> tuple[Any, ...]:
        """The parameters, in the order of the text. With open ones it raises compile_failed: use `bind`."""
        if self.names:
            reason = f"the parameters {_listed(self.names)} are open: give their values to bind()"
            refuse(reason, "compile_failed")
        return self._values

    def bind(self, /, **named: Any) -> tuple[Any, ...]:
        """Return all parameters, in the order of the text.

        Args:
            named: a value for each open parameter, not more and not less; otherwise invalid_argument.
        """
        if named.keys() != self.names:
            wrong = _listed(named.keys() ^ self.names)
            refuse(f"the values do not fit the open parameters: {wrong} is missing or unknown")
        if not named:
            return self._values
        return self._get(named | self._fixed if self._fixed else named)

    def compile(self, dialect: str) -> Compiled:
        """Return this; refuse another dialect, with compile_failed."""
        if dialect_of(dialect) == self.dialect:
            return self
        reason = f"the statement was compiled for {self.dialect}: compile the original for {dialect}"
        return refuse(reason, "compile_failed", dialect=dialect)

    def __str__(self) -> str:
        marks = [f"${place}" if self.dialect.numbered else f"?{place}" for place in range(1, len(self._values) + 1)]
        listed = ", ".join(f"{mark} = {value!r}" for mark, value in zip(marks, self._values, strict=True))
        return f"{self.sql}\n-- {listed}" if listed else self.sql

    def __repr__(self) -> str:
        return f"<Compiled {self.dialect}: {self.sql}>"


def _getter(values: tuple[Any, ...]) -> Callable[[Mapping[Any, Any]], tuple[Any, ...]]:
    keys = [str(value) if type(value) is Open else place for place, value in enumerate(values)]
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda known: tuple([known[key] for key in keys])


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))
