"""Functions, CASE, CAST, windows, EXISTS, ANY and ALL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from arlen_sqlbuilder.compiler import RAW, Name, Node, Word
from arlen_sqlbuilder.dialects import check_name
from arlen_sqlbuilder.errors import refuse
from arlen_sqlbuilder.expressions import Closed, Expr, Form, and_, flat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Function", "Functions", "all_", "any_", "case", "cast", "exists", "fn", "terms", "window"]

TYPE = r"(?a)[A-Za-z_][A-Za-z0-9_ ]*(\(\d+(, ?\d+)?\))?( [a-z ]+)?(\[\d*\])*"
Frame = tuple[int | None, int | None] | None


class Function(Form):
    """A call of a function, made by `fn`."""

    __slots__ = ()

    def distinct(self) -> Function:
        """Aggregate each value once: `count(DISTINCT x)`."""
        head, *rest = self.__parts__
        return Function(head + "DISTINCT ", *rest)

    def order_by(self, *items: Any) -> Function:
        """Aggregate in an order: `array_agg(x ORDER BY y)`; PostgreSQL only."""
        return Function(*self.__open__(), "", Word("aggregate order by", "", ""), *_list(" ORDER BY ", items), ")")

    def filter(self, *conditions: Expr[Any]) -> Function:
        """Aggregate only rows that meet all conditions."""
        return Function(*self.__open__(), ") FILTER (WHERE ", and_(*conditions), ")")

    def __open__(self) -> Any:
        if len(self.__parts__) > 2 and self.__parts__[-3] == ") FILTER (WHERE ":
            refuse("filter() comes once, and last: give it all conditions")
        return self.__parts__[:-1]

    def over(self, window_: Any = None, **clauses: Any) -> Expr[Any]:
        """Compute over a window: a name that `Select.window` defines, or the clauses that `window` takes."""
        if window_ is not None and clauses:
            refuse("over() takes a window or its clauses: give one of the two")
        given = window(**clauses) if window_ is None else window_
        where = Name(check_name(given)) if isinstance(given, str) else given
        return Form(*self.__parts__[:-1], ") OVER ", where, "")


class Functions:
    """Every function of the database by its name, as an attribute: `fn.lower(x)`, `fn.count()`, `fn.jsonb_agg(x)`.

    >>> from arlen_sqlbuilder import Table, select
    >>> posts = Table("posts").c
    >>> print(select(posts.author, fn.count(), fn.max(posts.views)).group_by(posts.author))
    SELECT "author", count(*), max("views") FROM "posts" GROUP BY "author"
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Callable[..., Function]:
        if name.startswith("__"):
            raise AttributeError(name)
        if not (name.isascii() and name.isidentifier()):
            reason = "a function's name is a word of ASCII letters, digits and _: call others with sql()"
            refuse(reason, "invalid_identifier", identifier=name)

        def call(*arguments: Any) -> Function:
            given = arguments or [Word("", "*" if name == "count" else "", "")]
            return Function(f"{name}(", *_commas(given), ")")

        return call


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
        refuse("case() has no branch: give (condition, value) pairs")
    pieces = [piece for test, then in branches for piece in (" WHEN ", *flat([test], None), " THEN ", then)]
    pieces += [] if else_ is None else [" ELSE ", else_]
    return Form("CASE" + pieces[0], *pieces[1:], " END")


def cast(operand: Any, type_: Any) -> Expr[Any]:
    """Return CAST(operand AS type).

    Args:
        operand: an expression or a value.
        type_: the SQL type as a str, which is text of the statement: words, a length, `[]`; else invalid_argument.
    """
    if not isinstance(type_, str) or not re.fullmatch(TYPE, type_):
        refuse("a type is words with a length or [] after them: write others with sql()")
    return Form("CAST(", operand, f" AS {str.__str__(type_)})")


def exists(query: Any) -> Expr[bool]:
    """Return EXISTS over a statement or fragment; `~exists(...)` is NOT EXISTS."""
    if not isinstance(query, Node) or query.__precedence__ > RAW:
        refuse("exists() takes a statement: give select(...) or sql(...)")
    return Closed("EXISTS ", query, "")


def any_(operand: Any) -> Expr[Any]:
    """Compare with any row of a statement, or item of an array that is one parameter; PostgreSQL only."""
    return _quantified("ANY ", operand)


def all_(operand: Any) -> Expr[Any]:
    """Compare with all rows of a statement, or items of an array that is one parameter; PostgreSQL only."""
    return _quantified("ALL ", operand)


def window(
    *, partition_by: Any = (), order_by: Any = (), rows: Frame = None, groups: Frame = None, range_: Frame = None
) -> Form:
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
    pieces: list[Any] = ["("]
    for word, items in (("PARTITION BY ", partition_by), ("ORDER BY ", order_by)):
        if found := _list(" " * (len(pieces) > 1) + word, items if isinstance(items, (tuple, list)) else [items]):
            pieces = [*pieces[:-1], pieces[-1] + found[0], *found[1:], ""]
    frames = [(unit, given) for unit, given in (("ROWS", rows), ("GROUPS", groups), ("RANGE", range_)) if given]
    if len(frames) > 1:
        refuse("a window has one frame: give one of rows, groups and range_")
    for unit, edges in frames:
        _frame(pieces, f"{' ' * (len(pieces) > 1)}{unit} BETWEEN ", edges)
    pieces[-1] += ")"
    return Form(*pieces)


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
            refuse(f"a {kind} is no term to sort or group by: give a column, or use sort() for a text")
    return tuple(found)


def _commas(items: Iterable[Any]) -> list[Any]:
    return [piece for item in items for piece in (", ", item)][1:]


def _list(word: str, items: Iterable[Any]) -> list[Any]:
    found = terms(items)
    return [word, *_commas(found)] if found else []


def _quantified(word: str, operand: Any) -> Expr[Any]:
    inner = Closed("", operand, "") if isinstance(operand, Node) else Form("(", operand, ")")
    return Form("", Word("any and all", word, ""), "", inner, "")


def _frame(pieces: list[Any], text: str, edges: Any) -> None:
    """Add the text of a frame to the last piece, and its distances as operands."""
    if not isinstance(edges, tuple) or len(edges) != 2 or any(type(edge) not in {int, type(None)} for edge in edges):
        refuse("a frame is a pair of whole numbers or None: give (-2, 0)")
    for word, edge in zip((text, " AND "), edges, strict=True):
        pieces[-1] += word
        if edge:
            pieces += [abs(edge), " PRECEDING" if edge < 0 else " FOLLOWING"]
        elif edge == 0:
            pieces[-1] += "CURRENT ROW"
        else:
            pieces[-1] += "UNBOUNDED FOLLOWING" if word == " AND " else "UNBOUNDED PRECEDING"
