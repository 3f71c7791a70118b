"""Watches: responses compared with the document, in development and in tests."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from arlen_core.errors import Disconnected
from arlen_openapi.entries import Entry, entries
from arlen_openapi.returns import ANY
from arlen_openapi.walks import walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from arlen_core.app import App
    from arlen_core.requests import Request
    from arlen_core.responses import Response
    from arlen_openapi.outcomes import Outcome

__all__ = ["Watch"]


class Watch:
    """Compares responses with what the document of an application says about them.

    Args:
        app: the application, with all its routes.

    >>> from arlen_core.app import App
    >>> from arlen_core.requests import Request
    >>> from arlen_core.responses import text
    >>> app = App("hello")
    >>> @app.get("/hello")
    ... async def hello() -> str:
    ...     return "hello"
    >>> request = Request()
    >>> request.template = "/hello"
    >>> Watch(app).wrong(request, text("hello")), Watch(app).wrong(request, text("gone", 410))
    ('', 'the status 410 is not described; it describes 200, 500')
    """

    def __init__(self, app: App) -> None:
        self._known: dict[tuple[str, str], list[Entry]] = {}
        for each in entries(walk(app)):
            self._known.setdefault((each.step.template, each.method), []).append(each)

    def wrong(self, request: Request, response: Response) -> str:
        """Return what the document does not describe, or "".

        A route that the document leaves out is not looked at, nor what a client gets that has gone.
        """
        method = "GET" if request.method == "HEAD" else request.method
        known = self._known.get((request.template.removeprefix(request.root), method))
        if known is None or response.status == 101 or isinstance(request.failure, Disconnected):
            return ""
        reasons = [_wrong(each, response, whole=request.method != "HEAD") for each in known]
        return "" if "" in reasons else reasons[0]


def _wrong(entry: Entry, response: Response, *, whole: bool) -> str:
    outcome = entry.outcomes.get(response.status)
    if outcome is None:
        described = ", ".join(map(str, entry.outcomes))
        return f"the status {response.status} is not described; it describes {described}"
    if not response.media and response.body == b"":
        allowed = outcome.empty or not outcome.bodies or ANY in outcome.bodies
        return "" if allowed else f"{response.status} has no body; it is described with {_media(outcome)}"
    media = next((each for each in (response.media, ANY) if each in outcome.bodies), None)
    if media is None:
        described = _media(outcome) or "no body"
        return f"{response.status} is {response.media or 'of no media type'}; it is described with {described}"
    return _misfit(outcome.bodies[media], response) if whole else ""


def _media(outcome: Outcome) -> str:
    return ", ".join(outcome.bodies)


def _misfit(kind: Any, response: Response) -> str:
    if kind is None or kind is Any or isinstance(kind, dict) or response.body is None:
        return ""
    read = _reader(kind)
    try:
        if read is not None:
            read(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"the body of {response.status} is not what is described: {error}"
    return ""


@cache
def _reader(kind: Any) -> Callable[[bytes], Any] | None:
    """Return what reads a body as a type, or `None` when nothing can."""
    try:
        return msgspec.json.Decoder(kind).decode
    except TypeError:
        return None
