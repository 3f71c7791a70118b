"""Sources: what stands in FROM, and the columns that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from arlen_sqlbuilder.compiler import BARE, RAW, Compiler, Node
from arlen_sqlbuilder.dialects import check_name
from arlen_sqlbuilder.errors import SQLBuilderError
from arlen_sqlbuilder.expressions import Expr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Column", "Columns", "Cte", "Derived", "Ref", "Source", "column_name", "cte_recursive", "excluded", "source"]

T = TypeVar("T")
ANYTHING = ""  # the label of a raw source: any column may be in it


class Column(Expr[T]):
    """A column of a table, a CTE or a subquery."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The column's name in the database."""
        return str(self.__parts__[1])

    @property
    def type(self) -> Any:
        """The Python type that it was declared with, or None."""
        return self.__parts__[2]

    def __sql__(self, c: Compiler) -> str:
        label, name, _, _ = self.__parts__
        if label not in c.labels and ANYTHING not in c.labels:
            reason = f"the column {name} belongs to {label}, which is not in FROM: add it with from_() or join()"
            raise SQLBuilderError(reason, code="compile_failed", identifier=label)
        return f"{c.quote(label)}.{c.quote(name)}" if c.qualified else c.quote(name)

    @property
    def source(self) -> Any:
        """What the column belongs to."""
        return self.__parts__[3]

    def __repr__(self) -> str:
        return f"<Column {self.__parts__[0]}.{self.__parts__[1]}>"


class Columns:
    """The columns of a source, as attributes and by name.

    Args:
        source: whose columns these are.
        known: the columns by name; None when any name may be right.
    """

    __slots__ = ("_known", "_source")

    def __init__(self, source: Source, known: dict[str, Column[Any]] | None) -> None:
        self._source = source
        self._known = known

    def __getattr__(self, name: str) -> Column[Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Column[Any]:
        if self._known is None:
            return Column(self._source.label, check_name(name), None, self._source)
        if isinstance(name, str) and name in self._known:
            return self._known[name]
        label = self._source.label
        reason = f"{label} has no column of that name: its columns are {', '.join(self._known)}"
        raise SQLBuilderError(reason, code="invalid_identifier", identifier=str(name))


class Source(Node):
    """Something that stands in FROM. Its columns are `source.c.name`, or `source.name` if nothing else has that name."""

    __slots__ = ()
    __precedence__ = RAW

    @property
    def label(self) -> str:
        """The name by which columns refer to it."""
        raise NotImplementedError

    @property
    def c(self) -> Columns:
        """The columns."""
        return Columns(self, self.__columns__())

    def __columns__(self) -> dict[str, Column[Any]] | None:
        return None

    def __getattr__(self, name: str) -> Column[Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.c[name]

    def __from__(self, c: Compiler) -> str:
        raise NotImplementedError

    def __sql__(self, c: Compiler) -> str:
        return c.quote(self.label)


class Ref(Source):
    """A table of the database: its name, schema and alias."""

    __slots__ = ()

    @property
    def label(self) -> str:
        """The alias, or the name."""
        name, _, alias = self.__parts__
        return str(alias or name)

    def __from__(self, c: Compiler) -> str:
        name, schema, alias = self.__parts__
        text = f"{c.quote(schema)}.{c.quote(name)}" if schema else c.quote(name)
        return f"{text} AS {c.quote(alias)}" if alias else text

    def __sql__(self, c: Compiler) -> str:
        return c.quote(self.__parts__[2]) if self.__parts__[2] else self.__from__(c)


class Derived(Source):
    """A statement in FROM, with a name; LATERAL when it may use what stands before it."""

    __slots__ = ()

    @property
    def label(self) -> str:
        """The name."""
        return str(self.__parts__[1])

    def __columns__(self) -> dict[str, Column[Any]] | None:
        return _columns(self, self.__parts__[0].__names__())

    def __from__(self, c: Compiler) -> str:
        query, name, lateral = self.__parts__
        if lateral:
            c.dialect.require("lateral")
        body = query.__sql__(c)
        return f"{'LATERAL ' if lateral else ''}({body}) AS {c.quote(name)}"


class Raw(Source):
    """A fragment in FROM, with a name or as it is."""

    __slots__ = ()

    @property
    def label(self) -> str:
        """The name, or the one that stands for anything."""
        return str(self.__parts__[1] or ANYTHING)

    def __from__(self, c: Compiler) -> str:
        fragment, name = self.__parts__
        text = fragment.__sql__(c)
        return f"{text} AS {c.quote(name)}" if name else str(text)


class Cte(Source):
    """A statement with a name, that stands in WITH. Use it like a table; WITH is written for you."""

    __slots__ = ()

    @property
    def label(self) -> str:
        """The alias, or the name."""
        return str(self.__parts__[1] or self.__parts__[0].name)

    def as_(self, alias: str) -> Cte:
        """Return the same under another name, to use it twice."""
        return Cte(self.__parts__[0], check_name(alias))

    def __columns__(self) -> dict[str, Column[Any]] | None:
        return _columns(self, self.__parts__[0].columns)

    def __from__(self, c: Compiler) -> str:
        body, alias = self.__parts__
        body.define(c)
        return f"{c.quote(body.name)} AS {c.quote(alias)}" if alias else str(c.quote(body.name))


class Body:
    """What stands in WITH: the name, the columns, the statement."""

    __slots__ = ("columns", "materialized", "name", "recursive", "statement", "titles")

    def __init__(self, name: str, columns: Sequence[str] | None, *, materialized: bool | None, recursive: bool) -> None:
        self.name = check_name(name)
        self.titles = columns
        self.columns = columns
        self.materialized = materialized
        self.recursive = recursive
        self.statement: Any = None

    def define(self, c: Compiler) -> None:
        """Write the statement once, outside of everything that is visible here."""
        if self.name in c.ctes:
            self._check(c.ctes[self.name])
            return
        params, labels = c.params, c.labels
        c.params = []
        c.leave(())
        c.ctes[self.name] = (self, None, ())
        text = self._text(c)
        del c.ctes[self.name]
        c.ctes[self.name] = (self, text, c.params)
        c.params = params
        c.leave(labels)

    def _check(self, known: tuple[Body, str | None, Iterable[Any]]) -> None:
        if known[0] is not self:
            reason = f"two statements in WITH are called {self.name}: rename one of them"
            raise SQLBuilderError(reason, code="compile_failed", identifier=self.name)

    def _text(self, c: Compiler) -> str:
        if self.statement.__writes__:
            c.dialect.require("data-modifying cte")
        titles = f" ({c.names(self.titles)})" if self.titles else ""
        hint = {None: "", True: "MATERIALIZED ", False: "NOT MATERIALIZED "}[self.materialized]
        return f"{c.quote(self.name)}{titles} AS {hint}({self.statement.__sql__(c)})"


def cte(statement: Any, name: str, *, materialized: bool | None) -> Cte:
    """Name a statement for WITH."""
    body = Body(name, None, materialized=materialized, recursive=False)
    body.statement, body.columns = statement, statement.__names__()
    return Cte(body, None)


def cte_recursive(
    name: str, columns: Sequence[str], base: Any, step: Callable[[Cte], Any], *, distinct: bool = False
) -> Cte:
    """Return a recursive CTE.

    Args:
        name: its name.
        columns: the names of its columns, in the order of the two statements.
        base: the statement that gives the first rows.
        step: called with the CTE itself; returns the statement that gives further rows from it.
        distinct: whether equal rows are left out (UNION), which also ends cycles.

    >>> from arlen_sqlbuilder import select
    >>> count = cte_recursive("n", ["i"], select(1), lambda n: select(n.c.i + 1).from_(n).where(n.c.i < 5))
    >>> print(select(count.c.i).from_(count))
    WITH RECURSIVE "n" ("i") AS ((SELECT $1) UNION ALL (SELECT "i" + $2 FROM "n" WHERE "i" < $3)) SELECT "i" FROM "n"
    -- $1 = 1, $2 = 1, $3 = 5
    """
    body = Body(name, [check_name(column) for column in columns], materialized=None, recursive=True)
    self = Cte(body, None)
    body.statement = base.union(step(self)) if distinct else base.union_all(step(self))
    return self


def source(item: Any) -> Source:
    """Return what stands in FROM: a table, a CTE, a subquery or a fragment; else invalid_argument."""
    if isinstance(found := getattr(item, "__source__", item), Source):
        return found
    if isinstance(item, Node) and item.__precedence__ == RAW:
        return Raw(item, None)
    if isinstance(item, Node) and item.__precedence__ == BARE:
        raise SQLBuilderError("a statement in FROM needs a name: give it one with subquery(), lateral() or cte()")
    kind = type(item).__name__
    raise SQLBuilderError(f"a {kind} cannot stand in FROM: give a table, a CTE, a subquery or sql(...)")


def column_name(item: Any) -> str:
    """Return the bare name of a column, which is a column or a text."""
    return item.name if isinstance(item, Column) else check_name(item)


def _columns(owner: Source, names: Sequence[str] | None) -> dict[str, Column[Any]] | None:
    return None if names is None else {name: Column(owner.label, name, None, owner) for name in names}


excluded = Columns(Ref("excluded", None, None), None)
"""The row that an upsert could not insert: `excluded.hits`."""
