"""Interface: spans made by OpenTelemetry's own interface are parts of our traces, and the other way round."""

from __future__ import annotations

import os
import subprocess
import sys

import anyio
import pytest

pytest.importorskip("opentelemetry.sdk.trace", reason="needs opentelemetry-sdk")
pytest.importorskip("opentelemetry.exporter.otlp.proto.common", reason="needs opentelemetry-exporter-otlp-proto-common")

from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from arlen_core.app import App
from arlen_core.context import Context
from arlen_core.errors import ConfigError
from arlen_core.spans import propagation
from arlen_core.testing import Client
from arlen_otel import plugin
from arlen_otel.interface import quiet
from arlen_otel.plugin import Otel
from arlen_otel.settings import Settings

pytestmark = pytest.mark.anyio
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
tracer = trace.get_tracer("shop.library", "1.2")


def attributes(message):
    """Attributes as a dictionary."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in message.attributes}


def ids(context):
    """The ids of a context of the interface, as text."""
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


@pytest.fixture
def app(traced):
    """An application whose handlers the tests add."""
    return traced(api=True)


@pytest.fixture
def spans(collector):
    """The spans that came, by name."""
    return lambda: {each.name: each for each in collector.spans}


async def ask(app, path="/", **options):
    """Send one request in the life of an application."""
    async with Client(app) as client:
        return await client.get(path, **options)


async def test_code_sees_the_span_of_its_request(app):
    """Ids, flags and state of the current span are those of the request, and it is recording."""

    @app.get("/")
    async def index() -> dict[str, object]:
        found = trace.get_current_span()
        context = found.get_span_context()
        state = context.trace_state.to_header()
        return {
            "ids": ids(context),
            "flags": int(context.trace_flags),
            "state": state,
            "recording": found.is_recording(),
        }

    reply = await ask(app, headers={"traceparent": PARENT, "tracestate": "rojo=1"})
    sent = reply.headers["traceparent"]
    assert {"ids": [sent[3:35], sent[36:52]], "flags": 1, "state": "rojo=1", "recording": True} == reply.json()


async def test_spans_of_the_interface_have_ours_as_parents(app, spans):
    """And arrive by the same way, with what the interface knows of them."""

    @app.get("/")
    async def index() -> str:
        with tracer.start_as_current_span("fetch", kind=SpanKind.CLIENT, attributes={"a": 1}) as span:
            span.add_event("sent", {"b": "c"})
        return "ok"

    await ask(app)
    server, fetch = spans()["GET /"], spans()["fetch"]
    assert (server.trace_id, server.span_id, 3) == (fetch.trace_id, fetch.parent_span_id, fetch.kind)
    assert ({"a": 1}, ["sent"]) == (attributes(fetch), [each.name for each in fetch.events])


async def test_texts_of_the_interface_are_cut(traced, spans):
    """Those of its own spans and those that it puts into ours, before they wait; exceptions may say more."""
    app = traced(api=True, attribute_length=10)

    @app.get("/")
    async def index() -> str:
        trace.get_current_span().set_attribute("own", "x" * 99)
        with tracer.start_as_current_span("fetch" * 9, attributes={"a": "x" * 99, "b": ("y" * 99, "y")}) as span:
            span.add_event("sent", {"c": "z" * 99})
            span.record_exception(ValueError("w" * 99))
            span.set_status(Status(StatusCode.ERROR, "v" * 99))
        return "ok"

    await ask(app)
    server, fetch = spans()["GET /"], spans()["fetchfetch"]
    sent, failed = fetch.events
    assert ("x" * 10, "x" * 10, "z" * 10) == (attributes(server)["own"], attributes(fetch)["a"], attributes(sent)["c"])
    assert ["y" * 10, "y"] == [each.string_value for each in attributes(fetch)["b"].values]
    assert ("w" * 80, "v" * 10) == (attributes(failed)["exception.message"], fetch.status.message)
    assert (server.span_id, server.trace_id) == (fetch.parent_span_id, fetch.trace_id)


async def test_scopes_are_told_apart(app, collector):
    """Which library has made a span stands beside it; who tells it is the same."""

    @app.get("/")
    async def index() -> str:
        with tracer.start_as_current_span("fetch"):
            return "ok"

    await ask(app)
    known = {
        scope.scope.name: [each.name for each in scope.spans]
        for _, message in collector.requests
        for part in message.resource_spans
        for scope in part.scope_spans
    }
    assert {"arlen": ["GET /"], "shop.library": ["fetch"]} == known


async def test_all_kinds_nest(app, spans):
    """Ours in theirs in ours in that of the request, and `propagation` gives the innermost."""

    @app.get("/")
    async def index(ctx: Context) -> dict[str, str]:
        with (
            ctx.app.spans.span("one"),
            tracer.start_as_current_span("two"),
            ctx.app.spans.span("three"),
            tracer.start_as_current_span("four"),
        ):
            ctx.app.spans.add("five", 1)
            return propagation()

    reply = await ask(app)
    known = spans()
    chain = ["GET /", "one", "two", "three", "four", "five"]
    parents = [known[name].span_id for name in chain[:-1]]
    assert parents == [known[name].parent_span_id for name in chain[1:]]
    assert known["four"].span_id.hex() == reply.json()["traceparent"][36:52]


async def test_after_a_span_the_one_before_is_current(app):
    """Each ends where it began, also when it fails."""

    @app.get("/")
    async def index(ctx: Context) -> list[bool]:
        before = trace.get_current_span()
        inner = []
        with pytest.raises(ZeroDivisionError), ctx.app.spans.span("inner"):
            inner.append(trace.get_current_span() is before or 1 / 0)
        return [*inner, trace.get_current_span() is before]

    assert [True] == (await ask(app)).json()


async def test_after_a_request_nothing_is_current(app):
    """Its context is not left to whatever runs next."""

    @app.get("/")
    async def index() -> str:
        return "ok"

    async with Client(app) as client:
        await client.get("/")
        assert trace.INVALID_SPAN is trace.get_current_span()


async def test_the_span_of_a_request_takes_what_the_interface_adds(app, spans):
    """Attributes, events, links, a name and a status stand in the one span of the request."""

    @app.get("/")
    async def index() -> str:
        own = trace.get_current_span()
        own.set_attribute("a", 1)
        own.set_attributes({"b": "x", "c": True})
        own.add_event("one", {"d": 1})
        own.add_event("two", timestamp=1_700_000_000_000_000_000)
        own.add_link(own.get_span_context())
        own.update_name("index")
        own.set_status(Status(StatusCode.ERROR, "bad"))
        own.set_status(StatusCode.OK)
        own.record_exception(KeyError("k"))
        own.end()
        return str(own.is_recording())

    assert "True" == (await ask(app)).text
    server = spans()["index"]
    assert {"a": 1, "b": "x", "c": True}.items() <= attributes(server).items()
    assert ["one", "two", "exception"] == [each.name for each in server.events]
    assert abs(server.events[1].time_unix_nano - 1_700_000_000_000_000_000) < 10**9
    assert {"exception.type": "KeyError", "exception.message": "'k'"} == attributes(server.events[2])
    assert (2, "bad", server.span_id) == (server.status.code, server.status.message, server.links[0].span_id)


async def test_our_spans_take_what_the_interface_adds(app, spans):
    """Where one of ours is the innermost."""

    @app.get("/")
    async def index(ctx: Context) -> str:
        with ctx.app.spans.span("inner"):
            trace.get_current_span().set_attribute("a", 1)
        return "ok"

    await ask(app)
    assert ({"a": 1}, False) == (attributes(spans()["inner"]), "a" in attributes(spans()["GET /"]))


async def test_what_comes_too_late_is_lost(app, spans):
    """A span that has ended records nothing any more, and nothing fails."""
    kept = []

    @app.get("/")
    async def index() -> str:
        kept.append(trace.get_current_span())
        return "ok"

    async with Client(app) as client:
        await client.get("/")
        own = kept[0]
        own.set_attribute("late", 1)
        own.set_attributes({"late": 1})
        own.add_event("late", timestamp=1)
        own.add_link(own.get_span_context())
        own.update_name("late")
        own.set_status(StatusCode.ERROR)
        assert not own.is_recording()
    assert "late" not in str(spans()["GET /"])


@pytest.mark.parametrize(("sampler", "count"), [("always_on", 2), ("parentbased_always_on", 0), ("traceidratio", 0)])
async def test_it_is_sampled_as_we_do(traced, collector, sampler, count):
    """What is not recorded of ours is not recorded of theirs, and they say so to others."""
    app = traced(api=True, sampler=sampler, ratio=0.0)

    @app.get("/")
    async def index() -> dict[str, str]:
        with tracer.start_as_current_span("inner"):
            fields: dict[str, str] = {}
            propagate.inject(fields)
            return fields

    reply = await ask(app, headers={"traceparent": PARENT[:-1] + "0"})
    flags = "01" if count else "00"
    assert (count, flags) == (len(collector.spans), reply.json()["traceparent"][-2:])
    assert PARENT[3:35] == reply.json()["traceparent"][3:35]


async def test_traces_that_the_interface_begins(traced, collector):
    """Outside of requests: our sampler decides, and our spans are their children."""
    app = traced(api=True, sampler="traceidratio", ratio=0.5)
    wanted = set()
    async with Client(app):
        for _ in range(40):
            with tracer.start_as_current_span("root") as root, app.spans.span("ours"):
                pass
            if root.is_recording() or root.get_span_context().trace_flags.sampled:
                wanted.add(ids(root.get_span_context())[0])
    assert wanted == {each.trace_id.hex() for each in collector.spans}
    assert 0 < len(wanted) < 40
    roots = {each.span_id for each in collector.spans if each.name == "root"}
    assert roots == {each.parent_span_id for each in collector.spans if each.name == "ours"}


async def test_it_goes_through_threads_and_tasks(app, spans):
    """What runs in a thread or in background work has the same parent."""

    def works():
        with tracer.start_as_current_span("thread"):
            pass

    async def later():
        with tracer.start_as_current_span("later"):
            pass

    @app.get("/")
    async def index(ctx: Context) -> str:
        await anyio.to_thread.run_sync(works)
        ctx.background(later)
        return "ok"

    await ask(app)
    known = spans()
    assert known["GET /"].span_id == known["thread"].parent_span_id
    assert known["GET /"].trace_id == known["later"].trace_id


async def test_requests_at_the_same_time_are_kept_apart(app, collector):
    """Each task has the span of its own request."""
    both = anyio.Event()
    waiting = []

    @app.get("/{name}")
    async def page(name: str) -> str:
        waiting.append(name)
        if len(waiting) == 2:
            both.set()
        await both.wait()
        with tracer.start_as_current_span(f"inner {name}"):
            return name

    async with Client(app) as client, anyio.create_task_group() as group:
        for name in ("a", "b"):
            group.start_soon(client.get, f"/{name}")
    servers = {attributes(each)["url.path"][1:]: each.span_id for each in collector.spans if each.kind == 2}
    inner = {each.name.split()[1]: each.parent_span_id for each in collector.spans if each.kind == 1}
    assert servers == inner


async def test_lines_of_the_log_name_the_innermost_span(app, tmp_path):
    """Also when it is one of the interface."""
    heard = []

    @app.get("/")
    async def index() -> str:
        from arlen_core.logs import _ids, current

        with tracer.start_as_current_span("inner") as span:
            heard.append((_ids(current.get())["span_id"], ids(span.get_span_context())[1]))
        return "ok"

    await ask(app)
    assert heard[0][0] == heard[0][1]


async def test_in_a_mounted_application(app, spans):
    """The span is that of the one request."""
    child = App("child", env="test")

    @child.get("/page")
    async def page() -> str:
        trace.get_current_span().set_attribute("a", 1)
        with tracer.start_as_current_span("inner"):
            return "ok"

    app.mount("/below", child)
    await ask(app, "/below/page")
    server = spans()["GET /below/page"]
    assert (server.span_id, 1) == (spans()["inner"].parent_span_id, attributes(server)["a"])


async def test_without_a_running_application_nothing_is_recorded():
    """Libraries that make spans go on working."""
    with tracer.start_as_current_span("nobody") as span:
        assert not span.is_recording()


async def test_a_thread_can_be_kept_out_of_traces():
    """That of the exporter is: its own requests would make spans, which would make requests."""
    before = contexts.get_current()
    try:
        quiet()
        assert contexts.get_value("suppress_instrumentation")
        assert contexts.get_value(contexts._SUPPRESS_INSTRUMENTATION_KEY)
    finally:
        contexts.attach(before)


async def test_it_can_be_off(traced):
    """Then code sees no span, and a request does nothing for it."""
    app = traced(api=False)

    @app.get("/")
    async def index() -> str:
        return str(trace.get_current_span().get_span_context().is_valid)

    assert "False" == (await ask(app)).text


@pytest.mark.parametrize(("wanted", "there", "made"), [(None, False, False), (None, True, True), (False, True, False)])
async def test_by_default_it_is_on_where_it_is_installed(monkeypatch, wanted, there, made):
    """And nobody has to say anything."""
    monkeypatch.setattr(plugin, "_there", lambda _: there)
    assert made is plugin._api(wanted)


async def test_wanting_it_without_having_it_fails_the_start(monkeypatch, tmp_path):
    """With what to install."""
    monkeypatch.setattr(plugin, "_there", lambda _: False)
    app = App("shop", root=tmp_path, env="test", environ={})
    app.use(Otel(Settings(api=True), environ={}))
    with pytest.raises(ConfigError, match=r"arlen-otel\[api\]") as caught:
        app.plugins.settle()
    assert "otel_api" == caught.value.code


async def test_a_package_that_is_not_there():
    """Is looked for without importing anything."""
    assert (True, False, False) == tuple(map(plugin._there, ("opentelemetry.sdk.trace", "nothing.at.all", "json.none")))


FORKS = """
import asyncio, os
from arlen_core.app import App
from arlen_otel import Otel, Settings

async def main():
    app = App("shop", env="test", environ={})
    app.use(Otel(Settings(api=True), environ={}))
    await app.start()
    import concurrent.futures.thread
    child = os.fork()
    if child == 0:
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    await app.stop()

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_does_not_hang():
    """The provider's own hook waits for a lock that nobody in the child holds, unless the order of hooks is right."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert b"7" == done.stdout.strip()
