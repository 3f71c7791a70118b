"""Transports: clients of httpx."""

from __future__ import annotations

import pytest

httpx = pytest.importorskip("httpx", reason="needs httpx")
transports = pytest.importorskip("arlen_otel.transports")
AsyncTransport, Transport = transports.AsyncTransport, transports.Transport

pytestmark = pytest.mark.anyio


def answers(request):
    """Answer with the fields of the request; redirect once, and fail where asked."""
    if request.url.path == "/broken":
        raise httpx.ConnectError("no")
    if request.url.path == "/old":
        return httpx.Response(302, headers={"location": "/new"})
    return httpx.Response(200, json=dict(request.headers))


async def test_a_request(tracer, told):
    """Sends the trace, and is a span."""
    async with httpx.AsyncClient(transport=AsyncTransport(tracer, httpx.MockTransport(answers))) as client:
        reply = await client.get("http://a/x?key=s3cr3t")
    assert told[0].traceparent == reply.json()["traceparent"]
    assert ("http://a/x", 200) == (told[0].attributes["url.full"], told[0].attributes["http.response.status_code"])


async def test_fields_of_the_caller_stay(tracer, told):
    """Who sets a trace wants that one."""
    async with httpx.AsyncClient(transport=AsyncTransport(tracer, httpx.MockTransport(answers))) as client:
        reply = await client.get("http://a/x", headers={"traceparent": "mine"})
    assert "mine" == reply.json()["traceparent"]


async def test_redirects_are_requests_of_their_own(tracer, told):
    """Each with its span."""
    made = AsyncTransport(tracer, httpx.MockTransport(answers))
    async with httpx.AsyncClient(transport=made, follow_redirects=True) as client:
        reply = await client.get("http://a/old")
    assert [302, 200] == [each.attributes["http.response.status_code"] for each in told]
    assert told[1].traceparent == reply.json()["traceparent"]


async def test_a_failure(tracer, told):
    """Is the error of the span."""
    async with httpx.AsyncClient(transport=AsyncTransport(tracer, httpx.MockTransport(answers))) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://a/broken")
    assert "ConnectError" == told[0].attributes["error.type"]


def test_the_one_that_waits(tracer, told):
    """The same for clients in threads."""
    with httpx.Client(transport=Transport(tracer, httpx.MockTransport(answers))) as client:
        reply = client.get("http://a/x")
        with pytest.raises(httpx.ConnectError):
            client.get("http://a/broken")
    assert told[0].traceparent == reply.json()["traceparent"]
    assert ["http://a/x", "http://a/broken"] == [each.attributes["url.full"] for each in told]


async def test_by_default_they_use_the_network(tracer):
    """As the clients do without them."""
    assert isinstance(Transport(tracer)._inner, httpx.HTTPTransport)
    made = AsyncTransport(tracer)
    assert isinstance(made._inner, httpx.AsyncHTTPTransport)
    await made.aclose()
