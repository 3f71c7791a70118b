"""Plans: what the text of a statement tells: its placeholders for SQLite, and where it has to run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, TypeAlias

from arlen_data.errors import InvalidArgument, TransactionError
from arlen_data.rows import shape

__all__ = ["Plan", "plan"]

Shape: TypeAlias = "tuple[Any, tuple[str, ...], Callable[[Sequence[Any]], Any]]"

_TOKEN = re.compile(
    r"""
      '(?:[^']|'')*+(?:'|\Z)               # a text; an open one goes to the end, and SQLite refuses it
    | "(?:[^"]|"")*+(?:"|\Z)               # names in the quotes of three databases
    | `(?:[^`]|``)*+(?:`|\Z)
    | \[[^\]]*+(?:\]|\Z)
    | --[^\n]*+                            # comments
    | /\*.*?(?:\*/|\Z)
    | \$(?P<place>[0-9]++)(?![\w$])        # what we look for
    | [^\W\d][\w$]*+                       # a name may hold dollar signs
    | [0-9][\w.$]*+
    | [@:\#$][\w$]++                       # placeholders of other kinds
    """,
    re.VERBOSE | re.DOTALL,
)
_GAP = re.compile(r"(?:[\s;\ufeff]|--[^\n]*+(?:\n|\Z)|/\*.*?(?:\*/|\Z))*+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]++")
_TEMP = re.compile(r"create\s+temp(?:orary)?\b", re.IGNORECASE)
_RETURNING = re.compile(r"\breturning\b", re.IGNORECASE)
_SPACE = re.compile(r"[\s\ufeff]+|--[^\n]*+(?:\n|\Z)|/\*.*?(?:\*/|\Z)", re.DOTALL)
_TOLD = re.compile(
    r"(?:explain +(?:query +plan +)?)?pragma\b(.*)", re.IGNORECASE | re.DOTALL
)  # SQLite does it even then
_PRAGMA = re.compile(r" *(?:\w+ *\. *)?(\w+) *(=|\(|[; ]*\Z)", re.IGNORECASE)

_CONTROL = {"abort", "begin", "commit", "end", "release", "rollback", "savepoint", "start"}
_READS = {"select", "values", "with", "explain"}
_CHANGES = {"insert", "update", "delete", "replace"}
_TELLS = {
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list",
    "foreign_key_check", "integrity_check", "quick_check",
}  # fmt: skip
_ACTS = {"optimize", "wal_checkpoint", "incremental_vacuum"}
_SETS = {"user_version", "application_id", "auto_vacuum", "defer_foreign_keys"}


class Plan:
    """What is known about a statement.

    Attributes:
        text: as it was given.
        sql: for SQLite, with `?` for `$1`.
        order: which parameter each `?` is, from 0; `None` when they are in order.
        reads: it seems to write nothing; a connection that only reads finds out.
        changes: it is an insert, update or delete.
        alone: it cannot be in a transaction with others.
        temporary: it makes something that only this connection sees.
        counts: how many rows it affects, only SQLite's `changes()` tells.
        slow: it went over the budget of the event loop's thread once.
        shape: the description of its columns when it ran last, their names, and what makes its rows.
    """

    __slots__ = ("alone", "changes", "counts", "order", "reads", "shape", "slow", "sql", "temporary", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        places: list[int] = []
        self.sql = _TOKEN.sub(partial(_placed, places), text) if "$" in text else text
        self.order = None if places == list(range(len(places))) else tuple(places)
        begin = _GAP.match(text).end()  # type: ignore[union-attr]  # it matches the empty text too
        found = _WORD.match(text, begin)
        word = found[0].lower() if found else ""
        told = _TOLD.match(_SPACE.sub(" ", text[begin:])) if word in {"pragma", "explain"} else None
        pragma = _pragma(told[1]) if told else ""
        if word in _CONTROL:
            raise TransactionError(f"{word} is not for you to run", fix="use `async with db.transaction()`")
        if word in {"attach", "detach"}:
            fix = "use a second SQLite(...) for the other file"
            raise InvalidArgument(f"{word} would last for one of several connections only", fix=fix)
        self.reads = word in _READS or pragma == "tells"
        self.changes = word in _CHANGES and not _RETURNING.search(text)
        self.alone = word == "vacuum" or pragma == "acts"
        self.temporary = word == "create" and _TEMP.match(text, begin) is not None
        self.counts = word == "with"
        self.slow = False
        self.shape: Shape = (None, (), tuple)

    def placed(self, params: Sequence[Any]) -> Sequence[Any]:
        """Return the parameters in the order of the `?`, each as often as it is there.

        Raises:
            InvalidArgument: there are too few or too many.
        """
        if self.order is None:
            return params
        if max(self.order) + 1 != len(params) or -1 in self.order:
            message = f"the placeholders go up to ${max(self.order) + 1}, and there are {len(params)} parameters"
            raise InvalidArgument(message, sqlstate="07001")
        return [params[place] for place in self.order]

    def shaped(self, described: Any) -> Shape:
        """Return the shape for this description; it seldom changes."""
        if self.shape[0] != described:
            columns = tuple([each[0] for each in described])
            self.shape = (described, columns, shape(columns))
        return self.shape


@lru_cache(maxsize=2048)
def plan(text: str) -> Plan:
    """Return what is known about a statement.

    >>> plan("select '$1', $1").sql
    "select '$1', ?"

    Raises:
        TransactionError: it begins or ends a transaction.
        InvalidArgument: it would change one of several connections.
    """
    return Plan(text)


def _placed(places: list[int], found: re.Match[str]) -> str:
    """Return `?` for a placeholder, and note which: Python 3.12 does not like `?1` with a list."""
    if found["place"] is None:
        return found[0]
    places.append(int(found["place"]) - 1)
    return "?"


def _pragma(text: str) -> str:
    """Return "tells", "acts" or "sets"; a pragma that would change this connection only is refused."""
    found = _PRAGMA.match(text)
    if found is None:
        raise InvalidArgument("this pragma cannot be read", fix="write its name without quotes, and one statement")
    name = found[1].lower()
    if name in _ACTS:
        return "acts"
    if found[2] not in {"=", "("} or name in _TELLS:
        return "tells"
    if name in _SETS:
        return "sets"
    fix = "use the settings of SQLite(...), or `pragmas={...}` of them"
    raise InvalidArgument(f"pragma {name} would change one of several connections", fix=fix)
