"""Answers: what a handler may return, and the response that it becomes."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec

from arlen_core.negotiation import negotiate
from arlen_core.responses import JSON, TEXT, Response, Stream, html, json, ready, text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from arlen_core.context import Context

__all__ = ["READY", "Renderer", "View", "answer"]


_new, _encode = Response.__new__, msgspec.json.Encoder().encode
_RENDERED = frozenset({"html", "json"})


class Renderer(Protocol):
    """What turns a template into text; `arlen-web` brings one for Jinja2."""

    def render(self, context: Context, template: str, values: dict[str, Any]) -> str | Awaitable[str]:
        """Return the page."""


class View:
    """A page that has not been made yet: HTML or JSON is chosen when the handler has returned.

    Attributes:
        context: of the request.
        template: the name of the template, without a suffix.
        values: what the template sees.
        data: what JSON shows; the values by default.
        status: of the answer.
        headers: more header fields.
    """

    __slots__ = ("context", "data", "headers", "status", "template", "values")

    def __init__(
        self,
        context: Context,
        template: str,
        values: dict[str, Any],
        *,
        data: Any = None,
        status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.context, self.template, self.values = context, template, values
        self.data = values if data is None else data
        self.status, self.headers = status, headers

    async def respond(self, status: int, formats: Sequence[str]) -> Response:
        """Make the response; `HTTPError` 406 when the client accepts none of the formats.

        A template becomes HTML and its data JSON; a handler makes other formats by itself.
        """
        kind = negotiate(self.context.request, [each for each in formats if each in _RENDERED] or ["html", "json"])
        if kind == "html":
            page = self._renderer().render(self.context, self.template, self.values)
            made = html(await page if inspect.isawaitable(page) else page, self.status or status)
        else:
            made = json(self.data, self.status or status)
        for name, value in (self.headers or {}).items():
            made.headers.set(name, value)
        if len(formats) > 1:
            made.headers.vary("accept")
        return made

    def _renderer(self) -> Renderer:
        found: Renderer | None = getattr(self.context.app, "renderer", None)
        if found is None:
            raise RuntimeError(f"nothing renders {self.template!r} (fix: app.use a plugin that does, of `arlen-web`)")
        return found


async def answer(result: Any, status: int | None = None, formats: Sequence[str] = ("html", "json")) -> Response:
    """Make a response of what a handler returned.

    A `Response` stays as it is; `None` is 204; text is `text/plain`; bytes are `application/octet-stream`; an async
    iterable is a stream; a `View` is rendered; everything else is JSON.

    Args:
        result: the value.
        status: the route's declared status, 200 by default.
        formats: what a `View` may become, the default first.

    Raises `TypeError` for a value that JSON cannot hold.

    >>> import anyio
    >>> anyio.run(answer, {"ok": True}).body, anyio.run(answer, None).status
    (b'{"ok":true}', 204)
    """
    if isinstance(result, Response):
        return result
    make = _makers.get(type(result))
    if make is None:
        make = _maker(result)
    made = make(result, 200 if status is None else status, formats)
    if result is None and status is None:
        made.status = 204
    return made if isinstance(made, Response) else cast("Response", await made)


def _json(result: Any, status: int, _: Sequence[str]) -> Response:
    return json(result, status)


def _text(result: str, status: int, _: Sequence[str]) -> Response:
    return text(result, status)


def _bytes(result: Any, status: int, _: Sequence[str]) -> Response:
    return Response(result, status)


def _none(_result: None, status: int, _: Sequence[str]) -> Response:
    return Response(b"", status, media="")


def _stream(result: Any, status: int, _: Sequence[str]) -> Response:
    return Stream(result, status)


def _view(result: View, status: int, formats: Sequence[str]) -> Any:
    return result.respond(status, formats)


def _quick_json(result: Any, status: int) -> Response:
    answer = _new(Response)  # written out, for a call costs one in fifty of a whole request
    answer.status, answer.body, answer.raw = status, _encode(result), [JSON]
    answer.stream = answer.owner = answer.uniform = None
    return answer


def _quick_text(result: str, status: int) -> Response:
    return ready(result.encode(), status, TEXT)


READY: dict[type, Callable[[Any, int], Response]] = {
    dict: _quick_json, list: _quick_json, tuple: _quick_json, int: _quick_json, float: _quick_json,
    bool: _quick_json, str: _quick_text,
}  # fmt: skip
"""What makes a response of a value and a status, by the value's type, for those that most handlers return."""

_makers: dict[type, Callable[[Any, int, Sequence[str]], Any]] = {
    dict: _json, list: _json, tuple: _json, int: _json, float: _json, bool: _json,
    str: _text, bytes: _bytes, type(None): _none, View: _view,
}  # fmt: skip


def _maker(result: Any) -> Callable[[Any, int, Sequence[str]], Any]:
    kind = type(result)
    if isinstance(result, msgspec.Struct) or dataclasses.is_dataclass(result):
        _makers[kind] = _json
        READY[kind] = _quick_json
        return _json
    if isinstance(result, AsyncIterable):
        return _stream
    for base, make in ((str, _text), (bytes | bytearray | memoryview, _bytes), (View, _view)):
        if isinstance(result, base):  # such as the markup type of a template engine
            return make
    return _json
