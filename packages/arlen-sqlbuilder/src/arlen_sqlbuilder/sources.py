"""Sources: what stands in FROM, and the columns that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from arlen_sqlbuilder.compiler import BARE, RAW, Compiler, Node, Word
from arlen_sqlbuilder.dialects import check_name
from arlen_sqlbuilder.errors import refuse
from arlen_sqlbuilder.expressions import Expr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "LATERAL",
    "Body",
    "Column",
    "Columns",
    "Cte",
    "Derived",
    "Ref",
    "Source",
    "cte_recursive",
    "excluded",
    "source",
    "used",
]

T = TypeVar("T")
ANYTHING = ""  # the label of a raw source: any column may be in it
LATERAL = Word("lateral", "LATERAL ", "")


class Column(Expr[T]):
    """A column of a table, a CTE or a subquery: its label, name, type and source."""

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
            refuse(reason, "compile_failed", identifier=label)
        return f"{c.quote(_real(c, label))}.{c.quote(name)}" if c.qualified else c.quote(name)

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

    def __name_of__(self, name: str) -> str:
        return check_name(name) if self._known is None else self[name].name

    def __getitem__(self, name: str) -> Column[Any]:
        label = self._source.label
        if self._known is None:
            return Column(label, check_name(name), None, self._source)
        if name in self._known:
            return self._known[name]
        reason = f"{label} has no column of that name: its columns are {', '.join(self._known)}"
        return refuse(reason, "invalid_identifier", identifier=str(name))


class Source(Node):
    """Something that stands in FROM. Its columns are `source.c.name`, or `source.name` if nothing else is called so."""

    __slots__ = ()
    __precedence__ = RAW

    @property
    def label(self) -> str:
        """The name by which columns refer to it."""
        return str(self.__parts__[1] or ANYTHING)

    @property
    def c(self) -> Columns:
        """The columns."""
        names = self.__names__()
        known: dict[str, Column[Any]] | None = (
            None if names is None else {name: Column(self.label, name, None, self) for name in names}
        )
        return Columns(self, known)

    def __getattr__(self, name: str) -> Column[Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.c[name]

    def __names__(self) -> Sequence[str] | None:
        return None

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
        return str(self.__parts__[2] or self.__parts__[0])

    def __from__(self, c: Compiler) -> str:
        name, schema, alias = self.__parts__
        if not schema:
            c.tables.add(name)
        text = f"{c.quote(schema)}.{c.quote(name)}" if schema else c.quote(name)
        return f"{text} AS {c.quote(alias)}" if alias else text

    def __sql__(self, c: Compiler) -> str:
        return c.quote(self.__parts__[2]) if self.__parts__[2] else self.__from__(c)


class Derived(Source):
    """A statement or fragment in FROM, with its name and perhaps LATERAL before it."""

    __slots__ = ()

    def __names__(self) -> Sequence[str] | None:
        names: list[str] | None = self.__parts__[0].__names__()
        return names

    def __from__(self, c: Compiler) -> str:
        query, name, word = self.__parts__
        text = (word.__sql__(c) if word else "") + c.text(query)
        return f"{text} AS {c.quote(name)}" if name else text


class Cte(Source):
    """A statement with a name, that stands in WITH. Use it like a table; WITH is written for you."""

    __slots__ = ()

    def as_(self, alias: str) -> Cte:
        """Return the same under another name, to use it twice."""
        return Cte(self.__parts__[0], check_name(alias))

    def __names__(self) -> Sequence[str] | None:
        names: Sequence[str] | None = self.__parts__[0].columns
        return names

    def __from__(self, c: Compiler) -> str:
        body, label = self.__parts__
        body.define(c)
        return c.quote(body.name) if body.name == label else f"{c.quote(body.name)} AS {c.quote(label)}"


class Body:
    """What stands in WITH: a name, the columns, whether they are listed, and the statement."""

    __slots__ = ("columns", "hint", "name", "recursive", "statement")

    def __init__(self, name: str, columns: Sequence[str] | None, hint: str = "", *, recursive: bool = False) -> None:
        self.name = check_name(name)
        self.columns = columns
        self.hint = hint
        self.recursive = recursive
        self.statement: Any = None

    def define(self, c: Compiler) -> None:
        """Write the statement once, outside of everything that is visible here."""
        if self.name in c.ctes:
            if c.ctes[self.name][0] is not self:
                reason = f"two statements in WITH are called {self.name}: rename one of them"
                refuse(reason, "compile_failed", identifier=self.name)
            return
        if self.statement.__writes__:
            c.dialect.require("data-modifying cte")
        params, labels, c.params = c.params, c.labels, []
        c.leave(())
        c.ctes[self.name] = (self, "", [])
        titles = f" ({c.names(self.columns or ())})" if self.recursive else ""
        text = f"{c.quote(self.name)}{titles} AS {self.hint}({self.statement.__sql__(c)})"
        del c.ctes[self.name]  # those that it refers to come first
        c.ctes[self.name] = (self, text, c.params)
        c.params = params
        c.leave(labels)


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

    >>> from arlen_sqlbuilder import select, sql
    >>> count = cte_recursive("n", ["i"], select(sql("1")), lambda n: select(n.c.i + 1).from_(n).where(n.c.i < 5))
    >>> print(select(count.c.i).from_(count))
    WITH RECURSIVE "n" ("i") AS ((SELECT 1) UNION ALL (SELECT "i" + $1 FROM "n" WHERE "i" < $2)) SELECT "i" FROM "n"
    -- $1 = 1, $2 = 5
    """
    body = Body(name, [check_name(column) for column in columns], recursive=True)
    self = Cte(body, name)
    body.statement = base.union(step(self)) if distinct else base.union_all(step(self))
    return self


def _real(c: Compiler, label: str) -> str:
    """Return a table's name where its alias is forgotten, and the label of everything else."""
    if label not in c.renamed or c.labels.count(label) > 1:  # an inner table has the alias now
        return label
    if (name := c.renamed[label]) in c.labels:
        reason = f"in RETURNING, SQLite calls {label} by its name {name}, as another source here: give that an alias"
        refuse(reason, "compile_failed", identifier=label)
    return name


def source(item: Any) -> Source:
    """Return what stands in FROM: a table, a CTE, a subquery or a fragment; else invalid_argument."""
    if isinstance(found := getattr(item, "__source__", item), Source):
        return found
    if isinstance(item, Node) and item.__precedence__ == RAW:
        return Derived(item, None, None)
    if isinstance(item, Node) and item.__precedence__ == BARE:
        refuse("a statement in FROM needs a name: give it one with subquery(), lateral() or cte()")
    return refuse(f"a {type(item).__name__} cannot stand in FROM: give a table, a CTE, a subquery or sql(...)")


def used(items: Iterable[Any], found: dict[str, Source]) -> dict[str, Source]:
    """Return the sources of all columns in expressions by their labels, but not of statements in them."""
    for item in items:
        if isinstance(item, Column):
            found[item.__parts__[0]] = item.__parts__[3]
        elif isinstance(item, tuple) or (isinstance(item, Node) and item.__precedence__ != BARE):
            used(item if isinstance(item, tuple) else item.__parts__, found)
    return found


excluded = Columns(Ref("excluded", None, None), None)
"""The row that an upsert could not insert: `excluded.hits`."""
