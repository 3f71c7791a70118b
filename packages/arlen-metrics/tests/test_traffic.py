"""Traffic: each request is counted once, by route, method and status, and nobody can make series without end."""

import anyio
import pytest

from arlen_core.app import App
from arlen_core.errors import HTTPError
from arlen_core.requests import Request
from arlen_core.responses import Response, Stream
from arlen_core.testing import Client
from arlen_metrics.plugin import Metrics

pytestmark = pytest.mark.anyio


@pytest.fixture
def app():
    """Return an application with a route of each kind."""
    made = App("shop", environ={"ARLEN_LOG__ACCESS": "false"}, env="test")
    made.use(Metrics())

    @made.get("/orders/{id:int}")
    async def show(id: int) -> str:
        return "x" * id

    @made.post("/orders")
    async def create(request: Request) -> str:
        return str(len(await request.body.read()))

    @made.get("/broken")
    async def broken() -> str:
        raise LookupError("nothing here")

    @made.get("/refused")
    async def refused() -> str:
        raise HTTPError(503)

    @made.get("/stream")
    async def stream() -> Response:
        async def chunks():
            yield b"abc"
            yield b"de"

        return Stream(chunks())

    return made


def rows(app, name):
    """Return the series of a metric: the count of a histogram, the value of others."""
    families = {each.declaration.name: each for each in app.plugins.get("metrics").collect()}
    found = families[name].series if name in families else {}
    return {values: sum(cells[:-1]) if len(cells) > 1 else cells[0] for values, cells in found.items()}


DURATION, SENT = "http.server.request.duration", "http.server.response.body.size"


async def test_requests_are_counted_by_template(app):
    """Whatever the number in the path, it is one series."""
    async with Client(app) as client:
        for number in range(5):
            await client.get(f"/orders/{number}")
        assert {("GET", "/orders/{id:int}", "200", ""): 5.0} == rows(app, DURATION)
        assert {("GET", "/orders/{id:int}", "200", ""): 5.0} == rows(app, SENT)
        assert {(): 5.0} == rows(app, "aln.http.requests")


async def test_what_no_route_answers_is_one_series(app):
    """A scan of a thousand paths makes one series, and none of its words is a label."""
    async with Client(app) as client:
        for number in range(20):
            await client.get(f"/{number}.php")
        assert {("GET", "_OTHER", "404", ""): 20.0} == rows(app, DURATION)


async def test_methods_that_nobody_knows_are_one_series(app):
    """Words that a client makes up are no labels, and nothing is kept for them."""
    async with Client(app) as client:
        for number in range(20):
            await client.request(f"BREW{number}", "/orders/1")
        assert {("_OTHER", "_OTHER", "405", ""): 20.0} == rows(app, DURATION)
    assert {"GET", "_OTHER"} >= {key[1] for key in app.plugins.get("metrics").traffic._rows}


async def test_errors_say_what_they_are(app):
    """An exception is counted by its class, another answer from 500 by its status."""
    async with Client(app) as client:
        await client.get("/broken"), await client.get("/refused")
        assert {
            ("GET", "/broken", "500", "LookupError"): 1.0,
            ("GET", "/refused", "503", "503"): 1.0,
        } == rows(app, DURATION)
        assert {("LookupError", "/broken"): 1.0} == rows(app, "arlen.http.server.exceptions")
        assert {(): 2.0} == rows(app, "aln.http.errors")


async def test_sizes_are_those_of_the_bodies(app):
    """Bytes that were sent, streams among them; requests count when they have a body."""
    async with Client(app) as client:
        await client.post("/orders", body=b"x" * 250)
        await client.get("/stream")
        families = {each.declaration.name: each for each in app.plugins.get("metrics").collect()}
    sent, received = families[SENT].series, families["http.server.request.body.size"].series
    assert 5.0 == sent["GET", "/stream", "200", ""][-1]
    assert {("POST", "/orders", "200", ""): [0.0, 1.0, *[0.0] * 6, 250.0]} == received


async def test_requests_in_flight_are_a_gauge(app):
    """A request counts from its begin to the end of its answer."""
    inside, go = anyio.Event(), anyio.Event()

    @app.get("/slow")
    async def slow() -> str:
        inside.set()
        await go.wait()
        return "done"

    async with Client(app) as client, anyio.create_task_group() as group:
        group.start_soon(client.get, "/slow")
        await inside.wait()
        assert {(): 1.0} == rows(app, "http.server.active_requests")
        assert {(): 1.0} == rows(app, "aln.http.requests.active")
        go.set()
    assert {(): 0.0} == rows(app, "http.server.active_requests")


async def test_the_time_is_that_of_the_request(app):
    """Seconds from the head to the last byte, in the bucket that holds them."""
    async with Client(app):
        request, response = Request("GET", b"/orders/1"), Response("x")
        request.template, request.received, request.ended = "/orders/{id:int}", 1_000_000_000, 1_030_000_000
        traffic = app.plugins.get("metrics").traffic
        traffic.begin(request), traffic.end(request, response, 1, None)
        (cells,) = (each.series for each in app.plugins.get("metrics").collect() if each.declaration.name == DURATION)
    (cells,) = cells.values()
    assert [0.0, 0.0, 0.0, 1.0, *[0.0] * 11] == cells[:-1]
    assert pytest.approx(0.03) == cells[-1]


async def test_a_client_that_leaves_is_an_error_of_its_own(app):
    """What keeps an answer from being sent is its error, whatever the status was."""
    async with Client(app):
        request = Request("GET", b"/orders/1")
        response = await app.handle(request)
        app.finish(request, response, sent=0, error=ConnectionResetError())
        assert {("GET", "/orders/{id:int}", "200", "ConnectionResetError"): 1.0} == rows(app, DURATION)


async def test_mounted_applications_count_with_their_prefix(app):
    """The route is what the client sees: the prefix and the template."""
    inner = App("inner", environ={})

    @inner.get("/notes/{id}")
    async def note(id: str) -> str:
        return id

    app.mount("/sub", inner)
    async with Client(app) as client:
        await client.get("/sub/notes/7")
        assert {("GET", "/sub/notes/{id}", "200", ""): 1.0} == rows(app, DURATION)


async def test_a_thousand_requests_are_a_thousand(app):
    """Nothing is lost and nothing counted twice when requests come at once."""

    async def ask(client: Client) -> None:
        for _ in range(100):
            await client.get("/orders/3")

    async with Client(app) as client, anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask, client)
    assert {("GET", "/orders/{id:int}", "200", ""): 1000.0} == rows(app, DURATION)
    assert {(): 0.0} == rows(app, "http.server.active_requests")


async def test_a_websocket_counts_its_handshake(app):
    """However long it is open: one request of status 101, none that is being answered."""
    from arlen_core.sockets import WebSocket

    @app.websocket("/feed")
    async def feed(socket: WebSocket) -> None:
        await socket.send("hello" * 100)
        await socket.receive()

    async with Client(app) as client:
        async with client.websocket("/feed") as wire:
            await wire.receive()
            assert {(): 0.0} == rows(app, "http.server.active_requests")
        assert {("GET", "/feed", "101", ""): 1.0} == rows(app, DURATION)
        families = {each.declaration.name: each.series for each in app.plugins.get("metrics").collect()}
        assert 0.0 == families[SENT]["GET", "/feed", "101", ""][-1]
        assert {(): 0.0} == rows(app, "http.server.active_requests")


async def test_spans_and_series_name_an_error_alike(app):
    """The span of a request and its series say the same of what it failed with: the class, with its module."""
    told = []
    app.spans.listen(told.extend)

    @app.get("/cancelled")
    async def cancelled() -> str:
        raise anyio.BrokenResourceError

    async with Client(app) as client:
        await client.get("/cancelled")
        assert {"anyio.BrokenResourceError"} == {
            each.attributes["error.type"] for each in told if each.kind == "server"
        }
        assert ("GET", "/cancelled", "500", "anyio.BrokenResourceError") in rows(app, DURATION)
