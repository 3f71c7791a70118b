"""Types: how the declared type of a column brings back what it holds."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from arlen_data.errors import DecodeError

__all__ = ["checked", "register"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_state = threading.local()


class _Bad:
    """A value that does not fit its declared type; the row says of which column."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def checked(rows: list[Any], columns: Sequence[str]) -> list[Any]:
    """Return rows that came back, when each value fitted the declared type of its column.

    Raises:
        DecodeError: one did not; it names the column and the type.
    """
    if not getattr(_state, "bad", False):
        return rows
    _state.bad = False
    for row in rows:
        for name, value in zip(columns, row, strict=True):
            if isinstance(value, _Bad):
                message = f"a value of the column {name} is no {value.kind}"
                raise DecodeError(message, sqlstate="22P02", column=name, datatype=value.kind)
    return rows


def register() -> None:
    """Tell the module `sqlite3` the declared types: the connections that ask for declared types read them so.

    That is for the whole process: there is no other way.
    """
    for names, decode in _DECODERS.items():
        for name in names.split():
            sqlite3.register_converter(name, _guarded(name, decode))


def _guarded(name: str, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def converter(raw: bytes) -> Any:
        try:
            return decode(raw)
        except (ValueError, ArithmeticError, msgspec.DecodeError):
            _state.bad = True
            return _Bad(name)

    return converter


def _boolean(raw: bytes) -> bool:
    try:
        return _TRUTHS[raw]
    except KeyError:
        raise ValueError from None


def _decimal(raw: bytes) -> Decimal:
    return Decimal(raw.decode())


def _uuid(raw: bytes) -> UUID:
    return UUID(bytes=raw) if len(raw) == 16 else UUID(raw.decode())


def _timestamp(raw: bytes) -> datetime:
    """Without a zone as it is written; SQLite's own functions also give seconds since 1970."""
    text = raw.decode()
    if text.lstrip("-").replace(".", "", 1).isdigit():
        return _EPOCH + timedelta(seconds=float(text))
    return datetime.fromisoformat(text)


def _timestamptz(raw: bytes) -> datetime:
    made = _timestamp(raw)
    return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)


def _date(raw: bytes) -> date:
    return date.fromisoformat(raw.decode()[:10])


def _time(raw: bytes) -> time:
    return time.fromisoformat(raw.decode())


_TRUTHS = {b"1": True, b"0": False, b"true": True, b"false": False, b"t": True, b"f": False}
_DECODERS: dict[str, Callable[[bytes], Any]] = {
    "boolean bool": _boolean,
    "numeric decimal": _decimal,
    "uuid": _uuid,
    "json jsonb": msgspec.json.decode,
    "timestamp datetime": _timestamp,
    "timestamptz": _timestamptz,
    "date": _date,
    "time": _time,
}
