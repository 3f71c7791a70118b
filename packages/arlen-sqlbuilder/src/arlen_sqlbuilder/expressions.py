"""Expressions: what columns, functions and fragments have in common, and the operators between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, NoReturn, TypeVar

from arlen_sqlbuilder.compiled import Open
from arlen_sqlbuilder.compiler import ATOM, RAW, Compiler, Node
from arlen_sqlbuilder.dialects import MARK, SQLITE, check_name
from arlen_sqlbuilder.errors import SQLBuilderError

__all__ = ["And", "Expr", "Label", "Order", "Param", "Row", "and_", "condition", "flat", "not_", "or_", "param", "row"]

T = TypeVar("T")
ESCAPE = " ESCAPE '\\'"
OR, AND, COMPARE, OTHER, ADD, MULTIPLY, SIGN = 1, 2, 4, 5, 6, 7, 8
OPERATORS = {
    "=": "__eq__",
    "!=": "__ne__",
    "<>": "__ne__",
    "<": "__lt__",
    "<=": "__le__",
    ">": "__gt__",
    ">=": "__ge__",
    "+": "__add__",
    "-": "__sub__",
    "*": "__mul__",
    "/": "__truediv__",
    "%": "__mod__",
    "||": "concat",
    "like": "like",
    "not like": "not_like",
    "ilike": "ilike",
    "not ilike": "not_ilike",
    "is distinct from": "is_distinct_from",
    "is not distinct from": "is_not_distinct_from",
}


class Expr(Node, Generic[T]):
    """An expression with a value of type T: a column, a parameter, a function call, a condition, a fragment.

    Python's operators `== != < <= > >= + - * / %` build expressions, and `& | ~` are AND, OR and NOT; write
    parentheses around what they join. A value on the other side becomes a parameter, whatever it is: a list or a
    mapping is one value. `== None` and `!= None` are IS NULL and IS NOT NULL; None with another operator raises
    `SQLBuilderError` with invalid_argument. An expression has no truth value: `bool()` raises TypeError.

    >>> from arlen_sqlbuilder import Table, select
    >>> users = Table("users").c
    >>> print(select(users.id).where((users.age >= 18) | (users.role == "admin")))
    SELECT "id" FROM "users" WHERE "age" >= $1 OR "role" = $2
    -- $1 = 18, $2 = 'admin'
    """

    __slots__ = ()
    __hash__ = Node.__hash__

    def __bool__(self) -> NoReturn:
        raise TypeError("an expression has no truth value in Python: join conditions with & | ~, not and, or, not")

    def __eq__(self, other: object) -> Expr[bool]:  # type: ignore[override]
        return Null(self, "IS NULL") if other is None else Binary("=", self, other)

    def __ne__(self, other: object) -> Expr[bool]:  # type: ignore[override]
        return Null(self, "IS NOT NULL") if other is None else Binary("<>", self, other)

    def __lt__(self, other: object) -> Expr[bool]:
        return _compare("<", self, other)

    def __le__(self, other: object) -> Expr[bool]:
        return _compare("<=", self, other)

    def __gt__(self, other: object) -> Expr[bool]:
        return _compare(">", self, other)

    def __ge__(self, other: object) -> Expr[bool]:
        return _compare(">=", self, other)

    def __add__(self, other: object) -> Expr[T]:
        return Sum("+", self, _given("+", other))

    def __sub__(self, other: object) -> Expr[T]:
        return Sum("-", self, _given("-", other))

    def __mul__(self, other: object) -> Expr[T]:
        return Product("*", self, _given("*", other))

    def __truediv__(self, other: object) -> Expr[T]:
        return Product("/", self, _given("/", other))

    def __mod__(self, other: object) -> Expr[T]:
        return Product("%", self, _given("%", other))

    def __radd__(self, other: object) -> Expr[T]:
        return Sum("+", _given("+", other), self)

    def __rsub__(self, other: object) -> Expr[T]:
        return Sum("-", _given("-", other), self)

    def __rmul__(self, other: object) -> Expr[T]:
        return Product("*", _given("*", other), self)

    def __rtruediv__(self, other: object) -> Expr[T]:
        return Product("/", _given("/", other), self)

    def __rmod__(self, other: object) -> Expr[T]:
        return Product("%", _given("%", other), self)

    def __neg__(self) -> Expr[T]:
        return Negative(self)

    def __and__(self, other: Expr[Any]) -> Expr[bool]:
        return and_(self, other)

    def __or__(self, other: Expr[Any]) -> Expr[bool]:
        return or_(self, other)

    def __invert__(self) -> Expr[bool]:
        return Not(self)

    def op(self, operator: str, value: object) -> Expr[Any]:
        """Return `self operator value` for an operator that is a text; one not in the list: unsupported_operator."""
        if (method := OPERATORS.get(str(operator).lower())) is None:
            reason = f"the operator is not one of {' '.join(OPERATORS)}: use one of these, or write it with sql()"
            raise SQLBuilderError(reason, code="unsupported_operator")
        found: Expr[Any] = getattr(self, method)(value)
        return found

    def is_distinct_from(self, other: object) -> Expr[bool]:
        """Differ from a value, where NULL differs from everything but NULL."""
        return Distinct(self, other, True)

    def is_not_distinct_from(self, other: object) -> Expr[bool]:
        """Equal a value, where NULL equals NULL."""
        return Distinct(self, other, False)

    def like(self, pattern: object) -> Expr[bool]:
        """Match a pattern with `%` and `_`. SQLite ignores the case of ASCII letters here, PostgreSQL does not."""
        return Like("LIKE", self, _given("LIKE", pattern), "")

    def not_like(self, pattern: object) -> Expr[bool]:
        """Do not match a pattern."""
        return Like("NOT LIKE", self, _given("NOT LIKE", pattern), "")

    def ilike(self, pattern: object) -> Expr[bool]:
        """Match a pattern in any case; PostgreSQL only."""
        return Like("ILIKE", self, _given("ILIKE", pattern), "")

    def not_ilike(self, pattern: object) -> Expr[bool]:
        """Do not match a pattern in any case; PostgreSQL only."""
        return Like("NOT ILIKE", self, _given("NOT ILIKE", pattern), "")

    def contains(self, text: str) -> Expr[bool]:
        r"""Have a text in it, literally: `%`, `_` and `\` in it are escaped."""
        return Like("LIKE", self, f"%{_escaped(text)}%", ESCAPE)

    def startswith(self, text: str) -> Expr[bool]:
        """Begin with a text, literally."""
        return Like("LIKE", self, f"{_escaped(text)}%", ESCAPE)

    def endswith(self, text: str) -> Expr[bool]:
        """End with a text, literally."""
        return Like("LIKE", self, f"%{_escaped(text)}", ESCAPE)

    def in_(self, values: Iterable[Any] | Node) -> Expr[bool]:
        """Be one of several values, or in the rows of a statement; `1 = 0` when there are no values."""
        return In("IN", self, _members(values))

    def not_in(self, values: Iterable[Any] | Node) -> Expr[bool]:
        """Be none of several values, or not in the rows of a statement; `1 = 1` when there are no values."""
        return In("NOT IN", self, _members(values))

    def between(self, low: object, high: object) -> Expr[bool]:
        """Lie between two bounds, both included; neither may be None."""
        return Between("BETWEEN", self, _given("BETWEEN", low), _given("BETWEEN", high))

    def not_between(self, low: object, high: object) -> Expr[bool]:
        """Lie outside two bounds."""
        return Between("NOT BETWEEN", self, _given("NOT BETWEEN", low), _given("NOT BETWEEN", high))

    def concat(self, other: object) -> Expr[str]:
        """Join two texts with `||`."""
        return Other("||", self, _given("||", other))

    def json(self, *path: str | int) -> Expr[Any]:
        """Return the JSON value under keys and positions; they are parameters, never text or a path language."""
        return Json("->", self, _steps(path))

    def json_text(self, *path: str | int) -> Expr[str]:
        """Return the value under keys and positions as a text: PostgreSQL always, SQLite as its own type."""
        return Json("->>", self, _steps(path))

    def as_(self, name: str) -> Label[T]:
        """Give the expression a name in the result; ORDER BY and GROUP BY use that name."""
        return Label(self, check_name(name))

    def asc(self, *, nulls: str | None = None) -> Order:
        """Sort upwards; `nulls` is "first", "last", or None for what the database does."""
        return Order(self, "ASC", _nulls(nulls))

    def desc(self, *, nulls: str | None = None) -> Order:
        """Sort downwards; `nulls` is "first", "last", or None for what the database does."""
        return Order(self, "DESC", _nulls(nulls))


class Binary(Expr[Any]):
    """Two operands with an operator between them."""

    __slots__ = ()
    __precedence__ = COMPARE
    __left__ = COMPARE + 1

    def __sql__(self, c: Compiler) -> str:
        operator, left, right = self.__parts__
        return f"{c.operand(left, self.__left__)} {operator} {c.operand(right, self.__precedence__ + 1)}"


class Like(Expr[bool]):
    """LIKE and ILIKE, with the escape character where there is one."""

    __slots__ = ()
    __precedence__ = COMPARE

    def __sql__(self, c: Compiler) -> str:
        operator, left, right, tail = self.__parts__
        if operator.endswith("ILIKE"):
            c.dialect.require("ilike")
        return f"{c.operand(left, COMPARE + 1)} {operator} {c.operand(right, COMPARE + 1)}{tail}"


class Sum(Binary):
    """Addition and subtraction."""

    __slots__ = ()
    __precedence__ = __left__ = ADD


class Product(Binary):
    """Multiplication, division and remainder."""

    __slots__ = ()
    __precedence__ = __left__ = MULTIPLY


class Other(Binary):
    """Operators that PostgreSQL and SQLite rank differently: their operands are closed terms."""

    __slots__ = ()
    __precedence__ = OTHER

    def __sql__(self, c: Compiler) -> str:
        operator, left, right = self.__parts__
        return f"{c.operand(left, ATOM)} {operator} {c.operand(right, ATOM)}"


class Json(Expr[Any]):
    """A walk into a JSON document, a step at a time."""

    __slots__ = ()
    __precedence__ = OTHER

    def __sql__(self, c: Compiler) -> str:
        arrow, document, path = self.__parts__
        text = c.operand(document, ATOM)
        for place, step in enumerate(path, 1):
            text += f" {arrow if place == len(path) else '->'} {self._step(c, step)}"
        return text

    def _step(self, c: Compiler, step: str | int) -> str:
        if c.dialect is not SQLITE:
            c.params.append(step)
            return f"CAST({MARK} AS {'integer' if isinstance(step, int) else 'text'})"
        if isinstance(step, str) and '"' in step:
            raise SQLBuilderError(f"{c.dialect} cannot look up a JSON key that holds a double quote: rename the key")
        index = f"$[{step}]" if isinstance(step, str) or step >= 0 else f"$[#{step}]"
        c.params.append(f'$."{step}"' if isinstance(step, str) else index)
        return MARK


class Null(Expr[bool]):
    """IS NULL and IS NOT NULL."""

    __slots__ = ()
    __precedence__ = COMPARE

    def __sql__(self, c: Compiler) -> str:
        operand, test = self.__parts__
        return f"{c.operand(operand, COMPARE + 1)} {test}"


class Distinct(Expr[bool]):
    """IS DISTINCT FROM and its opposite, which SQLite calls IS NOT and IS."""

    __slots__ = ()
    __precedence__ = COMPARE

    def __sql__(self, c: Compiler) -> str:
        left, right, differ = self.__parts__
        words = ("IS NOT DISTINCT FROM", "IS DISTINCT FROM") if c.dialect is not SQLITE else ("IS", "IS NOT")
        return f"{c.operand(left, COMPARE + 1)} {words[differ]} {c.operand(right, COMPARE + 1)}"


class In(Expr[bool]):
    """IN and NOT IN, for values and for the rows of a statement."""

    __slots__ = ()
    __precedence__ = COMPARE

    def __sql__(self, c: Compiler) -> str:
        operator, left, values = self.__parts__
        if isinstance(values, Node):
            return f"{c.operand(left, COMPARE + 1)} {operator} ({values.__sql__(c)})"
        if not values:
            return "1 = 0" if operator == "IN" else "1 = 1"
        head = f"{c.operand(left, COMPARE + 1)} {operator} ("
        words = "VALUES " if isinstance(values[0], Row) and c.dialect is SQLITE else ""
        return f"{head}{words}{c.values(values)})"

    @property
    def always(self) -> bool:
        """Whether it holds for every row."""
        return self.__parts__[0] == "NOT IN" and self.__parts__[2] == ()


class Between(Expr[bool]):
    """BETWEEN and NOT BETWEEN."""

    __slots__ = ()
    __precedence__ = COMPARE

    def __sql__(self, c: Compiler) -> str:
        operator, operand, low, high = self.__parts__
        above = COMPARE + 1
        return f"{c.operand(operand, above)} {operator} {c.operand(low, above)} AND {c.operand(high, above)}"


class Negative(Expr[Any]):
    """A minus sign."""

    __slots__ = ()
    __precedence__ = SIGN

    def __sql__(self, c: Compiler) -> str:
        return f"-{c.operand(self.__parts__[0], ATOM)}"


class Not(Expr[bool]):
    """A negation; what is negated stands in parentheses unless it is one closed term."""

    __slots__ = ()
    __precedence__ = AND + 1

    def __sql__(self, c: Compiler) -> str:
        return f"NOT {c.operand(self.__parts__[0], ATOM)}"


class And(Expr[bool]):
    """Conditions that all hold; `1 = 1` when there are none."""

    __slots__ = ()
    __precedence__ = AND

    def __sql__(self, c: Compiler) -> str:
        return " AND ".join([c.operand(part, AND) for part in self.__parts__]) or "1 = 1"


class Or(Expr[bool]):
    """Conditions of which one holds; `1 = 0` when there are none."""

    __slots__ = ()
    __precedence__ = OR

    def __sql__(self, c: Compiler) -> str:
        return " OR ".join([c.operand(part, AND) for part in self.__parts__]) or "1 = 0"


class Row(Expr[Any]):
    """Several expressions that are compared as one."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        return f"({c.values(self.__parts__)})"

    def __eq__(self, other: object) -> Expr[bool]:  # type: ignore[override]
        return Binary("=", self, self._same(other))

    def __ne__(self, other: object) -> Expr[bool]:  # type: ignore[override]
        return Binary("<>", self, self._same(other))

    def __lt__(self, other: object) -> Expr[bool]:
        return Binary("<", self, self._same(other))

    def __le__(self, other: object) -> Expr[bool]:
        return Binary("<=", self, self._same(other))

    def __gt__(self, other: object) -> Expr[bool]:
        return Binary(">", self, self._same(other))

    def __ge__(self, other: object) -> Expr[bool]:
        return Binary(">=", self, self._same(other))

    __hash__ = Node.__hash__

    def in_(self, values: Iterable[Any] | Node) -> Expr[bool]:
        """Be one of several rows, each a tuple or a `row`, or in the rows of a statement."""
        return In("IN", self, self._rows(values))

    def not_in(self, values: Iterable[Any] | Node) -> Expr[bool]:
        """Be none of several rows, or not in the rows of a statement."""
        return In("NOT IN", self, self._rows(values))

    def _rows(self, values: Iterable[Any] | Node) -> Any:
        members = _members(values)
        return members if isinstance(members, Node) else tuple([self._same(member) for member in members])

    def _same(self, other: object) -> object:
        if isinstance(other, Node) and other.__precedence__ <= RAW:
            return other
        parts = other.__parts__ if isinstance(other, Row) else other
        if not isinstance(parts, tuple) or len(parts) != len(self.__parts__):
            raise SQLBuilderError(f"a row of {len(self.__parts__)} is compared with a row of as many: give row(...)")
        return row(*parts)


def row(*items: object) -> Row:
    """Return a row value, to compare several columns at once: the condition of a keyset page.

    Args:
        items: expressions and values, at least one, no None.

    >>> from arlen_sqlbuilder import Table, select
    >>> log = Table("log").c
    >>> print(select(log.id).where(row(log.day, log.id) > row("2026-11-01", 40)))
    SELECT "id" FROM "log" WHERE ("day", "id") > ($1, $2)
    -- $1 = '2026-11-01', $2 = 40
    """
    if not items or any(item is None for item in items):
        raise SQLBuilderError("a row has at least one item and none is None: compare the columns one by one")
    return Row(*items)


class Label(Expr[T]):
    """An expression with a name in the result."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str(self.__parts__[1])

    def __sql__(self, c: Compiler) -> str:
        return c.operand(self.__parts__[0], ATOM)

    def __item__(self, c: Compiler) -> str:
        return f"{c.value(self.__parts__[0])} AS {c.quote(self.__parts__[1])}"

    def __term__(self, c: Compiler) -> str:
        return c.quote(self.__parts__[1])


class Order(Node):
    """A term of ORDER BY with its direction."""

    __slots__ = ()

    def __term__(self, c: Compiler) -> str:
        operand, direction, nulls = self.__parts__
        return f"{operand.__term__(c)}{' DESC' if direction == 'DESC' else ''}{nulls}"


class Param(Expr[Any]):
    """A parameter whose value is given when the compiled statement is bound."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        c.params.append(Open(self.__parts__[0]))
        return MARK


def param(name: str) -> Param:
    """Return an open parameter; `Compiled.bind` gives it its value.

    Args:
        name: its keyword in `bind`. The same name may stand in several places.

    >>> from arlen_sqlbuilder import SQLITE, Table, select
    >>> users = Table("users").c
    >>> query = select(users.id).where(users.age.between(param("low"), param("high"))).compile(SQLITE)
    >>> query.bind(high=30, low=20)
    (20, 30)
    """
    return Param(check_name(name))


def and_(*conditions: Expr[Any]) -> Expr[bool]:
    """Join conditions with AND; without any it is always true."""
    return And(*flat(conditions))


def or_(*conditions: Expr[Any]) -> Expr[bool]:
    """Join conditions with OR; without any it is always false."""
    return Or(*[part for one in conditions for part in (one.__parts__ if type(one) is Or else (condition(one),))])


def not_(operand: Expr[Any]) -> Expr[bool]:
    """Negate a condition, like `~`."""
    return Not(condition(operand))


def flat(conditions: Iterable[Any]) -> list[Expr[Any]]:
    """Return conditions with those of an AND among them in its place."""
    found: list[Expr[Any]] = []
    for one in conditions:
        if type(one) is And:
            found += one.__parts__
        else:
            found.append(condition(one))
    return found


def condition(item: Any) -> Expr[Any]:
    """Return a condition; refuse what is none, above all True and False, with invalid_argument."""
    if isinstance(item, Expr):
        return item
    kind = type(item).__name__
    raise SQLBuilderError(f"a {kind} is not a condition: compare a column with ==, not is, or write it with sql()")


def _compare(operator: str, left: Node, right: object) -> Expr[bool]:
    return Binary(operator, left, _given(operator, right))


def _given(operator: str, value: object) -> object:
    if value is None:
        raise SQLBuilderError(f"{operator} with None is never true: use == None or is_distinct_from()")
    return value


def _escaped(text: object) -> str:
    if not isinstance(text, str):
        kind = type(text).__name__
        raise SQLBuilderError(f"contains, startswith and endswith take a str, not {kind}: use like() for the rest")
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _members(values: object) -> Any:
    if isinstance(values, Node) and values.__precedence__ <= RAW:
        return values
    if isinstance(values, (str, bytes, Mapping, Node)) or not isinstance(values, Iterable):
        kind = type(values).__name__
        raise SQLBuilderError(f"in_ takes a list of values or a statement, not {kind}: put the value into a list")
    members = tuple(values)
    if any(member is None for member in members):
        raise SQLBuilderError("a list of values cannot hold None: add | (column == None)")
    return members


def _steps(path: Sequence[object]) -> tuple[object, ...]:
    if path and all(isinstance(step, (str, int)) and not isinstance(step, bool) for step in path):
        return tuple(path)
    raise SQLBuilderError("a JSON path is one or more keys (str) and positions (int): give these")


def _nulls(nulls: str | None) -> str:
    if nulls in {None, "first", "last"}:
        return f" NULLS {nulls.upper()}" if nulls else ""
    raise SQLBuilderError('nulls is "first", "last" or None: use one of these')
