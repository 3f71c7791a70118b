"""Statements: what may be run, text with its arguments or anything that compiles to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from arlen_data.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Compiled", "Query", "Statement", "resolve"]


class Compiled(Protocol):
    """A statement for one dialect."""

    @property
    def sql(self) -> str:
        """The text."""

    @property
    def params(self) -> Sequence[Any]:
        """The parameters in their order."""

    def bind(self, **named: Any) -> Sequence[Any]:
        """Return the parameters in their order, with the named ones filled in."""


class Statement(Protocol):
    """A statement that a builder made; arlen-sqlbuilder's are such, and anybody's may be."""

    def compile(self, dialect: str, /) -> Compiled:
        """Return it for "postgresql" or "sqlite"; raises when it cannot be said there."""


Query: TypeAlias = "str | Statement"


def resolve(query: Query, args: tuple[Any, ...], named: Mapping[str, Any], dialect: str) -> tuple[str, Sequence[Any]]:
    """Return the text and the parameters of a query.

    Args:
        query: text with `$1` to `$n`, the same on every engine, or a statement that compiles.
        args: the values of `$1` to `$n`.
        named: the values of a statement's named parameters.
        dialect: of the adapter.

    >>> resolve("select $1", (7,), {}, "sqlite")
    ('select $1', (7,))

    Raises:
        InvalidArgument: arguments by name for a text, or by place for a statement.
    """
    if isinstance(query, str):
        if named:
            fix = "write $1, $2, ... and pass the values in that order"
            raise InvalidArgument(f"text takes no arguments by name: {', '.join(named)}", fix=fix)
        return query, args
    if args:
        raise InvalidArgument("a statement has its values already", fix="pass named parameters, or use text")
    compiled = _compiled(query, dialect)
    return compiled.sql, compiled.bind(**named) if named else compiled.params


def _compiled(query: Any, dialect: str) -> Compiled:
    compile_ = getattr(query, "compile", None)
    if compile_ is None:
        fix = "pass SQL text, or a statement of arlen-sqlbuilder"
        raise InvalidArgument(f"{type(query).__name__} is no query", fix=fix)
    return cast("Compiled", compile_(dialect))
