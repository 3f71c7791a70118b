"""Stages: what the client is told of where the time of its request went: `Server-Timing`, from the log's own clock."""

from __future__ import annotations

import re
from time import perf_counter_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arlen_core.requests import Request
    from arlen_core.responses import Response
    from arlen_core.spans import Span

__all__ = ["outermost", "part", "server_timing", "stamp", "unheard"]

_STAGES = frozenset({"route", "action", "write", "total"})
_word = re.compile(r"[a-z][a-z0-9_-]{0,31}").fullmatch
_NAME, _OURS = b"server-timing", b"route;dur="


def stamp(response: Response, request: Request, spans: Sequence[Span] = ()) -> None:
    """Put `server_timing` into a response, in the place of that of an application which is mounted.

    >>> from arlen_core.requests import Request
    >>> from arlen_core.responses import Response
    >>> request, response = Request(), Response("x")
    >>> for _ in range(2):
    ...     stamp(response, request)
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
    of a database, `sql`, pages, `render`, and what else spans name as their `part` are there when there are any.

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
    for name in dict.fromkeys(map(part, spans)):
        found = outermost(spans, name) if name else ()
        if found:
            note = f';desc="{len(found)} {"query" if len(found) == 1 else "queries"}"' if name == "sql" else ""
            parts.append(_stage(name, sum(each.end - each.start for each in found)) + note)
    parts.append(_stage("total", handled - request.received))
    return ", ".join(parts).encode()


def part(span: Span) -> str:
    """Return what a span is a part of: "sql" for the query of a database, "render" for a page, another word, or "".

    Its attribute `arlen.stage` says so, small letters, digits, `-` and `_`; a query is known by its text, too.
    """
    known = span.attributes
    word = known.get("arlen.stage", "sql" if "db.query.text" in known or "db.query.summary" in known else "")
    return word if isinstance(word, str) and _word(word) and word not in _STAGES else ""


def outermost(spans: Sequence[Span], name: str) -> list[Span]:
    """Return the spans of a part that are not inside of another of that part, so that no time counts twice."""
    found = [each for each in spans if part(each) == name]
    inner = {each.span_id for each in found}
    return [each for each in found if each.parent_id not in inner]


def unheard(spans: Sequence[Span]) -> None:
    """Listen to a tracer for the sake of `Tracer.recorded` alone."""


def _stage(name: str, spent: int) -> str:
    return f"{name};dur={spent // 1000 / 1000:.3f}"  # whole microseconds, as in the log
