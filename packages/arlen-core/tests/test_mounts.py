"""Mounts: native, ASGI and WSGI applications below a prefix, and being mounted."""

from collections.abc import AsyncIterator
from functools import partial

import anyio
import pytest

from arlen_core.app import App
from arlen_core.context import Context
from arlen_core.errors import HTTPError, StartupError
from arlen_core.mounts import adopt, nested
from arlen_core.requests import Request
from arlen_core.responses import text
from arlen_core.router import Router
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio


def fresh(title: str = "app", **words) -> App:
    """Return an application without access lines."""
    return App(title, environ={"ARLEN_LOG__ACCESS": "false", **words})


def child(seen: list | None = None, **words) -> App:
    """Return an application with routes, background work and hooks of its own."""
    app, seen = fresh("child", **words), [] if seen is None else seen

    @app.get("/", name="home")
    async def home(ctx: Context) -> dict:
        return {"root": ctx.request.root, "home": ctx.url_for("home"), "note": ctx.url_for("note", id=1)}

    @app.get("/notes/{id:int}", name="note")
    async def note(id: int, ctx: Context) -> str:
        ctx.background(seen.append, f"background {id}")
        return f"note {id}"

    @app.get("/fail")
    async def fail() -> None:
        raise RuntimeError("boom")

    @app.get("/refuse")
    async def refuse() -> None:
        raise HTTPError(409)

    @app.post("/read")
    async def read(request: Request) -> int:
        return len(await request.body.read())

    @app.hook("after_response")
    def after(request, response):
        seen.append(f"after {request.path}")

    return app


async def bare(scope, receive, send) -> None:
    """Answer as the smallest ASGI application does."""
    if scope["type"] != "http":
        raise NotImplementedError
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"bare"})


# -- native


async def test_a_native_application_below_a_prefix():
    """`/p` is its `/`; `/px` is not it; its links have the prefix; the answer names it."""
    outer = fresh()
    outer.mount("/p", child())
    async with Client(outer) as client:
        for path in ("/p", "/p/"):
            reply = await client.get(path)
            assert (200, "/p", "/p/", "/p/notes/1") == (
                reply.status, reply.json()["root"], reply.json()["home"], reply.json()["note"],
            )  # fmt: skip
            assert "/p" == reply.headers["x-arlen-mount-prefix"]
        assert "note 7" == (await client.get("/p/notes/7")).text
        assert [404, 404, 404] == [(await client.get(path)).status for path in ("/px", "/p/nothing", "/")]


async def test_mounts_in_mounts():
    """Prefixes add up, in links and in the template of the log."""
    inner, middle, outer = child(), fresh("middle"), fresh("outer")
    middle.mount("/b", inner, name="inner")
    outer.mount("/a", middle, name="middle")
    async with Client(outer) as client:
        reply = await client.get("/a/b/notes/7")
        assert ("note 7", "/a/b/notes/{id:int}") == (reply.text, reply.request.template)
        assert "/a/b/notes/1" == (await client.get("/a/b")).json()["note"]
        assert "/a/b/notes/9" == outer.url_for("middle:inner:note", id=9)


async def test_an_odd_prefix_is_percent_encoded():
    """In links and in the header."""
    outer = fresh()
    outer.mount("/café ü", child(), name="c")
    async with Client(outer) as client:
        reply = await client.get("/caf%C3%A9%20%C3%BC")
        assert "/caf%C3%A9%20%C3%BC/notes/1" == reply.json()["note"] == outer.url_for("c:note", id=1)
        assert "/caf%C3%A9%20%C3%BC" == reply.headers["x-arlen-mount-prefix"]


async def test_the_child_keeps_its_own_ways():
    """Its middleware, errors, headers, limits and redirects; the outer middleware and guards are around it."""
    outer, inner, seen = fresh(), child(), []

    @inner.middleware
    async def own(request, next):
        seen.append("inner")
        return await next(request)

    @inner.error(404)
    async def missing(ctx, error):
        return "inner 404"

    async def guard(key: str = "") -> bool:
        return key != "no"

    @outer.middleware
    async def around(request, next):
        seen.append("outer")
        answer = await next(request)
        answer.headers.set("x-outer", "1")
        return answer

    router = Router("/r", guards=[guard])
    router.mount("/p", inner)
    outer.include(router)
    async with Client(outer) as client:
        reply = await client.get("/r/p/nothing")
        assert (404, "inner 404", "1", ["outer", "inner"]) == (
            reply.status, reply.text, reply.headers["x-outer"], seen,
        )  # fmt: skip
        assert 403 == (await client.get("/r/p/notes/1?key=no")).status
        reply = await client.get("/r/p/notes/7/?x=1")
        assert (308, "/r/p/notes/7?x=1") == (reply.status, reply.headers["location"])
        assert 1 == len(reply.headers.all("x-request-id"))
        assert 1 == len(reply.headers.all("content-security-policy"))


async def test_the_childs_own_work_is_done():
    """Background work and `after_response` of a mounted application run, with its own bounds, once."""
    seen = []
    outer, inner = fresh(), child(seen)
    outer.hook("after_response")(lambda request, response: seen.append(f"outer {request.path}"))
    outer.mount("/p", inner)
    async with Client(outer) as client:
        await client.get("/p/notes/7")
        await anyio.wait_all_tasks_blocked()
    assert {"after /notes/7", "background 7", "outer /p/notes/7"} == set(seen)
    assert 3 == len(seen)


@pytest.mark.parametrize(
    ("outer", "inner", "size", "status"),
    [("10", None, 11, 413), ("10", "20", 20, 200), ("10", "20", 21, 413), ("20", "10", 11, 413)],
)
async def test_whose_limit_holds(outer, inner, size, status):
    """The child's own when it says one, else that of the outer application."""
    app = fresh("outer", ARLEN_HTTP__MAX_BODY=outer)
    app.mount("/p", child(**({"ARLEN_HTTP__MAX_BODY": inner} if inner else {})))
    async with Client(app) as client:
        assert status == (await client.post("/p/read", body=b"x" * size)).status


async def test_one_identity_for_both():
    """The child uses the request id and the trace of the outer application."""
    outer, inner, seen = fresh(), child(), []
    inner.hook("before_request")(lambda request: seen.append((request.id, request.trace)))
    outer.mount("/p", inner)
    async with Client(outer) as client:
        reply = await client.get("/p")
    assert [(reply.headers["x-request-id"], reply.headers["traceparent"])] == seen


async def test_errors_of_the_child_roll_back_what_the_outer_application_opened():
    """An outer unit of work sees the failure, though it is an answer already."""
    outer, ends = fresh(), []

    @outer.provide(scope="request")
    async def unit() -> AsyncIterator[dict]:
        try:
            yield {}
        except BaseException as error:
            ends.append(type(error).__name__)
            raise
        ends.append("committed")

    @outer.middleware
    async def open_unit(request, next):
        await outer.service(dict, request)
        return await next(request)

    outer.mount("/p", child())
    async with Client(outer) as client:
        for path, end in (("/p/notes/1", "committed"), ("/p/fail", "RuntimeError"), ("/p/refuse", "HTTPError")):
            await client.get(path)
            assert end == ends.pop()


async def test_the_child_lives_with_the_outer_application():
    """Started after its services, stopped before them; once, even when mounted twice."""
    seen = []
    outer, inner = fresh(), child()

    @outer.provide
    async def store() -> AsyncIterator[dict]:
        seen.append("store up")
        yield {}
        seen.append("store down")

    inner.hook("did_start")(lambda app: seen.append("child up"))
    inner.hook("did_stop")(lambda app: seen.append("child down"))
    outer.mount("/a", inner)
    outer.mount("/b", inner)
    async with Client(outer) as client:
        assert "started" == inner.state
        assert "note 1" == (await client.get("/b/notes/1")).text
    assert ["store up", "child up", "child down", "store down"] == seen
    assert "stopped" == inner.state


async def test_a_child_that_does_not_start_stops_everything():
    """The error is the child's own; what had started is rolled back."""
    seen = []
    outer, inner = fresh(), child()

    @outer.provide
    async def store() -> AsyncIterator[dict]:
        yield {}
        seen.append("store down")

    @inner.provide
    def broken() -> list:
        raise RuntimeError("no disk")

    outer.mount("/p", inner)
    with pytest.raises(StartupError, match="no disk"):
        await outer.start()
    assert (["store down"], "stopped", "stopped") == (seen, outer.state, inner.state)


def test_an_application_cannot_be_inside_itself():
    """Directly, or through others; the start says so and does not hang."""
    one, two, three = fresh("one"), fresh("two"), fresh("three")
    one.mount("/self", one)
    with pytest.raises(StartupError, match="'one' is mounted inside itself"):
        anyio.run(one.start)
    two.mount("/three", three)
    router = Router("/r")
    router.mount("/two", two)
    three.include(router)
    with pytest.raises(StartupError, match="'two' is mounted inside itself"):
        nested(two)
    with pytest.raises(StartupError, match="mounted inside itself"):
        anyio.run(two.start)


def test_the_same_application_twice_is_fine():
    """Side by side is not inside."""
    outer, inner = fresh(), child()
    outer.mount("/a", inner)
    outer.mount("/b", inner)
    nested(outer)


# -- what can be mounted


class Asgi:
    async def __call__(self, scope, receive, send) -> None:
        await bare(scope, receive, send)


class Endpoint:
    """The style of class-based endpoints: `Endpoint(scope, receive, send)` is awaited."""

    def __init__(self, scope, receive, send) -> None:
        self.parts = scope, receive, send

    def __await__(self):
        return bare(*self.parts).__await__()


async def extra(scope, receive, send, *, mode="x", **more) -> None:
    """Take more than ASGI gives, with defaults."""
    await bare(scope, receive, send)


async def four(mode, scope, receive, send) -> None:
    """Take one more in front."""
    await bare(scope, receive, send)


@pytest.mark.parametrize("target", [bare, Asgi(), Endpoint, extra, partial(four, "x"), Asgi().__call__])
async def test_every_shape_of_asgi(target):
    """Functions, objects, classes, partials, methods."""
    outer = fresh()
    outer.mount("/p", target)
    async with Client(outer) as client:
        assert "bare" == (await client.get("/p/x")).text


@pytest.mark.parametrize("target", [None, "text", 3, lambda: None, lambda scope: None, four, Router(), print])
async def test_what_is_no_application(target):
    """Named at the start, with the fix."""
    outer = fresh()
    outer.mount("/p", target)
    with pytest.raises(StartupError, match=r"cannot be mounted \(fix: mount an App"):
        await outer.start()


def test_adopt_names_the_place():
    """For errors of its life."""
    assert "the application mounted at /p" == adopt("/p", bare)[1].name
    assert "the application mounted at /" == adopt("", child())[1].name


async def test_mounts_and_routes():
    """A static route and a reserved path are before a mount; the longest prefix wins; a root mount is last."""
    outer = fresh()

    def says(word: str):
        app = fresh(word)

        @app.route("/{rest:path}", methods=["*"])
        async def anything(rest: str) -> str:
            return word

        app.get("/", name="top")(partial(anything, rest=""))
        return app

    outer.mount("", says("root"))
    outer.mount("/a", says("a"))
    outer.mount("/a/b", says("ab"))

    @outer.get("/a/own")
    async def own() -> str:
        return "own"

    @outer.hook("before_request")
    async def before(request):
        return text("hook") if request.path == "/hook" else None

    async with Client(outer) as client:
        for path, word in (
            ("/a/own", "own"), ("/a/b/c", "ab"), ("/a/c", "a"), ("/c", "root"), ("/", "root"), ("/hook", "hook"),
            ("/healthz", "ok\n"),
        ):  # fmt: skip
            assert word == (await client.get(path)).text, path


# -- being mounted


async def test_an_application_inside_another_framework():
    """As an ASGI application under a root path: lifespan, links and answers are right."""
    inner = child()
    outer = fresh("host")

    async def host(scope, receive, send) -> None:  # as a router of somebody else's would do it
        await inner(scope, receive, send)

    outer.mount("/p", host)
    async with Client(outer) as client:
        assert "started" == inner.state
        reply = await client.get("/p")
        assert ("/p", "/p/notes/1") == (reply.json()["root"], reply.json()["note"])
        assert "note 7" == (await client.get("/p/notes/7")).text
        assert 404 == (await client.get("/p/nothing")).status
    assert "stopped" == inner.state
