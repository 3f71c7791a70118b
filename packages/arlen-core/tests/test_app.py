"""App: an application from its first line to its end, as a whole."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import anyio
import pytest
from msgspec import Meta, Struct

from arlen_core.app import App
from arlen_core.bodies import Body
from arlen_core.clock import Clock
from arlen_core.config import Config
from arlen_core.context import Context
from arlen_core.errors import ConfigError, StartupError
from arlen_core.files import FileResponse
from arlen_core.headers import Headers
from arlen_core.params import Cookie, Header
from arlen_core.queries import Query
from arlen_core.requests import Request
from arlen_core.responses import Response, Stream, text
from arlen_core.router import Router
from arlen_core.testing import Client, run

pytestmark = pytest.mark.anyio


class Note(Struct):
    title: Annotated[str, Meta(min_length=1, max_length=20)]
    stars: Annotated[int, Meta(ge=0, le=5)] = 0


class Board(Struct, forbid_unknown_fields=True):
    page: Annotated[int, Meta(ge=1)] = 20


class Unit:
    """A service of a request."""


def made(**words) -> App:
    """Return an application without access lines."""
    return App("app", environ={"ARLEN_LOG__ACCESS": "false", **{name: str(value) for name, value in words.items()}})


# -- making one


def test_the_name_and_the_folder(tmp_path):
    """A module's name finds its folder; any other word is just a name; the root may be given."""
    assert Path(__file__).resolve().parent == App(__name__, environ={}).root
    for name in ("hello", "json"):
        assert (name, Path.cwd()) == (App(name, environ={}).title, App(name, environ={}).root)
    assert tmp_path == App("x", root=tmp_path, environ={}).root == App("x", root=str(tmp_path), environ={}).root


@pytest.mark.parametrize(
    ("env", "environ", "expected", "debug"),
    [
        (None, {}, "production", False),
        (None, {"ARLEN_ENV": "development"}, "development", True),
        ("test", {"ARLEN_ENV": "development"}, "test", False),
    ],
)
def test_the_environment(env, environ, expected, debug):
    """Production unless something says otherwise; debugging in development alone."""
    app = App("x", env=env, environ=environ)
    assert (expected, debug) == (app.env, app.debug)


def test_sections_are_typed(tmp_path):
    """From the files and the environment; wrong values and unknown keys are refused by name."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "app.toml").write_text("[board]\npage = 5\n")
    assert Board(5) == App("x", root=tmp_path, environ={}).settings("board", Board)
    assert Board(9) == App("x", root=tmp_path, environ={"ARLEN_BOARD__PAGE": "9"}).settings("board", Board)
    for words in ({"ARLEN_BOARD__PAGE": "0"}, {"ARLEN_BOARD__PGAE": "1"}):
        with pytest.raises(ConfigError, match=r"board|BOARD"):
            App("x", root=tmp_path, environ=words).settings("board", Board)


async def test_a_section_that_nobody_reads_stops_the_start():
    """A typing error in a section's name is no silence."""
    app = App("x", environ={"ARLEN_HTPT__THREADS": "3"})
    with pytest.raises(ConfigError):
        await app.start()


def test_an_application_is_a_router():
    """With a prefix, guards and middleware of its own."""
    app = App("x", prefix="/v1", environ={})

    @app.get("/notes")
    async def notes() -> str:
        return "notes"

    assert (200, 404) == (run(app, "GET", "/v1/notes").status, run(app, "GET", "/notes").status)


# -- plugins


class Plugin:
    def __init__(self, name: str = "plugin") -> None:
        self.name, self.registered = name, 0

    def register(self, app: App) -> None:
        self.registered += 1

        @app.get(f"/{self.name}", name=self.name)
        async def hello() -> str:
            return self.name


async def test_plugins():
    """Registered once, handed back; two of one name are refused; without a name the class's counts."""
    app, plugin = made(), Plugin()
    assert plugin is app.use(plugin) is app.use(plugin)
    assert 1 == plugin.registered
    app.use(Plugin("other"))
    with pytest.raises(StartupError, match="two plugins are called 'plugin'"):
        app.use(Plugin())

    class Nameless:
        def register(self, app: App) -> None: ...

    app.use(Nameless())
    with pytest.raises(StartupError, match="'Nameless'"):
        app.use(Nameless())
    async with Client(app) as client:
        assert "plugin" == (await client.get("/plugin")).text
        with pytest.raises(StartupError, match="came while the application is started"):
            app.use(Plugin("late"))


def test_a_plugin_that_fails_may_be_tried_again():
    """It does not count as registered."""

    class Moody(Plugin):
        def register(self, app: App) -> None:
            super().register(app)
            if self.registered == 1:
                raise KeyError

    app, plugin = made(), Moody()
    with pytest.raises(KeyError):
        app.use(plugin)
    app.use(plugin)
    assert 2 == plugin.registered


# -- life


async def test_the_states():
    """Created, starting, started, stopping, stopped; again; each call twice does nothing more."""
    app, seen = made(), []
    for name in ("will_start", "did_start", "will_stop", "did_stop"):
        app.hook(name)(lambda app, name=name: seen.append((name, app.state)))
    assert "created" == app.state
    for _ in range(2):
        await app.start()
        await app.start()
        assert "started" == app.state
        await app.stop()
        await app.stop()
        assert "stopped" == app.state
    assert [
        ("will_start", "starting"), ("did_start", "starting"), ("will_stop", "stopping"), ("did_stop", "stopping"),
    ] * 2 == seen  # fmt: skip


async def test_a_request_before_the_start():
    """Is a mistake of the server, said at once."""
    with pytest.raises(StartupError, match="has not started"):
        await made().handle(Request())


async def test_routes_may_come_between_two_lives():
    """What was added after a stop is there after the next start."""
    app = made()
    async with Client(app) as client:
        assert 404 == (await client.get("/late")).status

    @app.get("/late")
    async def late() -> str:
        return "late"

    app.middleware(_mark)
    async with Client(app) as client:
        assert ("late", "1") == ((reply := await client.get("/late")).text, reply.headers["x-mark"])


async def _mark(request, next):
    answer = await next(request)
    answer.headers.set("x-mark", "1")
    return answer


@pytest.mark.parametrize("where", ["will_start", "service", "mount", "did_start"])
async def test_a_start_that_fails_is_rolled_back(where):
    """Whatever fails, what had started is stopped in reverse, the error names it, and nothing is left."""
    app, inner, seen = made(), made(), []

    class First: ...

    class Second: ...

    @app.provide(type=First)
    async def first() -> AsyncIterator[First]:
        seen.append("first up")
        yield First()
        seen.append("first down")

    @app.provide(type=Second)
    async def second(first: First) -> AsyncIterator[Second]:
        if where == "service":
            raise RuntimeError("broken service")
        yield Second()
        seen.append("second down")

    async def fail(_: object) -> None:
        raise RuntimeError(f"broken {where}")

    app.mount("/in", inner)
    if where == "mount":
        inner.hook("did_start")(fail)
    elif where != "service":
        app.hook(where)(fail)
    with pytest.raises(StartupError, match=f"broken {where}"):
        await app.start()
    assert ("stopped", True) == (app.state, inner.state in {"created", "stopped"})
    assert {
        "will_start": [], "service": ["first up", "first down"],
    }.get(where, ["first up", "second down", "first down"]) == seen  # fmt: skip


@pytest.mark.parametrize("broken", ["route", "guard", "middleware", "conflict", "name", "websocket"])
async def test_a_mistake_in_a_declaration_stops_the_start(broken):
    """Before anything has started; it names the place and the fix."""
    app, started = made(), []

    @app.provide
    def store() -> dict:
        started.append(1)
        return {}

    async def handler(id: int) -> str:
        return "x"

    async def nobody(x: threading.Thread) -> str:
        return "x"

    if broken == "route":
        app.get("/x")(nobody)
    elif broken == "guard":
        app.get("/{id}", guards=[nobody])(handler)
    elif broken == "middleware":
        app.get("/{id}", middleware=[lambda request: None])(handler)
    elif broken == "conflict":
        app.get("/{id}")(handler)
        app.get("/{other}", name="other")(handler)
    elif broken == "name":
        app.get("/a/{id}", name="same")(handler)
        app.get("/b/{id}", name="same")(handler)
    else:
        app.websocket("/{id}")(handler)
    with pytest.raises(StartupError) as caught:
        await app.start()
    assert ([], "created") == (started, app.state)
    assert caught.value.fix


# -- what handlers can take


async def test_what_the_framework_offers():
    """Request, context, application, query, headers, body; configuration and clock as services."""
    app = made()

    @app.post("/all/{id:int}")
    async def everything(
        id: int,
        request: Request,
        ctx: Context,
        app: App,
        query: Query,
        headers: Headers,
        body: Body,
        config: Config,
        clock: Clock,
        agent: Annotated[str, Header("user-agent")] = "none",
        theme: Annotated[str, Cookie] = "light",
    ) -> dict:
        data = await body.read()
        return {
            "id": id, "same": [ctx.request is request, ctx.app is app, query is request.query,
                               headers is request.headers, body is request.body, config is app.config,
                               clock is app.clock],
            "body": data.decode(), "agent": agent, "theme": theme,
        }  # fmt: skip

    async with Client(app) as client:
        seen = (await client.post("/all/7", body=b"hi", headers={"cookie": "theme=dark"})).json()
    assert {"id": 7, "same": [True] * 7, "body": "hi", "agent": "none", "theme": "dark"} == seen


async def test_the_life_of_a_request():
    """Route, binding, validation, service, answer, background work, in one go."""
    app, seen = made(), []

    @app.provide(scope="request", type=Unit)
    async def unit() -> AsyncIterator[Unit]:
        seen.append("open")
        yield Unit()
        seen.append("close")

    @app.post("/notes/{id:int}", status=201)
    async def create(id: int, note: Note, unit: Unit, ctx: Context, draft: bool = False) -> Note:
        ctx.background(seen.append, "background")
        return note

    async with Client(app) as client:
        reply = await client.post("/notes/7?draft=on", json={"title": "tea", "stars": 5})
        assert (201, {"title": "tea", "stars": 5}) == (reply.status, reply.json())
        reply = await client.post("/notes/7?draft=x", form={"title": "", "stars": "6"})
        assert 422 == reply.status
        assert [
            ("draft", "invalid_type"), ("title", "missing"), ("stars", "too_large"),
        ] == [(row["field"], row["code"]) for row in reply.json()["errors"]]  # fmt: skip
        for body, status in ((b"{", 400), (b"[" * 100_000, 400), (b'{"title":NaN}', 400), (b'{"title":"\xff"}', 400)):
            assert (
                status
                == (await client.post("/notes/7", body=body, headers={"content-type": "application/json"})).status
            )
        assert 415 == (await client.post("/notes/7", body=b"x", headers={"content-type": "text/csv"})).status
        assert 404 == (await client.post("/notes/x", json={})).status
        await anyio.wait_all_tasks_blocked()
    assert ["open", "close", "background"] == seen


async def test_plain_handlers_run_in_so_many_threads():
    """`http.threads` at once; the others wait; the event loop goes on."""
    app = made(ARLEN_HTTP__THREADS=2)
    gate, lock, running, most = threading.Event(), threading.Lock(), 0, 0

    @app.get("/plain")
    def plain() -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(10)
        with lock:
            running -= 1
        return threading.current_thread().name

    @app.get("/quick")
    async def quick() -> str:
        return "quick"

    async with Client(app) as client, anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(client.get, "/plain")
        while running < 2:
            await anyio.sleep(0.001)
        assert "quick" == (await client.get("/quick")).text
        gate.set()
    assert 2 == most


async def test_no_room_for_background_work():
    """503 with its code and a time to come back; what was taken is done."""
    app, seen = made(ARLEN_BACKGROUND__LIMIT=1, ARLEN_BACKGROUND__QUEUE=1), []
    gate = anyio.Event()

    async def work() -> None:
        await gate.wait()
        seen.append(1)

    @app.get("/work")
    async def handler(ctx: Context) -> str:
        ctx.background(work)
        return "taken"

    async with Client(app) as client:
        assert [200, 200] == [(await client.get("/work")).status for _ in range(2)]
        reply = await client.get("/work")
        assert (503, "background_full", "1") == (reply.status, reply.json()["code"], reply.headers["retry-after"])
        gate.set()
    assert [1, 1] == seen


async def test_background_work_that_finds_no_room_any_more_is_logged():
    """There was room when it was asked for, and none when the response had been sent."""
    app, lines = made(ARLEN_BACKGROUND__LIMIT=1, ARLEN_BACKGROUND__QUEUE=0), []
    app.log = type("Ledger", (), {"exception": lambda self, event, **values: lines.append((event, values["reason"]))})()
    done = []

    @app.get("/work")
    async def handler(ctx: Context) -> str:
        ctx.background(_note, done)
        ctx.background(_note, done)
        return "taken"

    async with Client(app) as client:
        assert 200 == (await client.get("/work")).status
        await anyio.wait_all_tasks_blocked()
    assert ([1], ["background.refused"]) == (done, [event for event, _ in lines])
    assert "1 background tasks run and 0 wait" in lines[0][1]


async def _note(done: list) -> None:
    done.append(1)


async def test_a_service_that_breaks_between_start_and_stop_is_logged():
    """By its name, when it happens."""
    app, lines = made(), []
    app.log = type("Ledger", (), {"error": lambda self, event, **values: lines.append((event, values))})()
    gate = anyio.Event()

    @app.provide
    async def store() -> AsyncIterator[dict]:
        async with anyio.create_task_group() as group:
            group.start_soon(_break, gate)
            yield {}

    await app.start()
    gate.set()
    with anyio.fail_after(10):
        while not lines:
            await anyio.lowlevel.checkpoint()
    assert ["service.failed"] == [event for event, _ in lines]
    assert "store" in lines[0][1]["service"]
    with pytest.raises(ExceptionGroup):
        await app.stop()


async def _break(gate: anyio.Event) -> None:
    await gate.wait()
    raise RuntimeError("broken")


async def test_background_work_that_fails_hurts_nobody():
    """It is logged; a handler that failed after asking for work has it done all the same."""
    app, seen = made(), []

    async def fail() -> None:
        raise RuntimeError

    @app.get("/work")
    async def handler(ctx: Context) -> None:
        ctx.background(fail)
        ctx.background(seen.append, 1)
        raise RuntimeError

    async with Client(app) as client:
        assert 500 == (await client.get("/work")).status
        await anyio.wait_all_tasks_blocked()
        assert [1] == seen


# -- links, reserved paths


async def test_links():
    """By name, before, during and after the life; with the types of the handlers once started."""
    app = made()
    router = Router("/admin", name="admin")

    @router.get("/notes/{id}", name="note")
    async def note(id: int) -> str:
        return app.url_for("admin:note", id=id, _query={"page": 2})

    app.include(router)
    assert "/admin/notes/x" == app.url_for("admin:note", id="x")
    seen = []
    app.hook("will_start")(lambda app: seen.append(app.url_for("admin:note", id=1)))
    async with Client(app) as client:
        assert "/admin/notes/7?page=2" == (await client.get("/admin/notes/7")).text
        with pytest.raises(ValueError, match="id='x' is no int"):
            app.url_for("admin:note", id="x")
    assert ["/admin/notes/1"] == seen

    @app.get("/more", name="more")
    async def more() -> str:
        return "more"

    assert "/more" == app.url_for("more")


async def test_reserved_paths():
    """Nothing shadows them; a package may answer one; the last to reserve counts; no middleware and no guard."""
    app = made()

    async def shut() -> bool:
        return False

    app.guard(shut)
    app.middleware(_mark)
    for word in ("one", "two"):

        async def metrics(request: Request, word: str = word) -> Response:
            return text(word)

        app.reserve("/metrics", metrics)

    @app.route("/{rest:path}", methods=["*"])
    async def everything(rest: str) -> str:
        return "everything"

    async with Client(app) as client:
        assert ("two", None) == ((reply := await client.get("/metrics")).text, reply.headers.get("x-mark"))
        assert 200 == (await client.get("/healthz")).status
        assert (404, 403) == ((await client.get("/clusterz")).status, (await client.get("/other")).status)


async def test_a_reserved_path_that_fails():
    """Is a 500 like any other."""
    app = made()

    async def metrics(request: Request) -> None:
        raise RuntimeError

    app.reserve("/metrics", metrics)
    async with Client(app) as client:
        assert 500 == (await client.get("/metrics")).status


# -- ends


async def test_a_handler_that_is_cancelled():
    """Cancellation passes through every layer, and everything is closed on the way."""
    app, seen = made(), []
    ready = anyio.Event()

    @app.provide(scope="request", type=Unit)
    async def unit() -> AsyncIterator[Unit]:
        try:
            yield Unit()
        finally:
            seen.append("closed")

    @app.middleware
    async def around(request, next):
        try:
            return await next(request)
        finally:
            seen.append("middleware")

    @app.get("/x")
    async def handler(unit: Unit) -> None:
        try:
            ready.set()
            await anyio.sleep_forever()
        finally:
            seen.append("handler")

    async with Client(app):
        task = asyncio.get_running_loop().create_task(app.handle(Request(target=b"/x")))
        await ready.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ["handler", "middleware", "closed"] == seen


async def test_finish_is_told_of_failures_and_logs_them_once():
    """A stream that broke is logged with its traceback; a client that left is not."""
    app, lines = made(), []
    app.log = type("Ledger", (), {"error": lambda self, event, **values: lines.append((event, values["exc_info"]))})()
    from arlen_core.errors import Disconnected
    from arlen_core.sockets import SocketClosed

    for error in (None, Disconnected("x"), SocketClosed(), asyncio.CancelledError(), KeyError("x")):
        app.finish(Request(), text("x"), error=error)
    assert [("http.response.failed", KeyError)] == [(event, type(error)) for event, error in lines]


async def test_many_requests_leave_nothing(tmp_path):
    """A thousand of every kind: no task, no object of ours, no file is left."""
    app = made()
    (tmp_path / "f.txt").write_text("x" * 70_000)

    @app.provide(scope="request", type=Unit)
    async def unit() -> AsyncIterator[Unit]:
        yield Unit()

    @app.get("/value/{id:int}")
    async def value(id: int, unit: Unit, ctx: Context) -> dict:
        ctx.background(len, "x")
        return {"id": id}

    @app.post("/note")
    async def note(note: Note) -> Note:
        return note

    @app.get("/stream")
    async def stream(unit: Unit) -> AsyncIterator[str]:
        for n in range(3):
            yield str(n)

    @app.get("/file")
    async def file(unit: Unit) -> FileResponse:
        return FileResponse(tmp_path / "f.txt")

    @app.get("/fail")
    async def fail(unit: Unit) -> None:
        raise KeyError

    app.log = type("Quiet", (), {"error": lambda self, event, **values: None})()

    async def one(client: Client, n: int) -> None:
        await client.get(f"/value/{n}")
        await client.post("/note", json={"title": ""})
        await client.get("/nothing")
        await client.get("/fail")
        async with client.stream("GET", "/stream") as reply:
            if n % 2:
                await anext(reply)
        if not n % 10:
            await client.get("/file", headers={"accept-encoding": "gzip"})

    def alive() -> dict[str, int]:
        gc.collect()
        kinds = (Request, Response, Stream, Context, Unit, Body, asyncio.Task)
        return {kind.__name__: sum(isinstance(each, kind) for each in gc.get_objects()) for kind in kinds}

    async with Client(app) as client:
        for n in range(20):
            await one(client, n)
        before = alive()
        for n in range(200):
            await one(client, n)
        await anyio.wait_all_tasks_blocked()
        after = alive()
    idle = 40  # a worker thread that waits holds its last request
    assert all(after[name] <= before[name] + idle for name in before), (before, after)


@pytest.mark.parametrize(("setting", "silent", "loud"), [("false", None, False), ("true", True, False)])
async def test_every_route_may_be_cancelled_when_its_client_leaves(setting, silent, loud):
    """`http.cancel_on_disconnect` is for routes that say nothing."""
    app, found = App("a", environ={"ARLEN_HTTP__CANCEL_ON_DISCONNECT": setting}), {}

    @app.get("/silent")
    async def quiet(request: Request) -> None:
        found["silent"] = request.route.options.get("cancel_on_disconnect")

    @app.get("/loud", cancel_on_disconnect=False)
    async def said(request: Request) -> None:
        found["loud"] = request.route.options.get("cancel_on_disconnect")

    async with Client(app) as client:
        await client.get("/silent")
        await client.get("/loud")
    assert {"silent": silent, "loud": loud} == found


# -- what documents are made of


def test_the_binder_reads_handlers_before_the_start():
    """Nothing has to run for the plan of a handler: it says what comes from where, services included."""
    app = made()
    app.provide(Unit)

    async def show(id: int, ctx: Context, unit: Unit, page: int = 1) -> None: ...

    plan = app.binder().plan(show, {"id"})
    assert ["path", "context", "service", "query"] == [each.source for each in plan.parameters]
    assert ({}, "created") == (app.schemes, app.state)
