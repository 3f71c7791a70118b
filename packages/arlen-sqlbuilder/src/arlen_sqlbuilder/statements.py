"""Statements: what can be compiled, whether built or written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from arlen_sqlbuilder.compiled import Compiled
from arlen_sqlbuilder.compiler import BARE, Compiler, Node, freeze
from arlen_sqlbuilder.dialects import PG, Dialect, check_name, dialect_of
from arlen_sqlbuilder.errors import SQLBuilderError, refuse
from arlen_sqlbuilder.expressions import Closed, Expr, Label
from arlen_sqlbuilder.sources import LATERAL, Body, Column, Cte, Derived

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Statement", "Written", "named"]

R = TypeVar("R")
HINTS = {None: "", True: "MATERIALIZED ", False: "NOT MATERIALIZED "}


class Statement(Node, Generic[R]):
    """Something that can be executed and gives rows of type R."""

    __slots__ = ("__compiled__",)
    __compiled__: Compiled
    __precedence__ = BARE
    __writes__ = False

    def compile(self, dialect: str) -> Compiled:
        """Return the text and the parameters in a dialect.

        Args:
            dialect: `PG`, `SQLITE`, or one of their names, "postgresql" and "sqlite".

        Raises:
            SQLBuilderError: what is built makes no statement, or the dialect does not support a part of it.
        """
        known = getattr(self, "__compiled__", None)
        if known is None or known.dialect != dialect:
            known = _compiled(self, dialect_of(dialect))
            freeze(self, "__compiled__", known)
        return known

    def cte(self, name: str, *, materialized: bool | None = None) -> Cte:
        """Return the statement as a part of WITH, to be used like a table.

        Args:
            name: its name.
            materialized: whether the database keeps the rows aside; None leaves that to the database.
        """
        body = Body(name, self.__names__(), HINTS[materialized])
        body.statement = self
        return Cte(body, name)

    def scalar(self) -> Expr[Any]:
        """Return the statement as an expression: the value of its only column in its only row."""
        return Closed("", self, "")

    def subquery(self, name: str) -> Derived:
        """Return the statement as a source for FROM. A fragment brings its own parentheses if it needs them."""
        return Derived(self, check_name(name), None)

    def lateral(self, name: str) -> Derived:
        """Return the statement as a source that may use the columns of what stands before it; PostgreSQL only."""
        return Derived(self, check_name(name), LATERAL)

    def __names__(self) -> list[str] | None:
        return None

    def __str__(self) -> str:
        try:
            return str(self.compile(PG))
        except SQLBuilderError as error:
            return f"<{type(self).__name__}: {error}>"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {str(self).partition(chr(10))[0]}>"


class Written(Statement[R]):
    """A statement of clauses that methods add to."""

    __slots__ = ()
    __parts__: Mapping[str, Any]

    def __init__(self, clauses: Mapping[str, Any]) -> None:
        freeze(self, "__parts__", clauses)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.__parts__,)

    def with_(self, *ctes: Cte) -> Self:
        """Put statements into WITH although nothing refers to them: data-modifying ones."""
        return self.__more__("ctes", ctes)

    def __clause__(self, name: str, value: Any) -> Self:
        return type(self)({**self.__parts__, name: value})

    def __more__(self, name: str, values: Iterable[Any]) -> Self:
        return type(self)({**self.__parts__, name: (*self.__parts__.get(name, ()), *values)})

    def __define__(self, c: Compiler) -> None:
        for one in self.__parts__.get("ctes", ()):
            one.__parts__[0].define(c)


def named(items: Iterable[Any]) -> list[str] | None:
    """Return the names of what a statement gives; None when one of them cannot be known."""
    names = [item.name if isinstance(item, (Column, Label)) else None for item in items]
    known = [name for name in names if name is not None]
    return known if len(known) == len(names) else None


def _compiled(statement: Statement[Any], dialect: Dialect) -> Compiled:
    c = Compiler(dialect)
    try:
        text = statement.__sql__(c)
    except RecursionError:
        refuse("the statement is nested too deeply: join conditions with and_() and or_()", "compile_failed")
    params = c.params
    if c.ctes:
        _unlike(c)
        recursive = "RECURSIVE " if any(body.recursive for body, _, _ in c.ctes.values()) else ""
        text = f"WITH {recursive}{', '.join([body for _, body, _ in c.ctes.values()])} {text}"
        params = [value for _, _, values in c.ctes.values() for value in values] + params
    if len(params) > dialect.parameters:
        reason = (
            f"{len(params)} parameters, {dialect} takes {dialect.parameters}: send the values in several statements"
        )
        refuse(reason, "too_many_parameters", dialect=dialect)
    return Compiled(dialect.number(text), tuple(params), dialect, c.open)


def _unlike(c: Compiler) -> None:
    """Refuse a statement in WITH that has the name of a table, which would read from it instead."""
    if taken := sorted(c.tables.intersection(c.ctes)):
        reason = f"{taken[0]} is a table and a statement in WITH: rename the one in WITH, or give the table's schema"
        refuse(reason, "compile_failed", identifier=taken[0])
