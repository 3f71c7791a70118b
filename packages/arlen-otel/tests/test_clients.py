"""Clients: requests to other services."""

from __future__ import annotations

import pytest

from arlen_core.context import Context
from arlen_core.spans import Tracer
from arlen_core.testing import Client
from arlen_otel.clients import outgoing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_request_is_a_client_span(tracer, told):
    """Named by its method, with what OpenTelemetry wants to know of it."""
    with outgoing(tracer, "GET", "https://api.example.org/rates/eur?day=1") as request:
        request.answered(200)
    (span,) = told
    assert ("GET", "client", None) == (span.name, span.kind, span.error)
    assert {
        "http.request.method": "GET",
        "url.full": "https://api.example.org/rates/eur",
        "server.address": "api.example.org",
        "server.port": 443,
        "http.response.status_code": 200,
    } == span.attributes
    assert {"traceparent": span.traceparent} == request.headers


@pytest.mark.parametrize(
    ("url", "full", "address", "port"),
    [
        ("http://a/", "http://a/", "a", 80),
        ("http://a:8080/x#y", "http://a:8080/x", "a", 8080),
        ("https://me:s3cr3t@a/x?key=s3cr3t", "https://a/x", "a", 443),
        ("http://[::1]:90/", "http://[::1]:90/", "::1", 90),
        ("wss://a/ws", "wss://a/ws", "a", 443),
    ],
)
def test_where_it_goes(tracer, told, url, full, address, port):
    """The address and the port; nothing that may be secret."""
    with outgoing(tracer, "GET", url):
        pass
    known = told[0].attributes
    assert (full, address, port) == (known["url.full"], known["server.address"], known["server.port"])
    assert "s3cr3t" not in str(told)


@pytest.mark.parametrize("url", ["http://[::1", "http://a:99999/"])
def test_a_wrong_url_is_the_clients_business(tracer, told, url):
    """The span says nothing of it, and nothing fails here."""
    with outgoing(tracer, "GET", url):
        pass
    assert "url.full" not in told[0].attributes


@pytest.mark.parametrize(("status", "error"), [(200, None), (302, None), (404, "404"), (503, "503")])
def test_an_answer_may_be_an_error(tracer, told, status, error):
    """From 400 on."""
    with outgoing(tracer, "GET", "http://a/") as request:
        request.answered(status)
    assert (error, error) == (told[0].error, told[0].attributes.get("error.type"))


def test_a_failure_is_told(tracer, told):
    """With its class, and goes on."""
    with pytest.raises(ConnectionRefusedError), outgoing(tracer, "GET", "http://a/"):
        raise ConnectionRefusedError
    assert ("ConnectionRefusedError", ConnectionRefusedError) == (
        told[0].attributes["error.type"],
        type(told[0].error),
    )


def test_a_method_that_nobody_knows(tracer, told):
    """Makes no name of its own."""
    with outgoing(tracer, "BREW", "http://a/"):
        pass
    known = told[0].attributes
    assert ("HTTP", "_OTHER", "BREW") == (
        told[0].name,
        known["http.request.method"],
        known["http.request.method_original"],
    )


def test_outside_of_traces_nothing_is_sent():
    """Where nobody listens and no request is answered."""
    with outgoing(Tracer(), "GET", "http://a/") as request:
        request.answered(500)
        assert {} == request.headers


@pytest.mark.anyio
@pytest.mark.parametrize(("sampler", "count"), [("parentbased_always_on", 2), ("always_off", 0)])
async def test_in_a_request(traced, collector, sampler, count):
    """The span is a child of the request's; without spans the trace goes on all the same, with the flag."""
    app = traced(sampler=sampler)

    @app.get("/")
    async def index(ctx: Context) -> dict[str, str]:
        with outgoing(ctx.app.spans, "POST", "http://a/") as request:
            return request.headers

    async with Client(app) as client:
        reply = await client.get("/", headers={"traceparent": PARENT, "tracestate": "rojo=1"})
    sent = reply.json()
    assert (PARENT[3:35], "rojo=1", count) == (sent["traceparent"][3:35], sent["tracestate"], len(collector.spans))
    if count:
        server, client_span = collector.spans
        assert (server.span_id, client_span.span_id.hex()) == (client_span.parent_span_id, sent["traceparent"][36:52])
    else:
        assert "00" == sent["traceparent"][-2:]
