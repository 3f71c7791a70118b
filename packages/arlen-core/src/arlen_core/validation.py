"""Validation: from the first error that msgspec finds to a row for every failing field."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import islice, repeat
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import msgspec

from arlen_core.errors import FieldError

__all__ = ["DEPTH", "PARTS", "ROWS", "custom", "explain", "fields", "strip"]

ROWS = 100
"""Most rows that one answer lists."""

DEPTH = 16
"""Levels of nested data that are looked at one by one."""

PARTS = 10_000
"""Parts of the data that are looked at one by one, so that a large wrong body costs little."""

_missing = re.compile(r"Object missing required field `([^`]*)`").match
_lists = {list, set, frozenset, tuple}
_fixed = {
    "Invalid UUID": ("invalid_format", "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000"),
    "Invalid RFC3339 encoded date": ("invalid_format", "must be a date such as 2026-11-22"),
    "Invalid RFC3339 encoded datetime": ("invalid_format", "must be a date and time such as 2026-11-22T10:30:00Z"),
    "Invalid RFC3339 encoded time": ("invalid_format", "must be a time such as 10:30:00"),
    "Invalid decimal string": ("invalid_format", "must be a decimal number such as 12.50"),
    "Invalid base64 encoded string": ("invalid_format", "must be base64"),
    "Number out of range": ("too_large", "is too large a number"),
    "Integer value out of range": ("too_large", "is too large a number"),
    "Timestamp is out of range": ("too_large", "is out of range"),
    "Duration is out of range": ("too_large", "is out of range"),
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
    "time": "a time such as 10:30:00",
    "duration": "a duration such as PT1H30M",
    "bytes": "base64",
    "null": "null",
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

    It looks `DEPTH` levels deep and at `PARTS` parts one by one; below and past that, a level gets one row.

    >>> class Item(msgspec.Struct):
    ...     name: str
    ...     count: int
    >>> [(row.field, row.code) for row in explain([{"count": "x"}], list[Item], at="items")]
    [('items[0].name', 'missing'), ('items[0].count', 'invalid_type')]
    """
    return list(islice(_Search(strict).rows(data, kind, at), ROWS))


def custom(kind: type, value: Any) -> Any:
    """Let an instance of a type of one's own pass, such as an `Upload`; refuse anything else (msgspec's `dec_hook`)."""
    if isinstance(value, kind):
        return value
    raise msgspec.ValidationError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


def fields(kind: Any) -> list[tuple[str, Any, bool]] | None:
    """Return `(wire name, type, required)` for each field of a Struct, dataclass or TypedDict; `None` for others."""
    bare = get_origin(kind) or kind
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        return [(each.encode_name, each.type, each.required) for each in msgspec.structs.fields(kind)]
    if is_typeddict(bare):
        hints = get_type_hints(bare, include_extras=True)
        return [(name, _plain(hint), name in bare.__required_keys__) for name, hint in hints.items()]
    if isinstance(bare, type) and dataclasses.is_dataclass(bare):
        hints = get_type_hints(bare, include_extras=True)
        return [(each.name, hints[each.name], _required(each)) for each in dataclasses.fields(bare)]
    return None


def strip(kind: Any) -> Any:
    """Return the type without `Annotated`, without the name of a `NewType`, and without `None` when one type is left.

    >>> from typing import Annotated
    >>> strip(Annotated[int, "a number"] | None)
    <class 'int'>
    """
    if get_origin(kind) is Annotated:
        return strip(get_args(kind)[0])
    if get_origin(kind) in {Union, types.UnionType}:
        left = [each for each in get_args(kind) if each is not type(None)]
        return strip(left[0]) if len(left) == 1 else kind
    inner = getattr(kind, "__supertype__", None) or getattr(kind, "__value__", None)
    return kind if inner is None or isinstance(kind, type) else strip(inner)


class _Search:
    """One search for what is wrong; it gives up the details when there is too much to look at."""

    def __init__(self, strict: bool) -> None:  # noqa: FBT001
        self.strict = strict
        self.left = PARTS

    def rows(self, data: Any, kind: Any, at: str, depth: int = DEPTH) -> Iterator[FieldError]:
        self.left -= 1
        try:
            msgspec.convert(data, kind, strict=self.strict, dec_hook=custom, str_keys=True)
        except msgspec.ValidationError as error:
            message = str(error)
        else:
            return
        found = False
        for row in self.inside(data, _picked(strip(kind), data), at, depth - 1) if depth else ():
            found = True
            yield row
        if not found:
            yield _row(message, data, kind, at)

    def inside(self, data: Any, kind: Any, at: str, depth: int) -> Iterator[FieldError]:
        """Yield the rows of the parts of `data`, if there are parts to look at."""
        if isinstance(data, dict):
            known = fields(kind)
            if known is not None and not getattr(getattr(kind, "__struct_config__", None), "array_like", False):
                yield from self.members(data, kind, known, at, depth)
            elif get_origin(kind) is dict:
                key, value = get_args(kind)
                yield from self.entries(data, key, value, at, depth)
        elif isinstance(data, list) and get_origin(kind) in _lists:
            for n, inner in enumerate(_items(kind, len(data))):
                if self.left <= 0:
                    return
                yield from self.rows(data[n], inner, f"{at}[{n}]", depth)

    def members(
        self, data: dict[str, Any], kind: Any, known: list[tuple[str, Any, bool]], at: str, depth: int
    ) -> Iterator[FieldError]:
        config = getattr(kind, "__struct_config__", None)
        names = {name for name, _, _ in known}
        if config is not None and config.tag is not None:
            names.add(config.tag_field)
            if data.get(config.tag_field, config.tag) != config.tag:
                yield FieldError(_join(at, config.tag_field), "invalid_enum", f"must be one of: {config.tag}")
        for name, inner, required in known:
            if name in data:
                yield from self.rows(data[name], inner, _join(at, name), depth)
            elif required:
                yield FieldError(_join(at, name), "missing", "is required")
        if config is not None and config.forbid_unknown_fields:
            for name in data:
                if name not in names:
                    yield FieldError(_join(at, str(name)), "unknown_field", "is not a field here")

    def entries(self, data: dict[Any, Any], key: Any, value: Any, at: str, depth: int) -> Iterator[FieldError]:
        for name, item in data.items():
            if self.left <= 0:
                return
            here = _join(at, str(name))
            if key is not str and (row := self.key(name, key, here)) is not None:
                yield row
            yield from self.rows(item, value, here, depth)

    def key(self, name: Any, kind: Any, at: str) -> FieldError | None:
        try:
            msgspec.convert({name: None}, dict[kind, Any], strict=self.strict, str_keys=True)
        except msgspec.ValidationError as error:
            code, words = _words(str(error).partition(" - at `")[0], name, kind)
            return FieldError(at, code, f"is not a name that can be here: it {words}")
        return None


def _picked(kind: Any, data: Any) -> Any:
    """Return the member of a union that `data` seems to be meant for, or the type itself."""
    if get_origin(kind) not in {Union, types.UnionType}:
        return kind
    members = [strip(each) for each in get_args(kind)]
    if isinstance(data, dict):
        fitting = [each for each in members if _tagged(each, data)]
    else:
        fitting = [each for each in members if isinstance(data, list) and get_origin(each) in _lists]
    return fitting[0] if len(fitting) == 1 else kind


def _tagged(kind: Any, data: dict[Any, Any]) -> bool:
    config = getattr(kind, "__struct_config__", None)
    if config is not None:
        return config.tag is None or data.get(config.tag_field) == config.tag
    return get_origin(kind) is dict or fields(kind) is not None


def _items(kind: Any, size: int) -> Iterable[Any]:
    """Return the types of `size` items: all the same, or those of a tuple of that size; none when it has another."""
    inner = get_args(kind)
    if get_origin(kind) is tuple and (len(inner) != 2 or inner[1] is not ...):
        return inner if len(inner) == size else ()
    return repeat(inner[0], size)


def _plain(hint: Any) -> Any:
    return _plain(get_args(hint)[0]) if get_origin(hint) in {Required, NotRequired} else hint


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _row(message: str, data: Any, kind: Any, at: str) -> FieldError:
    text, _, path = message.partition(" - at `$")
    field = _join(at, path.rstrip("`").removeprefix(".")) if path else at
    if found := _missing(text):
        field = _join(field, found[1])
    code, words = _words(text, data, kind)
    return FieldError(field, code, words)


def _words(text: str, data: Any, kind: Any) -> tuple[str, str]:
    if text in _fixed:
        return _fixed[text]
    if text.startswith("Invalid enum value"):
        choices = _choices(kind)
        return "invalid_enum", f"must be one of: {', '.join(choices)}" if choices else "is not a known value"
    if _missing(text):
        return "missing", "is required"
    if "matching regex" in text:
        return "invalid_pattern", "does not have the right form"
    for pattern, words in _patterns:
        if found := pattern(text):
            return words(found, data)
    return "invalid", _lowered(text) if text else "is not valid"


def _limit(found: re.Match[str], data: Any) -> tuple[str, str]:
    size, length, relation = _relations[found[3]]
    if not found[2]:
        return size, f"must be {relation} {found[4]}"
    if data == "" and length == "too_short":
        return "missing", "is required"
    unit = "characters" if found[1] in {"str", "bytes"} else "items"
    return length, f"must have {relation} {found[4]} {unit if found[4] != '1' else unit[:-1]}"


def _length(found: re.Match[str], _: Any) -> tuple[str, str]:
    wanted, got = int(found[2]), int(found[3])
    words = f"must have {found[1] or ''}{wanted} {'item' if wanted == 1 else 'items'}"
    return "too_short" if got < wanted else "too_long", words


def _type(found: re.Match[str], _: Any) -> tuple[str, str]:
    wanted = [_kinds.get(each, each) for each in found[1].split(" | ") if each != "null"]
    return "invalid_type", f"must be {' or '.join(wanted) or 'null'}"


def _multiple(found: re.Match[str], _: Any) -> tuple[str, str]:
    return "invalid_multiple", f"must be a multiple of {found[1]}"


def _zone(found: re.Match[str], _: Any) -> tuple[str, str]:
    return "invalid_format", f"must have {'a' if found[1] == 'a' else 'no'} time zone"


_patterns: tuple[tuple[Callable[[str], re.Match[str] | None], Callable[[re.Match[str], Any], tuple[str, str]]], ...] = (
    (re.compile(r"Expected `([^`]*)` (of length )?(>=|>|<=|<) (\S+)").match, _limit),
    (re.compile(r"Expected `[^`]*` of (at least |at most )?length ([0-9]+), got ([0-9]+)").match, _length),
    (re.compile(r"Expected `[^`]*` that's a multiple of (\S+)").match, _multiple),
    (re.compile(r"Expected `[^`]*` with (a|no) timezone component").match, _zone),
    (re.compile(r"Expected `([^`]*)`, got `[^`]*`").match, _type),
)


def _lowered(text: str) -> str:
    # msgspec's own sentences; those of somebody's __post_init__ stay as they were written
    own = text.startswith(("Expected", "Invalid", "Number", "Integer", "Timestamp", "Duration", "Object"))
    return text[:1].lower() + text[1:] if own else text


def _choices(kind: Any) -> list[str]:
    bare = strip(kind)
    if get_origin(bare) is Literal:
        return [str(each) for each in get_args(bare)]
    return [str(each.value) for each in bare] if isinstance(bare, type) and issubclass(bare, Enum) else []


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at and not name.startswith("[") else at + name
