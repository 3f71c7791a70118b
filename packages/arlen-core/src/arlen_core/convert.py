"""Convert: text from paths, queries, headers and cookies to the declared types."""

from __future__ import annotations

import math
import re
from datetime import datetime, time
from enum import Enum
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from arlen_core.decimals import bounded, is_decimal
from arlen_core.validation import explain, strip

if TYPE_CHECKING:
    from collections.abc import Callable

    from arlen_core.errors import FieldError

__all__ = ["boolean", "converter", "failed", "multiple", "prepare", "scalar"]

_TRUE, _FALSE = frozenset({"1", "true", "on", "yes"}), frozenset({"0", "false", "off", "no", ""})
_minutes = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T)?[0-9]{2}:[0-9]{2}").fullmatch
_lists = {list, set, frozenset, tuple}
_minutes = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T)?[0-9]{2}:[0-9]{2}").fullmatch
_scalars = {
    "builtins": {"str", "int", "float", "bool"},
    "datetime": {"date", "datetime", "time", "timedelta"},
    "decimal": {"Decimal"},
    "uuid": {"UUID"},
}


def boolean(text: Any) -> Any:
    """Return the truth that `text` says (`1 true on yes`, `0 false off no` and nothing), or the text itself."""
    if not isinstance(text, str):
        return text
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else text


def scalar(kind: Any) -> bool:
    """Return true when one piece of text can be a `kind`: text, a number, a truth, a date, a UUID, one of a choice."""
    bare = strip(kind)
    if get_origin(bare) is Literal:
        return True
    if not isinstance(bare, type):
        return False
    return issubclass(bare, Enum) or bare.__qualname__ in _scalars.get(bare.__module__, ())


def multiple(kind: Any) -> Any | None:
    """Return the type of the items when `kind` is a list, set or tuple of scalars; else `None`."""
    bare = strip(kind)
    if get_origin(bare) in _lists and scalar(get_args(bare)[0]):
        return get_args(bare)[0]
    return None


def converter(kind: Any) -> Callable[[Any], Any] | None:
    """Return a function from text (or a list of texts) to `kind`, or `None` when text will do as it is.

    The function raises `msgspec.ValidationError`; `failed` says what is wrong. Raises `TypeError` for a type that
    msgspec cannot read, such as an Enum of numbers and texts.

    >>> converter(int)("3"), converter(str)
    (3, None)
    """
    kind = _present(kind)
    if kind is str or (strip(kind) is str and get_origin(kind) is not Annotated):
        return None
    ready = prepare(kind)
    msgspec.json.Decoder(kind)  # looks at the type now, not at the first request

    def convert(value: Any) -> Any:
        return msgspec.convert(value if ready is None else ready(value), kind, strict=False)

    return convert


def failed(value: Any, kind: Any, field: str) -> list[FieldError]:
    """Return the rows for a value that `converter` refused."""
    ready = prepare(kind)
    return explain(value if ready is None else ready(value), _present(kind), strict=False, at=field)


def prepare(kind: Any) -> Callable[[Any], Any] | None:
    """Return what has to happen to a text (or a list of texts) before msgspec converts it, or `None` for nothing."""
    bare = strip(kind)
    if bare is bool:
        return boolean
    if bare is float:
        return _finite
    if is_decimal(bare):
        return bounded
    if bare is datetime or bare is time:
        return _seconds
    item = multiple(bare)
    return None if item is None or strip(item) is str else _each(prepare(item))


def _present(kind: Any) -> Any:
    """Return the type without `None`: a text is there, and "null" is one like any other."""
    left = [each for each in get_args(kind) if each is not type(None)] if get_origin(kind) in {Union, UnionType} else []
    return left[0] if len(left) == 1 else kind


def _each(ready: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    # an empty text is an absent value, as everywhere
    if ready is None:
        return lambda values: [value for value in values if value != ""]
    return lambda values: [ready(value) for value in values if value != ""]


def _finite(text: Any) -> Any:
    # JSON has no NaN and no infinity; a query has none either
    try:
        return text if math.isfinite(float(text)) else f"no number: {text}"
    except ValueError:
        return text


def _seconds(text: Any) -> Any:
    # browsers leave out seconds that are zero (`2026-11-22T09:05`), RFC 3339 does not
    return f"{text}:00" if isinstance(text, str) and _minutes(text) else text
