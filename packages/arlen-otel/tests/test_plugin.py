"""Plugin: what an application tells a collector."""

from __future__ import annotations

import pytest

from arlen_core.context import Context
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_request_is_one_server_span(traced, collector):
    """Name, kind, ids, parent, state, times and attributes of the one span of a request arrive as they are."""
    app = traced()

    @app.get("/orders/{id}")
    async def show(id: int, ctx: Context) -> str:
        with ctx.app.spans.span("inner"):
            return "ok"

    async with Client(app) as client:
        await client.get("/orders/7", headers={"traceparent": PARENT, "tracestate": "rojo=1"})
    server, inner = collector.spans
    assert ("GET /orders/{id}", 2) == (server.name, server.kind)
    assert inner.parent_span_id == server.span_id
