"""Decimals: numbers of any size are harmless in text and dangerous in programs, so they are bounded."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, get_args

from msgspec import Struct

from arlen_core.errors import FieldError
from arlen_core.validation import fields, strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

__all__ = ["DIGITS", "EXPONENT", "bounded", "holds", "is_decimal", "unsound"]

DIGITS = 100
"""Most digits of a decimal number that a request brings."""

EXPONENT = 999
"""Largest power of ten, either way."""

_number = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?0*[0-9]{1,3})?").fullmatch


def bounded(text: Any) -> Any:
    """Return a text that is a finite decimal number of bounded size; for another, a text that is no number.

    `Decimal` itself takes "NaN", "sNaN", "Infinity", and "1e999999999", which fills the memory as a whole number.

    >>> bounded("12.50"), bounded("1e999"), bounded("NaN")
    ('12.50', '1e999', 'no number: NaN')
    """
    if not isinstance(text, str) or (len(text) <= DIGITS + 8 and _number(text)):
        return text
    return f"no number: {text[:20]}"


def is_decimal(kind: Any) -> bool:
    """Return true for the type `Decimal`, without importing it."""
    return getattr(kind, "__module__", "") == "decimal" and getattr(kind, "__qualname__", "") == "Decimal"


def holds(kind: Any, seen: set[int] | None = None) -> bool:
    """Return true when a value of the type can have a decimal number somewhere inside."""
    seen = set() if seen is None else seen
    bare = strip(kind)
    if is_decimal(bare):
        return True
    if id(bare) in seen:
        return False
    seen.add(id(bare))
    inner: Iterable[Any] = [each for _, each, _ in fields(bare) or ()] or get_args(bare)
    return any(holds(each, seen) for each in inner)


def unsound(value: Any, at: str = "") -> Iterator[FieldError]:
    """Yield a row for every decimal number inside a value that is not finite or past the bounds."""
    if is_decimal(type(value)):
        if not _sound(value):
            yield FieldError(at, "too_large", f"must be a finite number of at most {DIGITS} digits")
        return
    for name, item in _parts(value):
        yield from unsound(item, name if not at else at + name if name[0] == "[" else f"{at}.{name}")


def _sound(number: Decimal) -> bool:
    return number.is_finite() and len(number.as_tuple().digits) <= DIGITS and abs(number.adjusted()) <= EXPONENT


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Struct):
        names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        return ((shown, getattr(value, name)) for shown, name in names)
    if isinstance(value, dict):
        return ((str(name), item) for name, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ((f"[{n}]", item) for n, item in enumerate(value))
    if dataclasses.is_dataclass(value):
        return ((each.name, getattr(value, each.name)) for each in dataclasses.fields(value))
    return ()
