"""Texts: what a statement's first words say about it, looked at once for each text."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from arlen_data.errors import InvalidArgument, TransactionError, Unsupported

__all__ = ["Traits", "traits"]

_GAP = re.compile(r"(?:[\s;(]|--[^\r\n]*+)*+")
_WORD = re.compile(r"[a-z]*+", re.IGNORECASE)
_HALF = re.compile("[\ud800-\udfff]")
_EDGE = re.compile(r"/\*|\*/")
_CONTROL = frozenset({"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"})
_KEPT = frozenset({"select", "insert", "update", "delete", "with", "values", "table", "merge"})
_SESSION = frozenset({"reset", "listen", "unlisten", "load", "declare", "do", "call", "discard", "set"})
_NAMED = frozenset({"prepare", "deallocate", "discard"})
_PASSING = frozenset({"local", "transaction", "constraints"})
_STATEFUL = re.compile(
    r"\b(?:temp|temporary)\s+(?:table|view|sequence|recursive)\b|\binto\s+temp(?:orary)?\b"
    r"|\bset_config\b|\bpg_(?:try_)?advisory_lock(?:_shared)?\b",
    re.IGNORECASE,
)
_STREAMED = re.compile(r"\b(?:from\s+stdin|to\s+stdout)\b", re.IGNORECASE)
_LONGEST = 16_384  # longer texts are made by programs and seldom come twice


class Traits(Struct, frozen=True):
    """What a text is.

    Args:
        word: its first word, in lower case.
        kept: it is worth being prepared.
        stateful: it may leave something behind in the session.
        unprepares: it may do away with prepared statements, or add some.
    """

    word: str
    kept: bool
    stateful: bool
    unprepares: bool


@lru_cache(maxsize=4096)
def traits(sql: str) -> Traits:
    """Return what a text is; raises for what no caller may run.

    >>> traits("select 1").kept, traits("set work_mem = '1MB'").stateful, traits("set local work_mem = '1MB'").stateful
    (True, True, False)

    Raises:
        TransactionError: for `begin`, `commit` and their like.
        Unsupported: for `copy ... from stdin` and `copy ... to stdout`.
        InvalidArgument: for a text with a NUL character.
    """
    if "\0" in sql:
        raise InvalidArgument("a statement has no NUL character")
    if not sql.isascii() and _HALF.search(sql):
        raise InvalidArgument("a statement is Unicode: it has no half of a surrogate pair")
    word, place = _word(sql, 0)
    second, _ = _word(sql, place)
    if word in _CONTROL or (word == "prepare" and second == "transaction"):
        raise TransactionError(f"{word} is not a statement to run", fix="use `async with db.transaction()`")
    if word == "copy" and _STREAMED.search(sql):
        raise Unsupported("copy from stdin and to stdout have their own ways", fix="use copy_in(), or stream()")
    stateful = (word in _SESSION | _NAMED and not (word == "set" and second in _PASSING)) or bool(_STATEFUL.search(sql))
    return Traits(word, word in _KEPT and len(sql) <= _LONGEST, stateful, word in _NAMED)


def _word(sql: str, place: int) -> tuple[str, int]:
    """Return the next word, in lower case, and where it ends; "" for none. PostgreSQL's comments may be nested."""
    while True:
        place, depth = _GAP.match(sql, place).end(), 0  # type: ignore[union-attr]  # it matches the empty text too
        if not sql.startswith("/*", place):
            found = _WORD.match(sql, place)[0]  # type: ignore[index]  # as above
            return found.lower(), place + len(found)
        for edge in _EDGE.finditer(sql, place):
            depth += 1 if edge[0] == "/*" else -1
            place = edge.end()
            if not depth:
                break
        else:
            return "", len(sql)
