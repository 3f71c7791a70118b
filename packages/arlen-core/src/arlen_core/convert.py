"""Convert: text from paths, queries, headers and cookies to the declared types."""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import msgspec

from arlen_core.validation import explain, strip

if TYPE_CHECKING:
    from collections.abc import Callable

    from arlen_core.errors import FieldError

__all__ = ["boolean", "converter", "failed", "multiple", "scalar"]

_TRUE, _FALSE = frozenset({"1", "true", "on", "yes"}), frozenset({"0", "false", "off", "no", ""})
_lists = {list, set, frozenset, tuple}


def boolean(text: str) -> Any:
    """Return the truth that `text` says (`1 true on yes`, `0 false off no` and nothing), or the text itself."""
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else text


def scalar(kind: Any) -> bool:
    """Return true when one piece of text can be a `kind`."""
    bare = strip(kind)
    if get_origin(bare) is Literal:
        return True
    if not isinstance(bare, type) or issubclass(bare, (msgspec.Struct, dict, list, tuple, set, bytes)):
        return False
    module = bare.__module__
    return issubclass(bare, Enum) or (bare is not object and module in {"builtins", "uuid", "datetime", "decimal"})


def multiple(kind: Any) -> Any | None:
    """Return the type of the items when `kind` is a list, set or tuple of scalars; else `None`."""
    bare = strip(kind)
    if get_origin(bare) in _lists and scalar(get_args(bare)[0]):
        return get_args(bare)[0]
    return None


def converter(kind: Any) -> Callable[[Any], Any] | None:
    """Return a function from text (or a list of texts) to `kind`, or `None` when text will do as it is.

    The function raises `msgspec.ValidationError`; `failed` says what is wrong.

    >>> converter(int)("3"), converter(str)
    (3, None)
    """
    bare, plain = strip(kind), get_origin(kind) is not Annotated
    if bare is str and plain:
        return None
    prepare = _prepare(bare)

    def convert(value: Any) -> Any:
        return msgspec.convert(value if prepare is None else prepare(value), kind, strict=False)

    return convert


def failed(value: Any, kind: Any, field: str) -> list[FieldError]:
    """Return the rows for a value that `converter` refused."""
    prepare = _prepare(strip(kind))
    return explain(value if prepare is None else prepare(value), kind, strict=False, at=field)


def _prepare(bare: Any) -> Callable[[Any], Any] | None:
    if bare is bool:
        return boolean
    if bare is float:
        return _finite
    if get_origin(bare) in _lists and strip(get_args(bare)[0]) in {bool, float}:
        each = boolean if strip(get_args(bare)[0]) is bool else _finite
        return lambda values: [each(value) for value in values]
    return None


def _finite(text: str) -> Any:
    # JSON has no NaN and no infinity; a query has none either
    try:
        return text if math.isfinite(float(text)) else f"not finite: {text}"
    except ValueError:
        return text
