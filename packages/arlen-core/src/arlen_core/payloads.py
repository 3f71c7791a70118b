"""Payloads: a request body as the declared type, from JSON or from a form."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, Protocol, get_origin

import msgspec

from arlen_core.convert import boolean, multiple
from arlen_core.errors import FieldError, HTTPError
from arlen_core.params import Input, Invalid
from arlen_core.validation import custom, explain, fields, strip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from arlen_core.forms import FormLimits
    from arlen_core.requests import Request

__all__ = ["Values", "broken", "decoder", "flatten", "forgiving", "parse"]

_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_minutes = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T)?[0-9]{2}:[0-9]{2}").fullmatch


class Values(Protocol):
    """What `flatten` reads: a `Query` or a `Form`."""

    def get(self, name: str) -> Any:
        """Return the first value, or `None`."""

    def all(self, name: str) -> list[Any]:
        """Return every value."""


def decoder(kind: Any, limits: FormLimits | None = None) -> Callable[[Request], Awaitable[Any]]:
    """Return a coroutine function that reads the body of a request as `kind`.

    JSON (RFC 8259) is decoded and validated in one pass; forms are flattened and converted. It raises `Invalid` with a
    row for each failing field, and `HTTPError` 400 (broken JSON), 413 (too large) or 415 (a media type that nobody
    asked for).
    """
    read_json = msgspec.json.Decoder(kind, dec_hook=custom).decode

    async def read(request: Request) -> Any:
        media = request.media
        if media == "application/json" or media.endswith("+json"):
            raw = await request.body.read()
            try:
                return read_json(raw)
            except msgspec.ValidationError:
                raise Invalid(explain(parse(raw), kind)) from None
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise broken(error) from None
        values = await _values(request, kind, limits)
        try:
            return msgspec.convert(values, kind, strict=False, dec_hook=custom)
        except msgspec.ValidationError:
            raise Invalid(explain(values, kind, strict=False)) from None

    return read


def forgiving(kind: Any, limits: FormLimits | None = None) -> Callable[[Request], Awaitable[Any]]:
    """Return a coroutine function that reads the body as `Input[kind]`: errors are kept for the handler, not raised."""
    read = decoder(kind, limits)

    async def again(request: Request) -> Any:
        form = request.media in _FORMS
        raw = await _values(request, kind, limits) if form else {}
        if not form:
            try:
                return Input(kind, await read(request))
            except Invalid as error:
                return Input(kind, None, {}, error.rows)
        rows = explain(raw, kind, strict=False)
        value = None if rows else msgspec.convert(raw, kind, strict=False, dec_hook=custom)
        return Input(kind, value, raw, rows)

    return again


def flatten(kind: Any, source: Values) -> dict[str, Any]:
    """Return the values that `source` has for the fields of `kind`, shaped for conversion.

    Lists take every value; an empty text is an absent value, but for text itself; a `bool` reads `on` and `yes`, and
    is false when absent, as browsers send check boxes.
    """
    values: dict[str, Any] = {}
    for name, inner, required in fields(strip(kind)) or ():
        bare = strip(inner)
        if multiple(inner) is not None or get_origin(bare) in {list, tuple, set}:
            if found := source.all(name):
                values[name] = found
        elif (one := source.get(name)) is not None and (one != "" or bare is str):
            values[name] = _read(one, bare)
        elif bare is bool and required:
            values[name] = False
    return values


def _read(one: Any, bare: Any) -> Any:
    if bare is bool:
        return boolean(one)
    if (bare is datetime or bare is time) and isinstance(one, str) and _minutes(one):
        return f"{one}:00"  # browsers leave out seconds that are zero, RFC 3339 does not
    return one


def parse(raw: bytes) -> Any:
    """Decode JSON to plain values; raises `HTTPError` 400."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise broken(error) from None


def broken(error: Exception) -> HTTPError:
    """Return the 400 for a body that is no JSON."""
    reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
    row = FieldError("body", "invalid_json", reason)
    return HTTPError(400, "the body is not valid JSON", code="invalid_json", errors=[row])


async def _values(request: Request, kind: Any, limits: FormLimits | None) -> dict[str, Any]:
    if request.media not in _FORMS:
        detail = f"the body is {request.media or 'of no declared type'}; send application/json or a form"
        accept = {"accept": "application/json, application/x-www-form-urlencoded, multipart/form-data"}
        raise HTTPError(415, detail, headers=accept)
    from arlen_core.forms import read_form  # forms are parsed only when asked for

    return flatten(kind, await read_form(request) if limits is None else await read_form(request, limits))
