"""Limits: how much text a span may hold while it waits, so that a queue of so many spans is one of so many bytes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from msgspec.structs import replace

from arlen_core.spans import Event, Span
from arlen_otel.failures import settled

__all__ = ["ITEMS", "LARGER", "limited", "values"]

LARGER = 8
"""How many times as long as other texts those of exceptions may be."""

ITEMS = 128
"""Most elements of a list or a mapping that are kept."""

_DEPTH = 4
_PLAIN = frozenset({int, float, bool, type(None)})
_LONG = frozenset({"exception.message", "exception.stacktrace"})


def limited(span: Span, length: int) -> Span:
    """Return a span that can wait: its texts are cut, and it holds neither exceptions nor other objects.

    Args:
        span: it is not changed, for others have it too; it is returned itself when there is nothing to do.
        length: most characters of a text, bytes of a byte string; those of exceptions are `LARGER` times as long.

    >>> span = Span(name="a", trace_id="1" * 32, span_id="2" * 16, start=0, attributes={"url.path": "/orders"})
    >>> limited(span, 4).attributes, limited(span, 7) is span
    ({'url.path': '/ord'}, True)
    """
    if span.error is None and not span.events and len(span.name) <= length:
        for value in span.attributes.values():
            if value.__class__ is str:
                if len(value) > length:
                    break
            elif value.__class__ not in _PLAIN:
                break
        else:
            return span
    return _cut(settled(span, length * LARGER), length)


def _cut(span: Span, length: int) -> Span:
    error = span.error
    return replace(
        span,
        name=span.name[:length],
        attributes=values(span.attributes, length),
        events=tuple(Event(each.name[:length], each.time, values(each.attributes, length)) for each in span.events),
        error=error[:length] if isinstance(error, str) else error,
    )


def values(attributes: Mapping[str, Any], length: int) -> dict[str, Any]:
    """Return attributes with their texts cut, those in lists and mappings too.

    >>> values({"a": "long", "b": ["long", 1], "exception.message": "longer"}, 2)
    {'a': 'lo', 'b': ['lo', 1], 'exception.message': 'longer'}
    """
    return {name: _whole(value, length * LARGER if name in _LONG else length) for name, value in attributes.items()}


def _whole(value: Any, length: int) -> Any:
    try:
        return _value(value, length, _DEPTH)
    except Exception:  # noqa: BLE001  # whatever the value does: who encodes it counts it
        return value


def _value(value: Any, length: int, depth: int) -> Any:
    if value.__class__ in _PLAIN:
        return value
    if isinstance(value, str | bytes):
        return value[:length] if len(value) > length else value
    if isinstance(value, list | tuple | set | frozenset):
        made = [_value(each, length, depth - 1) for each in islice(value, ITEMS)] if depth else []
        return tuple(made) if isinstance(value, tuple) else made
    if isinstance(value, Mapping):
        pairs = islice(value.items(), ITEMS) if depth else ()
        return {str(name)[:length]: _value(each, length, depth - 1) for name, each in pairs}
    return str(value)[:length]
