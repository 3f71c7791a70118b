"""Clauses that several statements have: what they give, where from, and under which conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arlen_sqlbuilder.compiler import RAW, Compiler, Node
from arlen_sqlbuilder.errors import SQLBuilderError
from arlen_sqlbuilder.expressions import Label
from arlen_sqlbuilder.sources import Derived, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["conditions_text", "items_text", "sources_text", "terms_text", "visible"]


def visible(sources: Iterable[Source]) -> tuple[str, ...]:
    """Return the labels of sources; two of one name cannot be told apart, which is compile_failed."""
    labels = tuple([one.label for one in sources])
    if len(set(labels)) == len(labels):
        return labels
    if twice := next((label for label in labels if label and labels.count(label) > 1), ""):
        reason = f"two sources are called {twice}: give one of them another name with as_()"
        raise SQLBuilderError(reason, code="compile_failed", identifier=twice)
    return labels


def items_text(c: Compiler, items: Iterable[Any]) -> str:
    """Return what SELECT and RETURNING give, labels with their names."""
    return ", ".join([item.__item__(c) if isinstance(item, Label) else c.text(item) for item in items])


def sources_text(c: Compiler, sources: Iterable[tuple[str, Source, Any]], outer: tuple[str, ...]) -> str:
    """Return the text of FROM; what stands in it sees the outer statements, and LATERAL what stands before it."""
    inner, text, before = c.labels, "", outer
    for kind, one, how in sources:
        c.leave(before if isinstance(one, Derived) and one.__parts__[2] else outer)
        text += f"{kind or ', ' if text else ''}{one.__from__(c)}"
        before = (*before, one.label)
        c.leave(inner)
        if isinstance(how, list):
            text += f" USING ({c.names(how)})"
        elif how is not None:
            text += " ON TRUE" if how is True else f" ON {c.text(how, RAW + 1)}"
    return text


def conditions_text(c: Compiler, word: str, conditions: Sequence[Any]) -> str:
    """Return conditions joined with AND after a word; nothing when there are none."""
    if len(conditions) == 1:
        return f"{word}{c.text(conditions[0], RAW + 1)}"
    return word + " AND ".join([c.text(one, 2) for one in conditions]) if conditions else ""


def terms_text(c: Compiler, items: Iterable[Node]) -> str:
    """Return the terms of ORDER BY and GROUP BY."""
    return ", ".join([item.__term__(c) for item in items])
