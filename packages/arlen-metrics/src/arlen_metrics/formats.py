"""Formats: which of its forms an answer of `/metrics` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from arlen_core.negotiation import accepts
from arlen_core.responses import Response
from arlen_metrics.snapshots import snapshot
from arlen_metrics.texts import openmetrics, prometheus
from arlen_metrics.totals import Family

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["answer", "chosen"]

_TEXT, _OPEN, _JSON = "text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0", "application/json"
_SCHEMES = ("", "; escaping=underscores", "; escaping=allow-utf-8", "; escaping=dots", "; escaping=values")
_OFFERED = [kind + scheme for scheme in _SCHEMES for kind in (_TEXT, _OPEN)] + [_JSON]
# our names need no escaping, so whichever of the schemes of Prometheus 3 is asked for is kept

_WRITERS: dict[str, Callable[[Iterable[Family]], str]] = {_TEXT: prometheus, _OPEN: openmetrics}


def chosen(request: Request) -> str:
    """Return the media type of the answer: what `?format=` or the suffix asks for, else what Accept wants most.

    Nothing asked for, and nothing that there is, get the text format 0.0.4, as every exporter does it.

    >>> from arlen_core.requests import Request
    >>> chosen(Request("GET", b"/metrics", headers=[(b"accept", b"application/openmetrics-text;version=1.0.0")]))
    'application/openmetrics-text; version=1.0.0'
    """
    asked = request.query.get("format") or request.format
    if asked:
        return {"json": _JSON, "openmetrics": _OPEN}.get(asked, _TEXT)
    best = accepts(", ".join(request.headers.all("accept")) or None, _OFFERED)
    return _TEXT if best is None else best.partition("; escaping")[0]


def answer(request: Request, families: Iterable[Family]) -> Response:
    """Return the metrics in the form that a request wants."""
    kind = chosen(request)
    headers = {"cache-control": "no-store", "vary": "accept"}
    if kind == _JSON:
        return Response(msgspec.json.encode(snapshot(families)), media=_JSON, headers=headers)
    return Response(_WRITERS[kind](families).encode(), media=f"{kind}; charset=utf-8", headers=headers)
