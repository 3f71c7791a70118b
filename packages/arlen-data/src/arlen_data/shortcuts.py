"""Shortcuts: rows whose values have the types of a Struct already become one without being converted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import inspect as types

__all__ = ["shortcut"]

Read = Callable[[Sequence[Any]], Any]

_PLAIN: tuple[tuple[types.Type, type], ...] = (
    (types.NoneType(), type(None)),
    (types.BoolType(), bool),
    (types.IntType(), int),
    (types.FloatType(), float),
    (types.StrType(), str),
    (types.BytesType(), bytes),
    (types.DecimalType(), Decimal),
    (types.UUIDType(), UUID),
    (types.DateTimeType(), datetime),
    (types.DateType(), date),
    (types.TimeType(), time),
    (types.TimeDeltaType(), timedelta),
)


def shortcut(into: Any, columns: tuple[str, ...], read: Read) -> Read:
    """Return what reads a row as `read` does, and faster where nothing needs to be converted.

    Args:
        into: a type.
        columns: of the rows.
        read: converts. It is what is returned unless `into` is a Struct of plain fields without a `__post_init__`, and
            the columns are its first fields in their order; then it gets the first row of each combination of types,
            and the rows that have other types than the fields.
    """
    allowed = _allowed(into, columns)
    if allowed is None:
        return read
    known: set[tuple[type, ...]] = set()

    def quick(row: Sequence[Any]) -> Any:
        kinds = tuple(map(type, row))
        if kinds in known:
            return into(*row)
        if all(kind in each for kind, each in zip(kinds, allowed, strict=True)):
            known.add(kinds)
        return read(row)

    return quick


def _allowed(into: Any, columns: tuple[str, ...]) -> list[frozenset[type]] | None:
    """Return the types that the value of each column may have; `None` when there is no shortcut."""
    info = types.type_info(into)
    if type(info) is not types.StructType or not isinstance(into, type) or hasattr(into, "__post_init__"):
        return None
    names = [each.name for each in inspect.signature(into).parameters.values() if each.kind is not each.KEYWORD_ONLY]
    if tuple(names[: len(columns)]) != columns:
        return None
    fields = {field.name: field.type for field in info.fields}
    found = [_kinds(fields[name]) for name in columns]
    return found if all(found) else None


def _kinds(type_: types.Type) -> frozenset[type]:
    members = type_.types if isinstance(type_, types.UnionType) else (type_,)
    found = [[kind for plain, kind in _PLAIN if plain == member] for member in members]
    return frozenset(kind for each in found for kind in each) if all(found) else frozenset()
