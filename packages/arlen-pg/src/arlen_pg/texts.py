"""Texts: what a statement's first words say about it, looked at once for each text."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from arlen_data.errors import InvalidArgument, TransactionError, Unsupported

__all__ = ["Traits", "traits"]

_FIRST = re.compile(r"(?:\s|;|\(|--[^\n]*(?:\n|$)|/\*.*?\*/)*([a-z]+)(?:\s+([a-z]+))?", re.IGNORECASE | re.DOTALL)
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
    found = _FIRST.match(sql)
    word, second = (found[1].lower(), (found[2] or "").lower()) if found else ("", "")
    if word in _CONTROL or (word == "prepare" and second == "transaction"):
        raise TransactionError(f"{word} is not a statement to run", fix="use `async with db.transaction()`")
    if word == "copy" and _STREAMED.search(sql):
        raise Unsupported("copy from stdin and to stdout have their own ways", fix="use copy_in(), or stream()")
    stateful = (word in _SESSION | _NAMED and not (word == "set" and second in _PASSING)) or bool(_STATEFUL.search(sql))
    return Traits(word, word in _KEPT and len(sql) <= _LONGEST, stateful, word in _NAMED)
