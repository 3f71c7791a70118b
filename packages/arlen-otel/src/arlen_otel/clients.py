"""Clients: requests to other services, as spans of this one, with the header fields that continue the trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from arlen_core.spans import METHODS, Span, propagation

if TYPE_CHECKING:
    from arlen_core.spans import Tracer

__all__ = ["Outgoing", "outgoing"]

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Outgoing:
    """A request that is under way.

    Attributes:
        span: its span, to which attributes can be set.
        headers: what to send with it: `traceparent`, and `tracestate` if there is one; nothing outside of traces.
    """

    def __init__(self, span: Span) -> None:
        self.span, self.headers = span, propagation()

    def answered(self, status: int) -> None:
        """Note the status of the answer; 400 and above are an error of this span."""
        self.span.set("http.response.status_code", status)
        if status >= 400 and self.span.traceparent:
            self.span.set("error.type", str(status))
            self.span.error = str(status)


@contextmanager
def outgoing(spans: Tracer, method: str, url: str) -> Iterator[Outgoing]:
    """Record a request to another service, which the `with` block sends.

    Args:
        spans: of the application, `app.spans`.
        method: of the request.
        url: its whole URL; the query and what stands before the host are not recorded, for they may be secret.

    >>> from arlen_core.spans import Tracer
    >>> tracer, told = Tracer(), []
    >>> listener = tracer.listen(told.extend)
    >>> with outgoing(tracer, "GET", "https://api.example.org/rates?key=s3cr3t") as request:
    ...     sent = request.headers  # send them with the request
    ...     request.answered(200)
    >>> told[0].name, told[0].attributes["url.full"], sent["traceparent"] == told[0].traceparent
    ('GET', 'https://api.example.org/rates', True)
    """
    known = method if method in METHODS else "_OTHER"
    attributes = _described(url) if spans.on else {}
    with spans.span("HTTP" if known == "_OTHER" else known, "client", **attributes) as span:
        span.set("http.request.method", known)
        if known == "_OTHER":
            span.set("http.request.method_original", method)
        made = Outgoing(span)
        try:
            yield made
        except BaseException as error:
            span.set("error.type", type(error).__qualname__)
            raise


def _described(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return {}
    place = parts.netloc.rpartition("@")[2]
    made: dict[str, Any] = {"url.full": urlunsplit((parts.scheme, place, parts.path, "", "")), "server.address": host}
    return made | ({"server.port": port} if port else {})
