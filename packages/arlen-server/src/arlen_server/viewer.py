"""Viewer: the page of the last requests that boomhauer serves in development, and the same as JSON."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import msgspec

from arlen_core.negotiation import choose
from arlen_core.responses import Response
from arlen_server import waterfall

if TYPE_CHECKING:
    from arlen_core.requests import Request
    from arlen_server.traces import Trace, Traces

__all__ = ["REQUESTS", "Viewer"]

REQUESTS = b"/__arlen__/requests"
"""Path of the page, reserved in development; below it are the requests by their ids."""

_FILES = {
    REQUESTS + b".css": ("viewer.css", "text/css; charset=utf-8"),
    REQUESTS + b".js": ("viewer.js", "text/javascript; charset=utf-8"),
}
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_LOCAL = ("localhost", "test", "local", "internal")  # nobody can have such a name in public


class Viewer:
    """Answers the page's paths; everything that it needs is in this package.

    Args:
        traces: what it shows.
    """

    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    @staticmethod
    def owns(target: bytes) -> bool:
        """Say whether a path is one of the viewer's."""
        return target == REQUESTS or target in _FILES or target.startswith(REQUESTS + b"/")

    def answer(self, request: Request) -> Response:
        """Answer a request for one of its paths: HTML, or JSON for a client that would rather have that."""
        if request.method not in {"GET", "HEAD"}:
            return self._plain("this page is only read", 405, allow="GET, HEAD")
        if not _near(request.host):
            reason = "a page with what requests said is shown under a local name only: open it at http://localhost"
            return self._plain(f"{reason}, or by the address", 403)
        if request.target in _FILES:
            name, media = _FILES[request.target]
            return _made(Path(__file__).with_name(name).read_bytes(), 200, media)
        html = choose(request, ["json", "html"]) == "html"
        name = unquote(request.target[len(REQUESTS) + 1 :].decode("latin-1"))
        return self._one(name, html=html) if name else self._list(request, html=html)

    def _list(self, request: Request, *, html: bool) -> Response:
        words = parse_qs(request.query_string.decode("latin-1")).get("q", [""])[0]
        found = [each for each in self._traces.newest() if _matches(each, words)]
        if html:
            return _page(waterfall.listing(found, words, self._traces.limit))
        return _json({"limit": self._traces.limit, "requests": [each.summary for each in found]})

    def _one(self, name: str, *, html: bool) -> Response:
        trace = self._traces.find(name)
        if trace is None:
            if html:
                return _page(waterfall.missing(name, self._traces.limit), 404)
            return _json({"error": "not_found", "reason": waterfall.why(self._traces.limit)}, 404)
        return _page(waterfall.single(trace)) if html else _json(trace.summary | msgspec.to_builtins(trace))

    def _plain(self, text: str, status: int, **headers: str) -> Response:
        return _made(f"{text}\n".encode(), status, "text/plain; charset=utf-8", headers)


def _page(body: str, status: int = 200) -> Response:
    return _made(body.encode("utf-8", "backslashreplace"), status, "text/html; charset=utf-8", {"vary": "accept"})


def _json(value: Any, status: int = 200) -> Response:
    return _made(msgspec.json.encode(value) + b"\n", status, "application/json", {"vary": "accept"})


def _made(body: bytes, status: int, media: str, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, media=media, headers=_HEADERS | (headers or {}))


def _matches(trace: Trace, words: str) -> bool:
    text = f"{trace.method} {trace.path} {trace.status} {'n+1' if trace.repeated else ''}".lower()
    return all(word in text for word in words.lower().split())


def _near(host: str) -> bool:
    """Say whether a Host names this machine or its network: a site elsewhere can give its own name any address."""
    six = host.startswith("[")  # an IPv6 address has colons of its own
    name = host[1:].partition("]")[0] if six else host.partition(":")[0].rstrip(".")
    try:
        ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name.rpartition(".")[2] in _LOCAL)
    return True
