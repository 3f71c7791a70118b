"""Looks: one statement of a migration as the rules of lint see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arlen_data.scripts import Header, Script

__all__ = ["Found", "Keys", "Look", "Rule", "bare", "looks", "name_at", "skip"]

Keys: TypeAlias = "tuple[str, ...]"
"""The words, names and symbols of a statement or of a part of it; see `Token.key`."""

Found: TypeAlias = "tuple[str, str, str]"
"""A code, the reason, the fix."""


class Look:
    """One statement of a migration.

    Args:
        keys: of the statement.
        place: its number in the file, from 0.
        all: the looks of the file.
        script: the migration.
    """

    def __init__(self, keys: Keys, place: int, all: Sequence[Look], script: Script) -> None:
        self.keys, self.place, self.all, self.script = keys, place, all, script

    @property
    def header(self) -> Header:
        """Return what the file asks for."""
        return self.script.up.header

    @property
    def before(self) -> Sequence[Look]:
        """Return the statements before it."""
        return self.all[: self.place]

    def starts(self, *words: str) -> bool:
        """Tell whether it begins with these words."""
        return self.keys[: len(words)] == words

    @cached_property
    def table(self) -> str:
        """Return the table that it alters, fills, drops, makes or indexes, without its schema; "" for anything else."""
        return bare(name_at(self.keys, _table(self.keys))[0])

    @cached_property
    def is_new(self) -> bool:
        """Return whether its table was made by this file, so that it is empty, or as good as that."""
        made = (look.table for look in self.before if look.makes)
        return self.table != "" and self.table in made

    @property
    def makes(self) -> bool:
        """Return whether it makes a table."""
        return self.keys[:1] == ("create",) and "table" in self.keys[1:4]

    @cached_property
    def actions(self) -> list[Keys]:
        """Return what an `alter table` does, one after the other; empty for anything else."""
        if not self.starts("alter", "table"):
            return []
        rest = self.keys[name_at(self.keys, _table(self.keys))[1] :]
        return list(_parts(rest))


Rule: TypeAlias = "Callable[[Look], Iterator[Found]]"
"""Yields what is dangerous about a statement."""


def looks(script: Script) -> list[Look]:
    """Return the looks of a migration, in the order of its statements."""
    made: list[Look] = []
    for place, statement in enumerate(script.up.statements):
        made.append(Look(statement.keys, place, made, script))
    return made


def skip(keys: Keys, at: int, *words: str) -> int:
    """Return the place after those of these words that follow each other here.

    >>> skip(("add", "column", "if", "not", "exists", "a"), 1, "column", "if", "not", "exists")
    5
    """
    while at < len(keys) and keys[at] in words:
        at += 1
    return at


def name_at(keys: Keys, at: int) -> tuple[str, int]:
    """Return the name at a place, its schema included, and the place after it.

    >>> name_at(("alter", "table", "public", ".", "users", "add"), 2)
    ('public.users', 5)
    """
    end = at + 1
    while keys[end : end + 1] == (".",):
        end += 2
    return "".join(keys[at:end]), end


def bare(name: str) -> str:
    """Return a name without its schema."""
    return name.rpartition(".")[2]


def _table(keys: Keys) -> int:
    """Return where the name of the table is; the end when there is none."""
    if keys[:1] == ("create",) and "index" in keys[1:3] and "on" in keys:
        return skip(keys, keys.index("on") + 1, "only")
    if keys[1:2] == ("table",) or (keys[:1] == ("create",) and "table" in keys[1:4]):
        return skip(keys, keys.index("table") + 1, "if", "not", "exists", "only")
    if keys[:1] == ("update",):
        return skip(keys, 1, "only")
    if keys[:2] == ("delete", "from"):
        return skip(keys, 2, "only")
    return len(keys)


def _parts(keys: Keys) -> Iterator[Keys]:
    """Cut at the commas that are in no parentheses."""
    depth = start = 0
    for at, key in enumerate(keys):
        depth += (key in {"(", "["}) - (key in {")", "]"})
        if key == "," and depth == 0:
            yield keys[start:at]
            start = at + 1
    yield keys[start:]
