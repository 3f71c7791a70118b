"""Fragments: SQL written by hand, with slots for values, names and other parts of statements."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from arlen_sqlbuilder.compiler import ATOM, BARE, RAW, Compiler, Name, Node
from arlen_sqlbuilder.dialects import MARK, check_name
from arlen_sqlbuilder.errors import refuse
from arlen_sqlbuilder.expressions import Expr
from arlen_sqlbuilder.sources import Column, Ref, used
from arlen_sqlbuilder.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Fragment", "sql"]

CACHED_TEXTS = 1024
SLOT = r"(\{\{|\}\}|\{[^{}]*\})"
SELECT = re.compile(r"(?i)\bselect\b")


class Fragment(Expr[Any], Statement[Any]):
    """A piece of SQL, or a whole statement, made by `sql`. It is an expression, a condition, a source or a statement.

    Its parts are texts with operands between them, in turn.
    """

    __slots__ = ()
    __precedence__ = RAW
    __hash__ = Node.__hash__

    def __sql__(self, c: Compiler) -> str:
        more = [label for label in used(self.__parts__, {}) if label not in c.labels]
        if c.labels and any(map(SELECT.search, self.__parts__[::2])):
            more.append(MARK)  # the text has tables of its own, whose columns an outer one must not be taken for
        outer = c.enter(tuple(more))
        text = "".join([_spliced(c, part) if place % 2 else part for place, part in enumerate(self.__parts__)])
        c.leave(outer)
        return text

    def join(self, items: Iterable[Any]) -> Fragment:
        """Join fragments, expressions and values with this fragment between them, as `str.join` does."""
        parts: list[Any] = []
        for item in items:
            parts += ["", self, "", _slot(item)] if parts else ["", _slot(item)]
        return Fragment(*parts, "")


def sql(text: Any, /, **slots: Any) -> Fragment:
    """Return a fragment of hand-written SQL.

    The text outside of slots is never changed, so it must come from the program and not from a request. Braces of the
    text are doubled. A slot becomes a parameter; columns, tables, statements and fragments become text, and other
    expressions become text in parentheses. In another statement, a column in a text with a SELECT of its own carries
    its table's name.
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
    if _template(text) and not slots:
        holes = [(hole.value, hole.format_spec, hole.conversion) for hole in text.interpolations]
        return _fragment(tuple(text.strings), holes)
    if not isinstance(text, str):
        refuse("sql() takes a str with keywords for its slots, or a template string without: give one")
    texts, names = _parsed(text)
    if {name for name, _ in names} != slots.keys():
        wrong = ", ".join(sorted({name for name, _ in names} ^ slots.keys()))
        refuse(f"slots and values do not fit: {wrong} is only one of the two; double the text's braces")
    return _fragment(texts, [(slots[name], form, None) for name, form in names])


def _fragment(texts: tuple[str, ...], holes: list[tuple[Any, str, Any]]) -> Fragment:
    parts: list[Any] = [_literal(texts[0])]
    for (value, form, conversion), text in zip(holes, texts[1:], strict=True):
        if conversion:
            refuse("a slot has a conversion: leave it out, values are parameters")
        parts += [_slot(value, form), _literal(text)]
    return Fragment(*parts)


def _template(value: Any) -> bool:
    """Tell a template string of Python 3.14 by what it has, so that other versions need no import."""
    return hasattr(value, "strings") and hasattr(value, "interpolations") and not isinstance(value, Node)


def _slot(value: Any, form: str = "") -> Any:
    value = getattr(value, "__source__", value)
    if form == "i":
        name = value.name if isinstance(value, Column) else value.label if isinstance(value, Ref) else value
        return Name(check_name(name))
    if form not in {"", "q"}:
        refuse(f"a slot may end in :i or :q, not in :{form}: values are always parameters")
    if _template(value):
        return sql(value)
    if form == "q" and not isinstance(value, Node):
        refuse("a slot with :q takes a part of a statement: give a fragment, or leave :q out")
    return value


@lru_cache(CACHED_TEXTS)
def _parsed(text: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the texts around the slots, one more than there are, and the slots' names and forms."""
    texts, slots = [""], []
    for place, piece in enumerate(re.split(SLOT, text)):
        name, _, form = piece[1:-1].partition(":")
        if place % 2 and name.isidentifier():
            slots.append((name, form))
            texts.append("")
        elif piece in {"{{", "}}"} or not {"{", "}"}.intersection(piece):
            texts[-1] += piece[:1] if place % 2 else piece
        else:
            refuse("a slot is {name}, {name:i} or {name:q}: double the braces of the text")
    return tuple(texts), tuple(slots)


def _spliced(c: Compiler, part: Any) -> str:
    """Return the text of a slot: statements and fragments as they are, an expression as one term."""
    return c.text(part, ATOM if isinstance(part, Node) and part.__precedence__ > RAW else BARE)


def _literal(text: str) -> str:
    return refuse("SQL text cannot hold a NUL character: put the value into a slot") if MARK in text else text
