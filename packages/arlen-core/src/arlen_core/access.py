"""Access: one line for each completed request, made without structlog, for a few microseconds."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from arlen_core.lines import printable
from arlen_core.native import Sparse

if TYPE_CHECKING:
    from arlen_core.logs import Logs
    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["Access", "Line", "Timings"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"})
_encode = msgspec.json.Encoder().encode


class Timings(Struct, gc=False):
    """How long the stages took, in milliseconds: finding the route, the handler with its middleware, sending, all."""

    route: float
    action: float
    write: float
    total: float


class Line(Sparse, omit_defaults=True, gc=False):
    """One completed request, as it stands in the log.

    Attributes:
        path: as it was sent, still percent-encoded, with the mount prefix; the query only when `log.query` is on.
        route: the template of the route, "" when none matched.
        client: the client's address.
        bytes: of the body that were sent.
        error: the class of what stopped the sending, such as a client that went away.
    """

    timestamp: str
    level: str
    event: str
    method: str
    path: str
    status: int
    request_id: str
    correlation_id: str
    trace_id: str
    span_id: str
    route: str
    client: str
    bytes: int
    timings: Timings
    error: str = ""


class Access:
    """Writes the lines of one application.

    Args:
        logs: its log: the format, the target and the clock.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from arlen_core.logs import Logs, LogSettings
    >>> from arlen_core.requests import Request
    >>> from arlen_core.responses import Response
    >>> folder = Path(tempfile.mkdtemp())
    >>> access = Access(Logs(LogSettings(target="access.log"), root=folder))
    >>> access(Request("GET", b"/notes/7"), Response("hello"), sent=5)
    >>> line = msgspec.json.decode((folder / "access.log").read_bytes())
    >>> line["event"], line["method"], line["path"], line["status"], line["bytes"]
    ('http.request.completed', 'GET', '/notes/7', 200, 5)
    """

    __slots__ = ("_format", "_query", "_stamp", "_write")

    def __init__(self, logs: Logs) -> None:
        self._write = logs.sink.write
        self._stamp = logs.stamp.near
        self._query = logs.settings.query
        self._format = _json if logs.json else _text

    def __call__(self, request: Request, response: Response, sent: int = 0, error: BaseException | None = None) -> None:
        """Log a request whose last byte was sent, or that failed; `sent` are the bytes of the body."""
        end = request.ended or perf_counter_ns()
        received, handled = request.received or end, request.handled or end
        routed = request.routed or handled
        client, status, method = request.client, response.status, request.method
        name, trace = request.identify()
        address = "" if client is None else client[0]
        path = request.target.decode("latin-1")
        # every printable ASCII character but the space, as long as nothing has to go before or behind
        plain = not request.root and not self._query and path.isascii() and path.isprintable() and path.find(" ") < 0
        line = Line(
            self._stamp(end),
            "info" if status < 500 and error is None else "error",
            "http.request.completed",
            method if method in _METHODS else printable(method),
            path if plain else self._path(request),
            status,
            name,
            name,
            trace[3:35],
            trace[36:52],
            request.template,
            address if address.isprintable() else printable(address),
            sent,
            # whole division and one float: half the price of round()
            Timings(
                (routed - received) // 1000 / 1000,
                (handled - routed) // 1000 / 1000,
                (end - handled) // 1000 / 1000,
                (end - received) // 1000 / 1000,
            ),
        )
        if error is not None:
            line.error = type(error).__name__
        self._write(self._format(line))

    def _path(self, request: Request) -> str:
        path = request.target.decode("latin-1")
        if request.root:
            path = request.root + path
        if self._query and request.query_string:
            path = f"{path}?{request.query_string.decode('latin-1')}"
        return path if path.isascii() and path.isprintable() and " " not in path else _encoded(path)


def _encoded(path: str) -> str:
    return "".join(each if "!" <= each <= "~" else f"%{ord(each):02X}" for each in path)


def _json(line: Line) -> bytes:
    return _encode(line) + b"\n"


def _text(line: Line) -> bytes:
    size, total, ids = line.bytes, line.timings.total, f"request_id={line.request_id} trace_id={line.trace_id}"
    text = f"{line.timestamp} {line.level:<8} {line.method} {line.path} {line.status} in {total} ms, {size} bytes"
    parts = [text, f"route={line.route}" if line.route else "", f"client={line.client}" if line.client else "", ids]
    parts.append(f"error={line.error}" if line.error else "")
    return (" ".join(part for part in parts if part) + "\n").encode()
