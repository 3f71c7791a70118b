"""Traffic: the series of requests, for less than three microseconds each."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from arlen_core.errors import HTTPError, error_type
from arlen_core.meters import SECONDS, Declaration
from arlen_core.spans import METHODS
from arlen_metrics.instruments import Child
from arlen_metrics.registry import Registry

if TYPE_CHECKING:
    from arlen_core.app import App
    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["ACTIVE", "BYTES", "DURATION", "EXCEPTIONS", "OTHER", "RECEIVED", "SENT", "Traffic"]

OTHER = "_OTHER"
"""The method that nobody knows, and the route of requests that no route answered."""

BYTES = (100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0, 100_000_000.0)
"""The bounds of the sizes of bodies."""

_LABELS = ("http.request.method", "http.route", "http.response.status_code", "error.type")
_NS = 1e-9
_SIZES = tuple(map(int, BYTES))  # whole numbers compare faster with each other

DURATION = Declaration(
    "histogram",
    "http.server.request.duration",
    "From a request's head to its answer's last byte.",
    _LABELS,
    "s",
    SECONDS,
)
SENT = Declaration(
    "histogram", "http.server.response.body.size", "Bytes of the bodies of answers.", _LABELS, "By", BYTES
)
RECEIVED = Declaration(
    "histogram", "http.server.request.body.size", "Bytes of the bodies of requests that have one.", _LABELS, "By", BYTES
)
ACTIVE = Declaration("gauge", "http.server.active_requests", "Requests that are being answered.", (), "{request}")
EXCEPTIONS = Declaration(
    "counter",
    "arlen.http.server.exceptions",
    "Exceptions that handlers raised and that are no answers.",
    ("error.type", "http.route"),
    "{exception}",
)

_AFTER_SECONDS, _AFTER_BYTES = len(SECONDS) + 1, len(BYTES) + 1


class Traffic:
    """Counts the requests of an application.

    Args:
        app: it is told of their begin and end.
        registry: keeps the numbers.

    The cells of each route, method and status are looked up once and then kept, and written here by hand: one call
    less for each series is a third of the price.
    """

    def __init__(self, app: App, registry: Registry) -> None:
        self._registry = registry
        self._rows: dict[tuple[str, str, int], tuple[Child, Child]] = {}
        app.meters.gauge(ACTIVE.name, ACTIVE.help, unit=ACTIVE.unit)
        app.meters.counter(EXCEPTIONS.name, EXCEPTIONS.help, labels=EXCEPTIONS.labels, unit=EXCEPTIONS.unit)
        for each in (DURATION, SENT, RECEIVED):
            app.meters.histogram(each.name, each.help, labels=each.labels, unit=each.unit, buckets=each.buckets)
        self._active = registry.child(ACTIVE, ())
        app.observe(self.begin, self.end)

    def begin(self, request: Request) -> None:
        """Take note that a request is here; a WebSocket is no request that is being answered."""
        if not request.upgrade:
            active = self._active
            active.cells[active.at] += 1.0

    def end(self, request: Request, response: Response, sent: int, error: BaseException | None) -> None:
        """Take note that a request has its answer."""
        if not request.upgrade:
            active = self._active
            active.cells[active.at] -= 1.0
        status, seconds = response.status, (request.ended - request.received) * _NS
        if error is None and 200 <= status < 500:
            key = request.template, request.method, status
            row = self._rows.get(key) or self._row(key)
        elif status == 101:  # what follows is no answer: the time is that of the handshake
            row, seconds, sent = self._row((request.template, request.method, 101)), _handshake(request), 0
        else:
            row = self._failed(request, status, error)
        took, sizes = row
        cells, at = took.cells, took.at
        cells[at + bisect_left(SECONDS, seconds)] += 1.0
        cells[at + _AFTER_SECONDS] += seconds
        cells, at = sizes.cells, sizes.at
        cells[at + bisect_left(_SIZES, sent)] += 1.0
        cells[at + _AFTER_BYTES] += sent
        length = request.body.length
        if length:
            self._received(request, status, length)

    def _row(self, key: tuple[str, str, int]) -> tuple[Child, Child]:
        template, method, status = key
        row = self._pair((_method(method), template or OTHER, str(status), ""))
        if method in METHODS:  # else anybody could fill this with words
            self._rows[key] = row
        return row

    def _failed(self, request: Request, status: int, error: BaseException | None) -> tuple[Child, Child]:
        route, failure = request.template or OTHER, request.failure
        word = str(status) if status >= 500 else ""
        if error is not None:
            word = error_type(error)
        elif failure is not None and not isinstance(failure, HTTPError):
            word = error_type(failure)
            count = self._registry.child(EXCEPTIONS, (word, route))
            count.cells[count.at] += 1.0
        return self._pair((_method(request.method), route, str(status), word))

    def _pair(self, values: tuple[str, str, str, str]) -> tuple[Child, Child]:
        return self._registry.child(DURATION, values), self._registry.child(SENT, values)

    def _received(self, request: Request, status: int, length: int) -> None:
        values = _method(request.method), request.template or OTHER, str(status), ""
        child = self._registry.child(RECEIVED, values)
        cells, at = child.cells, child.at
        cells[at + bisect_left(_SIZES, length)] += 1.0
        cells[at + _AFTER_BYTES] += length


def _handshake(request: Request) -> float:
    return max(0, request.handled - request.received) * _NS


def _method(method: str) -> str:
    return method if method in METHODS else OTHER
