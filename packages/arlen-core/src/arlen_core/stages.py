"""Stages: what the client is told of where the time of its request went: `Server-Timing`, from the log's own clock."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from arlen_core.requests import Request
    from arlen_core.responses import Response
    from arlen_core.spans import Span

__all__ = ["outermost", "queried", "rendered", "server_timing", "time", "unheard"]

_NAME, _OURS = b"server-timing", b"route;dur="


def time(response: Response, request: Request, spans: Sequence[Span] = ()) -> None:
    """Put `server_timing` into a response, in the place of that of an application which is mounted.

    >>> from arlen_core.requests import Request
    >>> from arlen_core.responses import Response
    >>> request, response = Request(), Response("x")
    >>> time(response, request)
    ... time(response, request)
    >>> len(response.headers.all("server-timing"))
    1
    """
    raw = response.raw
    if any(name == _NAME and value.startswith(_OURS) for name, value in raw):
        raw[:] = [pair for pair in raw if pair[0] != _NAME or not pair[1].startswith(_OURS)]
    raw.append((_NAME, server_timing(request, spans)))


def server_timing(request: Request, spans: Sequence[Span] = ()) -> bytes:
    """Return the value of `Server-Timing` (W3C Server Timing): milliseconds of the stages of a request.

    Args:
        request: one whose response is made; when it is not marked as such, it is now.
        spans: what happened in it.

    `route` and `action` are those of the log line and of the request's span, to the digit; `total` is both. The queries
    of a database, `sql`, and pages, `render`, are parts of `action`, and there when there are any.

    >>> from arlen_core.requests import Request
    >>> request = Request()
    >>> request.received, request.routed, request.handled = 1_000_000, 1_250_000, 4_000_000
    >>> server_timing(request)
    b'route;dur=0.250, action;dur=2.750, total;dur=3.000'
    """
    if not request.handled:
        request.handled = perf_counter_ns()
    handled = request.handled
    routed = request.routed or handled
    parts = [_stage("route", routed - request.received), _stage("action", handled - routed)]
    for name, what, words in (("sql", queried, ("query", "queries")), ("render", rendered, ())):
        found = outermost(spans, what)
        if found:
            spent = sum(each.end - each.start for each in found)
            note = f';desc="{len(found)} {words[len(found) > 1]}"' if words else ""
            parts.append(_stage(name, spent) + note)
    parts.append(_stage("total", handled - request.received))
    return ", ".join(parts).encode()


def queried(span: Span) -> bool:
    """Say whether a span is a query of a database."""
    known = span.attributes
    return "db.query.text" in known or "db.query.summary" in known


def rendered(span: Span) -> bool:
    """Say whether a span is the making of a page from a template."""
    return span.name.startswith("render")


def outermost(spans: Sequence[Span], what: Callable[[Span], bool]) -> list[Span]:
    """Return the spans of a kind that are not inside of another of that kind, so that no time counts twice."""
    found = [each for each in spans if what(each)]
    inner = {each.span_id for each in found}
    return [each for each in found if each.parent_id not in inner]


def unheard(spans: Sequence[Span]) -> None:
    """Listen to a tracer for the sake of `Tracer.recorded` alone."""


def _stage(name: str, spent: int) -> str:
    return f"{name};dur={spent // 1000 / 1000:.3f}"  # whole microseconds, as in the log
