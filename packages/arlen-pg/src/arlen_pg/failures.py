"""Failures: the errors of libpq and psycopg as those of arlen-data, with no bound value in any message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField

from arlen_data.errors import ConnectionFailed, ConnectionLost, DatabaseError, StaleStatement, kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg.pq.abc import PGresult

__all__ = ["failure", "lost", "masked", "translated", "unreachable"]

_QUOTED = re.compile(r"""("|«|„|“|”|').*("|»|“|”|')""", re.DOTALL)  # from the first quote to the last one
_FIELDS = {
    "detail": "message_detail",
    "hint": "message_hint",
    "schema": "schema_name",
    "table": "table_name",
    "column": "column_name",
    "constraint": "constraint_name",
    "datatype": "datatype_name",
}
_STALE = {"0A000", "26000"}
_LONG = 4  # characters; shorter ones are words of any sentence


def failure(result: PGresult, params: Sequence[Any] = (), *, stale: bool = False) -> DatabaseError:
    """Return the error of a result that failed; its `__cause__` is psycopg's.

    Args:
        result: what the server sent.
        params: what was bound: it is masked in the message.
        stale: the statement was prepared before, so that 0A000 says that its tables have changed.
    """
    state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    if not state:
        return lost(result.get_error_message("utf-8"))
    return translated(error_from_result(result), params, stale=stale)


def translated(error: psycopg.Error, params: Sequence[Any] = (), *, stale: bool = False) -> DatabaseError:
    """Return our error for psycopg's, which becomes its `__cause__` and is masked in place."""
    state, diag = error.sqlstate or "", error.diag
    if not diag.sqlstate and not state:
        return lost(str(error))
    message = masked(diag.message_primary or str(error), state, params)
    fields: dict[str, Any] = {ours: getattr(diag, theirs) or "" for ours, theirs in _FIELDS.items()}
    place = diag.statement_position or "0"
    cls = StaleStatement if stale and state in _STALE else kind(state)
    made = cls(message, sqlstate=state, position=int(place) if place.isdigit() else 0, **fields)
    error.args = (message,)
    made.__cause__ = error.with_traceback(None)
    return made


def masked(message: str, sqlstate: str, params: Sequence[Any] = ()) -> str:
    """Return a message of the server without the values that it quotes, whatever language it is in.

    Errors about data (class 22) quote what was wrong with them, so nothing quoted is kept. In others, what was bound
    is looked for.

    >>> masked('invalid input syntax for type integer: "secret"', "22P02")
    'invalid input syntax for type integer: "..."'
    >>> masked("no user ada@example.com", "P0001", ["ada@example.com"])
    'no user ...'
    """
    if sqlstate[:2] == "22":
        message = _QUOTED.sub('"..."', message)
    for text in sorted({text for text in map(_text, params) if len(text) >= _LONG}, key=len, reverse=True):
        message = message.replace(text, "...")
    return message


def lost(message: str, *, secrets: Iterable[str] = ()) -> ConnectionLost:
    """Return the error of a connection that went away."""
    made = ConnectionLost(f"the connection to the database was lost: {_first(message, secrets)}", sqlstate="08006")
    made.__cause__ = psycopg.OperationalError(_first(message, secrets))
    return made


def unreachable(error: Exception, where: str, *, secrets: Iterable[str] = ()) -> ConnectionFailed:
    """Return the error of a connection that could not be made."""
    reason = _first(str(error) or type(error).__name__, secrets)
    fix = "see that the server runs and that host, port, user and password are right"
    made = ConnectionFailed(f"no connection to {where or 'the database'}: {reason}", sqlstate="08001", fix=fix)
    made.__cause__ = psycopg.OperationalError(reason)
    return made


def _text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    return str(value) if isinstance(value, str | int | float) else ""


def _first(message: str, secrets: Iterable[str]) -> str:
    line = " ".join(message.split()) or "no reason given"
    for secret in secrets:
        line = line.replace(secret, "...")
    return line
