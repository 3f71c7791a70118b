"""Pipeline: middleware, guards, binding, handler: in that order, each with its own way out."""

import anyio
import pytest
from msgspec import Struct

from arlen_core.app import App
from arlen_core.errors import HTTPError, StartupError
from arlen_core.pipeline import compose
from arlen_core.requests import Request
from arlen_core.responses import Response, Upgrade, text
from arlen_core.router import Router
from arlen_core.sockets import WebSocket
from arlen_core.testing import Client
from arlen_core.wires import Refused

pytestmark = pytest.mark.anyio


class Note(Struct):
    title: str


def noting(seen: list, name: str):
    """Return a middleware that notes its way in and out."""

    async def middleware(request, next):
        seen.append(f"{name} in")
        answer = await next(request)
        seen.append(f"{name} out")
        return answer

    return middleware


def guarding(seen: list, name: str, verdict=None):
    """Return a guard that notes that it was asked."""

    async def guard():
        seen.append(f"{name}?")
        return verdict

    return guard


@pytest.fixture
def app() -> App:
    """An application."""
    return App("pipe", environ={"ARLEN_LOG__ACCESS": "false"})


async def test_compose_is_an_onion():
    """The first is outermost; without any, the call is the call itself."""
    seen = []

    async def inner(request: Request) -> Response:
        seen.append("call")
        return text("x")

    assert inner is compose(inner, [])
    await compose(inner, [noting(seen, "a"), noting(seen, "b")])(Request())
    assert ["a in", "b in", "call", "b out", "a out"] == seen


async def test_a_middleware_may_answer_change_or_fail():
    """Not calling `next`, changing the answer, and raising."""

    async def inner(request: Request) -> Response:
        return text("x")

    async def short(request, next):
        return text("short")

    async def mark(request, next):
        answer = await next(request)
        answer.headers.set("x-mark", "1")
        return answer

    assert b"short" == (await compose(inner, [mark, short])(Request())).body
    assert "1" == (await compose(inner, [mark])(Request())).headers["x-mark"]


@pytest.mark.parametrize("made", [None, "text", {}, 200])
async def test_a_middleware_must_return_a_response(made):
    """Anything else is named, not sent."""

    async def inner(request: Request) -> Response:
        return text("x")

    async def forgetful(request, next):
        await next(request)
        return made

    with pytest.raises(TypeError, match=f"forgetful.*returned {type(made).__name__}, not a Response"):
        await compose(inner, [forgetful])(Request())


def test_a_middleware_must_be_a_coroutine_function():
    """Or an object whose call is one."""

    class Good:
        async def __call__(self, request, next):
            return await next(request)

    assert compose(None, [Good()])
    for wrong in (noting, "text", Router()):
        with pytest.raises(StartupError, match="no coroutine function"):
            compose(None, [wrong])


async def test_the_whole_order(app):
    """Application, routers and route, outer to inner; guards after all middleware; the handler last."""
    seen = []
    inner = Router("/in", middleware=[noting(seen, "inner")], guards=[guarding(seen, "inner")])
    outer = Router("/out", middleware=[noting(seen, "outer")], guards=[guarding(seen, "outer")])
    app.middleware(noting(seen, "app"))
    app.guard(guarding(seen, "app"))

    @inner.get("/x", middleware=[noting(seen, "route")], guards=[guarding(seen, "route", verdict=True)])
    async def handler() -> str:
        seen.append("handler")
        return "x"

    outer.include(inner)
    app.include(outer)
    app.hook("before_action")(lambda request: seen.append("before"))
    app.hook("after_action")(lambda request, response: seen.append("after"))
    async with Client(app) as client:
        assert 200 == (await client.get("/out/in/x")).status
    assert [
        "app in", "outer in", "inner in", "route in", "app?", "outer?", "inner?", "route?", "before", "handler",
        "after", "route out", "inner out", "outer out", "app out",
    ] == seen  # fmt: skip


async def test_a_miss_passes_the_middleware_of_the_application(app):
    """404, 405, OPTIONS and redirects too, but no router's and no guard."""
    seen = []
    app.middleware(noting(seen, "app"))
    app.guard(guarding(seen, "app", verdict=False))
    app.include(Router("/r", middleware=[noting(seen, "router")]))

    @app.post("/only")
    async def only() -> str:
        return "x"

    async with Client(app) as client:
        for path, method, status in (
            ("/no", "GET", 404), ("/only", "GET", 405), ("/only", "OPTIONS", 204), ("/only/", "POST", 308),
            ("/%zz", "GET", 400),
        ):  # fmt: skip
            seen.clear()
            assert status == (await client.request(method, path)).status
            assert ["app in", "app out"] == seen


@pytest.mark.parametrize(
    ("verdict", "status"),
    [(None, 200), (True, 200), (1, 200), (False, 403), (0, 403), ("", 403), (text("go", 401), 401)],
)
async def test_what_a_guard_may_say(app, verdict, status):
    """Nothing and truth let pass; untruth is 403; a response is the answer."""
    later = guarding([], "later")

    @app.get("/x", guards=[guarding([], "g", verdict), later])
    async def handler() -> str:
        return "x"

    async with Client(app) as client:
        assert status == (await client.get("/x")).status


async def test_a_guard_refuses_by_raising_and_the_rest_does_not_run(app):
    """Its error is answered inside the middleware."""
    seen = []
    app.middleware(noting(seen, "app"))

    async def guard():
        raise HTTPError(401, headers={"www-authenticate": "Bearer"})

    @app.get("/x", guards=[guard, guarding(seen, "next")])
    async def handler() -> str:
        seen.append("handler")
        return "x"

    async with Client(app) as client:
        reply = await client.get("/x")
    assert (401, "Bearer", ["app in", "app out"]) == (reply.status, reply.headers["www-authenticate"], seen)


async def test_nobody_who_is_refused_learns_what_would_be_valid(app):
    """Guards run before binding: wrong path, query and body, and a missing service, all answer 403 alone."""

    @app.post("/notes/{id:int}", guards=[guarding([], "g", verdict=False)])
    async def handler(id: int, page: int, note: Note) -> str:
        return "x"

    async with Client(app) as client:
        for options in ({}, {"json": {}}, {"body": b"{"}, {"body": b"x" * 2_000_000}, {"json": {"title": "a"}}):
            reply = await client.post("/notes/1?page=x", **options)
            assert (403, []) == (reply.status, reply.json()["errors"])


async def test_guards_take_parameters_as_handlers_do(app):
    """A name of the path is the path's: a query of the same name changes nothing."""

    async def own(id: int, key: str = "") -> bool:
        return id == 7 and key in {"", "open"}

    def plain(id: int) -> bool:
        return id == 7

    router = Router("/notes/{id}", guards=[own, plain])

    @router.get("/show/{part}")
    async def show(id: int, part: str) -> str:
        return f"{id} {part}"

    app.include(router)
    async with Client(app) as client:
        assert "7 a" == (await client.get("/notes/7/show/a")).text
        assert 403 == (await client.get("/notes/8/show/a?id=7")).status
        assert 200 == (await client.get("/notes/7/show/a?id=8")).status
        assert 403 == (await client.get("/notes/7/show/a?key=shut")).status


def test_a_guard_that_cannot_be_bound(app):
    """It is named when the application starts."""

    async def wants(note: Note) -> bool:
        return True

    app.get("/x", guards=[wants])(guarding([], "h"))
    with pytest.raises(StartupError, match=r"wants.*the method has none"):
        anyio.run(app.start)


async def test_errors_of_the_handler_are_answered_inside_the_middleware(app):
    """An HTTPError becomes an answer there; any other error passes through, to be caught or rolled back."""
    seen = []

    @app.middleware
    async def watch(request, next):
        try:
            answer = await next(request)
        except KeyError as error:
            seen.append(repr(error))
            raise
        seen.append(answer.status)
        return answer

    @app.get("/{kind}")
    async def handler(kind: str) -> str:
        raise HTTPError(409) if kind == "http" else KeyError(kind)

    async with Client(app) as client:
        assert (409, 500) == ((await client.get("/http")).status, (await client.get("/other")).status)
    assert [409, "KeyError('other')"] == seen


async def test_a_deadline(app):
    """503 with a time to come back; one route may have its own, and 0 is none."""

    @app.get("/slow", deadline=0.01)
    async def slow() -> str:
        await anyio.sleep_forever()
        return "never"

    @app.get("/guarded", deadline=0.01, guards=[_forever])
    async def guarded() -> str:
        return "never"

    @app.get("/own", deadline=5)
    async def own() -> str:
        raise TimeoutError("the database took too long")

    @app.get("/fast", deadline=0)
    async def fast() -> str:
        return "fast"

    async with Client(app) as client:
        for path in ("/slow", "/guarded"):
            reply = await client.get(path)
            assert (503, "deadline_exceeded", "1") == (reply.status, reply.json()["code"], reply.headers["retry-after"])
        assert (500, "internal_error") == ((await client.get("/own")).status, (await client.get("/own")).json()["code"])
        assert "fast" == (await client.get("/fast")).text


async def _forever() -> None:
    await anyio.sleep_forever()


async def test_a_deadline_for_all():
    """From the configuration, where a route says nothing."""
    app = App("slow", environ={"ARLEN_HTTP__DEADLINE": "0.01"})

    @app.get("/slow")
    async def slow() -> str:
        await anyio.sleep_forever()
        return "never"

    @app.get("/free", deadline=0)
    async def free() -> str:
        await anyio.sleep(0.02)
        return "free"

    async with Client(app) as client:
        assert (503, 200) == ((await client.get("/slow")).status, (await client.get("/free")).status)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"status": 99}, "99 is not the status"),
        ({"status": 600}, "600 is not the status"),
        ({"deadline": -1}, "deadline -1"),
        ({"deadline": "soon"}, "deadline 'soon'"),
        ({"deadline": float("inf")}, "deadline inf"),
        ({"max_body": -1}, "max_body -1"),
        ({"max_body": "1M"}, "max_body '1M'"),
    ],
)
async def test_a_wrong_option_stops_the_start(app, options, words):
    """It names the route and the fix."""

    @app.get("/x", **options)
    async def handler() -> str:
        return "x"

    with pytest.raises(StartupError, match=words) as caught:
        await app.start()
    assert "/x" in caught.value.reason
    assert __file__ in caught.value.reason
    assert caught.value.fix


@pytest.mark.parametrize(("options", "status"), [({}, 413), ({"max_body": 20}, 200), ({"max_body": None}, 200)])
async def test_a_route_has_its_own_limit(options, status):
    """More or less than the application's, or none."""
    app = App("limit", environ={"ARLEN_HTTP__MAX_BODY": "10"})

    @app.post("/x", **options)
    async def handler(request: Request) -> str:
        return str(len(await request.body.read()))

    async with Client(app) as client:
        assert status == (await client.post("/x", body=b"x" * 20)).status
        assert (413 if options != {"max_body": None} else 200) == (await client.post("/x", body=b"x" * 21)).status


async def test_statuses_of_routes(app):
    """For values, and for nothing; a response keeps its own."""

    @app.get("/value", status=201)
    async def value() -> dict:
        return {}

    @app.get("/nothing", status=202)
    async def nothing() -> None: ...

    @app.get("/none")
    async def none() -> None: ...

    @app.get("/own", status=201)
    async def own() -> Response:
        return text("x", 203)

    async with Client(app) as client:
        assert [201, 202, 204, 203] == [
            (await client.get(path)).status for path in ("/value", "/nothing", "/none", "/own")
        ]


async def test_hooks_around_the_handler(app):
    """`before_action` may answer in its place; `after_action` may change the answer."""

    @app.hook("before_action")
    async def before(request):
        return text("early") if "early" in request.query else None

    @app.hook("after_action")
    async def after(request, response):
        response.headers.set("x-after", "1")

    @app.get("/x")
    async def handler() -> str:
        return "handler"

    async with Client(app) as client:
        assert ("handler", "1") == ((reply := await client.get("/x")).text, reply.headers["x-after"])
        assert ("early", "1") == ((reply := await client.get("/x?early")).text, reply.headers["x-after"])


async def test_only_a_websocket_route_takes_a_websocket(app):
    """And it must; and its handler must be able to wait."""

    async def with_socket(ws: WebSocket) -> None: ...
    async def without() -> None: ...
    def plain(ws: WebSocket) -> None: ...

    async def stream(ws: WebSocket):
        yield 1

    for path, declare, handler, words in (
        ("/a", app.get, with_socket, "go together"),
        ("/b", app.websocket, without, "go together"),
        ("/c", app.websocket, plain, "no coroutine function"),
        ("/d", app.websocket, stream, "no coroutine function"),
    ):
        fresh = App("ws", environ={})
        getattr(fresh, declare.__name__)(path)(handler)
        with pytest.raises(StartupError, match=words):
            await fresh.start()


async def test_a_websocket_passes_the_whole_pipeline(app):
    """Middleware sees the upgrade; guards refuse it; binding refuses it."""
    seen = []
    app.middleware(noting(seen, "app"))

    async def guard(key: str = "") -> bool:
        return key != "wrong"

    @app.middleware
    async def mark(request, next):
        answer = await next(request)
        assert isinstance(answer, Upgrade) or answer.status in {403, 422}
        answer.headers.set("x-mark", "1")
        return answer

    @app.websocket("/ws/{id:int}", guards=[guard], protocols=["chat"])
    async def talk(ws: WebSocket, id: int, page: int = 1) -> None:
        await ws.send_json({"id": id, "page": page, "path": ws.request.path, "protocol": ws.protocol})

    async with Client(app) as client:
        async with client.websocket("/ws/7?page=2", protocols=["chat"]) as ws:
            assert {"id": 7, "page": 2, "path": "/ws/7", "protocol": "chat"} == await ws.receive_json()
            assert "1" == ws.headers["x-mark"]
        assert ["app in", "app out"] == seen
        for query, status in (("key=wrong", 403), ("page=x", 422)):
            with pytest.raises(Refused) as caught:
                async with client.websocket(f"/ws/7?{query}"):
                    pass
            assert (status, "1") == (caught.value.reply.status, caught.value.reply.headers["x-mark"])
