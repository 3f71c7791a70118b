"""ASGI: the application under a driver written by hand, message by message."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.app import App
from arlen_core.asgi import Pull, Socket
from arlen_core.errors import Disconnected, PayloadTooLarge
from arlen_core.requests import Request
from arlen_core.responses import Response, Stream, text
from arlen_core.sockets import SocketClosed, WebSocket

pytestmark = pytest.mark.anyio


class Driver:
    """An ASGI server by hand: it gives messages, then waits until the client leaves, and keeps what is sent."""

    def __init__(self, *messages: dict, fail_after: int | None = None) -> None:
        self.messages = deque(messages)
        self.left = anyio.Event()
        self.sent = []
        self.fail_after = fail_after
        self.arrived = anyio.Event()
        self.leave_at = 0

    async def receive(self) -> dict:
        await anyio.lowlevel.checkpoint()
        if self.messages:
            return self.messages.popleft()
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        if self.fail_after is not None and len(self.sent) >= self.fail_after:
            raise OSError("gone")
        self.sent.append(message)
        if self.leave_at and len(self.sent) >= self.leave_at:
            self.left.set()
        await anyio.lowlevel.checkpoint()

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def complete(self) -> bool:
        return not self.sent[-1].get("more_body", True)


def body(*chunks: bytes, more: bool = False) -> list[dict]:
    """Return the messages of a request body."""
    rows = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if rows and not more:
        rows[-1]["more_body"] = False
    return rows or [{"type": "http.request", "body": b"", "more_body": False}]


def scope(path: str = "/", method: str = "GET", **more) -> dict:
    """Return the scope of a request."""
    made = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [],
        "client": ["1.2.3.4", 5], "server": ["here", 80],
    }  # fmt: skip
    return made | more


class Started:
    """An application between start and stop."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __aenter__(self) -> App:
        await self.app.start()
        return self.app

    async def __aexit__(self, *_) -> None:
        await self.app.stop()


def made(**words) -> App:
    """Return an application that notes how it ended requests."""
    app = App("asgi", environ={"ARLEN_LOG__ACCESS": "false", **words})
    app.ends, app.finished, finish = [], [], app.finish

    def note(request, response, *, sent=0, error=None):
        app.finished.append((response.status, sent, error))
        finish(request, response, sent=sent, error=error)

    app.finish = note

    @app.get("/")
    async def home() -> str:
        return "home"

    @app.get("/none")
    async def none() -> None: ...

    @app.post("/read")
    async def read(request: Request) -> bytes:
        return await request.body.read()

    @app.get("/see/{rest:path}")
    async def see(request: Request, rest: str) -> dict:
        return {
            "rest": rest, "target": request.target.decode(), "root": request.root, "query": dict(request.query.items()),
            "client": request.client, "server": request.server, "scheme": request.scheme, "version": request.version,
            "length": request.body.length,
        }  # fmt: skip

    @app.get("/stream")
    async def stream() -> AsyncIterator[str | bytes]:
        try:
            yield "a"
            yield b"b"
            yield "é"
        finally:
            app.ends.append("stream")

    @app.get("/endless")
    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
        finally:
            app.ends.append("endless")

    @app.get("/wait")
    async def wait() -> AsyncIterator[str]:
        try:
            yield "x"
            await anyio.sleep_forever()
        finally:
            app.ends.append("wait")

    @app.post("/two-way")
    async def two_way(request: Request) -> Stream:
        async def source() -> AsyncIterator[bytes]:
            async for chunk in request.body:
                yield chunk.upper()

        return Stream(source(), media="application/octet-stream")

    @app.get("/fail/{kind}")
    async def fail(kind: str) -> AsyncIterator[str]:
        yield "x"
        raise {"oserror": OSError("disk"), "value": ValueError("bad"), "gone": Disconnected("away")}[kind]

    @app.websocket("/ws")
    async def ws(ws: WebSocket, mode: str = "echo") -> None:
        if mode == "fail":
            raise RuntimeError("boom")
        if mode == "close":
            await ws.close(3001, "enough")
        async for message in ws:
            await ws.send(message)
        app.ends.append("ws")

    return app


async def asked(app: App, given: dict, *messages: dict, **options) -> Driver:
    """Send one request to a started application."""
    driver = Driver(*(messages or body()), **options)
    await app(given, driver.receive, driver.send)
    return driver


async def test_a_whole_answer():
    """Two messages; the length is said; every header is there."""
    async with Started(made()) as app:
        driver = await asked(app, scope())
    assert [
        ("http.response.start", None), ("http.response.body", False),
    ] == [(each["type"], each.get("more_body")) for each in driver.sent]  # fmt: skip
    assert (200, b"home", "4") == (driver.status, driver.body, driver.headers["content-length"])
    assert "x-request-id" in driver.headers
    assert [(200, 4, None)] == app.finished
    assert all(isinstance(each, bytes) for field in driver.sent[0]["headers"] for each in field)


@pytest.mark.parametrize(
    ("method", "path", "status", "length"),
    [
        ("HEAD", "/", 200, "4"),
        ("GET", "/none", 204, None),
        ("HEAD", "/stream", 200, None),
        ("HEAD", "/nothing", 404, "187"),
    ],
)
async def test_answers_without_a_body(method, path, status, length):
    """HEAD keeps the length; 204 has none."""
    async with Started(made()) as app:
        driver = await asked(app, scope(path, method))
    assert (status, b"", True) == (driver.status, driver.body, driver.complete)
    if path != "/nothing":
        assert length == driver.headers.get("content-length")


async def test_a_length_of_the_handlers_own_is_kept():
    """Once."""
    app = made()

    @app.get("/own")
    async def own() -> Response:
        return text("abc", headers={"content-length": "3"})

    async with Started(app):
        driver = await asked(app, scope("/own"))
    assert 1 == [name for name, _ in driver.sent[0]["headers"]].count(b"content-length")


async def test_a_stream():
    """Chunk by chunk, text as UTF-8, then the end."""
    async with Started(made()) as app:
        driver = await asked(app, scope("/stream"))
    assert ([b"a", b"b", "é".encode(), b""], True) == ([each["body"] for each in driver.sent[1:]], driver.complete)
    assert (["stream"], [(200, 4, None)]) == (app.ends, app.finished)


@pytest.mark.parametrize("path", ["/endless", "/wait"])
async def test_a_client_that_leaves_a_stream(path):
    """Its generator is closed at once, be it busy or asleep."""
    app = made()
    driver = Driver(*body())
    driver.leave_at = 2
    async with Started(app):
        with anyio.fail_after(10):
            await app(scope(path), driver.receive, driver.send)
    assert [path[1:]] == app.ends
    assert isinstance(app.finished[0][2], Disconnected)


@pytest.mark.parametrize("path", ["/endless", "/stream", "/"])
@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_server_that_cannot_send(path, after):
    """An OSError of `send` is a client that left; the stream is closed, begun or not."""
    app = made()
    async with Started(app):
        await asked(app, scope(path), fail_after=after)
    error = app.finished[0][2]
    assert isinstance(error, Disconnected) or (path == "/" and after == 2 and error is None)
    assert ([path[1:]] if path != "/" and after else []) == app.ends


@pytest.mark.parametrize(("kind", "error"), [("value", ValueError), ("oserror", OSError)])
async def test_a_stream_that_fails(kind, error):
    """The server hears of it, so that it cuts the connection; the cause stays."""
    app = made()
    async with Started(app):
        driver = Driver(*body())
        with pytest.raises(error, match=r"disk|bad") as caught:
            await app(scope(f"/fail/{kind}"), driver.receive, driver.send)
    assert (False, None) == (driver.complete, caught.value.__cause__)
    assert error is type(app.finished[0][2])


async def test_a_stream_that_notices_a_client_that_left():
    """Is no failure."""
    async with Started(made()) as app:
        await asked(app, scope("/fail/gone"))
    assert isinstance(app.finished[0][2], Disconnected)


async def test_two_ways_at_once():
    """A stream that reads the body while it answers gets all of it; nobody takes its messages away."""
    app = made()
    chunks = [bytes([97 + n % 26]) * 5 for n in range(50)]
    async with Started(app):
        driver = await asked(app, scope("/two-way", "POST"), *body(*chunks))
    assert b"".join(chunks).upper() == driver.body


async def test_two_ways_with_a_client_that_leaves():
    """In the middle of its body."""
    app = made()
    async with Started(app):
        driver = Driver(*body(b"abc", more=True))
        driver.leave_at = 2
        with anyio.fail_after(10):
            await app(scope("/two-way", "POST"), driver.receive, driver.send)
    assert (b"ABC", False) == (driver.body, driver.complete)
    assert isinstance(app.finished[0][2], Disconnected)


async def test_bodies():
    """In pieces, with empty ones, with the limit, and cut off."""
    app = made(ARLEN_HTTP__MAX_BODY="6")
    async with Started(app):
        assert b"abcdef" == (await asked(app, scope("/read", "POST"), *body(b"abc", b"", b"def"))).body
        assert 413 == (await asked(app, scope("/read", "POST"), *body(b"abc", b"defg"))).status
        declared = scope("/read", "POST", headers=[(b"content-length", b"7")])
        assert 413 == (await asked(app, declared, *body(b"1234567"))).status
        cut = await asked(app, scope("/read", "POST"), *body(b"abc", more=True), {"type": "http.disconnect"})
        assert (400, True) == (cut.status, b"client_disconnected" in cut.body)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"path": "/see/a b", "raw_path": b"/see/a%20b"}, {"rest": "a b", "target": "/see/a%20b"}),
        ({"path": "/see/a,b", "raw_path": b"/see/a%2Cb?x=1"}, {"rest": "a,b", "target": "/see/a%2Cb"}),
        ({"path": "/see/é", "raw_path": None}, {"rest": "é", "target": "/see/%C3%A9"}),
        ({"path": "/see/100%25", "raw_path": None}, {"rest": "100%25", "target": "/see/100%2525"}),
        ({"path": "/see/a%2Fb", "raw_path": None}, {"rest": "a%2Fb"}),
        ({"path": "/see/?x", "raw_path": None}, {"rest": "?x"}),
        ({"query_string": b"a=1&b=%C3%A9"}, {"query": {"a": "1", "b": "é"}}),
        ({"client": None, "server": None}, {"client": None, "server": None}),
        ({"scheme": "https", "http_version": "2"}, {"scheme": "https", "version": "2"}),
        ({"root_path": "/api", "path": "/api/see/x", "raw_path": b"/api/see/x"}, {"rest": "x", "root": "/api"}),
        ({"root_path": "/api/", "path": "/api/see/x", "raw_path": b"/api/see/x"}, {"rest": "x", "root": "/api"}),
        ({"root_path": "/api", "path": "/see/x", "raw_path": b"/see/x"}, {"rest": "x", "root": "/api"}),
        ({"root_path": "/é", "path": "/é/see/x", "raw_path": b"/%C3%A9/see/x"}, {"rest": "x", "root": "/%C3%A9"}),
        ({"headers": [(b"content-length", b"12")]}, {"length": 12}),
        ({"headers": [(b"content-length", b"9" * 5000)]}, {"length": None}),
        ({"headers": [(b"content-length", b"-1")]}, {"length": None}),
        ({"headers": [(b"content-length", "²".encode())]}, {"length": None}),
    ],
)
async def test_what_the_scope_says(given, expected):
    """Paths are taken raw; where a server has none, the decoded one is encoded again and never decoded twice."""
    import msgspec

    given = {name: value for name, value in ({"path": "/see/x", "raw_path": b"/see/x"} | given).items() if value or
             name != "raw_path"}  # fmt: skip
    target = scope("/see/x") | given
    if "raw_path" not in given:
        del target["raw_path"]
    async with Started(made()) as app:
        seen = msgspec.json.decode((await asked(app, target)).body)
    assert expected.items() <= seen.items()


async def test_a_root_is_in_every_link():
    """`url_for` and redirects are right under another ASGI application."""
    app = made()

    @app.get("/go")
    async def go(request: Request) -> str:
        return app.context(request).url_for("home")

    async with Started(app):
        driver = await asked(app, scope("/api/go", root_path="/api"))
        assert b"/api/" == driver.body
        driver = await asked(app, scope("/api/go/", root_path="/api"))
        assert (308, "/api/go") == (driver.status, driver.headers["location"])
        assert 200 == (await asked(app, scope("/api", root_path="/api"))).status
        assert 404 == (await asked(app, scope("/apix", root_path="/api"))).status


# -- lifespan


async def lived(app, *, meanwhile=None) -> list[dict]:
    """Run the lifespan from startup to shutdown."""
    sent, down = [], anyio.Event()
    messages = deque([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict:
        if len(messages) == 1 and meanwhile is not None:
            await meanwhile()
        return messages.popleft()

    async def send(message: dict) -> None:
        sent.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    down.set()
    return sent


async def test_the_lifespan_is_the_life():
    """Started between the two messages, stopped after."""
    app, seen = made(), []

    async def look() -> None:
        seen.append(app.state)

    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == [
        each["type"] for each in await lived(app, meanwhile=look)
    ]
    assert (["started"], "stopped") == (seen, app.state)


async def test_a_start_that_fails_says_why():
    """In the message; nothing is left running."""
    app = made()

    @app.provide
    def broken() -> dict:
        raise RuntimeError("no disk")

    sent = await lived(app)
    assert ["lifespan.startup.failed"] == [each["type"] for each in sent]
    assert "no disk" in sent[0]["message"]
    assert "stopped" == app.state


async def test_a_stop_that_fails_says_so():
    """After everything else was stopped."""
    app = made()

    @app.hook("will_stop")
    async def fail(app):
        raise RuntimeError("stuck")

    sent = await lived(app)
    assert ["lifespan.startup.complete", "lifespan.shutdown.failed"] == [each["type"] for each in sent]
    assert "stopped" == app.state


async def test_another_type_of_scope():
    """Is an error, as the specification asks."""
    with pytest.raises(ValueError, match="'smtp'"):
        await made()({"type": "smtp"}, None, None)


# -- WebSockets


def socket(path: str = "/ws", **more) -> dict:
    """Return the scope of a WebSocket."""
    return scope(path, **more) | {"type": "websocket", "scheme": "ws", "subprotocols": []}


def messages(*texts, code: int | None = 1001) -> list[dict]:
    """Return what a client sends."""
    rows = [{"type": "websocket.connect"}]
    rows += [{"type": "websocket.receive", "text" if isinstance(each, str) else "bytes": each} for each in texts]
    return rows + [{"type": "websocket.disconnect", "code": code}] * (code is not None)


async def test_a_websocket():
    """Accepted with the headers of the pipeline; text and bytes; closed by the client."""
    async with Started(made()) as app:
        driver = await asked(app, socket(), *messages("a", b"b", ""))
    assert ["websocket.accept", "websocket.send", "websocket.send", "websocket.send"] == [
        e["type"] for e in driver.sent
    ]
    assert ["a", b"b", ""] == [each.get("text", each.get("bytes")) for each in driver.sent[1:]]
    fields = dict(driver.sent[0]["headers"])
    assert {b"x-request-id", b"traceparent"} <= set(fields)
    assert (["ws"], [(101, 0, None)]) == (app.ends, app.finished)


async def test_a_websocket_that_the_handler_closes():
    """With its code and reason, once."""
    async with Started(made()) as app:
        driver = await asked(app, socket(query_string=b"mode=close"), *messages(code=None))
    assert {"type": "websocket.close", "code": 3001, "reason": "enough"} == driver.sent[-1]
    assert 1 == sum(each["type"] == "websocket.close" for each in driver.sent)


async def test_a_websocket_whose_handler_fails():
    """1011, and the application's log has the rest."""
    async with Started(made()) as app:
        driver = await asked(app, socket(query_string=b"mode=fail"), *messages(code=None))
    assert ("websocket.close", 1011) == (driver.sent[-1]["type"], driver.sent[-1]["code"])
    assert isinstance(app.finished[0][2], RuntimeError)


@pytest.mark.parametrize("after", [0, 1])
async def test_a_websocket_whose_client_cannot_be_reached(after):
    """An OSError of `send` is a closed socket."""
    async with Started(made()) as app:
        await asked(app, socket(), *messages("a", "b", code=None), fail_after=after)
    assert 1 == len(app.finished)


@pytest.mark.parametrize(("path", "status"), [("/none", 204), ("/nothing", 404), ("/ws?", 422)])
async def test_a_websocket_that_is_refused(path, status):
    """With the whole answer where the server can, else by a close before the handshake (403)."""
    app = made()

    @app.websocket("/need")
    async def need(ws: WebSocket, page: int) -> None: ...

    target = "/need" if status == 422 else path
    async with Started(app):
        plain = await asked(app, socket(target), *messages())
        assert [{"type": "websocket.close", "code": 1008, "reason": ""}] == plain.sent
        rich = await asked(app, socket(target, extensions={"websocket.http.response": {}}), *messages())
    assert ("websocket.http.response.start", status) == (rich.sent[0]["type"], rich.status)
    assert "x-request-id" in rich.headers
    assert (status != 204, True) == (b"request_id" in rich.body, rich.complete)


async def test_a_refusal_that_is_a_stream():
    """Chunk by chunk; closed where it cannot be sent."""
    app, ends = made(), []

    @app.hook("before_request")
    async def busy(request):
        async def source() -> AsyncIterator[str]:
            try:
                yield "busy"
            finally:
                ends.append(1)

        return Stream(source(), 503)

    async with Started(app):
        rich = await asked(app, socket(extensions={"websocket.http.response": {}}), *messages())
        assert (503, b"busy", True, [1]) == (rich.status, rich.body, rich.complete, ends)
        await asked(app, socket(), *messages())


async def test_the_socket_itself():
    """Sending after the close raises; closing twice sends once."""
    driver = Driver()
    transport = Socket(driver.receive, driver.send)
    await transport.accept("chat", [(b"x-a", b"b")])
    await transport.close()
    await transport.close()
    with pytest.raises(SocketClosed):
        await transport.send("x")
    assert [
        {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-a", b"b")]},
        {"type": "websocket.close", "code": 1000, "reason": ""},
    ] == driver.sent


# -- the body alone


async def test_who_waits_for_the_end_takes_nothing_away():
    """`gone` keeps one chunk for the reader and returns when the client leaves."""
    driver = Driver(*body(b"a", b"b", b"c"))
    pull = Pull(driver.receive)
    async with anyio.create_task_group() as group:
        group.start_soon(pull.gone)
        await anyio.wait_all_tasks_blocked()
        assert 2 == len(driver.messages)
        assert b"a" == await pull.next()
        await anyio.wait_all_tasks_blocked()
        assert b"bc" == await pull.read()
        await anyio.wait_all_tasks_blocked()
        driver.left.set()
    assert b"" == await pull.next()


async def test_a_client_that_leaves_is_noticed_by_both():
    """The reader gets what had come, then Disconnected."""
    driver = Driver(*body(b"a", more=True))
    pull = Pull(driver.receive)
    async with anyio.create_task_group() as group:
        group.start_soon(pull.gone)
        await anyio.wait_all_tasks_blocked()
        driver.left.set()
        assert b"a" == await pull.next()
    for _ in range(2):
        with pytest.raises(Disconnected):
            await pull.next()


async def test_a_pull_has_a_limit():
    """As every body; counted, and by the declared length before anything is asked for."""
    driver = Driver(*body(b"abc", b"d"))
    pull = Pull(driver.receive)
    pull.limit = 3
    assert b"abc" == await pull.next()
    with pytest.raises(PayloadTooLarge):
        await pull.next()
    declared = Pull(Driver().receive)
    declared.limit, declared.length = 3, 4
    with pytest.raises(PayloadTooLarge):
        await declared.next()


@given(st.lists(st.binary(max_size=4), max_size=8), st.lists(st.booleans(), max_size=20))
def test_any_interleaving_of_reading_and_waiting(chunks, turns):
    """Whoever asks when: all bytes, in order."""

    async def run() -> bytes:
        driver = Driver(*body(*chunks))
        pull, got = Pull(driver.receive), b""
        async with anyio.create_task_group() as group:
            group.start_soon(pull.gone)
            for turn in turns:
                if turn:
                    got += await pull.next()
                else:
                    await anyio.lowlevel.checkpoint()
            got += await pull.read()
            driver.left.set()
        return got

    assert b"".join(chunks) == anyio.run(run)


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_a_request_that_the_server_cancels_has_an_end(kind):
    """Whoever counts requests hears of the end of each that began: status 499, and what ended it."""
    app, inside, seen = App("a", environ={}), anyio.Event(), []
    app.observe(lambda request: seen.append("begin"), lambda *end: seen.append((end[1].status, type(end[3]).__name__)))

    @app.hook("before_request")
    async def wait(request: Request) -> None:
        inside.set()
        await anyio.sleep_forever()

    await app.start()
    driver = Driver(*body()) if kind == "http" else Driver({"type": "websocket.connect"})
    task = asyncio.get_running_loop().create_task(app(scope(type=kind), driver.receive, driver.send))
    await inside.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert ["begin", (499, "CancelledError")] == seen
    await app.stop()
