"""Arguments: how one argument is fetched from a request, as a function made once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from arlen_core.convert import converter, failed
from arlen_core.errors import FieldError
from arlen_core.params import Invalid
from arlen_core.payloads import flattener
from arlen_core.signatures import MISSING
from arlen_core.validation import custom, explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from arlen_core.requests import Request

    Get = Callable[[Request], Any]

__all__ = ["SOURCES", "converted", "model", "reader", "segment"]

_DIGITS = 19
_WORDS = {"true": True, "false": False}


def segment(name: str, kind: Any) -> Get:
    """Return how to get a path parameter as `kind`; `Invalid` when the segment is no such thing."""
    if kind is MISSING:
        return lambda request: request.params[name]
    convert = converter(kind)
    if convert is None:
        # a guard may want the text of what the handler has typed
        return lambda request: v if type(v := request.params[name]) is str else str(v)

    def get(request: Request) -> Any:
        value = request.params[name]
        if type(value) is kind:  # the template says the same
            return value
        try:
            return convert(value)
        except msgspec.ValidationError:
            raise Invalid(failed(request.params[name], kind, name)) from None

    return get


def converted(get: Get, take: Callable[[Any], Any]) -> Get:
    """Return how to get a value: `get` fetches the text, a list of texts, or `None`, and `take` reads it."""
    return lambda request: take(get(request))


def reader(kind: Any, wire: str, default: Any, *, blank: bool) -> Callable[[Any], Any]:
    """Return a function that reads a text, a list of texts, or `None`, as `kind`; it raises `Invalid`.

    Args:
        kind: the type.
        wire: the name for errors.
        default: for a value that is absent, or `MISSING`: then it is an error.
        blank: an empty text counts as absent.
    """
    convert = converter(kind)
    whole, words = kind is int, _WORDS if kind is bool else {}

    def take(value: Any) -> Any:
        if value is None or (blank and not value):
            if default is MISSING:
                raise Invalid([FieldError(wire, "missing", "is required")])
            return default
        if convert is None:
            return value
        # what most numbers and truths are, for a fifth of the price
        if whole and value.isdecimal() and value.isascii() and len(value) < _DIGITS and value[0] != "0":
            return int(value)
        if words and value in words:
            return words[value]
        try:
            return convert(value)
        except msgspec.ValidationError:
            raise Invalid(failed(value, kind, wire)) from None

    return take


def model(kind: Any) -> Get:
    """Return how to get a Struct, dataclass or TypedDict out of the query parameters."""
    take = flattener(kind)

    def get(request: Request) -> Any:
        values = take(request.query)
        try:
            return msgspec.convert(values, kind, strict=False, dec_hook=custom)
        except msgspec.ValidationError:
            raise Invalid(explain(values, kind, strict=False)) from None

    return get


def _query(wire: str, *, many: bool) -> Get:
    return (
        (lambda request: request.query.all(wire) or None) if many else (lambda request: request.query.first.get(wire))
    )


def _header(wire: str, *, many: bool) -> Get:
    return (lambda request: request.headers.all(wire) or None) if many else (lambda request: request.headers.get(wire))


def _cookie(wire: str, *, many: bool) -> Get:
    if many:
        return lambda request: [request.cookies[wire]] if wire in request.cookies else None
    return lambda request: request.cookies.get(wire)


SOURCES: dict[str, Callable[..., Get]] = {"query": _query, "header": _header, "cookie": _cookie}
"""Where text comes from, by name; each takes the wire name and whether every value is wanted."""
