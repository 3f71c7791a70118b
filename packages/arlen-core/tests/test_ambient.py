"""Ambient: the innermost span, and the bridge to other libraries for traces."""

from __future__ import annotations

import json
import logging

import anyio
import pytest

from arlen_core import ambient
from arlen_core.ambient import active, bridge, inside
from arlen_core.app import App
from arlen_core.context import Context
from arlen_core.requests import Request
from arlen_core.responses import Response
from arlen_core.spans import Tracer, propagation
from arlen_core.testing import Client

OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Fake:
    """A bridge that takes note of what is asked of it."""

    def __init__(self):
        self.heard, self.found = [], ""

    def inside(self):
        """Return what the test says."""
        return self.found

    def enter(self, span):
        """Take note of a span."""
        self.heard.append(("enter", span.name))
        return span.name

    def leave(self, token):
        """Take note of its end."""
        self.heard.append(("leave", token))


@pytest.fixture
def fake(monkeypatch):
    """A bridge for one test."""
    monkeypatch.setattr(ambient, "_bridge", None)
    return bridge(Fake())


@pytest.fixture
def tracer():
    """A tracer that somebody listens to."""
    made = Tracer()
    made.listen(lambda _: None)
    return made


def test_inside_is_the_innermost_span(tracer):
    """Spans inside of spans are told one by one, and nothing is told outside of them."""
    with tracer.span("outer") as outer:
        with tracer.span("inner") as inner:
            assert (inner.traceparent, inner) == (inside(), active.get())
        assert outer.traceparent == inside()
    assert ("", None) == (inside(), active.get())


def test_a_span_of_another_library_is_a_parent(tracer, fake):
    """What the bridge finds is the parent of our spans, and goes out with requests."""
    fake.found = OTHER
    with tracer.span("ours") as span:
        pass
    assert (OTHER[3:35], OTHER[36:52]) == (span.trace_id, span.parent_id)
    assert {"traceparent": OTHER} == propagation()


def test_our_spans_are_told_to_the_other_library(tracer, fake):
    """The bridge hears of the begin and the end of each span, also of one that fails."""
    with pytest.raises(KeyError), tracer.span("outer"), tracer.span("inner"):
        raise KeyError
    assert [("enter", "outer"), ("enter", "inner"), ("leave", "inner"), ("leave", "outer")] == fake.heard


def test_a_bridge_that_finds_nothing_changes_nothing(tracer, fake):
    """Where the other library has no span, ours counts."""
    with tracer.span("ours") as span:
        assert span.traceparent == inside()
    assert bridge() is fake


def logged(folder):
    """An application that writes its log to a file, whose handlers and background work write lines of all kinds."""
    app = App("lines", root=folder, env="test", environ={"ARLEN_LOG__TARGET": "log", "ARLEN_LOG__FORMAT": "json"})
    app.spans.listen(lambda _: None)

    @app.get("/")
    async def index(ctx: Context) -> str:
        ctx.log.info("handler")
        with ctx.app.spans.span("inner") as span:
            ctx.log.info("inner", own=span.span_id)
            await anyio.to_thread.run_sync(ctx.log.info, "thread")
        logging.getLogger("library").warning("library")
        ctx.background(waits, app)
        ctx.background(app.log.info, "background thread")
        return "ok"

    @app.get("/plain")
    def plain() -> str:
        app.log.info("plain")
        return "ok"

    async def waits(app):
        app.log.info("background")

    return app


async def read(folder):
    """The lines that were written, by what they say."""
    text = await anyio.Path(folder, "log").read_text()
    return {each["event"]: each for each in map(json.loads, text.splitlines())}


@pytest.mark.anyio
async def test_every_line_names_its_request_and_its_span(tmp_path):
    """Lines of handlers, spans, threads, libraries and background work have the ids of the answer."""
    async with Client(logged(tmp_path)) as client:
        reply = await client.get("/")
        plain = await client.get("/plain")
    lines = await read(tmp_path)
    trace, own = reply.headers["traceparent"][3:35], reply.headers["traceparent"][36:52]
    for event in ("handler", "inner", "thread", "library", "background", "background thread"):
        assert (reply.headers["x-request-id"], trace) == (lines[event]["request_id"], lines[event]["trace_id"]), event
    assert {own} == {lines[event]["span_id"] for event in ("handler", "library")}
    assert {own}.isdisjoint(
        lines[event]["span_id"] for event in ("background", "background thread")
    )  # they have theirs
    assert {lines["inner"]["own"]} == {lines[event]["span_id"] for event in ("inner", "thread")}
    assert plain.headers["x-request-id"] == lines["plain"]["request_id"]


@pytest.mark.anyio
async def test_lines_outside_of_requests_name_their_span(tmp_path):
    """A job's lines have its trace; lines outside of all have no ids."""
    app = logged(tmp_path)
    async with Client(app):
        with app.spans.span("job", parent=OTHER) as span:
            app.log.info("in a job")
        app.log.info("alone")
    lines = await read(tmp_path)
    assert (OTHER[3:35], span.span_id) == (lines["in a job"]["trace_id"], lines["in a job"]["span_id"])
    assert "request_id" not in lines["in a job"]
    assert {"request_id", "trace_id", "span_id"}.isdisjoint(lines["alone"])


@pytest.mark.anyio
async def test_lines_about_the_end_of_a_request_name_it(tmp_path):
    """A server tells of the end of a request wherever it is: its error, and what `after_response` fails with."""
    app = logged(tmp_path)

    @app.hook("after_response")
    def fails(request, response):
        raise LookupError("late")

    async with Client(app):
        request = Request()
        app.finish(request, Response("x"), error=OSError("full"))
    lines = await read(tmp_path)
    assert request.id == lines["http.response.failed"]["request_id"]
    assert any(each.get("request_id") == request.id and "late" in str(each) for each in lines.values())
