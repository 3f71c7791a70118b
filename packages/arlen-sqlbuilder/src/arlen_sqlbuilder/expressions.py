"""Expressions: what columns, functions and fragments have in common, and the operators between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NoReturn, TypeVar

from arlen_sqlbuilder.compiled import Open
from arlen_sqlbuilder.compiler import ATOM, RAW, Compiler, Node, Word
from arlen_sqlbuilder.dialects import MARK, SQLITE, check_name
from arlen_sqlbuilder.errors import refuse

__all__ = [
    "And",
    "Closed",
    "Expr",
    "Form",
    "In",
    "Label",
    "Not",
    "Order",
    "Param",
    "and_",
    "flat",
    "not_",
    "or_",
    "param",
    "row",
]

T = TypeVar("T")
Operator = Callable[["Expr[Any]", object], "Expr[Any]"]
OR, AND, NOT, COMPARE, OTHER, ADD, MULTIPLY, SIGN = range(1, ATOM)
ESCAPE = " ESCAPE '\\'"
# For each operator: how tightly it holds, and how tightly its operands must. PostgreSQL and SQLite rank || differently.
RANKS = {
    **dict.fromkeys(["=", "<>", "<", "<=", ">", ">=", "LIKE", "NOT LIKE"], (COMPARE, OTHER, OTHER)),
    **dict.fromkeys("+-", (ADD, ADD, MULTIPLY)),
    **dict.fromkeys("*/%", (MULTIPLY, MULTIPLY, SIGN)),
    "||": (OTHER, ATOM, ATOM),
}
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


def _operator(word: str, null: str = "", *, flip: bool = False) -> Operator:
    """Return the method of an operator; `null` is what it means with None, which is refused otherwise."""

    def operate(self: Expr[Any], other: object) -> Expr[Any]:
        if other is None:
            return _Test("", self, null or refuse(f"{word} with None is never true: use == None"))
        return _Binary(word, other, self) if flip else _Binary(word, self, other)

    return operate


def _rows(word: str) -> Operator:
    return lambda left, right: _Binary(word, left, _same(left, right))


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
    __eq__ = _operator("=", " IS NULL")  # type: ignore[assignment]
    __ne__ = _operator("<>", " IS NOT NULL")  # type: ignore[assignment]
    __lt__ = _operator("<")
    __le__ = _operator("<=")
    __gt__ = _operator(">")
    __ge__ = _operator(">=")
    __add__ = _operator("+")
    __sub__ = _operator("-")
    __mul__ = _operator("*")
    __truediv__ = _operator("/")
    __mod__ = _operator("%")
    __radd__ = _operator("+", flip=True)
    __rsub__ = _operator("-", flip=True)
    __rmul__ = _operator("*", flip=True)
    __rtruediv__ = _operator("/", flip=True)
    __rmod__ = _operator("%", flip=True)

    def __bool__(self) -> NoReturn:
        raise TypeError("an expression has no truth value in Python: join conditions with & | ~, not and, or, not")

    def __neg__(self) -> Expr[T]:
        return _Negative("-", self, "")

    def __and__(self, other: Expr[Any]) -> Expr[bool]:
        return and_(self, other)

    def __or__(self, other: Expr[Any]) -> Expr[bool]:
        return or_(self, other)

    def __invert__(self) -> Expr[bool]:
        return Not("NOT ", self, "")

    def op(self, operator: str, value: object) -> Expr[Any]:
        """Return `self operator value` for an operator that is a text; one not in the list: unsupported_operator."""
        if (method := OPERATORS.get(str(operator).lower())) is None:
            reason = f"the operator is not one of {' '.join(OPERATORS)}: use one of these, or write it with sql()"
            refuse(reason, "unsupported_operator")
        found: Expr[Any] = getattr(self, method)(value)
        return found

    def is_distinct_from(self, other: object) -> Expr[bool]:
        """Differ from a value, where NULL differs from everything but NULL."""
        return _Test("", self, " ", Word("", "IS DISTINCT FROM", "IS NOT"), " ", other, "")

    def is_not_distinct_from(self, other: object) -> Expr[bool]:
        """Equal a value, where NULL equals NULL."""
        return _Test("", self, " ", Word("", "IS NOT DISTINCT FROM", "IS"), " ", other, "")

    def like(self, pattern: object) -> Expr[bool]:
        """Match a pattern with `%` and `_`. SQLite ignores the case of ASCII letters here, PostgreSQL does not."""
        return _Binary("LIKE", self, _given(pattern))

    def not_like(self, pattern: object) -> Expr[bool]:
        """Do not match a pattern."""
        return _Binary("NOT LIKE", self, _given(pattern))

    def ilike(self, pattern: object) -> Expr[bool]:
        """Match a pattern in any case; PostgreSQL only."""
        return _Test("", self, " ", Word("ilike", "ILIKE", ""), " ", _given(pattern), "")

    def not_ilike(self, pattern: object) -> Expr[bool]:
        """Do not match a pattern in any case; PostgreSQL only."""
        return _Test("", self, " ", Word("ilike", "NOT ILIKE", ""), " ", _given(pattern), "")

    def contains(self, text: str) -> Expr[bool]:
        r"""Have a text in it, literally: `%`, `_` and `\` in it are escaped."""
        return _Test("", self, " LIKE ", f"%{_escaped(text)}%", ESCAPE)

    def startswith(self, text: str) -> Expr[bool]:
        """Begin with a text, literally."""
        return _Test("", self, " LIKE ", f"{_escaped(text)}%", ESCAPE)

    def endswith(self, text: str) -> Expr[bool]:
        """End with a text, literally."""
        return _Test("", self, " LIKE ", f"%{_escaped(text)}", ESCAPE)

    def in_(self, values: Iterable[Any] | Node) -> Expr[bool]:
        """Be one of several values, or in the rows of a statement; `1 = 0` when there are no values."""
        return In(self, " IN (", self.__members__(values))

    def not_in(self, values: Iterable[Any] | Node) -> Expr[bool]:
        """Be none of several values, or not in the rows of a statement; `1 = 1` when there are no values."""
        return In(self, " NOT IN (", self.__members__(values))

    def between(self, low: object, high: object) -> Expr[bool]:
        """Lie between two bounds, both included; neither may be None."""
        return _Test("", self, " BETWEEN ", _given(low), " AND ", _given(high), "")

    def concat(self, other: object) -> Expr[str]:
        """Join two texts with `||`."""
        return _Binary("||", self, _given(other))

    def json(self, *path: str | int) -> Expr[Any]:
        """Return the JSON value under keys and positions; they are parameters, never text or a path language."""
        return _walk(self, path, " -> ")

    def json_text(self, *path: str | int) -> Expr[str]:
        """Return the value under keys and positions as a text: PostgreSQL always, SQLite as its own type."""
        return _walk(self, path, " ->> ")

    def as_(self, name: str) -> Label[T]:
        """Give the expression a name in the result; ORDER BY sorts by that name, GROUP BY groups by its place."""
        return Label(self, check_name(name))

    def asc(self, *, nulls: str | None = None) -> Order:
        """Sort upwards; `nulls` is "first", "last", or None for what the database does."""
        return Order(self, _nulls(nulls))

    def desc(self, *, nulls: str | None = None) -> Order:
        """Sort downwards; `nulls` is "first", "last", or None for what the database does."""
        return Order(self, " DESC" + _nulls(nulls))

    def __members__(self, values: Any) -> Any:
        return _members(values)


class _Binary(Expr[Any]):
    """An operator between two operands."""

    __slots__ = ()

    @property
    def __precedence__(self) -> int:  # type: ignore[override]
        return RANKS[self.__parts__[0]][0]

    def __sql__(self, c: Compiler) -> str:
        word, left, right = self.__parts__
        _, before, after = RANKS[word]
        return f"{c.text(left, before)} {word} {c.text(right, after)}"


class Form(Expr[Any]):
    """Texts with operands between them, in turn; `__inner__` is how tightly the operands must hold together."""

    __slots__ = ()
    __inner__ = RAW

    def __sql__(self, c: Compiler) -> str:
        parts, inner = self.__parts__, self.__inner__
        return "".join([c.text(part, inner) if place % 2 else part for place, part in enumerate(parts)])


class Closed(Form):
    """A form whose operand is a statement or fragment in parentheses."""

    __slots__ = ()
    __inner__ = RAW + 1


class _Test(Form):
    """A form that is a condition."""

    __slots__ = ()
    __precedence__, __inner__ = COMPARE, COMPARE + 1


class _Walk(Form):
    """A form that walks into a document."""

    __slots__ = ()
    __precedence__, __inner__ = OTHER, ATOM


class _Negative(Form):
    """A form with a sign."""

    __slots__ = ()
    __precedence__, __inner__ = SIGN, ATOM


class Not(Form):
    """A negation; what is negated stands in parentheses unless it is one closed term."""

    __slots__ = ()
    __precedence__, __inner__ = NOT, ATOM


class And(Expr[bool]):
    """Conditions that all hold; `1 = 1` when there are none."""

    __slots__ = ()
    __precedence__ = AND

    def __sql__(self, c: Compiler) -> str:
        return " AND ".join([c.text(part, AND) for part in self.__parts__]) or "1 = 1"


class _Or(Expr[bool]):
    """Conditions of which one holds; `1 = 0` when there are none."""

    __slots__ = ()
    __precedence__ = OR

    def __sql__(self, c: Compiler) -> str:
        return " OR ".join([c.text(part, AND) for part in self.__parts__]) or "1 = 0"


class In(Expr[bool]):
    """IN and NOT IN, for values and for the rows of a statement."""

    __slots__ = ()
    __precedence__ = COMPARE

    def __sql__(self, c: Compiler) -> str:
        left, word, values = self.__parts__
        if self.always is not None:
            return "1 = 1" if self.always else "1 = 0"
        head = c.text(left, OTHER) + word
        if isinstance(values, Node):
            return f"{head}{values.__sql__(c)})"
        return f"{head}{'VALUES ' if isinstance(values[0], _Row) and c.dialect is SQLITE else ''}{c.texts(values)})"

    @property
    def always(self) -> bool | None:
        """Whether it holds for every row, or for none; None when that is for the database to find out."""
        _, word, values = self.__parts__
        return None if isinstance(values, Node) or values else word == " NOT IN ("


class _Step(Node):
    """A key of a JSON object, or a position in an array."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        (step,) = self.__parts__
        if c.dialect is not SQLITE:
            c.params.append(step)
            return f"CAST({MARK} AS {'integer' if isinstance(step, int) else 'text'})"
        if isinstance(step, int):
            c.params.append(f"$[{step}]" if step >= 0 else f"$[#{step}]")
        elif '"' in step:
            refuse("SQLite cannot look up a JSON key with a double quote in it: rename the key")
        else:
            from json import dumps  # importing it takes longer than this package

            c.params.append(f"$.{dumps(step, ensure_ascii=False)}")
        return MARK


class _Row(Form):
    """Several expressions that are compared as one."""

    __slots__ = ()
    __hash__ = Node.__hash__
    __eq__ = _rows("=")  # type: ignore[assignment]
    __ne__ = _rows("<>")  # type: ignore[assignment]
    __lt__ = _rows("<")
    __le__ = _rows("<=")
    __gt__ = _rows(">")
    __ge__ = _rows(">=")

    def __members__(self, values: Any) -> Any:
        members = _members(values)
        return members if isinstance(members, Node) else tuple([_same(self, member) for member in members])


class Label(Expr[T]):
    """An expression with a name in the result."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str(self.__parts__[1])

    def __sql__(self, c: Compiler) -> str:
        return c.text(self.__parts__[0], ATOM)

    def __item__(self, c: Compiler) -> str:
        return f"{c.text(self.__parts__[0])} AS {c.quote(self.__parts__[1])}"

    def __term__(self, c: Compiler) -> str:
        return c.quote(self.__parts__[1])


class Order(Node):
    """A term of ORDER BY with its direction."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        return c.text(self.__parts__[0]) + str(self.__parts__[1])

    def __term__(self, c: Compiler) -> str:
        return str(self.__parts__[0].__term__(c) + self.__parts__[1])


class Param(Expr[Any]):
    """A parameter whose value is given when the compiled statement is bound."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        c.open.append(self.__parts__[0])
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


def row(*items: object) -> _Row:
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
        refuse("a row has at least one item and none is None: compare the columns one by one")
    pieces = [piece for item in items for piece in (", ", item)]
    return _Row("(", *pieces[1:], ")")


def and_(*conditions: Expr[Any]) -> Expr[bool]:
    """Join conditions with AND; without any it is always true."""
    return And(*flat(conditions))


def or_(*conditions: Expr[Any]) -> Expr[bool]:
    """Join conditions with OR; without any it is always false."""
    return _Or(*flat(conditions, _Or))


def not_(operand: Expr[Any]) -> Expr[bool]:
    """Negate a condition, like `~`."""
    return ~flat([operand], None)[0]


def flat(conditions: Iterable[Any], junction: type[Node] | None = And) -> list[Expr[Any]]:
    """Return conditions, with the parts of a junction in its place; what is no condition is invalid_argument."""
    found: list[Expr[Any]] = []
    for one in conditions:
        if type(one) is junction:
            found += one.__parts__
        elif isinstance(one, Expr):
            found.append(one)
        else:
            refuse(f"a {type(one).__name__} is not a condition: compare a column with ==, not is, or use sql()")
    return found


def _given(value: object) -> object:
    if value is None:
        refuse("this operator with None is never true: use == None or is_distinct_from()")
    return value


def _escaped(text: object) -> str:
    if not isinstance(text, str):
        refuse(f"contains, startswith and endswith take a str, not {type(text).__name__}: use like() for the rest")
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _members(values: Any) -> Any:
    if isinstance(values, Node) and values.__precedence__ <= RAW:
        return values
    if isinstance(values, (str, bytes, Mapping, Node)) or not isinstance(values, Iterable):
        refuse(f"in_ takes a list of values or a statement, not {type(values).__name__}: put the value into a list")
    members = tuple(values)
    if any(member is None for member in members):
        refuse("a list of values cannot hold None: add | (column == None)")
    return members


def _same(left: Node, right: Any) -> Node:
    """Return a row as long as another; a statement is left to the database."""
    found = row(*right) if isinstance(right, tuple) else right
    if isinstance(found, Node) and (found.__precedence__ <= RAW or len(found.__parts__) == len(left.__parts__)):
        return found
    return refuse(f"a row of {len(left.__parts__) // 2} is compared with a row of as many: give row(...)")


def _walk(document: Expr[Any], path: tuple[object, ...], arrow: str) -> Expr[Any]:
    if not path or not all(isinstance(step, (str, int)) and not isinstance(step, bool) for step in path):
        refuse("a JSON path is one or more keys (str) and positions (int): give these")
    pieces = [piece for step in path for piece in (" -> ", _Step(step))]
    pieces[-2] = arrow
    return _Walk("", document, *pieces, "")


def _nulls(nulls: str | None) -> str:
    words = {None: "", "first": " NULLS FIRST", "last": " NULLS LAST"}
    return words[nulls] if nulls in words else refuse('nulls is "first", "last" or None: use one of these')
