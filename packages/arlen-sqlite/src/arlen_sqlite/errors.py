"""Errors: SQLite's codes and messages as the classes of the data layer; no value that was bound is in a message."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from arlen_data.errors import DatabaseError, DataError, InvalidArgument, PoolClosed, kind

__all__ = ["translate"]

_STATES = {
    sqlite3.SQLITE_CONSTRAINT: "23000",
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: "23505",
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: "23505",
    sqlite3.SQLITE_CONSTRAINT_ROWID: "23505",
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: "23502",
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: "23503",
    sqlite3.SQLITE_CONSTRAINT_CHECK: "23514",
    3091: "22P02",  # SQLITE_CONSTRAINT_DATATYPE, of a strict table; the module has no name for it
    sqlite3.SQLITE_BUSY_SNAPSHOT: "40001",
    sqlite3.SQLITE_BUSY: "55P03",
    sqlite3.SQLITE_LOCKED: "55P03",
    sqlite3.SQLITE_INTERRUPT: "57014",
    sqlite3.SQLITE_READONLY: "25006",
    sqlite3.SQLITE_MISMATCH: "22P02",
    sqlite3.SQLITE_TOOBIG: "22001",
    sqlite3.SQLITE_FULL: "53100",
    sqlite3.SQLITE_NOMEM: "53200",
    sqlite3.SQLITE_IOERR: "58030",
    sqlite3.SQLITE_CANTOPEN: "08001",
    sqlite3.SQLITE_CORRUPT: "XX001",
    sqlite3.SQLITE_NOTADB: "XX001",
    sqlite3.SQLITE_AUTH: "42501",
    sqlite3.SQLITE_PERM: "42501",
}
_WORDS = [
    (re.compile(pattern), state)
    for pattern, state in [
        (r"^fts5: ", "22P02"),
        (r"syntax error|incomplete input|unrecognized token|values for \d+ columns", "42601"),
        (r"no such table", "42P01"),
        (r"no such column|has no column named", "42703"),
        (r"ambiguous column name", "42702"),
        (r"duplicate column name", "42701"),
        (r"no such function|wrong number of arguments", "42883"),
        (r"already exists", "42P07"),
        (r"integer overflow", "22003"),
        (r"malformed JSON|JSON path", "22P02"),
        (r"cannot VACUUM|from within a transaction|no transaction is active|no such savepoint", "25000"),
        (r"interrupted", "57014"),
    ]
]
_UNIQUE = re.compile(r"UNIQUE constraint failed: (?:index '(?P<index>.+)'|(?P<columns>.+))")
_NULL = re.compile(r"NOT NULL constraint failed: (?P<table>.+)\.(?P<column>[^.]+)")
_STRICT = re.compile(r"cannot store .* value in .* column (?P<table>.+)\.(?P<column>[^.]+)")
_CHECK = re.compile(r"CHECK constraint failed: (?P<constraint>\w+)\Z")
_MISSING = re.compile(r"no such (?P<what>table|column): (?:\w+\.)?(?P<name>\w+)")
_PARTS = re.compile(r"\"([^\"]*)\"|'([^']*)'|: ?([^:]*)\Z")
_NEAR = re.compile(r"near \"([^\"]+)\"|no such (?:table|column|function): (?:\w+\.)?(\w+)")
_KNOWN = {"", "syntax error"}
_FIXES = {
    "55P03": "another process writes; raise `lock_timeout`, or write less at a time",
    "25006": "a transaction with read_only=True only reads, and so does a file that this process may not write",
    "53100": "free some space on the disk",
    "XX001": "bring back a backup; `pragma integrity_check` tells more",
}


def translate(error: Exception, sql: str = "") -> DatabaseError:
    """Return the error of the data layer for one of the driver, with that one as its cause.

    Args:
        error: of `sqlite3`, or what it raises for a parameter.
        sql: the statement. Words of SQLite's message that are not in it may come from a value: they are in `detail`.

    >>> translate(sqlite3.OperationalError("no such table: users"), "select * from users").sqlstate
    '42P01'
    """
    made = _translated(error, sql)
    made.__cause__ = error
    return made


def _translated(error: Exception, sql: str) -> DatabaseError:
    if isinstance(error, DatabaseError):
        return error
    if isinstance(error, OverflowError):
        return DataError("a number does not fit into 64 bits", sqlstate="22003")
    if isinstance(error, UnicodeError):
        return DataError("a text is no Unicode that can be stored", sqlstate="22021")
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(error, sqlite3.Error | sqlite3.Warning) or code is None:
        return _misused(error, sql)
    message = str(error)
    state = _STATES.get(code) or _STATES.get(code & 0xFF) or _state(message)
    if code == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
        error.args = ("a trigger refused the change",)  # what it says may be a value
        return kind("23000")("a trigger refused the change", sqlstate="23000", detail=message, fix="see `detail`")
    shown = _shown(message, sql) if state[:2] != "23" else message
    error.args = (shown,)  # it is in every traceback
    detail = "" if shown == message else message
    facts = _facts(message) | {"detail": detail, "fix": _FIXES.get(state, ""), "position": _position(message, sql)}
    return kind(state)(shown, sqlstate=state, **facts)


def _misused(error: Exception, sql: str) -> DatabaseError:
    """Return the error for what the module `sqlite3` itself refuses."""
    message = str(error)
    if "closed database" in message:
        return PoolClosed("the database is closed")
    if "one statement at a time" in message:
        return InvalidArgument("one call runs one statement", sqlstate="42601", fix="use batch()")
    if "number of bindings" in message:
        return InvalidArgument(f"the placeholders and the parameters do not fit: {message}", sqlstate="07001")
    if "null character" in message:
        return InvalidArgument("a statement holds no NUL character", sqlstate="42601")
    if isinstance(error, sqlite3.Error | sqlite3.Warning):
        state = _state(message)
        error.args = (_shown(message, sql),)
        return kind(state)(str(error), sqlstate=state, detail=message)
    return DatabaseError(f"SQLite's driver failed with {type(error).__name__}", detail=message)


def _state(message: str) -> str:
    return next((state for pattern, state in _WORDS if pattern.search(message)), "42000")


def _shown(message: str, sql: str) -> str:
    """Return a message without those of its words that the statement does not have."""
    text = sql.casefold()

    def part(found: re.Match[str]) -> str:
        word = next(each for each in found.groups() if each is not None)
        known = word in _KNOWN or word.casefold() in text
        return found[0] if known else found[0].replace(word, "…")

    return _PARTS.sub(part, message)


def _position(message: str, sql: str) -> int:
    """Return where the word is that SQLite does not like, when it is there once."""
    found = _NEAR.search(message)
    if found is None:
        return 0
    places = [each.start() for each in re.finditer(rf"(?<!\w){re.escape(found[1] or found[2])}(?!\w)", sql)]
    return places[0] + 1 if len(places) == 1 else 0


def _facts(message: str) -> dict[str, Any]:
    for pattern in (_NULL, _STRICT, _CHECK):
        if found := pattern.search(message):
            return found.groupdict()
    if found := _MISSING.search(message):
        return {found["what"]: found["name"]}
    found = _UNIQUE.search(message)
    if found is None:
        return {}
    if found["index"]:
        return {"constraint": found["index"]}
    names = [each.rpartition(".") for each in found["columns"].split(", ")]
    return {"table": names[0][0], "column": names[0][2] if len(names) == 1 else ""}
