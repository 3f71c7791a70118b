"""Plugin: what a collector gets of an application: one server span a request, and what is below it."""

from __future__ import annotations

import time

import pytest

from arlen_core.app import App
from arlen_core.context import Context
from arlen_core.errors import HTTPError
from arlen_core.responses import Response, Stream
from arlen_core.sockets import WebSocket
from arlen_core.testing import Client
from arlen_otel.plugin import Otel
from arlen_otel.settings import Settings

pytestmark = pytest.mark.anyio
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SERVER = 2


def attributes(message):
    """Attributes as a dictionary."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in message.attributes}


@pytest.fixture
def app(traced):
    """An application with handlers of all kinds, middleware and a mounted application."""
    app, child = traced(), App("child", env="test")

    @app.middleware
    async def around(request, call):
        return await call(request)

    @app.get("/orders/{id}")
    async def show(id: int, ctx: Context) -> str:
        with ctx.app.spans.span("load", "client", **{"db.system.name": "sqlite", "rows": 3, "parts": ["a", "b"]}):
            ctx.app.spans.server().event("loaded", rows=3)
        return "ok"

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/stream")
    async def stream() -> Stream:
        async def parts():
            for _ in range(5):
                yield b"part"

        return Stream(parts())

    @app.get("/broken")
    async def broken() -> str:
        raise LookupError("gone")

    @app.get("/refused")
    async def refused() -> str:
        raise HTTPError(403)

    @app.get("/unavailable")
    async def unavailable() -> Response:
        return Response("later", 503)

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @child.get("/page/{name}")
    async def page(name: str, ctx: Context) -> str:
        with ctx.app.spans.span("deep"):
            return name

    app.mount("/below", child)
    return app


async def test_every_field_of_a_request(app, collector):
    """Name, kind, ids, state, times, attributes, events, status, resource and scope, as they were."""
    before = time.time_ns()
    async with Client(app, client=("192.0.2.7", 50_000)) as client:
        reply = await client.get("/orders/7?a=1", headers={"traceparent": PARENT, "tracestate": "rojo=1"})
    server, load = collector.spans
    assert ("GET /orders/{id}", SERVER, "load", 3) == (server.name, server.kind, load.name, load.kind)
    assert reply.headers["traceparent"] == f"00-{server.trace_id.hex()}-{server.span_id.hex()}-01"
    assert (PARENT[3:35], PARENT[36:52]) == (server.trace_id.hex(), server.parent_span_id.hex())
    assert (server.trace_id, server.span_id) == (load.trace_id, load.parent_span_id)
    assert ["rojo=1"] * 2 == [server.trace_state, load.trace_state]
    assert (0x301, 0x101) == (server.flags, load.flags)
    assert before - 10**9 < server.start_time_unix_nano <= load.start_time_unix_nano
    assert load.end_time_unix_nano <= server.end_time_unix_nano < time.time_ns() + 10**9
    known = attributes(server)
    assert {
        "http.request.method": "GET",
        "http.route": "/orders/{id}",
        "url.path": "/orders/7",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "client.address": "192.0.2.7",
        "http.response.status_code": 200,
        "http.response.body.size": 2,
        "arlen.request_id": reply.headers["x-request-id"],
    }.items() <= known.items()
    assert "a=1" not in str(server)
    assert ("sqlite", 3) == (attributes(load)["db.system.name"], attributes(load)["rows"])
    assert ["a", "b"] == [each.string_value for each in attributes(load)["parts"].values]
    assert [("loaded", {"rows": 3})] == [(each.name, attributes(each)) for each in server.events]
    assert (0, "") == (server.status.code, server.status.message)


async def test_the_process_is_described(app, collector):
    """Service, environment, process and what tells it."""
    async with Client(app) as client:
        await client.get("/plain")
    (part,) = collector.requests[0][1].resource_spans
    known = attributes(part.resource)
    assert ("shop", "test", "arlen-otel") == (
        known["service.name"],
        known["deployment.environment.name"],
        known["telemetry.sdk.name"],
    )
    assert {"service.instance.id", "host.name", "process.pid", "process.runtime.version"} < known.keys()
    assert "arlen" == part.scope_spans[0].scope.name


@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    [
        ("GET", "/orders/7", "GET /orders/{id}", 200),
        ("HEAD", "/orders/7", "HEAD /orders/{id}", 200),
        ("GET", "/plain", "GET /plain", 200),
        ("GET", "/stream", "GET /stream", 200),
        ("GET", "/broken", "GET /broken", 500),
        ("GET", "/refused", "GET /refused", 403),
        ("GET", "/unavailable", "GET /unavailable", 503),
        ("GET", "/nothing/here", "GET", 404),
        ("POST", "/plain", "POST", 405),
        ("GET", "/orders/x", "GET", 404),
        ("GET", "/below/page/a", "GET /below/page/{name}", 200),
        ("GET", "/below/nothing", "GET /below", 404),
        ("GET", "/healthz", "GET /healthz", 200),
        ("BREW", "/plain", "_OTHER", 405),
    ],
)
async def test_exactly_one_server_span(app, collector, method, path, name, status):
    """Through middleware, mounts, streams, errors and misses: no less, and no noise of messages."""
    async with Client(app) as client:
        reply = await client.request(method, path)
    servers = [each for each in collector.spans if each.kind == SERVER]
    assert 1 == len(servers)
    assert (status, status) == (reply.status, attributes(servers[0])["http.response.status_code"])
    assert name.split()[0] == servers[0].name.split()[0]
    assert name.split()[1:] == servers[0].name.split()[1:] or status in {404, 405}
    assert len(collector.spans) <= 2
    assert {"load", "deep"} >= {each.name for each in collector.spans} - {servers[0].name}


async def test_many_requests_are_as_many_spans(app, collector):
    """Each with ids of its own."""
    async with Client(app) as client:
        for number in range(50):
            await client.get(f"/orders/{number}")
    assert (50, 50, 50) == (
        sum(each.kind == SERVER for each in collector.spans),
        len({each.trace_id for each in collector.spans}),
        sum(each.name == "load" for each in collector.spans),
    )


async def test_a_websocket_is_one_span(app, collector):
    """From the handshake to its end, whatever the number of messages."""
    async with Client(app) as client, client.websocket("/echo") as ws:
        for _ in range(5):
            await ws.send("x")
            assert "x" == await ws.receive()
    (span,) = collector.spans
    assert ("GET /echo", SERVER) == (span.name, span.kind)


async def test_a_client_that_goes_away(app, collector):
    """One span, that says how far it came."""

    async def leaves(client):
        async with client.stream("GET", "/stream") as reply:
            await anext(reply)
            raise ConnectionResetError

    async with Client(app) as client:
        with pytest.raises(ConnectionResetError):
            await leaves(client)
    (span,) = collector.spans
    assert ("GET /stream", "ConnectionResetError") == (span.name, attributes(span)["error.type"])


async def test_a_failure_is_told_with_its_stack(app, collector):
    """A 5xx is an error, with the exception that made it; a 4xx of a server is none."""
    async with Client(app) as client:
        for path in ("/broken", "/unavailable", "/refused"):
            await client.get(path)
    broken, unavailable, refused = collector.spans
    assert (2, "LookupError") == (broken.status.code, attributes(broken)["error.type"])
    (event,) = broken.events
    assert ("exception", "gone") == (event.name, attributes(event)["exception.message"])
    assert 'raise LookupError("gone")' in attributes(event)["exception.stacktrace"]
    assert (2, "503", 0) == (unavailable.status.code, attributes(unavailable)["error.type"], len(unavailable.events))
    assert 0 == refused.status.code


async def test_background_work_is_a_part_of_the_trace(app, collector):
    """Its spans come after the request's, as children of it, also from a thread."""

    def works(app):
        with app.spans.span("in a thread"):
            pass

    async def waits(app):
        with app.spans.span("after"):
            pass

    @app.get("/late")
    async def late(ctx: Context) -> str:
        ctx.background(waits, ctx.app)
        ctx.background(works, ctx.app)
        return "soon"

    async with Client(app) as client:
        await client.get("/late")
    spans = {each.span_id: each for each in collector.spans}
    names = {each.name: each for each in collector.spans}
    for name in ("after", "in a thread"):
        span = names[name]
        assert names["GET /late"].trace_id == span.trace_id
        while span.kind != SERVER:  # its parent is the work, whose parent is the request
            span = spans[span.parent_span_id]
        assert "GET /late" == span.name


async def test_a_job_goes_on_with_the_trace(app, collector):
    """Its data hold the `traceparent` of the request that queued it: two lines, as the documentation says."""
    from arlen_core.spans import propagation

    @app.get("/queue")
    async def queue() -> dict[str, str]:
        return propagation()

    async with Client(app) as client:
        data = (await client.get("/queue")).json()
        with app.spans.span("send mail", "consumer", parent=data["traceparent"], links=(PARENT,)):
            pass
    server, job = collector.spans
    assert (server.trace_id, server.span_id, 5) == (job.trace_id, job.parent_span_id, job.kind)
    assert PARENT[36:52] == job.links[0].span_id.hex()


class Meters:
    """A registry that keeps what is observed."""

    def __init__(self):
        self.observed = {}

    def observe(self, declaration, function):
        """Keep it."""
        self.observed[declaration.name] = (declaration.kind, function)

    def __getattr__(self, _):
        return lambda _: lambda *_: None


async def test_it_counts(app, collector):
    """What was exported, dropped and waits can be asked for by whoever keeps the numbers."""
    meters = Meters()
    async with Client(app) as client:
        app.meters.attach(meters)
        await client.get("/plain")
        collector.until(lambda: collector.spans)
    known = {name: (kind, function()) for name, (kind, function) in meters.observed.items()}
    assert ("counter", 1) == known["otel.spans.exported"]
    assert (("counter", {}), ("gauge", 0)) == (known["otel.spans.dropped"], known["otel.spans.waiting"])


@pytest.mark.parametrize("words", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {}])
async def test_off_is_off(tmp_path, words):
    """Nothing is recorded or counted, and nobody listens."""
    app = App("shop", root=tmp_path, env="test", environ={})
    otel = app.use(Otel(Settings(enabled=None if words else False), environ=words))

    @app.get("/")
    async def index() -> str:
        return "ok"

    async with Client(app) as client:
        assert "ok" == (await client.get("/")).text
        assert (False, None) == (app.spans.on, otel.exporter)
        assert not [each for each in app.meters.declarations if each.name.startswith("otel.")]


async def test_always_off_records_nothing_and_says_so(tmp_path):
    """The flags tell the next service not to record either."""
    app = App("shop", root=tmp_path, env="test", environ={})
    app.use(Otel(Settings(sampler="always_off"), environ={}))
    async with Client(app) as client:
        reply = await client.get("/", headers={"traceparent": PARENT})
        assert (False, "00") == (app.spans.on, reply.headers["traceparent"][-2:])


async def test_it_can_start_again(app, collector):
    """An application that stopped and starts tells its spans again."""
    for _ in range(2):
        async with Client(app) as client:
            await client.get("/plain")
    assert 2 == len(collector.spans)


async def test_it_is_used_once(tmp_path):
    """A second one that is made alike is the same."""
    app = App("shop", root=tmp_path, env="test", environ={})
    first = app.use(Otel(environ={}))
    assert first is app.use(Otel(environ={}))


async def test_it_can_be_enabled_by_the_configuration(tmp_path, collector, monkeypatch):
    """By its entry point, without a line of code."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "app.toml").write_text('[plugins]\nenabled = ["otel"]\n[otel]\napi = false\n')
    app = App("shop", root=tmp_path, env="test", environ={})
    async with Client(app) as client:
        await client.get("/")
    assert 1 == len(collector.spans)
