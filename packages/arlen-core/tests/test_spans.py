"""Spans: what is recorded of a request, when, and who hears of it."""

from __future__ import annotations

import pytest

from arlen_core.app import App
from arlen_core.context import Context
from arlen_core.spans import MOST, Tracer, propagation
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def make():
    """An application whose spans are told to a list, a batch each."""
    app, told = App("spans", env="test"), []
    app.spans.listen(told.append)

    @app.get("/orders/{id}")
    async def show(id: int, ctx: Context) -> dict[str, object]:
        with ctx.app.spans.span("outer", orders=id):
            ctx.app.spans.add("select", 1, end=2, kind="client")
            return propagation()

    @app.get("/late")
    async def late(ctx: Context) -> str:
        ctx.background(after, ctx.app)
        return "soon"

    async def after(app):
        app.spans.add("afterwards", 1)

    @app.get("/broken")
    async def broken() -> str:
        raise ZeroDivisionError

    return app, told


async def test_a_request_is_one_span_with_its_children():
    """The spans of a request come together: its own first, children by the order of their ends, linked by parents."""
    app, told = make()
    async with Client(app) as client:
        answer = await client.get("/orders/7", headers={"traceparent": PARENT, "tracestate": "rojo=1"})
    server, select, outer = told[0]
    assert ("GET /orders/{id}", "server") == (server.name, server.kind)
    assert [PARENT[3:35]] * 3 == [each.trace_id for each in told[0]]
    assert (PARENT[36:52], server.span_id, outer.span_id) == (server.parent_id, outer.parent_id, select.parent_id)
    assert server.span_id == answer.headers["traceparent"][36:52]
    assert {"traceparent": outer.traceparent, "tracestate": "rojo=1"} == answer.json()
    assert ("/orders/{id}", 200) == (server.attributes["http.route"], server.attributes["http.response.status_code"])
    assert server.start <= outer.start <= outer.end <= server.end
    assert 1 == len(told)


async def test_what_comes_after_a_request_is_told_alone():
    """A span of background work names the request as its parent and comes by itself."""
    app, told = make()
    async with Client(app) as client:
        await client.get("/late")
    (server,), (late,), (work,) = told
    assert ("afterwards", work.span_id) == (late.name, late.parent_id)
    assert (server.trace_id, server.span_id) == (work.trace_id, work.parent_id)


async def test_a_failure_is_the_error_of_the_span():
    """A request that failed says with what."""
    app, told = make()
    async with Client(app) as client:
        await client.get("/broken")
    assert ("ZeroDivisionError", 500) == (
        told[0][0].attributes["error.type"],
        told[0][0].attributes["http.response.status_code"],
    )
    assert isinstance(told[0][0].error, ZeroDivisionError)


async def test_what_nobody_samples_is_not_recorded():
    """A request that no listener wants makes no spans, and its handler gets one that keeps nothing."""
    app, told = App("spans", env="test"), []
    app.spans.listen(told.append, sample=lambda _: False)

    @app.get("/")
    async def index(ctx: Context) -> str:
        with ctx.app.spans.span("inner") as span:
            span.set("a", 1)
            return span.traceparent

    async with Client(app) as client:
        assert "" == (await client.get("/")).text
    assert [] == told


async def test_a_mounted_application_tells_the_same_listeners():
    """What happens in a mounted application stands in the batch of the request, below the same parent."""
    app, child, told = App("top", env="test"), App("child", env="test"), []
    app.spans.listen(told.append)

    @child.get("/page")
    async def page(ctx: Context) -> str:
        ctx.app.spans.add("deep", 1)
        return "page"

    app.mount("/below", child)
    async with Client(app) as client:
        await client.get("/below/page")
    server, deep = told[0]
    assert ("GET /below/page", server.span_id) == (server.name, deep.parent_id)


async def test_nobody_is_told_after_leaving():
    """A listener that left hears nothing, also below a mount, and the application looks at no clock."""
    app, child, told = App("top", env="test"), App("child", env="test"), []
    app.mount("/below", child)
    listener = app.spans.listen(told.append)
    async with Client(app) as client:
        app.spans.leave(listener)
        await client.get("/below/page")
    assert ([], False, False) == (told, app.spans.on, child.spans.on)


def test_a_long_request_is_told_in_parts():
    """Spans past the bound of one request do not wait for its end."""
    from arlen_core.logs import current
    from arlen_core.requests import Request

    tracer, told = Tracer(), []
    tracer.listen(told.append)
    token = current.set(Request())
    try:
        for _ in range(MOST + 1):
            tracer.add("tick", 1)
    finally:
        current.reset(token)
    assert [MOST] == [len(each) for each in told]


def test_a_listener_that_fails_harms_nobody():
    """What a listener raises is reported, and the others are told."""
    failures, told = [], []
    tracer = Tracer(lambda name, error: failures.append((name, error)))
    tracer.listen(lambda _: 1 / 0)
    tracer.listen(told.extend)
    tracer.add("tick", 1)
    assert (["tick"], ["a listener of spans"]) == ([each.name for each in told], [name for name, _ in failures])


def test_a_span_of_another_process():
    """With a `traceparent` a span goes on with the trace of whoever sent it, its flags too."""
    tracer, told = Tracer(), []
    tracer.listen(told.extend)
    with pytest.raises(KeyError), tracer.span("job", "consumer", parent=PARENT[:-1] + "0", links=(PARENT,)) as span:
        raise KeyError("x")
    assert [span] == told
    assert (PARENT[3:35], PARENT[36:52], 0) == (span.trace_id, span.parent_id, span.flags)
    assert isinstance(span.error, KeyError)


def test_attributes_are_bounded():
    """The 129th attribute is left out; one that is there can be changed."""
    tracer, told = Tracer(), []
    tracer.listen(told.extend)
    with tracer.span("many") as span:
        for number in range(200):
            span.set(f"a{number}", number)
        span.set("a0", "changed")
    assert (128, "changed") == (len(told[0].attributes), told[0].attributes["a0"])


async def test_a_handler_adds_to_the_span_of_its_request():
    """Attributes, events, a name and an error that a handler gives stand in the one server span."""
    app, told = App("spans", env="test"), []
    app.spans.listen(told.append)

    @app.get("/orders/{id}")
    async def show(ctx: Context) -> str:
        own = ctx.app.spans.server()
        own.set("shop.order", 7)
        own.event("paid", amount=3)
        own.name, own.error = "order", "unpaid"
        return own.traceparent

    async with Client(app) as client:
        answer = await client.get("/orders/7")
    (server,) = told[0]
    assert ("order", "unpaid", 7) == (server.name, server.error, server.attributes["shop.order"])
    assert (200, server.traceparent) == (server.attributes["http.response.status_code"], answer.text)
    assert [("paid", {"amount": 3})] == [(each.name, each.attributes) for each in server.events]
    assert "" == app.spans.server().traceparent


def test_events_are_bounded():
    """The 129th event of a span is left out."""
    tracer, told = Tracer(), []
    tracer.listen(told.extend)
    with tracer.span("many") as span:
        for number in range(200):
            span.event(f"e{number}")
    assert 128 == len(told[0].events)


def test_a_trace_that_begins_here_gets_the_flag_of_who_decides():
    """Without a caller the listener's decision is the flag of the trace, and what it did not sample is not told."""
    tracer, told = Tracer(), []
    tracer.listen(told.extend, sample=lambda trace: trace.endswith("1"), decide=lambda trace_id: trace_id > "8")
    flags = []
    for _ in range(64):
        with tracer.span("tick") as span:
            flags.append((span.trace_id > "8", span.flags))
    assert {(True, 1), (False, 0)} == set(flags)
    assert {1} == {each.flags for each in told}


async def test_a_state_without_its_trace_is_not_passed_on():
    """A `tracestate` beside a wrong or missing `traceparent` is nobody's (W3C Trace Context §3.3)."""
    app, told = make()
    async with Client(app) as client:
        wrong = await client.get("/orders/7", headers={"traceparent": "00-0-0-01", "tracestate": "rojo=1"})
        without = await client.get("/orders/7", headers={"tracestate": "rojo=1"})
    assert [["traceparent"]] * 2 == [list(each.json()) for each in (wrong, without)]
    assert ["", ""] == [each[0].tracestate for each in told]


async def test_observers_hear_of_each_request_once():
    """Begin and end are called once for each request, with the bytes that were sent, also in a mounted application."""
    app, child, heard = App("top", env="test"), App("child", env="test"), []
    for name, each in (("top", app), ("child", child)):
        each.observe(
            lambda request, name=name: heard.append((name, request.path)),
            lambda request, response, sent, error, name=name: heard.append((name, response.status, sent, error)),
        )

    @child.get("/page")
    async def page() -> str:
        return "page"

    app.mount("/below", child)
    async with Client(app) as client:
        await client.get("/below/page")
        await client.get("/nothing")
    assert [("top", "/below/page"), ("child", "/page"), ("top", 200, 4, None), ("child", 200, 4, None)] == heard[:4]
    assert ("top", 404) == heard[5][:2]


async def test_a_listener_that_cannot_choose_costs_no_request():
    """What it is asked may fail: the request is answered, and the log says it."""
    failed = []
    app = App("spans", env="test")
    app.spans._failed = lambda what, error: failed.append((what, type(error)))
    app.spans.listen(lambda _: None, sample=lambda _: 1 // 0)

    @app.get("/")
    async def home() -> str:
        with app.spans.span("inside"):
            return "here"

    async with Client(app) as client:
        assert "here" == (await client.get("/")).text
    assert [("a listener of spans", ZeroDivisionError)] == failed


def test_a_listener_that_cannot_decide_costs_no_work():
    """What runs outside of requests goes on, and its trace is not sampled."""
    failed = []
    tracer = Tracer(lambda what, error: failed.append((what, type(error))))
    tracer.listen(lambda _: None, decide=lambda _: 1 // 0)
    with tracer.span("outside") as span:
        assert 0 == span.flags
    assert [("a listener of spans", ZeroDivisionError)] == failed


WRONG = [
    "garbage",
    "00-",
    f"00-{'z' * 32}-{'1' * 16}-01",
    f"00-{'0' * 32}-{'0' * 16}-00",
    f"{PARENT}\r\nx: y",
    "x" * 9999,
]


@pytest.mark.parametrize("parent", WRONG)
def test_a_parent_that_is_none_begins_a_trace(parent):
    """Who runs a job has its parent from a queue: what anybody wrote there neither fails nor is passed on."""
    tracer = Tracer()
    tracer.listen(lambda _: None)
    with tracer.span("job", parent=parent, links=(parent, PARENT)) as span:
        assert (PARENT,) == span.links
        assert ("", 55) == (span.parent_id, len(span.traceparent))
        assert span.trace_id not in parent


async def test_the_state_of_a_request_is_the_applications():
    """A handler may keep `spans` of its own there."""
    app, told = App("spans", env="test"), []
    app.spans.listen(told.append)

    @app.get("/")
    async def home(ctx: Context) -> str:
        ctx.request.state["spans"] = ["mine"]
        with app.spans.span("inside"):
            return str(ctx.request.state["spans"])

    async with Client(app) as client:
        assert "['mine']" == (await client.get("/")).text
    assert [["GET /", "inside"]] == [[each.name for each in spans] for spans in told]
