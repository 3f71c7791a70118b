"""Returns: what a handler's return annotation says about the responses of its route."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from arlen_core.answers import View
from arlen_core.errors import StartupError
from arlen_core.files import FileResponse
from arlen_core.media import type_of
from arlen_core.responses import Response, Stream
from arlen_core.signatures import place, target
from arlen_core.validation import strip

__all__ = ["ANY", "Sent", "annotation", "sent"]

ANY = "*/*"
"""The media type of what may be anything."""

JSON, TEXT, HTML, BYTES = "application/json", "text/plain", "text/html", "application/octet-stream"

_streams = {AsyncIterator, AsyncGenerator, AsyncIterable}


class Sent(Struct, frozen=True):
    """One body that a handler may send.

    Attributes:
        status: of the response.
        media: its media type; "" for no body.
        kind: its type, where it is JSON.
        vague: whether the annotation leaves open what it is.
    """

    status: int
    media: str
    kind: Any = None
    vague: bool = False


def annotation(handler: Any) -> Any:
    """Return the evaluated return annotation of a handler, `Any` when it has none; raises `StartupError`."""
    function = inspect.unwrap(target(getattr(handler, "func", handler)))
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as error:  # noqa: BLE001  # whatever evaluating somebody's text raises
        reason = f"{place(handler)}: an annotation cannot be read: {error}"
        fix = "import what it names at run time (not under TYPE_CHECKING), at module level"
        raise StartupError(reason, fix=fix, code="bad_signature") from None
    return hints.get("return", Any)


def sent(kind: Any, status: int | None, formats: Sequence[str]) -> list[Sent]:
    """Return what a handler that returns a `kind` may send.

    Args:
        kind: its return annotation.
        status: the declared status of the route, or `None`.
        formats: of the route, the default first.

    >>> [(each.status, each.media) for each in sent(int | None, None, ())]
    [(200, 'application/json'), (204, '')]
    """
    code = 200 if status is None else status
    members = _members(kind)
    data = [each for each in members if _sort(each) == JSON]
    made = [row for each in members for row in _one(each, code, status, formats)]
    if data:
        made.insert(0, Sent(code, JSON, Union[tuple(data)]))  # noqa: UP007  # of a tuple
    return made


def _members(kind: Any) -> list[Any]:
    kind = getattr(kind, "__value__", kind)
    if get_origin(kind) in {Union, UnionType}:
        return [inner for each in get_args(kind) for inner in _members(each)]
    if get_origin(bare := strip(kind)) is Literal:  # each value is sent as what it is
        values = get_args(bare)
        parts = [[each for each in values if type(each) is sort] for sort in dict.fromkeys(map(type, values))]
        return [NoneType if part == [None] else Literal[tuple(part)] for part in parts]
    return [kind]


def _one(kind: Any, code: int, status: int | None, formats: Sequence[str]) -> list[Sent]:
    sort = _sort(kind)
    if sort == JSON:
        return []
    if sort == "none":
        return [Sent(204 if status is None else status, "")]
    if sort == "view":
        names = [each for each in formats if each in {"html", "json"}] or ["html", "json"]
        return [Sent(code, type_of(each), Any if each == "json" else None, vague=each == "json") for each in names]
    parts = [Sent(206, ANY, vague=True)] if kind is FileResponse else []  # for a client that asks for a range
    return [Sent(code, sort, vague=sort == ANY), *parts]


def _sort(kind: Any) -> str:
    """Return the media type of a type, or what it is."""
    bare = strip(kind)
    if bare is None or bare is NoneType:
        return "none"
    if bare is Any or bare is object:
        return ANY
    if get_origin(bare) is Literal:
        return TEXT if isinstance(get_args(bare)[0], str) else JSON
    if get_origin(bare) in _streams or bare in _streams:
        return TEXT
    if not isinstance(bare, type):
        return JSON
    for base, media in _SORTS:
        if issubclass(bare, base):
            return media
    return JSON


_SORTS: tuple[tuple[Any, str], ...] = (
    (View, "view"), (FileResponse, ANY), (Stream, ANY), (Response, ANY), (str, TEXT),
    ((bytes, bytearray, memoryview), BYTES),
)  # fmt: skip
