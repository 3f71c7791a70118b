"""Cursors: where a page of a sorted table begins, as a text that clients pass on and cannot abuse."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec

from arlen_core.validation import strip
from arlen_data.columns import Column, Order, Terms
from arlen_data.errors import InvalidArgument
from arlen_data.events import fingerprint

__all__ = ["MOST", "beyond", "decode", "encode", "ordered", "signature"]

MOST = 2000
"""Most characters of a cursor: addresses have a bound, too."""

_KINDS: dict[str, type] = {each.__name__: each for each in (datetime, date, time, timedelta, Decimal, UUID, float)}


def signature(orders: Sequence[Order]) -> str:
    """Return what tells one order from another, so that a cursor is not used for the wrong one."""
    return fingerprint(",".join(f"{'-' * each.down}{each.public}" for each in orders))[:8]


def encode(orders: Sequence[Order], values: Sequence[Any]) -> str:
    """Return the cursor of a row, by the values of the columns that are sorted by.

    It holds these values, readable for whoever decodes it: do not let clients sort by what they must not see.

    Raises `InvalidArgument` when they are too long for an address.

    >>> orders = [Order("id", Column(int), "id")]
    >>> decode(orders, encode(orders, [7]))
    [7]
    """
    data = msgspec.json.encode([signature(orders), *map(_packed, values)])
    text = urlsafe_b64encode(data).rstrip(b"=").decode()
    if len(text) > MOST:
        raise InvalidArgument("the values that are sorted by are too long for a cursor", fix="sort by a shorter column")
    return text


def decode(orders: Sequence[Order], text: str, *, loose: bool = False) -> list[Any]:
    """Return the values of a cursor; `ValueError` when it is none, or belongs to another order.

    Args:
        orders: the columns that are sorted by.
        text: from a client. Whatever it holds, it is a position in the order and nothing else.
        loose: for engines that compare any value with any other, and may hold dates as texts.
    """
    try:
        data = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4))) if len(text) <= MOST else None
    except (msgspec.DecodeError, BadBase64, ValueError):
        data = None
    if not isinstance(data, list) or len(data) != len(orders) + 1:
        raise ValueError("is no cursor")
    if data[0] != signature(orders):
        raise ValueError("belongs to another order")
    return [_unpacked(each.column, value, loose=loose) for each, value in zip(orders, data[1:], strict=True)]


def ordered(orders: Sequence[Order], *, backwards: bool = False) -> str:
    """Return the `order by`; missing values are the largest on every engine."""
    parts = []
    for each in orders:
        down = each.down is not backwards
        nulls = (" nulls first" if down else " nulls last") if each.column.null else ""
        parts.append(f"{each.sql}{' desc' if down else ''}{nulls}")
    return f" order by {', '.join(parts)}"


def beyond(orders: Sequence[Order], values: Sequence[Any], terms: Terms, *, backwards: bool = False) -> str:
    """Return the condition for the rows behind a position, or before it when `backwards`.

    >>> terms = Terms()
    >>> beyond([Order("id", Column(int), "id")], [7], terms), terms.values
    ('(id) > ($1)', [7])
    """
    downs = {each.down is not backwards for each in orders}
    if len(downs) == 1 and not any(each.column.null for each in orders):
        places = ", ".join(terms.bind(value) for value in values)
        return f"({', '.join(each.sql for each in orders)}) {'<' if downs.pop() else '>'} ({places})"
    parts, same = [], list[str]()
    for each, value in zip(orders, values, strict=True):
        place = "" if value is None else terms.bind(value)
        later = _later(each, place, down=each.down is not backwards)
        if later:
            parts.append(" and ".join([*same, later]))
        same.append(f"{each.sql} = {place}" if place else f"{each.sql} is null")
    return f"({' or '.join(f'({part})' for part in parts)})" if parts else "1 = 0"


def _later(each: Order, place: str, *, down: bool) -> str:
    """Return the condition for a column's values that come later; "" when there are none."""
    if not place:
        return f"{each.sql} is not null" if down else ""
    if down or not each.column.null:
        return f"{each.sql} {'<' if down else '>'} {place}"
    return f"({each.sql} > {place} or {each.sql} is null)"


def _packed(value: Any) -> Any:
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value)):
        return value
    for name, kind in _KINDS.items():
        if isinstance(value, kind):
            return {name: str(value) if isinstance(value, float) else value}
    raise InvalidArgument(f"a {type(value).__name__} is no value to sort by")


def _unpacked(column: Column, value: Any, *, loose: bool) -> Any:
    if isinstance(value, dict):
        ((name, inner),) = value.items() if len(value) == 1 else (("", None),)
        return _tagged(column, name, inner, loose=loose)
    if value is None and column.null:
        return None
    kind = _plain(column.type)
    fits = (isinstance(value, kind) and (type(value) is bool) is (kind is bool)) or (
        kind is float and type(value) is int
    )
    if not (fits or loose) or isinstance(value, list | type(None)) or _wide(value):
        raise ValueError("is no cursor")
    return value


def _tagged(column: Column, name: str, inner: Any, *, loose: bool) -> Any:
    kind = _KINDS.get(name)
    if kind is None or not (loose or issubclass(kind, _plain(column.type))):
        raise ValueError("is no cursor")
    if kind is float:
        return float(inner) if inner in {"nan", "inf", "-inf"} else decode([], "")
    try:
        return msgspec.convert(inner, kind)
    except msgspec.ValidationError:
        raise ValueError("is no cursor") from None


def _plain(kind: Any) -> tuple[type, ...] | type:
    """Return the type of the values that the database gives for a column."""
    bare = strip(kind)
    if isinstance(bare, type) and bare.__module__ in {"builtins", "datetime", "decimal", "uuid"}:
        return bare
    return (str, int)  # an Enum or a Literal


def _wide(value: Any) -> bool:
    return (isinstance(value, int) and not -(2**63) <= value < 2**63) or (isinstance(value, str) and "\0" in value)
