"""Transports: what gives to clients of httpx the spans and the header fields of `arlen_otel.clients`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from arlen_otel.clients import Outgoing, outgoing

if TYPE_CHECKING:
    from arlen_core.spans import Tracer

__all__ = ["AsyncTransport", "Transport"]


class Transport(httpx.BaseTransport):
    """Records the requests of an `httpx.Client`, each with its redirects one by one, until the head of the answer.

    Args:
        spans: of the application, `app.spans`.
        inner: what sends them; `httpx.HTTPTransport()` by default.

    Header fields that the caller has set stay as they are.
    """

    def __init__(self, spans: Tracer, inner: httpx.BaseTransport | None = None) -> None:
        self._spans, self._inner = spans, inner or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        with outgoing(self._spans, request.method, str(request.url)) as made:
            response = self._inner.handle_request(_dressed(request, made))
            made.answered(response.status_code)
            return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class AsyncTransport(httpx.AsyncBaseTransport):
    """Records the requests of an `httpx.AsyncClient`; see `Transport`.

    ```python
    import httpx
    from arlen_core import App
    from arlen_otel.transports import AsyncTransport

    app = App("shop")
    client = httpx.AsyncClient(transport=AsyncTransport(app.spans))
    ```
    """

    def __init__(self, spans: Tracer, inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._spans, self._inner = spans, inner or httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        with outgoing(self._spans, request.method, str(request.url)) as made:
            response = await self._inner.handle_async_request(_dressed(request, made))
            made.answered(response.status_code)
            return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _dressed(request: httpx.Request, made: Outgoing) -> httpx.Request:
    """Return the request with the fields: another one, for redirects are made of the first one's."""
    if all(name in request.headers for name in made.headers):
        return request
    headers = request.headers.copy()
    for name, value in made.headers.items():
        headers.setdefault(name, value)
    return httpx.Request(
        request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
    )
