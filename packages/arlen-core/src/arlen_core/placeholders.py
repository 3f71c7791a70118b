"""Placeholders: the types that a `{name:type}` in a route template may have."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from msgspec import Struct

from arlen_core.errors import StartupError
from arlen_core.regexes import LIMIT, refusal

__all__ = ["PATH", "TEXT", "Kind", "known", "lookup", "matching", "of_type", "register"]

Read = Callable[[bytes], "tuple[Any, ...] | None"]


class Kind(Struct, frozen=True):
    """One type of placeholder.

    Attributes:
        name: what stands after the colon.
        pattern: a regular expression of everything that it may match.
        read: takes a decoded segment in UTF-8; gives `(value,)`, or `None` when it does not match.
        write: takes a value and gives its text, not yet percent-encoded; raises `ValueError` or `TypeError`.
        type: the Python type of its values.
        key: equal for types that read alike; the name by default.
    """

    name: str
    pattern: str
    read: Read
    write: Callable[[Any], str]
    type: Any = str
    key: str = ""


def register(
    name: str,
    pattern: str,
    parse: Callable[[str], Any] = str,
    format: Callable[[Any], str] = str,
    type: Any = Any,
) -> Kind:
    r"""Add a type of placeholder, for every template that is parsed from now on.

    Args:
        name: lower-case letters, digits and underscores; not one that exists with another pattern.
        pattern: a regular expression for the whole value, in ASCII rules (`\d` is 0 to 9). It is tried on at most
            255 characters.
        parse: makes the value from the text; `ValueError` means that it does not match after all.
        format: makes the text from the value, for `url_for`.
        type: the Python type of the values, to be compared with the handler's annotation.

    Raises:
        StartupError: the name is taken or no name, or the pattern is wrong or could be slow.

    >>> kind = register("hexcolour", "[0-9a-f]{6}", lambda text: int(text, 16), "{:06x}".format)
    >>> kind.read(b"ff8800"), kind.read(b"red"), kind.write(255)
    ((16746496,), None, '0000ff')
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise StartupError(f"{name!r} is no name for a type of placeholder", fix="use lower-case letters, digits and _")
    if name in _kinds and _kinds[name].pattern != pattern:
        raise StartupError(f"there is already a type of placeholder called {name!r}", fix="choose another name")
    if reason := refusal(pattern):
        raise StartupError(f"placeholder type {name!r}: {reason}: {pattern}", fix="write a simpler pattern")
    _kinds[name] = kind = Kind(name, pattern, matching(pattern, parse), format, type)
    return kind


def lookup(name: str) -> Kind | None:
    """Return the type of that name, or `None`."""
    return _kinds.get(name)


def known() -> list[str]:
    """Return the names of all types, sorted."""
    return sorted(_kinds)


def matching(pattern: str, parse: Callable[[str], Any] = str) -> Read:
    """Make a `read` that matches the whole segment with a regular expression and then parses it."""
    match = re.compile(pattern, re.ASCII).fullmatch

    def read(segment: bytes) -> tuple[Any, ...] | None:
        text = segment.decode()
        if len(text) > LIMIT or match(text) is None:
            return None
        try:
            return (parse(text),)
        except (ValueError, ArithmeticError):
            return None

    return read


def of_type(annotation: Any) -> Kind | None:
    """Return the type of placeholder for a handler's annotation, or `None` when there is none.

    >>> of_type(int).name, of_type(Literal["asc", "desc"]).read(b"up"), of_type(list)
    ('int', None, None)
    """
    if isinstance(annotation, type) and annotation in _types:
        return _types[annotation]
    if get_origin(annotation) is Literal:
        return _choice({str(value): value for value in get_args(annotation)}, annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _choice({str(member.value): member for member in annotation}, annotation)
    return None


def _choice(values: dict[str, Any], annotation: Any) -> Kind:
    table = {text.encode(): (value,) for text, value in values.items()}
    pattern = "|".join(re.escape(text) for text in sorted(values, key=len, reverse=True))
    texts = {value: text for text, value in values.items()}

    def write(value: Any) -> str:
        if value in texts:
            return texts[value]
        if str(value) in values:
            return str(value)
        raise ValueError(f"not one of {', '.join(values)}")

    key = f"{annotation.__module__}.{annotation.__qualname__}" if isinstance(annotation, type) else repr(annotation)
    return Kind(f"one of {', '.join(values)}", f"(?:{pattern})", table.get, write, annotation, key)


def _read_text(segment: bytes) -> tuple[Any, ...] | None:
    return (segment.decode(),) if segment else None


def _read_int(segment: bytes) -> tuple[Any, ...] | None:
    if segment.isdigit() and len(segment) < 19:
        return (int(segment),)
    digits = segment[1:] if segment[:1] == b"-" else segment
    if not digits.isdigit() or len(digits) > 19:
        return None
    number = int(segment)
    # 64 bits: what databases take
    return (number,) if -0x8000000000000000 <= number <= 0x7FFFFFFFFFFFFFFF else None


def _write_int(value: Any) -> str:
    return str(int(value)) if not isinstance(value, float) else _whole(value)


def _whole(value: float) -> str:
    if value != int(value):
        raise ValueError("not a whole number")
    return str(int(value))


def _write_float(value: Any) -> str:
    return format(Decimal(repr(float(value))), "f")


def _write_uuid(value: Any) -> str:
    return str(value if isinstance(value, UUID) else UUID(str(value)))


def _write_date(value: Any) -> str:
    return (value if type(value) is date else date.fromisoformat(str(value))).isoformat()


_INT, _FLOAT = r"-?[0-9]{1,19}", r"-?[0-9]+(?:\.[0-9]+)?"
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

TEXT = Kind("str", r"[\s\S]+", _read_text, str)
"""A placeholder without a type: one segment that is not empty."""

PATH = Kind("path", r"[^/][\s\S]*", _read_text, str)
"""The rest of the path, slashes included; at least one character."""

_kinds = {
    "date": Kind("date", _DATE, matching(_DATE, date.fromisoformat), _write_date, date),
    "float": Kind("float", _FLOAT, matching(_FLOAT, float), _write_float, float),
    "int": Kind("int", _INT, _read_int, _write_int, int),
    "path": PATH,
    "slug": Kind("slug", "[A-Za-z0-9_-]+", matching("[A-Za-z0-9_-]+"), str),
    "str": TEXT,
    "uuid": Kind("uuid", _UUID, matching(_UUID, UUID), _write_uuid, UUID),
}
_types: dict[Any, Kind] = {int: _kinds["int"], float: _kinds["float"], UUID: _kinds["uuid"], date: _kinds["date"]}
