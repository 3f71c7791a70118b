"""SELECT, and UNION, INTERSECT and EXCEPT of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from arlen_sqlbuilder.clauses import conditions_text, items_text, sources_text, terms_text, visible
from arlen_sqlbuilder.compiler import BARE, RAW, Compiler, Node
from arlen_sqlbuilder.dialects import SQLITE, check_name
from arlen_sqlbuilder.errors import refuse
from arlen_sqlbuilder.expressions import Expr, Label, Order, Param, and_, flat
from arlen_sqlbuilder.functions import terms, window
from arlen_sqlbuilder.sources import Column, Source, source, used
from arlen_sqlbuilder.statements import Written, named

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Query", "Select", "SetOperation", "select"]

R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")


class Query(Written[R]):
    """A statement that gives rows: a SELECT, or several with UNION and the like between them."""

    __slots__ = ()

    def order_by(self, *items: Any) -> Self:
        """Sort the rows, first by what earlier calls gave.

        Args:
            items: columns, expressions, their `asc()` and `desc()`, or lists of these; a label sorts by its name.
        """
        return self.__more__("order", terms(items))

    def limit(self, count: int | Param) -> Self:
        """Give at most so many rows; a number from 0, or a parameter."""
        return self.__clause__("limit", _count("limit", count))

    def offset(self, count: int | Param) -> Self:
        """Leave out so many rows; a number from 0, or a parameter."""
        return self.__clause__("offset", _count("offset", count))

    def union(self, other: Node) -> SetOperation[R]:
        """Rows of both, each once."""
        return _combined(self, "UNION", other)

    def union_all(self, other: Node) -> SetOperation[R]:
        """Rows of both."""
        return _combined(self, "UNION ALL", other)

    def intersect(self, other: Node) -> SetOperation[R]:
        """Rows that both have."""
        return _combined(self, "INTERSECT", other)

    def except_(self, other: Node) -> SetOperation[R]:
        """Rows that the other does not have."""
        return _combined(self, "EXCEPT", other)

    def __page__(self, c: Compiler) -> str:
        parts = self.__parts__
        text = ""
        if "limit" in parts:
            text = f" LIMIT {c.text(parts['limit'])}"
        elif "offset" in parts and c.dialect is SQLITE:
            text = " LIMIT -1"
        return f"{text} OFFSET {c.text(parts['offset'])}" if "offset" in parts else text


class Select(Query[R]):
    """A SELECT. Each method returns a new one.

    Its tables follow from the columns when these are of one table; otherwise `from_` names them.
    """

    __slots__ = ()

    def from_(self, *sources: Any) -> Self:
        """Read from tables, CTEs, subqueries or fragments."""
        return self.__more__("sources", [("", source(item), None) for item in sources])

    def where(self, *conditions: Expr[Any]) -> Self:
        """Keep rows that meet all conditions, also those of earlier calls."""
        return self.__more__("where", flat(conditions))

    def join(self, other: Any, on: Any = None, *, using: Sequence[Any] | None = None) -> Self:
        """Add the rows of another source that meet a condition.

        Args:
            other: a table, CTE, subquery or fragment.
            on: the condition, or True for all rows.
            using: instead of `on`, the columns that are equal in both.
        """
        return self.__joined__("JOIN", other, on, using)

    def left_join(self, other: Any, on: Any = None, *, using: Sequence[Any] | None = None) -> Self:
        """Add the rows of another source, or NULLs where there is none."""
        return self.__joined__("LEFT JOIN", other, on, using)

    def right_join(self, other: Any, on: Any = None, *, using: Sequence[Any] | None = None) -> Self:
        """Keep every row of the other source."""
        return self.__joined__("RIGHT JOIN", other, on, using)

    def full_join(self, other: Any, on: Any = None, *, using: Sequence[Any] | None = None) -> Self:
        """Keep every row of both."""
        return self.__joined__("FULL JOIN", other, on, using)

    def cross_join(self, other: Any) -> Self:
        """Join each row with each row."""
        return self.__more__("sources", [(" CROSS JOIN ", source(other), None)])

    def group_by(self, *items: Any) -> Self:
        """Make one row of the rows that are equal in these."""
        return self.__more__("group", terms(items))

    def having(self, *conditions: Expr[Any]) -> Self:
        """Keep groups that meet all conditions."""
        return self.__more__("having", flat(conditions))

    def window(self, name: str, **clauses: Any) -> Self:
        """Define a window for `over(name)`, with the clauses that the function `window` takes."""
        return self.__more__("windows", [(check_name(name), window(**clauses))])

    def distinct(self, *on: Any) -> Self:
        """Leave out rows that are equal; with expressions, all but the first where these are equal (PostgreSQL)."""
        return self.__clause__("distinct", terms(on))

    def for_update(self, *, of: Sequence[Any] = (), skip_locked: bool = False, nowait: bool = False) -> Self:
        """Lock the rows against changes; PostgreSQL only.

        Args:
            of: the tables whose rows are locked; all when empty.
            skip_locked: whether rows that are locked already are left out.
            nowait: whether such rows are an error, at once.
        """
        return self.__locked__("UPDATE", of, skip_locked, nowait)

    def for_share(self, *, of: Sequence[Any] = (), skip_locked: bool = False, nowait: bool = False) -> Self:
        """Lock the rows against changes, but let others lock them so too; PostgreSQL only."""
        return self.__locked__("SHARE", of, skip_locked, nowait)

    def __joined__(self, kind: str, other: Any, on: Any, using: Sequence[Any] | None) -> Self:
        if (on is None) == (using is None):
            refuse("a join has a condition, or columns with using=: give one of the two")
        if isinstance(using, (str, Column)):
            refuse("using= is a list of columns: put the column into a list")
        names = [item.name if isinstance(item, Column) else check_name(item) for item in using or ()]
        how = names or (on if on is True else and_(on))
        return self.__more__("sources", [(f" {kind} ", source(other), how)])

    def __locked__(self, kind: str, of: Sequence[Any], skip: bool, nowait: bool) -> Self:  # noqa: FBT001
        if skip and nowait:
            refuse("skip_locked and nowait exclude each other: choose one")
        tail = " SKIP LOCKED" if skip else " NOWAIT" if nowait else ""
        return self.__clause__("lock", (kind, [source(item).label for item in of], tail))

    def __names__(self) -> list[str] | None:
        return named(self.__parts__["items"])

    def __sql__(self, c: Compiler) -> str:
        parts = self.__parts__
        self.__define__(c)
        sources = parts.get("sources") or _inferred(parts)
        outer = c.enter(visible([one for _, one, _ in sources]))
        text = f"SELECT {_distinct(c, parts)}{items_text(c, parts['items'])}"
        if sources:
            text += f" FROM {sources_text(c, sources, outer)}"
        if "where" in parts:
            text += conditions_text(c, " WHERE ", parts["where"])
        text += self.__rest__(c)
        c.leave(outer)
        return text

    def __rest__(self, c: Compiler) -> str:
        parts = self.__parts__
        text = ""
        if "group" in parts:
            text += f" GROUP BY {', '.join([_grouped(c, parts['items'], term) for term in parts['group']])}"
        if "having" in parts:
            text += conditions_text(c, " HAVING ", parts["having"])
        if "windows" in parts:
            text += " WINDOW " + ", ".join([f"{c.quote(name)} AS {one.__sql__(c)}" for name, one in parts["windows"]])
        if "order" in parts:
            text += f" ORDER BY {_sorted(c, parts['items'], parts['order'])}"
        text += self.__page__(c)
        return text + _lock(c, parts["lock"]) if "lock" in parts else text


class SetOperation(Query[R]):
    """UNION, INTERSECT or EXCEPT of two statements; ORDER BY and LIMIT are those of the whole."""

    __slots__ = ()

    def __names__(self) -> list[str] | None:
        names: list[str] | None = self.__parts__["left"].__names__()
        return names

    def __sql__(self, c: Compiler) -> str:
        parts = self.__parts__
        self.__define__(c)
        text = f"{_member(c, parts['left'], first=True)} {parts['operator']} {_member(c, parts['right'])}"
        if "order" in parts:
            text += f" ORDER BY {', '.join([_result(c, term) for term in parts['order']])}"
        return text + self.__page__(c)


@overload
def select(a: Expr[A], /) -> Select[tuple[A]]: ...
@overload
def select(a: Expr[A], b: Expr[B], /) -> Select[tuple[A, B]]: ...
@overload
def select(a: Expr[A], b: Expr[B], c: Expr[C], /) -> Select[tuple[A, B, C]]: ...
@overload
def select(a: Expr[A], b: Expr[B], c: Expr[C], d: Expr[D], /) -> Select[tuple[A, B, C, D]]: ...
@overload
def select(a: Expr[A], b: Expr[B], c: Expr[C], d: Expr[D], e: Expr[E], /) -> Select[tuple[A, B, C, D, E]]: ...
@overload
def select(*items: object) -> Select[Any]: ...
def select(*items: object) -> Select[Any]:
    r"""Return a SELECT.

    Args:
        items: columns, expressions, labels, fragments and values, at least one; `sql("*")` is all columns.

    >>> from arlen_sqlbuilder import PG, Table
    >>> users = Table("users").c
    >>> print(select(users.id).where(users.team == 7, users.name.startswith("A")).order_by(users.name).limit(10))
    SELECT "id" FROM "users" WHERE "team" = $1 AND "name" LIKE $2 ESCAPE '\' ORDER BY "name" LIMIT $3
    -- $1 = 7, $2 = 'A%', $3 = 10
    """
    if not items:
        refuse("select() has no column: name some, or give sql('*')")
    return Select({"items": items})


def _inferred(parts: Any) -> list[tuple[str, Source, None]]:
    found = used(parts["items"], {}) or used(parts.get("where", ()), {})
    if len(found) > 1:
        reason = f"the columns belong to {', '.join(sorted(found))}: name the sources with from_() and join()"
        refuse(reason, "compile_failed")
    return [("", one, None) for one in found.values()]


def _distinct(c: Compiler, parts: Any) -> str:
    if "distinct" not in parts:
        return ""
    if not parts["distinct"]:
        return "DISTINCT "
    c.dialect.require("distinct on")
    return f"DISTINCT ON ({_sorted(c, parts['items'], parts['distinct'])}) "


def _sorted(c: Compiler, items: Sequence[Any], terms: Sequence[Any]) -> str:
    """Return the terms of ORDER BY; a column says whose it is where a label of its name would come before it."""
    labels = {item.name for item in items if isinstance(item, Label)}
    if c.qualified or not labels:
        return terms_text(c, terms)
    columns = [term.__parts__[0] if isinstance(term, Order) else term for term in terms]
    c.qualified = any(isinstance(one, Column) and one.name in labels for one in columns)
    text = terms_text(c, terms)
    c.qualified = False
    return text


def _grouped(c: Compiler, items: Sequence[Any], term: Any) -> str:
    """Return a term of GROUP BY: a label by its place, because a column of its name would come before it."""
    for place, item in enumerate(items if isinstance(term, Label) else (), 1):
        if isinstance(item, Label) and item.name == term.name:
            return str(place)
        if isinstance(item, Expr) and item.__precedence__ == RAW:
            break  # it may be *, after which nobody knows the places
    return str(term.__term__(c))


def _lock(c: Compiler, lock: tuple[str, list[str], str]) -> str:
    c.dialect.require("row lock")
    kind, of, tail = lock
    return f" FOR {kind}{' OF ' + c.names(of) if of else ''}{tail}"


def _count(clause: str, count: object) -> object:
    if isinstance(count, Param) or (isinstance(count, int) and not isinstance(count, bool) and count >= 0):
        return count
    return refuse(f"{clause} is a whole number from 0, or param(): give one of these")


def _combined(left: Node, operator: str, right: Any) -> SetOperation[Any]:
    if not isinstance(right, Node) or right.__precedence__ > RAW or getattr(right, "__writes__", False):
        refuse(f"{operator} joins two statements that give rows: give select(...) or sql(...)")
    return SetOperation({"left": left, "operator": operator, "right": right})


def _member(c: Compiler, member: Any, *, first: bool = False) -> str:
    """Return a statement in a set operation: in parentheses, or wrapped where SQLite would misread it."""
    text = member.__sql__(c)
    if c.dialect is not SQLITE:
        return f"({text})"
    parts = member.__parts__ if member.__precedence__ == BARE else {"limit": None}
    plain = not {"order", "limit", "offset"}.intersection(parts) and (first or isinstance(member, Select))
    return text if plain else f"SELECT * FROM ({text})"  # noqa: S608


def _result(c: Compiler, term: Any) -> str:
    """Return a term that sorts a set operation, whose rows have names but no tables."""
    if isinstance(term, Order):
        operand, tail = term.__parts__
        return f"{_result(c, operand)}{tail}"
    if isinstance(term, (Column, Label)):
        return c.quote(term.name)
    if term.__precedence__ == RAW:
        return c.text(term)
    return refuse("a set operation is sorted by the names of its columns: give a column or a label", "compile_failed")
