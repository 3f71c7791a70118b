"""Functions, CASE, CAST, windows, EXISTS, ANY and ALL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from arlen_sqlbuilder.compiler import RAW, Compiler, Node
from arlen_sqlbuilder.dialects import check_name
from arlen_sqlbuilder.errors import SQLBuilderError
from arlen_sqlbuilder.expressions import Expr, and_, condition

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Function", "Functions", "Window", "all_", "any_", "case", "cast", "exists", "fn", "terms", "window"]

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*(\(\d+(, ?\d+)?\))?( [a-z ]+)?(\[\d*\])*", re.ASCII)
Bound = int | None


class Function(Expr[Any]):
    """A call of a function, made by `fn`."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        name, arguments, distinct, order = self.__parts__
        if not arguments and name == "count":
            return "count(*)"
        inner = f"{'DISTINCT ' if distinct else ''}{c.values(arguments)}"
        if order:
            c.dialect.require("aggregate order by")
            inner += f" ORDER BY {', '.join([term.__term__(c) for term in order])}"
        return f"{name}({inner})"

    def distinct(self) -> Function:
        """Aggregate each value once: `count(DISTINCT x)`."""
        name, arguments, _, order = self.__parts__
        return Function(name, arguments, True, order)

    def order_by(self, *items: Any) -> Function:
        """Aggregate in an order: `array_agg(x ORDER BY y)`; PostgreSQL only."""
        name, arguments, distinct, _ = self.__parts__
        return Function(name, arguments, distinct, terms(items))

    def filter(self, *conditions: Expr[Any]) -> Filtered:
        """Aggregate only rows that meet all conditions."""
        return Filtered(self, and_(*conditions))

    def over(self, window: str | Window | None = None, **clauses: Any) -> Expr[Any]:
        """Compute over a window: a name that `Select.window` defines, or the clauses that `window` takes."""
        return _over(self, window, clauses)


class Filtered(Expr[Any]):
    """An aggregate with FILTER."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        call, test = self.__parts__
        return f"{call.__sql__(c)} FILTER (WHERE {test.__sql__(c)})"

    def over(self, window: str | Window | None = None, **clauses: Any) -> Expr[Any]:
        """Compute over a window, as `Function.over`."""
        return _over(self, window, clauses)


class Over(Expr[Any]):
    """A call over a window."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        call, where = self.__parts__
        text = call.__sql__(c)
        return f"{text} OVER {c.quote(where) if isinstance(where, str) else where.__sql__(c)}"


class Window(Node):
    """A window: which rows, in which order, how far around the current one."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        groups, order, frame = self.__parts__
        clauses = [f"PARTITION BY {', '.join([item.__term__(c) for item in groups])}"] if groups else []
        clauses += [f"ORDER BY {', '.join([item.__term__(c) for item in order])}"] if order else []
        clauses += [f"{frame[0]} BETWEEN {_edge(c, frame[1])} AND {_edge(c, frame[2], last=True)}"] if frame else []
        return f"({' '.join(clauses)})"


class Functions:
    """Every function of the database by its name, as an attribute: `fn.lower(x)`, `fn.count()`, `fn.jsonb_agg(x)`.

    >>> from arlen_sqlbuilder import Table, select
    >>> posts = Table("posts").c
    >>> print(select(posts.author, fn.count(), fn.max(posts.views)).group_by(posts.author))
    SELECT "author", count(*), max("views") FROM "posts" GROUP BY "author"
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> _Caller:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Caller(name)


class _Caller:
    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        if not WORD.fullmatch(name):
            reason = "a function's name is a word of ASCII letters, digits and _: call others with sql()"
            raise SQLBuilderError(reason, code="invalid_identifier", identifier=name)
        self._name = name

    def __call__(self, *arguments: Any) -> Function:
        return Function(self._name, arguments, False, ())


class Case(Expr[Any]):
    """CASE with its branches."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        branches, otherwise = self.__parts__
        text = "".join([f" WHEN {c.value(test)} THEN {c.value(then)}" for test, then in branches])
        return f"CASE{text}{'' if otherwise is None else ' ELSE ' + c.value(otherwise)} END"


class Cast(Expr[Any]):
    """CAST."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        return f"CAST({c.value(self.__parts__[0])} AS {self.__parts__[1]})"


class Quantified(Expr[Any]):
    """A word before a statement or a value in parentheses: EXISTS, ANY, ALL."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        word, operand = self.__parts__
        if word != "EXISTS":
            c.dialect.require("any and all")
        return f"{word} ({operand.__sql__(c) if isinstance(operand, Node) else c.value(operand)})"


fn = Functions()


def case(*branches: tuple[Expr[Any], Any], else_: Any = None) -> Expr[Any]:
    """Return CASE WHEN ... THEN ... END.

    Args:
        branches: pairs of a condition and a value or expression; at least one.
        else_: the value or expression when no condition holds; without it that is NULL.

    >>> from arlen_sqlbuilder import Table, select
    >>> users = Table("users").c
    >>> print(select(case((users.age < 18, "minor"), else_="adult")))
    SELECT CASE WHEN "age" < $1 THEN $2 ELSE $3 END FROM "users"
    -- $1 = 18, $2 = 'minor', $3 = 'adult'
    """
    if not branches:
        raise SQLBuilderError("case() has no branch: give (condition, value) pairs")
    return Case(tuple([(condition(test), then) for test, then in branches]), else_)


def cast(operand: Any, type_: str) -> Expr[Any]:
    """Return CAST(operand AS type).

    Args:
        operand: an expression or a value.
        type_: the SQL type, which is text of the statement: words, a length, `[]`; anything else is invalid_argument.
    """
    if not isinstance(type_, str) or not TYPE.fullmatch(type_):
        raise SQLBuilderError("a type is words with a length or [] after them: write others with sql()")
    return Cast(operand, type_)


def exists(query: Node) -> Expr[bool]:
    """Return EXISTS over a statement or fragment; `~exists(...)` is NOT EXISTS."""
    if not isinstance(query, Node) or query.__precedence__ > RAW:
        raise SQLBuilderError("exists() takes a statement: give select(...) or sql(...)")
    return Quantified("EXISTS", query)


def any_(operand: Any) -> Expr[Any]:
    """Return ANY over a statement's rows or an array, which is one parameter: `column == any_([1, 2])`; PostgreSQL."""
    return Quantified("ANY", operand)


def all_(operand: Any) -> Expr[Any]:
    """Return ALL over a statement's rows or an array, which is one parameter: `column > all_(query)`; PostgreSQL."""
    return Quantified("ALL", operand)


def window(
    *,
    partition_by: Any = (),
    order_by: Any = (),
    rows: tuple[Bound, Bound] | None = None,
    groups: tuple[Bound, Bound] | None = None,
    range_: tuple[Bound, Bound] | None = None,
) -> Window:
    """Return a window for `over` and `Select.window`.

    Args:
        partition_by: an expression or a list of them.
        order_by: a term or a list of them.
        rows: the frame in rows, from and to: 0 is the current row, -2 two before it, 2 two after, None without end.
        groups: the frame in groups of equal rows.
        range_: the frame in values.

    >>> from arlen_sqlbuilder import Table, select
    >>> days = Table("days").c
    >>> mean = fn.avg(days.sales).over(window(order_by=days.day, rows=(-6, 0)))
    >>> print(select(days.day, mean.as_("week")))
    SELECT "day", avg("sales") OVER (ORDER BY "day" ROWS BETWEEN $1 PRECEDING AND CURRENT ROW) AS "week" FROM "days"
    -- $1 = 6
    """
    frames = [("ROWS", rows), ("GROUPS", groups), ("RANGE", range_)]
    given = [(unit, *_edges(edges)) for unit, edges in frames if edges is not None]
    if len(given) > 1:
        raise SQLBuilderError("a window has one frame: give one of rows, groups and range_")
    return Window(_list(partition_by), _list(order_by), given[0] if given else None)


def terms(items: Iterable[Any]) -> tuple[Node, ...]:
    """Return the terms of ORDER BY and GROUP BY, lists of them opened; refuse what is none, with invalid_argument."""
    found: list[Node] = []
    for item in items:
        if isinstance(item, Node):
            found.append(item)
        elif isinstance(item, (tuple, list)):
            found += terms(item)
        else:
            kind = type(item).__name__
            raise SQLBuilderError(f"a {kind} is no term to sort or group by: give a column, or use sort() for a text")
    return tuple(found)


def _list(items: Any) -> tuple[Node, ...]:
    return terms(items if isinstance(items, (tuple, list)) else [items])


def _over(call: Expr[Any], where: str | Window | None, clauses: dict[str, Any]) -> Expr[Any]:
    if where is not None and clauses:
        raise SQLBuilderError("over() takes a window or its clauses: give one of the two")
    if isinstance(where, str):
        return Over(call, check_name(where))
    return Over(call, window(**clauses) if where is None else where)


def _edges(edges: Any) -> tuple[Bound, Bound]:
    whole = all(edge is None or (isinstance(edge, int) and not isinstance(edge, bool)) for edge in edges)
    if isinstance(edges, tuple) and len(edges) == 2 and whole:
        return edges
    raise SQLBuilderError("a frame is a pair of whole numbers or None: give (-2, 0)")


def _edge(c: Compiler, edge: Bound, *, last: bool = False) -> str:
    if edge == 0:
        return "CURRENT ROW"
    if edge is None:
        return "UNBOUNDED FOLLOWING" if last else "UNBOUNDED PRECEDING"
    return f"{c.value(abs(edge))} {'PRECEDING' if edge < 0 else 'FOLLOWING'}"
