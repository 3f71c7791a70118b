"""Values: how Python's types are kept by SQLite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

from arlen_data.errors import DataError, InvalidArgument, Unsupported
from arlen_data.values import Array, Json

__all__ = ["encode"]

_AS_IT_IS = frozenset({int, bool, bytes, type(None), bytearray, memoryview})


def encode(params: Sequence[Any]) -> Sequence[Any]:
    """Return parameters as SQLite keeps them.

    >>> encode((True, Decimal("1.10"), date(2026, 1, 2), Json([1])))
    [True, '1.10', '2026-01-02', '[1]']

    Raises:
        DataError: a text with a NUL character, a float that is no number.
        InvalidArgument: a type that SQLite has nothing for; names the place, never the value.
    """
    for value in params:
        if type(value) not in _AS_IT_IS and (type(value) is not str or "\0" in value):
            return [_encoded(value, place) for place, value in enumerate(params, 1)]
    return params


def _encoded(value: Any, place: int) -> Any:
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    try:
        return (_ENCODERS.get(kind) or _encoder(value))(value)
    except DataError as error:
        raise DataError(f"parameter ${place}: {error}", sqlstate=error.sqlstate) from None
    except (InvalidArgument, Unsupported) as error:
        raise type(error)(f"parameter ${place}: {error}") from None


def _encoder(value: Any) -> Callable[[Any], Any]:
    """Return how a value is kept whose type is derived from one that is known."""
    if isinstance(value, Enum):
        return lambda member: _encoded_plain(member.value)
    for kind, encoder in _ENCODERS.items():
        if isinstance(value, kind):
            return encoder
    if isinstance(value, int):
        return int
    if isinstance(value, bytes):
        return bytes
    fix = "wrap it in Json(), or pass one of its fields"
    raise InvalidArgument(f"SQLite has nothing for a {type(value).__name__}", fix=fix)


def _encoded_plain(value: Any) -> Any:
    return value if type(value) in _AS_IT_IS else (_ENCODERS.get(type(value)) or _encoder(value))(value)


def _text(value: str) -> str:
    if "\0" in value:
        raise DataError("a text holds a NUL character", sqlstate="22021", fix="store it as bytes")
    return str(value)


def _float(value: float) -> float:
    if value != value:  # noqa: PLR0124  # SQLite would keep NULL in place of it
        raise DataError("a float is no number (NaN)", sqlstate="22003", fix="store NULL")
    return float(value)


def _moment(value: datetime) -> str:
    """Always as long, so that texts sort as moments do; and with a space, as `current_timestamp` has it."""
    if value.tzinfo is not None:
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise DataError("a moment is before the year 1 or after 9999 in UTC", sqlstate="22008") from None
    return value.isoformat(" ", "microseconds")


def _clock(value: time) -> str:
    if value.tzinfo is not None:
        raise InvalidArgument("SQLite has nothing for a time of day with a zone")
    return value.isoformat("microseconds")


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value.value if isinstance(value, Json) else value).decode()
    except (TypeError, ValueError, OverflowError):
        raise DataError("a value cannot be written as JSON", sqlstate="22P02") from None


def _array(_value: Any) -> Any:
    raise Unsupported("sqlite has no arrays", fix="use Json()")


def _span(_value: Any) -> Any:
    raise Unsupported("sqlite has no intervals", fix="store seconds")


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    str: _text,
    float: _float,
    datetime: _moment,
    date: date.isoformat,
    time: _clock,
    Decimal: str,
    UUID: str,
    Json: _json,
    dict: _json,
    list: _json,
    timedelta: _span,
    Array: _array,
}
