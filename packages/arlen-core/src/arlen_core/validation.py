"""Validation: from the first error that msgspec finds to a row for every failing field."""

from __future__ import annotations

import dataclasses
import re
import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec

from arlen_core.errors import FieldError

__all__ = ["ROWS", "custom", "explain", "fields", "strip"]

ROWS = 100
"""Most rows that one answer lists."""

_bound = re.compile(r"Expected `([^`]*)` (of length )?(>=|>|<=|<) (\S+)")
_typed = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_fixed = {
    "Invalid UUID": ("invalid_format", "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000"),
    "Invalid RFC3339 encoded date": ("invalid_format", "must be a date such as 2026-11-22"),
    "Invalid RFC3339 encoded datetime": ("invalid_format", "must be a date and time such as 2026-11-22T10:30:00Z"),
    "Invalid RFC3339 encoded time": ("invalid_format", "must be a time such as 10:30:00"),
    "Invalid decimal string": ("invalid_format", "must be a decimal number such as 12.50"),
    "Invalid base64 encoded string": ("invalid_format", "must be base64"),
}
_kinds = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a decimal number",
    "bool": "true or false",
    "str": "text",
    "array": "a list",
    "object": "an object",
    "date": "a date such as 2026-11-22",
    "datetime": "a date and time such as 2026-11-22T10:30:00Z",
    "uuid": "a UUID",
    "Upload": "an uploaded file",
}
_relations = {
    ">=": ("too_small", "too_short", "at least"),
    ">": ("too_small", "too_short", "more than"),
    "<=": ("too_large", "too_long", "at most"),
    "<": ("too_large", "too_long", "less than"),
}


def explain(data: Any, kind: Any, *, strict: bool = True, at: str = "") -> list[FieldError]:
    """Return a row for every part of `data` that is not a `kind`: at most `ROWS`, none when it is valid.

    Args:
        data: decoded JSON or form values.
        kind: what it should be: a Struct, a dataclass, a TypedDict, a list or a scalar type.
        strict: false lets text stand for numbers, dates and so on, as in forms and queries.
        at: the field path to begin with.

    >>> class Item(msgspec.Struct):
    ...     name: str
    ...     count: int
    >>> [(row.field, row.code) for row in explain([{"count": "x"}], list[Item], at="items")]
    [('items[0].name', 'missing'), ('items[0].count', 'invalid_type')]
    """
    try:
        msgspec.convert(data, kind, strict=strict, dec_hook=custom)
    except msgspec.ValidationError as error:
        return (_inside(data, strip(kind), strict, at) or [_row(str(error), data, kind, at)])[:ROWS]
    return []


def custom(kind: type, value: Any) -> Any:
    """Let an instance of a type of one's own pass, such as an `Upload`; refuse anything else (msgspec's `dec_hook`)."""
    if isinstance(value, kind):
        return value
    raise msgspec.ValidationError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


def fields(kind: Any) -> list[tuple[str, Any, bool]] | None:
    """Return `(wire name, type, required)` for each field of a Struct, dataclass or TypedDict; `None` for others."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [(each.encode_name, each.type, each.required) for each in msgspec.structs.fields(kind)]
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        return [(name, hint, name in kind.__required_keys__) for name, hint in hints.items()]
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        return [(each.name, hints[each.name], _required(each)) for each in dataclasses.fields(kind)]
    return None


def strip(kind: Any) -> Any:
    """Return the type without `Annotated` and without `None`, when one type is left."""
    if get_origin(kind) is Annotated:
        return strip(get_args(kind)[0])
    if get_origin(kind) in {Union, types.UnionType}:
        left = [each for each in get_args(kind) if each is not type(None)]
        return strip(left[0]) if len(left) == 1 else kind
    return kind


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _inside(data: Any, kind: Any, strict: bool, at: str) -> list[FieldError]:  # noqa: FBT001
    known = fields(kind)
    if known is not None and isinstance(data, dict):
        return _members(data, kind, known, strict, at)
    if get_origin(kind) in {list, set, frozenset, tuple} and isinstance(data, list):
        inner = [each for each in get_args(kind) if each is not ...]
        if len(inner) == 1:
            return [
                row for n, item in enumerate(data) for row in explain(item, inner[0], strict=strict, at=f"{at}[{n}]")
            ]
    if get_origin(kind) is dict and isinstance(data, dict):
        inner = list(get_args(kind))
        return [row for k, v in data.items() for row in explain(v, inner[1], strict=strict, at=_join(at, str(k)))]
    return []


def _members(
    data: dict[str, Any],
    kind: Any,
    known: list[tuple[str, Any, bool]],
    strict: bool,  # noqa: FBT001
    at: str,
) -> list[FieldError]:
    rows: list[FieldError] = []
    for name, inner, required in known:
        if name in data:
            rows += explain(data[name], inner, strict=strict, at=_join(at, name))
        elif required:
            rows.append(FieldError(_join(at, name), "missing", "is required"))
    if getattr(getattr(kind, "__struct_config__", None), "forbid_unknown_fields", False):
        extra = [name for name in data if name not in {each[0] for each in known}]
        rows += [FieldError(_join(at, name), "unknown_field", "is not a field here") for name in extra]
    return rows


def _row(message: str, data: Any, kind: Any, at: str) -> FieldError:
    text, _, path = message.partition(" - at `$")
    field = _join(at, path.rstrip("`").removeprefix(".")) if path else at
    code, words = _words(text, data, kind)
    return FieldError(field, code, words)


def _words(text: str, data: Any, kind: Any) -> tuple[str, str]:
    if text in _fixed:
        return _fixed[text]
    if found := _bound.match(text):
        return _limit(found, data)
    if found := _typed.match(text):
        wanted = found[1].removesuffix(" | null")
        return "invalid_type", f"must be {_kinds.get(wanted, wanted)}"
    if text.startswith("Invalid enum value"):
        return "invalid_enum", f"must be one of: {', '.join(_choices(kind))}" if _choices(
            kind
        ) else "is not a known value"
    if text.startswith("Object missing required field"):
        return "missing", "is required"
    if "matching regex" in text:
        return "invalid_pattern", "does not have the right form"
    return "invalid", text[:1].lower() + text[1:] if text else "is not valid"


def _limit(found: re.Match[str], data: Any) -> tuple[str, str]:
    size, length, relation = _relations[found[3]]
    if not found[2]:
        return size, f"must be {relation} {found[4]}"
    if data == "" and length == "too_short":
        return "missing", "is required"
    unit = "characters" if found[1] in {"str", "bytes"} else "items"
    return length, f"must have {relation} {found[4]} {unit if found[4] != '1' else unit[:-1]}"


def _choices(kind: Any) -> list[str]:
    bare = strip(kind)
    if get_origin(bare) is Literal:
        return [str(each) for each in get_args(bare)]
    return [str(each.value) for each in bare] if isinstance(bare, type) and issubclass(bare, Enum) else []


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at and not name.startswith("[") else at + name
