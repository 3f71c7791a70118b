"""The compiler: walks a tree once, in the order of the text, and collects the values on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self

from arlen_sqlbuilder.dialects import MARK, SQLITE, Dialect
from arlen_sqlbuilder.errors import SQLBuilderError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ATOM", "BARE", "RAW", "Compiler", "Name", "Node", "Word", "freeze"]

BARE, RAW, ATOM = -1, 0, 9  # how tightly a node's text holds together: a bare statement, a fragment, a closed term
freeze = object.__setattr__


class Node:
    """A part of a statement. It never changes: methods return new ones. `parts` is what it is made of."""

    __slots__ = ("__parts__",)
    __parts__: Any
    __precedence__ = ATOM

    def __init__(self, *parts: Any) -> None:
        freeze(self, "__parts__", parts)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} does not change: its methods return a new one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} does not change: its methods return a new one")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.__parts__

    def __sql__(self, c: Compiler) -> str:
        raise SQLBuilderError(f"a {type(self).__name__} cannot stand here: it is no expression")

    def __term__(self, c: Compiler) -> str:
        """Return the text in ORDER BY, where a label goes by its name, and in GROUP BY."""
        return c.text(self)


class Word(Node):
    """A text that a dialect lacks or says in another way; its parts are the feature, the text, and SQLite's text."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        feature, text, other = self.__parts__
        if c.dialect is SQLITE and other:
            return str(other)
        c.dialect.require(feature)
        return str(text)


class Name(Node):
    """An identifier."""

    __slots__ = ()

    def __sql__(self, c: Compiler) -> str:
        return c.quote(self.__parts__[0])


class Compiler:
    """What one compilation knows: the values so far, and the tables that can be seen from where it is."""

    __slots__ = ("ctes", "dialect", "labels", "open", "params", "qualified", "quote", "renamed", "tables")

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.quote = dialect.quote
        self.params: list[Any] = []
        self.labels: tuple[str, ...] = ()
        self.qualified = dialect.qualified
        self.ctes: dict[str, Any] = {}
        self.open: list[str] = []
        self.renamed: dict[str, str] = {}
        self.tables: set[str] = set()

    def text(self, item: Any, precedence: int = RAW) -> str:
        """Return the text of a node, in parentheses if it is looser than its place asks for; a value is a parameter."""
        if isinstance(item, Node):
            text = item.__sql__(self)
            return text if item.__precedence__ >= precedence else f"({text})"
        self.params.append(item)
        return MARK

    def texts(self, items: Iterable[Any], precedence: int = RAW) -> str:
        """Return the texts of several, with commas."""
        return ", ".join([self.text(item, precedence) for item in items])

    def names(self, names: Iterable[str]) -> str:
        """Return several names, quoted, with commas."""
        return ", ".join([self.quote(name) for name in names])

    def enter(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Make more tables visible; return those that were, for `leave`."""
        outer = self.labels
        self.leave(outer + labels)
        return outer

    def leave(self, labels: tuple[str, ...]) -> None:
        """Make exactly these tables visible."""
        self.labels = labels
        self.qualified = self.dialect.qualified or len(labels) > 1
