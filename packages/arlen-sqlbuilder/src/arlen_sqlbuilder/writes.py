"""INSERT, UPDATE and DELETE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from arlen_sqlbuilder.clauses import conditions_text, items_text, sources_text, visible
from arlen_sqlbuilder.compiler import ATOM, RAW, Compiler, Node
from arlen_sqlbuilder.dialects import SQLITE, check_name
from arlen_sqlbuilder.errors import UnsafeStatement, refuse
from arlen_sqlbuilder.expressions import Expr, In, Not, flat
from arlen_sqlbuilder.sources import Column, Columns, Ref, source
from arlen_sqlbuilder.statements import Written, named

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Conflict", "Delete", "Insert", "Update", "delete", "insert", "update"]


class _Write(Written[Any]):
    """A statement that changes a table."""

    __slots__ = ()
    __writes__ = True

    def returning(self, *items: Any) -> Self:
        """Give rows of columns, expressions and labels for the rows that were changed; `sql("*")` is all columns."""
        if not items:
            refuse("returning() has no column: name some, or give sql('*')")
        return self.__more__("returning", items)

    def __names__(self) -> list[str] | None:
        return named(self.__parts__.get("returning", ()))

    def __returned__(self, c: Compiler) -> str:
        if "returning" not in self.__parts__:
            return ""
        name, _, alias = self.__parts__["table"].__parts__
        if alias and c.dialect is SQLITE:  # it forgets the alias here
            c.renamed = {alias: name}
        text = f" RETURNING {items_text(c, self.__parts__['returning'])}"
        c.renamed = {}
        return text


class _Guarded(_Write):
    """A statement that changes rows under a condition, which must not be forgotten."""

    __slots__ = ()
    __verb__ = ""

    def where(self, *conditions: Expr[Any]) -> Self:
        """Change rows that meet all conditions, also those of earlier calls."""
        return self.__more__("where", flat(conditions))

    def all_rows(self) -> Self:
        """Mean every row: without this and without `where` it does not compile."""
        return self.__clause__("all", True)

    def __guarded__(self, c: Compiler) -> str:
        found = self.__parts__.get("where", ())
        if "all" not in self.__parts__ and all(map(_always, found)):
            raise UnsafeStatement(self.__verb__)
        return conditions_text(c, " WHERE ", found) + self.__returned__(c)


class Insert(_Write):
    """An INSERT. Each method returns a new one."""

    __slots__ = ()

    def values(self, *rows: Mapping[str, Any] | Sequence[Any], **more: Any) -> Self:
        """Insert rows, after those of earlier calls.

        Args:
            rows: mappings with the same keys each, in any order; or, after `columns`, sequences in their order.
            more: one more row, as keywords.

        Raises:
            SQLBuilderError: invalid_argument for rows that are empty or differ; invalid_identifier for an unknown key.
        """
        known = self.__parts__["known"]
        given = [_by_name(known, one) for one in ([*rows, more] if more else rows)]
        columns = self.__parts__.get("columns") or _keys(given)
        return self.__clause__("columns", columns).__more__("rows", [_row(columns, one) for one in given])

    def columns(self, *columns: Any) -> Self:
        """Name the columns, in an order, for `values` with sequences or for `select`."""
        if not columns:
            refuse("columns() is empty: name at least one column")
        return self.__clause__("columns", tuple([_name(self.__parts__["known"], one) for one in columns]))

    def select(self, query: Any) -> Self:
        """Insert the rows of a statement; `columns` names where they go."""
        if not isinstance(query, Node) or query.__precedence__ > RAW:
            refuse("insert().select() takes a statement: give select(...) or sql(...)")
        return self.__clause__("query", query)

    def on_conflict(self, *target: Any, where: Expr[Any] | None = None, constraint: str | None = None) -> Conflict:
        """Say what happens to a row that is there already; go on with `do_nothing` or `do_update`.

        Args:
            target: the columns or expressions of the unique index; none for any conflict.
            where: the condition of a partial index.
            constraint: instead of a target, the constraint's name; PostgreSQL only.
        """
        names = [item if isinstance(item, Node) else self.__parts__["known"][item] for item in target]
        called = constraint if constraint is None else check_name(constraint)
        return Conflict(self, (names, [] if where is None else flat([where]), called))

    def __sql__(self, c: Compiler) -> str:
        parts = self.__parts__
        self.__define__(c)
        table = parts["table"]
        text = f"INSERT INTO {table.__from__(c)}"
        if "columns" in parts:
            text += f" ({c.names(parts['columns'])})"
        text += self.__rows__(c)
        outer = c.enter((table.label,))
        if "conflict" in parts:
            text += _conflict(c, *parts["conflict"])
        text += self.__returned__(c)
        c.leave(outer)
        return text

    def __rows__(self, c: Compiler) -> str:
        parts = self.__parts__
        if "query" in parts:
            text = parts["query"].__sql__(c)
            again = "conflict" in parts and c.dialect is SQLITE
            # Without a WHERE, SQLite would read ON CONFLICT as the condition of a join.
            return f" SELECT * FROM ({text}) WHERE TRUE" if again else f" {text}"  # noqa: S608
        if "rows" not in parts:
            refuse("the INSERT has no rows: add values() or select()", "compile_failed")
        return " VALUES " + ", ".join([f"({c.texts(row)})" for row in parts["rows"]])


class Conflict:
    """What an INSERT does with rows that are there already, half said.

    Args:
        statement: the INSERT.
        target: the columns, the condition and the name of the constraint.
    """

    __slots__ = ("_statement", "_target")

    def __init__(self, statement: Insert, target: tuple[Any, ...]) -> None:
        self._statement = statement
        self._target = target

    def do_nothing(self) -> Insert:
        """Leave the row that is there."""
        return self._statement.__clause__("conflict", (self._target, None, ()))

    def do_update(
        self, values: Mapping[str, Any] | None = None, *, where: Expr[Any] | None = None, **more: Any
    ) -> Insert:
        """Change the row that is there; `excluded.x` is the value that could not be inserted.

        Args:
            values: new values or expressions by column.
            where: change it only if this holds.
            more: more values, as keywords.
        """
        known = self._statement.__parts__["known"]
        if not self._target[0] and self._target[2] is None:
            refuse("do_update() needs the columns of the unique index: give them to on_conflict()")
        changes = _changes(known, {**(values or {}), **more})
        return self._statement.__clause__("conflict", (self._target, changes, [] if where is None else flat([where])))


class Update(_Guarded):
    """An UPDATE. Each method returns a new one."""

    __slots__ = ()
    __verb__ = "UPDATE"

    def set(self, values: Mapping[str, Any] | None = None, **more: Any) -> Self:
        """Give columns new values or expressions, as a mapping and as keywords; later calls add to earlier ones."""
        changes = dict(self.__parts__.get("set", ()))
        changes.update(_changes(self.__parts__["known"], {**(values or {}), **more}))
        return self.__clause__("set", tuple(sorted(changes.items(), key=itemgetter(0))))

    def from_(self, *sources: Any) -> Self:
        """Use columns of other sources in the values and conditions."""
        return self.__more__("sources", [("", source(item), None) for item in sources])

    def __sql__(self, c: Compiler) -> str:
        parts = self.__parts__
        self.__define__(c)
        if "set" not in parts:
            refuse("the UPDATE changes nothing: add set()", "compile_failed")
        sources, table = parts.get("sources", ()), parts["table"]
        outer = c.enter(visible([table, *[one for _, one, _ in sources]]))
        text = f"UPDATE {table.__from__(c)} SET {_assigned(c, parts['set'])}"  # noqa: S608
        text += f" FROM {sources_text(c, sources, outer)}" if sources else ""
        text += self.__guarded__(c)
        c.leave(outer)
        return text


class Delete(_Guarded):
    """A DELETE. Each method returns a new one."""

    __slots__ = ()
    __verb__ = "DELETE"

    def using(self, *sources: Any) -> Self:
        """Use columns of other sources in the conditions; PostgreSQL only."""
        return self.__more__("sources", [("", source(item), None) for item in sources])

    def __sql__(self, c: Compiler) -> str:
        parts = self.__parts__
        self.__define__(c)
        sources, table = parts.get("sources", ()), parts["table"]
        outer = c.enter(visible([table, *[one for _, one, _ in sources]]))
        text = f"DELETE FROM {table.__from__(c)}"  # noqa: S608
        if sources:
            c.dialect.require("delete using")
            text += f" USING {sources_text(c, sources, outer)}"
        text += self.__guarded__(c)
        c.leave(outer)
        return text


def insert(table: Any) -> Insert:
    """Return an INSERT into a table.

    >>> from arlen_sqlbuilder import Table
    >>> users = Table("users")
    >>> print(insert(users).values({"team": 1, "email": "a@x"}, {"email": "b@x", "team": 1}).returning(users.c.id))
    INSERT INTO "users" ("email", "team") VALUES ($1, $2), ($3, $4) RETURNING "id"
    -- $1 = 'a@x', $2 = 1, $3 = 'b@x', $4 = 1
    """
    return Insert(_target(table))


def update(table: Any) -> Update:
    """Return an UPDATE of a table.

    >>> from arlen_sqlbuilder import Table
    >>> jobs = Table("jobs")
    >>> print(update(jobs).set(state="running", tries=jobs.c.tries + 1).where(jobs.c.id == 5))
    UPDATE "jobs" SET "state" = $1, "tries" = "tries" + $2 WHERE "id" = $3
    -- $1 = 'running', $2 = 1, $3 = 5
    """
    return Update(_target(table))


def delete(table: Any) -> Delete:
    """Return a DELETE from a table. Without a condition it compiles only after `all_rows()`.

    >>> from arlen_sqlbuilder import Table
    >>> users = Table("users")
    >>> print(delete(users).where(users.c.id == 5))
    DELETE FROM "users" WHERE "id" = $1
    -- $1 = 5
    >>> print(delete(users).all_rows())
    DELETE FROM "users"
    """
    return Delete(_target(table))


def _target(table: Any) -> dict[str, Any]:
    if isinstance(found := source(table), Ref):
        return {"table": found, "known": table.c}
    return refuse("only a table can be changed: give a Table")


def _name(known: Columns, key: Any) -> str:
    """Return a column's name in the database; the key is the column or the attribute's name."""
    return key.name if isinstance(key, Column) else known.__name_of__(key)


def _by_name(known: Columns, row: Any) -> Any:
    """Return a row that is a mapping by the names in the database; one that is a sequence stays as it is."""
    if not isinstance(row, Mapping):
        return row
    found = {_name(known, key): value for key, value in row.items()}
    return found if len(found) == len(row) else refuse("a row names a column twice: name each once")


def _keys(rows: Sequence[Any]) -> tuple[str, ...]:
    if not rows or not isinstance(rows[0], dict) or not rows[0]:
        refuse("values() takes rows that are not empty: give mappings, or name the columns() first")
    return tuple(sorted(rows[0]))


def _row(columns: tuple[str, ...], row: Any) -> tuple[Any, ...]:
    if isinstance(row, dict):
        if len(row) == len(columns) and row.keys() == set(columns):
            return tuple([row[name] for name in columns])
    elif isinstance(row, (list, tuple)) and len(row) == len(columns):
        return tuple(row)
    return refuse(f"every row has the columns {', '.join(columns)}, once each: give them all, None for NULL")


def _changes(known: Columns, values: Mapping[Any, Any]) -> tuple[tuple[str, Any], ...]:
    if not values:
        refuse("there is nothing to change: give a value for at least one column")
    return tuple(sorted({_name(known, key): value for key, value in values.items()}.items(), key=itemgetter(0)))


def _always(condition: Any, *, negated: bool = False) -> bool:
    """Tell whether a condition holds for every row: it is about a list of values, and that is empty."""
    if isinstance(condition, Not):
        return _always(condition.__parts__[1], negated=not negated)
    return isinstance(condition, In) and condition.always is (not negated)


def _assigned(c: Compiler, changes: Iterable[tuple[str, Any]]) -> str:
    return ", ".join([f"{c.quote(name)} = {c.text(value)}" for name, value in changes])


def _conflict(c: Compiler, target: tuple[Any, ...], changes: Any, conditions: Sequence[Any]) -> str:
    items, where, constraint = target
    text, before, c.qualified = " ON CONFLICT", c.qualified, False
    if constraint is not None:
        c.dialect.require("conflict constraint")
        text += f" ON CONSTRAINT {c.quote(constraint)}"
    elif items:
        text += f" ({c.texts(items, ATOM)}){conditions_text(c, ' WHERE ', where)}"
    c.qualified = before
    if changes is None:
        return f"{text} DO NOTHING"
    outer = c.enter(("excluded",))
    text += f" DO UPDATE SET {_assigned(c, changes)}{conditions_text(c, ' WHERE ', conditions)}"
    c.leave(outer)
    return text
