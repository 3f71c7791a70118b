"""Columns: what of a table a client may sort and filter by, and how that is said in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from arlen_core.convert import converter, failed, scalar
from arlen_core.errors import FieldError
from arlen_data.errors import InvalidArgument

__all__ = ["OPERATORS", "Column", "Order", "Terms", "quote", "read"]

OPERATORS: dict[str, str] = {
    "eq": "is equal",
    "ne": "is not equal; also true for a missing value",
    "lt": "is less",
    "le": "is less or equal",
    "gt": "is greater",
    "ge": "is greater or equal",
    "in": "is one of several, with commas between, or given several times",
    "contains": "has this in it, whatever the case",
    "starts": "begins with this, whatever the case",
    "null": "is missing (`true`) or there (`false`)",
}
"""What filters can ask, and what it means."""

_MOST = 100
_COMPARE = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_INT8 = 2**63


class Column(Struct, frozen=True):
    """One column that clients may name.

    Args:
        type: of its values: text, a number, a truth, a date or moment, a UUID, an Enum or a Literal of texts.
        name: in the table, when clients call it something else.
        sort: whether clients may sort by it.
        filter: the operators that they may use; see `OPERATORS`.
        null: whether values may be missing. Those count as the largest.

    Raises `InvalidArgument` for an operator or a type that there is not.

    >>> Column(int, sort=True, filter=("eq", "in")).filter
    ('eq', 'in')
    """

    type: Any
    name: str = ""
    sort: bool = False
    filter: tuple[str, ...] = ()
    null: bool = False

    def __post_init__(self) -> None:
        if any(each not in OPERATORS for each in self.filter):
            fix = f"use a tuple of {', '.join(OPERATORS)}"
            raise InvalidArgument(f"{self.filter!r} are no operators of a filter", fix=fix)
        if not scalar(self.type):
            raise InvalidArgument(f"{self.type!r} is no type of a column", fix="use str, int, datetime, an Enum, ...")


class Order(Struct, frozen=True):
    """One column of an order: its public name, itself, its name in SQL, and its direction."""

    public: str
    column: Column
    sql: str
    down: bool = False


class Terms:
    """The conditions of one statement, and their values.

    Args:
        values: those that `$1` and the following have already.

    >>> terms = Terms(["x"])
    >>> terms.add("title", Column(str), "starts", "50%")
    >>> terms.text, terms.values
    (" where lower(title) like lower($2) escape '!'", ['x', '50!%%'])
    """

    def __init__(self, values: Sequence[Any] = ()) -> None:
        self.values = list(values)
        self._all: list[str] = []

    @property
    def text(self) -> str:
        """The `where` with everything, or ""."""
        return f" where {' and '.join(self._all)}" if self._all else ""

    def raw(self, condition: str) -> None:
        """Add a condition of the application's own."""
        if condition:
            self._all.append(f"({condition})")

    def bind(self, value: Any) -> str:
        """Add a value and return its place."""
        self.values.append(value)
        return f"${len(self.values)}"

    def add(self, sql: str, column: Column, operator: str, value: Any) -> None:
        """Add what a filter asks."""
        self._all.append(self._condition(sql, column, operator, value))

    def _condition(self, sql: str, column: Column, operator: str, value: Any) -> str:
        if operator == "null":
            return f"{sql} is null" if value else f"{sql} is not null"
        if operator == "in":
            return f"{sql} in ({', '.join(map(self.bind, value))})"
        if operator in {"contains", "starts"}:
            return f"lower({sql}) like lower({self.bind(_pattern(value, operator))}) escape '!'"
        condition = f"{sql} {_COMPARE[operator]} {self.bind(value)}"
        return f"({condition} or {sql} is null)" if operator == "ne" and column.null else condition


def read(name: str, column: Column, operator: str, texts: list[str]) -> tuple[Any, list[FieldError]]:
    """Return the value of a filter, and what is wrong with it."""
    kind = {"contains": str, "starts": str, "null": bool}.get(operator, column.type)
    if operator == "in":
        texts = texts[0].split(",") if len(texts) == 1 else texts
        if len(texts) > _MOST:
            return None, [FieldError(name, "too_long", f"must have at most {_MOST} items")]
    elif len(texts) > 1:
        return None, [FieldError(name, "repeated", "is given more than once")]
    convert, values = converter(kind), list[Any]()
    for text in texts:
        value, errors = _one(name, kind, convert, text)
        if errors:
            return None, errors
        values.append(value)
    return values if operator == "in" else values[0], []


def quote(name: str | tuple[str, ...]) -> str:
    """Return a name, or several with dots between, as SQL reads it.

    >>> quote(("blog", 'no"te'))
    '"blog"."no""te"'
    """
    parts = (name,) if isinstance(name, str) else name
    if not parts or any(not part or "\0" in part for part in parts):
        raise InvalidArgument(f"{name!r} is no name of a table or a column")
    return ".".join('"{}"'.format(part.replace('"', '""')) for part in parts)


def _one(name: str, kind: Any, convert: Callable[[Any], Any] | None, text: str) -> tuple[Any, list[FieldError]]:
    if "\0" in text:
        return None, [FieldError(name, "invalid", "must not have a NUL character")]
    if convert is None:
        return text, []
    try:
        value = convert(text)
    except msgspec.ValidationError:
        return None, failed(text, kind, name) or [FieldError(name, "invalid", "is not valid")]
    if type(value) is int and not -_INT8 <= value < _INT8:
        return None, [FieldError(name, "range", "is too large a number")]
    if isinstance(value, datetime) and value.tzinfo is not None:
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            return None, [FieldError(name, "range", "is before the year 1 or after 9999 in UTC")]
    return getattr(value, "value", value), []  # an Enum is stored as its value


def _pattern(text: str, operator: str) -> str:
    for each in "!%_":
        text = text.replace(each, f"!{each}")
    return f"%{text}%" if operator == "contains" else f"{text}%"
