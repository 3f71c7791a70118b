"""Envelope: JSON answers as `{"data": ..., "meta": {...}}`, for clients that want one shape; opt-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["envelope"]

_encode = msgspec.json.Encoder().encode


async def envelope(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    """Put JSON answers into an envelope: a middleware for an application, a router or a route.

    An answer becomes `{"data": answer, "meta": {"request_id": ...}}`, a problem `{"error": problem, "meta": ...}`.
    One that has `data` or `error` and `meta` already only gains the request id. Streams, files, 304 and anything that
    is no JSON stay as they are.

    >>> from arlen_core.app import App
    >>> from arlen_core.testing import run
    >>> app = App("wrapped", middleware=[envelope])
    >>> @app.get("/")
    ... async def home() -> dict[str, int]:
    ...     return {"count": 7}
    >>> run(app, "GET", "/").json()["data"]
    {'count': 7}
    """
    response = await call(request)
    if not response.body or response.media not in {"application/json", "application/problem+json"}:
        return response
    response.body = _encode(_wrapped(msgspec.json.decode(response.body), request, error=response.status >= 400))
    response.headers.remove("content-length")
    return response


def _wrapped(data: Any, request: Request, *, error: bool) -> dict[str, Any]:
    if isinstance(data, dict) and isinstance(data.get("meta"), dict) and ("data" in data or "error" in data):
        return {**data, "meta": {"request_id": request.id, **data["meta"]}}
    return {"error" if error else "data": data, "meta": {"request_id": request.id}}
