"""Payloads: a request body as the declared type, from JSON or from a form."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, get_origin

import msgspec

from arlen_core.bodies import Body
from arlen_core.convert import multiple, prepare
from arlen_core.decimals import holds, unsound
from arlen_core.encodings import plain
from arlen_core.errors import FieldError, HTTPError
from arlen_core.params import Input, Invalid
from arlen_core.validation import ROWS, custom, explain, fields, strip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from arlen_core.forms import Form, FormLimits
    from arlen_core.requests import Request

__all__ = ["LATER", "Decoder", "Values", "broken", "flatten", "flattener", "forgiving", "parse"]

LATER: Any = object()
"""Stands for a value that has to be waited for."""

_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


class Values(Protocol):
    """What `flatten` reads: a `Query` or a `Form`."""

    def get(self, name: str) -> Any:
        """Return the first value, or `None`."""

    def all(self, name: str) -> list[Any]:
        """Return every value."""


class Decoder:
    """Reads the body of a request as one type.

    JSON (RFC 8259) is decoded and validated in one pass; of a name that comes twice the last value counts. Forms are
    flattened and converted. It raises `Invalid` with a row for each failing field, and `HTTPError` 400 (broken JSON),
    413 (too large) or 415 (a media type that nobody asked for, or a content coding).

    Args:
        kind: the type; `TypeError` for one that cannot be read.
        limits: of forms.
    """

    __slots__ = ("_checked", "_kind", "_limits", "_read_json", "_values")

    def __init__(self, kind: Any, limits: FormLimits | None = None) -> None:
        self._kind, self._limits = kind, limits
        self._read_json = msgspec.json.Decoder(kind, dec_hook=custom).decode
        self._values, self._checked = flattener(kind), holds(kind)

    async def __call__(self, request: Request) -> Any:
        """Return the value, when the body has arrived."""
        media = request.media
        if media == "application/json" or media.endswith("+json"):
            plain(request)
            return self._decode(await request.body.read())
        return self._sound(_converted(self._values(await _form(request, self._limits)), self._kind))

    def at_once(self, request: Request) -> Any:
        """Return the value of a body of plain JSON that has arrived, else `LATER`: then it takes a call."""
        body, media = request.body, b""
        if type(body) is not Body:
            return LATER
        for name, value in request.raw:
            if name == b"content-type":
                media = media or value
            elif name == b"content-encoding":
                return LATER
        return self._decode(body.take()) if media == b"application/json" else LATER

    def _decode(self, raw: bytes) -> Any:
        try:
            value = self._read_json(raw)
        except msgspec.ValidationError:
            raise Invalid(explain(parse(raw), self._kind)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise broken(error) from None
        return self._sound(value) if self._checked else value

    def _sound(self, value: Any) -> Any:
        if self._checked and (rows := list(islice(unsound(value), ROWS))):
            raise Invalid(rows)
        return value


def forgiving(kind: Any, limits: FormLimits | None = None) -> Callable[[Request], Awaitable[Any]]:
    """Return a coroutine function that reads the body as `Input[kind]`: errors are kept for the handler, not raised."""
    read, values = Decoder(kind, limits), flattener(kind)

    async def again(request: Request) -> Any:
        raw = values(await _form(request, limits)) if request.media in _FORMS else {}
        try:
            return Input(kind, await read(request), raw)
        except Invalid as error:
            return Input(kind, None, raw, error.rows)

    return again


def flatten(kind: Any, source: Values) -> dict[str, Any]:
    """Return the values that `source` has for the fields of `kind`, shaped for conversion; see `flattener`."""
    return flattener(kind)(source)


def flattener(kind: Any) -> Callable[[Values], dict[str, Any]]:
    """Return a function that takes the fields of `kind` out of a query or a form, shaped for conversion.

    Lists take every value; an empty text is an absent value, but for text itself; a `bool` reads `on` and `yes`, and
    is false when it is absent and has no default, as browsers send check boxes.
    """
    shape = [
        (name, _many(inner), prepare(inner), strip(inner) is str, strip(inner) is bool and required)
        for name, inner, required in fields(strip(kind)) or ()
    ]

    def take(source: Values) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, many, ready, text, unticked in shape:
            found = (source.all(name) or None) if many else source.get(name)
            if found is not None and (text or found != ""):
                values[name] = found if ready is None else ready(found)
            elif unticked:
                values[name] = False
        return values

    return take


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


def _many(kind: Any) -> bool:
    return multiple(kind) is not None or get_origin(strip(kind)) in {list, tuple, set, frozenset}


def _converted(values: dict[str, Any], kind: Any) -> Any:
    try:
        return msgspec.convert(values, kind, strict=False, dec_hook=custom)
    except msgspec.ValidationError:
        raise Invalid(explain(values, kind, strict=False)) from None


async def _form(request: Request, limits: FormLimits | None) -> Form:
    if request.media not in _FORMS:
        detail = f"the body is {request.media or 'of no declared type'}; send application/json or a form"
        accept = {"accept": "application/json, application/x-www-form-urlencoded, multipart/form-data"}
        raise HTTPError(415, detail, headers=accept)
    from arlen_core.forms import read_form  # forms are parsed only when asked for

    return await read_form(request) if limits is None else await read_form(request, limits)
