"""Fragments: SQL written by hand, with slots for values, names and other parts of statements."""

from __future__ import annotations

from functools import lru_cache
from string import Formatter
from typing import TYPE_CHECKING, Any

from arlen_sqlbuilder.compiler import RAW, Compiler, Node, nodes
from arlen_sqlbuilder.dialects import MARK, check_name
from arlen_sqlbuilder.errors import SQLBuilderError
from arlen_sqlbuilder.expressions import Expr
from arlen_sqlbuilder.sources import Column, Raw, Ref
from arlen_sqlbuilder.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Fragment", "sql"]

CACHED_TEXTS = 1024


class Fragment(Expr[Any], Statement[Any]):
    """A piece of SQL, or a whole statement, made by `sql`. It is an expression, a condition, a source or a statement."""

    __slots__ = ()
    __precedence__ = RAW
    __hash__ = Node.__hash__

    def __sql__(self, c: Compiler) -> str:
        hidden = {node.__parts__[0] for node in nodes(self.__parts__) if isinstance(node, Column)}
        outer = c.enter(tuple(hidden.difference(c.labels)))
        text = "".join([part if isinstance(part, str) else part.__sql__(c) for part in self.__parts__])
        c.leave(outer)
        return text

    def table(self, name: str | None = None) -> Raw:
        """Return the fragment as a source for FROM, `text AS name`; it brings its own parentheses if it needs them."""
        return Raw(self, name if name is None else check_name(name))

    def join(self, items: Iterable[Any]) -> Fragment:
        """Join fragments, expressions and values with this fragment between them, as `str.join` does."""
        parts: list[Any] = []
        for item in items:
            parts += [*self.__parts__, *_slot(item)] if parts else _slot(item)
        return Fragment(*parts)


class Bound(Expr[Any]):
    """A value in a slot."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        c.params.append(self.__parts__[0])
        return MARK


class Name(Node):
    """An identifier in a slot."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        return c.quote(self.__parts__[0])


def sql(text: Any, /, **slots: Any) -> Fragment:
    """Return a fragment of hand-written SQL.

    The text outside of slots is never looked at or changed, so it must come from the program and not from a request.
    Braces of the text are doubled. A slot becomes a parameter; parts of statements, tables and fragments become text.
    In PostgreSQL a bare `$1` and in SQLite a bare `?` in the text would clash with the parameters: use slots.

    Args:
        text: a str with slots `{x}`, or a template string (`t"..."`) of Python 3.14.
        slots: for each slot of a str its value, expression or statement. `{x:i}` is an identifier (a str, a column or
            a table's name); `{x:q}` must be a part of a statement.

    Raises:
        SQLBuilderError: invalid_argument for a text with broken slots, a slot without a value or a value without a
            slot; invalid_identifier for an `{x:i}` that is none.

    >>> from arlen_sqlbuilder import Table, select
    >>> users = Table("users").c
    >>> same = sql("lower({column}) = lower({address})", column=users.email, address="A@example.org")
    >>> print(select(users.id).where(users.active, same))
    SELECT "id" FROM "users" WHERE "active" AND (lower("email") = lower($1))
    -- $1 = 'A@example.org'
    """
    if isinstance(text, str):
        return Fragment(*_filled(text, slots))
    if hasattr(text, "strings") and hasattr(text, "interpolations") and not slots:
        return Fragment(*_template(text))
    raise SQLBuilderError("sql() takes a str with keywords for its slots, or a template string without: give one")


def _filled(text: str, slots: dict[str, Any]) -> Iterator[Any]:
    pieces = _parsed(text)
    names = {name for _, name, _ in pieces if name is not None}
    if names != slots.keys():
        wrong = ", ".join(sorted(names ^ slots.keys()))
        raise SQLBuilderError(f"slots and values do not fit: {wrong} is only one of the two; double the text's braces")
    for literal, name, form in pieces:
        yield literal
        if name is not None:
            yield from _slot(slots[name], form)


def _template(template: Any) -> Iterator[Any]:
    strings = list(template.strings)
    for literal, hole in zip(strings, template.interpolations, strict=False):
        yield _literal(literal)
        if hole.conversion:
            raise SQLBuilderError(f"the slot {hole.expression} has a conversion: leave it out, values are parameters")
        yield from _slot(hole.value, hole.format_spec)
    yield _literal(strings[-1])


def _slot(value: Any, form: str | None = "") -> list[Any]:
    if form == "i":
        return [Name(_identifier(value))]
    if form not in {"", None, "q"}:
        raise SQLBuilderError(f"a slot may end in :i or :q, not in :{form}: values are always parameters")
    value = getattr(value, "__source__", value)
    if hasattr(value, "strings") and hasattr(value, "interpolations"):
        value = sql(value)
    if isinstance(value, Node):
        return [value]
    if form == "q":
        raise SQLBuilderError("a slot with :q takes a part of a statement: give a fragment, or leave :q out")
    return [Bound(value)]


def _identifier(value: Any) -> str:
    value = getattr(value, "__source__", value)
    if isinstance(value, Column):
        return value.name
    return value.label if isinstance(value, Ref) else check_name(value)


@lru_cache(CACHED_TEXTS)
def _parsed(text: str) -> tuple[tuple[str, str | None, str | None], ...]:
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise SQLBuilderError(f"the slots cannot be read ({error}): double the braces of the text") from None
    for literal, name, _, conversion in pieces:
        _literal(literal)
        if conversion or (name is not None and not name.isidentifier()):
            raise SQLBuilderError("a slot is {name}, {name:i} or {name:q}: double the braces of the text")
    return tuple([(literal, name, form) for literal, name, form, _ in pieces])


def _literal(text: str) -> str:
    if MARK in text:
        raise SQLBuilderError("SQL text cannot hold a NUL character: put the value into a slot")
    return text
