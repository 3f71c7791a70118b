"""Dispatch: the way of every request: identity, limits, hooks, closing, finishing."""

import re
from collections.abc import AsyncIterator
from functools import partial

import anyio
import msgspec
import pytest

from arlen_core.app import App
from arlen_core.bodies import Body
from arlen_core.dispatch import MAX_BODY, close
from arlen_core.errors import Disconnected, HTTPError
from arlen_core.files import FileResponse
from arlen_core.logs import current
from arlen_core.requests import Request
from arlen_core.responses import Response, Stream, json, text
from arlen_core.settings import HEADERS
from arlen_core.sockets import WebSocket
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio

ID = "a1b2c3d4-e5f6"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Unit:
    """A unit of work of one request."""


class Source:
    """A stream that is no generator; it notes that it was closed."""

    def __init__(self, *chunks: str) -> None:
        self.chunks, self.closed = list(chunks), 0

    def __aiter__(self):
        return self

    async def __anext__(self) -> str:
        if not self.chunks:
            raise StopAsyncIteration
        return self.chunks.pop(0)

    async def aclose(self) -> None:
        self.closed += 1


def made(**words) -> App:
    """Return an application whose unit of work notes its end."""
    app = App("dispatch", environ={"ARLEN_LOG__ACCESS": "false", **{name: str(each) for name, each in words.items()}})
    app.ends = []

    @app.provide(scope="request", type=Unit)
    async def unit() -> AsyncIterator[Unit]:
        try:
            yield Unit()
        except BaseException as error:
            app.ends.append(type(error).__name__)
            raise
        app.ends.append("committed")

    return app


# -- identity


async def test_every_answer_has_an_identity():
    """32 hex digits and a traceparent of our own span, each request another."""
    app = made()
    async with Client(app) as client:
        replies = [await client.get("/") for _ in range(2)]
    ids = [reply.headers["x-request-id"] for reply in replies]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
    assert ids[0] != ids[1]
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", replies[0].headers["traceparent"])
    assert ids[0] == replies[0].request.id


async def test_an_inbound_id_counts_from_a_trusted_proxy_only():
    """And in its pattern only; a trace goes on in any case, with a span of our own."""
    for trusted, given, kept in (
        (False, ID, False),
        (True, ID, True),
        (True, "short", False),
        (True, "x" * 65, False),
        (True, "a1b2c3d4 e5f6", False),
        (True, "a1b2c3d4\u00e9", False),
    ):
        request = Request(headers=[(b"x-request-id", given.encode("latin-1")), (b"traceparent", PARENT.encode())])
        request.state["trusted"] = trusted
        request.identify()
        assert kept == (request.id == given)
        assert PARENT[:36] == request.trace[:36]
        assert PARENT != request.trace


async def test_identify_leaves_an_identity_alone():
    """A mounted application has that of the outer one."""
    request = Request()
    request.id, request.trace = "a", "b"
    request.identify()
    assert ("a", "b") == (request.id, request.trace)


async def test_identity_can_be_switched_off():
    """Then no header tells it; the log still has it."""
    async with Client(made(ARLEN_HTTP__IDENTITY="false")) as client:
        reply = await client.get("/")
    assert (None, None) == (reply.headers.get("x-request-id"), reply.headers.get("traceparent"))
    assert 32 == len(reply.request.id)


async def test_the_log_knows_the_request():
    """While it is answered."""
    app, seen = made(), []

    @app.get("/")
    async def home(request: Request) -> None:
        seen.append(current.get() is request)

    async with Client(app) as client:
        await client.get("/")
    assert [True] == seen


# -- headers


async def test_every_kind_of_answer_has_the_security_headers(tmp_path):
    """Values, errors of all sorts, redirects, 204, 304, files, streams, reserved paths; each once."""
    app = made()
    (tmp_path / "a.txt").write_text("x" * 100_000)

    @app.get("/")
    async def home() -> str:
        return "x"

    @app.get("/json")
    async def data() -> dict:
        return {}

    @app.get("/none")
    async def none() -> None: ...

    @app.get("/fail")
    async def fail() -> None:
        raise RuntimeError

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(tmp_path / "a.txt")

    @app.get("/gone")
    async def gone() -> FileResponse:
        return FileResponse(tmp_path / "b.txt")

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        yield "x"

    @app.get("/same")
    async def same() -> Response:
        return Response("x", headers={"etag": '"1"'})

    @app.get("/n/{id:int}")
    async def number(id: int, page: int) -> None: ...

    async with Client(app) as client:
        for method, path, status, headers in (
            ("GET", "/", 200, {}), ("GET", "/json", 200, {}), ("GET", "/none", 204, {}), ("GET", "/fail", 500, {}),
            ("GET", "/file", 200, {}), ("GET", "/file", 206, {"range": "bytes=0-4"}), ("GET", "/gone", 404, {}),
            ("GET", "/file", 416, {"range": "bytes=999999-"}), ("GET", "/stream", 200, {}),
            ("HEAD", "/stream", 200, {}),
            ("GET", "/same", 304, {"if-none-match": '"1"'}), ("GET", "/n/1", 422, {}), ("GET", "/n/x", 404, {}),
            ("POST", "/", 405, {}), ("OPTIONS", "/", 204, {}), ("GET", "/json/", 308, {}), ("GET", "/%zz", 400, {}),
            ("GET", "/healthz", 200, {}), ("GET", "/metrics", 404, {}),
        ):  # fmt: skip
            reply = await client.request(method, path, headers=headers)
            assert status == reply.status, path
            for name in (*HEADERS, "x-request-id", "traceparent"):
                assert 1 == len(reply.headers.all(name)), (path, name)


async def test_an_answer_may_set_its_own():
    """What a handler or a middleware set is not touched, nor doubled."""
    app = made()

    @app.get("/")
    async def home() -> Response:
        return text("x", headers={"X-Frame-Options": "DENY", "content-security-policy": "default-src 'none'"})

    async with Client(app) as client:
        headers = (await client.get("/")).headers
    assert (["DENY"], ["default-src 'none'"]) == (
        headers.all("x-frame-options"), headers.all("content-security-policy"),
    )  # fmt: skip
    assert "nosniff" == headers["x-content-type-options"]


async def test_a_response_is_for_one_request():
    """A constant would carry one client's cookies and ids to another: it is refused, and the log says why."""
    app, constant = made(), text("x")

    @app.get("/")
    async def home() -> Response:
        return constant

    async with Client(app) as client:
        first = await client.get("/")
        second = await client.get("/")
    assert (200, 500) == (first.status, second.status)
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["x-request-id"] not in str(list(second.headers.items()))


# -- limits


@pytest.mark.parametrize(
    ("server", "words", "expected"),
    [
        (None, {}, MAX_BODY),
        (5, {}, 5),
        (5, {"ARLEN_HTTP__MAX_BODY": 9}, 9),
        (None, {"ARLEN_HTTP__MAX_BODY": 0}, 0),
    ],
)
async def test_whose_limit_of_the_body_holds(server, words, expected):
    """The application's when it says one, else the server's, else 1 MiB; before any hook runs."""
    app, seen = made(**words), []

    @app.hook("before_request")
    async def before(request):
        seen.append(request.body.limit)

    async with Client(app):
        await app.handle(Request(body=Body(limit=server)))
    assert [expected] == seen


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 200), (MAX_BODY + 1, 413)])
async def test_a_body_at_the_limit(size, status):
    """One byte more is 413, with its code."""
    app = made()

    @app.post("/")
    async def home(request: Request) -> int:
        return len(await request.body.read())

    async with Client(app) as client:
        reply = await client.post("/", body=b"x" * size)
        assert status == reply.status
        if status == 413:
            assert ("payload_too_large", f"the body is larger than {MAX_BODY} bytes") == (
                reply.json()["code"], reply.json()["detail"],
            )  # fmt: skip


# -- misses


async def test_methods():
    """405 with Allow, HEAD for GET, OPTIONS by itself, `OPTIONS *`."""
    app = made()

    @app.get("/both")
    async def read() -> str:
        return "read"

    @app.post("/both", name="write")
    async def write() -> str:
        return "write"

    @app.options("/own")
    async def own() -> str:
        return "own"

    async with Client(app) as client:
        reply = await client.delete("/both")
        assert (405, "GET, HEAD, OPTIONS, POST", "method_not_allowed") == (
            reply.status, reply.headers["allow"], reply.json()["code"],
        )  # fmt: skip
        reply = await client.options("/both")
        assert (204, "GET, HEAD, OPTIONS, POST", b"") == (reply.status, reply.headers["allow"], reply.body)
        assert "own" == (await client.options("/own")).text
        assert (200, b"") == ((reply := await client.head("/both")).status, reply.body)
        assert 404 == (await client.head("/nothing")).status
        everything = await app.handle(Request("OPTIONS", b"*"))
        assert (204, "GET, HEAD, OPTIONS, POST") == (everything.status, everything.headers["allow"])


async def test_slashes():
    """Redirected to the declared form, query and method kept; strict; or ignored."""
    for policy, status in (("redirect", 308), ("strict", 404), ("ignore", 200)):
        app = made(ARLEN_HTTP__SLASH=policy)

        @app.route("/a", methods=["GET", "POST"])
        async def a() -> str:
            return "a"

        @app.get("/b/")
        async def b() -> str:
            return "b"

        async with Client(app) as client:
            for path, other in (("/a/", "/a"), ("/b", "/b/")):
                reply = await client.get(path + "?x=1&y=%2F")
                assert status == reply.status
                assert (f"{other}?x=1&y=%2F" if status == 308 else None) == reply.headers.get("location")
            assert status == (await client.post("/a/")).status


@pytest.mark.parametrize(
    "target", [b"//evil.example/", b"///evil.example/", b"//evil.example/a/", b"/\\evil.example/",
               b"//evil.example/%2e%2e/", b"/%2Fevil.example/", b"/%5Cevil.example/",
               b"/a/\r\nx-evil: 1/", b"/a%0D%0Ax-evil:%201/"]
)  # fmt: skip
async def test_a_slash_redirect_stays_here(target):
    """No path can make it leave the site or write a header."""
    app = made()

    @app.get("/{a}")
    async def one(a: str) -> str:
        return a

    @app.get("/{a}/{b}")
    async def two(a: str, b: str) -> str:
        return a + b

    async with Client(app):
        answer = await app.handle(Request("GET", target))
    location = answer.headers.get("location", "/")
    assert re.fullmatch(r"/(?![/\\])[!-~]*", location), location
    assert "x-evil" not in answer.headers


# -- hooks


async def test_hooks_in_their_order():
    """Each sees every request that comes so far; the finaliser sees errors too."""
    app, seen = made(), []
    for name in ("before_request", "after_match", "before_action", "after_action", "before_response", "after_response"):
        app.hook(name)(lambda *args, name=name: seen.append(name))

    @app.get("/x")
    async def handler() -> str:
        return "x"

    async with Client(app) as client:
        await client.get("/x")
        assert [
            "before_request", "after_match", "before_action", "after_action", "before_response", "after_response",
        ] == seen  # fmt: skip
        seen.clear()
        await client.get("/nothing")
        assert ["before_request", "before_response", "after_response"] == seen


@pytest.mark.parametrize("name", ["before_request", "after_match"])
async def test_a_hook_may_answer(name):
    """At once; the finaliser and the headers are still there."""
    app = made()
    app.hook(name)(lambda request: text("early", 203))
    app.hook("before_response")(lambda request, response: response.headers.set("x-last", "1"))

    @app.get("/x")
    async def handler() -> str:
        return "x"

    async with Client(app) as client:
        reply = await client.get("/x")
    assert (203, "early", "1") == (reply.status, reply.text, reply.headers["x-last"])
    assert "x-request-id" in reply.headers


@pytest.mark.parametrize("name", ["before_request", "after_match", "before_response"])
@pytest.mark.parametrize(("error", "status"), [(HTTPError(503), 503), (RuntimeError(), 500)])
async def test_a_hook_that_fails(name, error, status):
    """Its error is an answer like any other."""
    app = made()

    @app.hook(name)
    async def hook(*args):
        raise error

    @app.get("/x")
    async def handler() -> str:
        return "x"

    async with Client(app) as client:
        reply = await client.get("/x")
    assert (status, True) == (reply.status, "x-request-id" in reply.headers)


async def test_a_finaliser_may_replace_the_answer():
    """Another response, or a change of this one."""
    app = made()

    @app.hook("before_response")
    async def last(request, response):
        return json({"was": response.status}, 202)

    async with Client(app) as client:
        assert (202, {"was": 404}) == ((reply := await client.get("/x")).status, reply.json())


async def test_an_after_response_hook_that_fails_is_logged():
    """The answer is sent: nobody else is told."""
    app, lines = made(), []
    app.log = type("Ledger", (), {"error": lambda self, event, **values: lines.append(event)})()

    @app.hook("after_response")
    def after(request, response):
        raise RuntimeError

    async with Client(app) as client:
        assert 404 == (await client.get("/x")).status
    assert ["http.late.failed"] == lines


# -- closing


async def streamed(app: App, source) -> None:
    """Add `/s`, a stream that uses the unit of work."""

    @app.get("/s")
    async def handler(unit: Unit) -> Stream:
        return Stream(source)


async def test_what_a_stream_uses_is_closed_after_it():
    """Not before its last chunk."""
    app = made()

    @app.get("/s")
    async def handler(unit: Unit) -> AsyncIterator[str]:
        for n in range(3):
            assert [] == app.ends
            yield str(n)

    async with Client(app) as client:
        assert "012" == (await client.get("/s")).text
    assert ["committed"] == app.ends


async def test_a_stream_that_is_left_early_rolls_back():
    """Its unit of work gets Disconnected, and the stream is closed first."""
    app, source = made(), Source("a", "b")
    await streamed(app, source)
    async with Client(app) as client, client.stream("GET", "/s") as reply:
        assert b"a" == await anext(reply)
    assert (["Disconnected"], 1) == (app.ends, source.closed)


@pytest.mark.parametrize(("method", "headers"), [("HEAD", {}), ("GET", {})])
async def test_a_stream_that_never_begins_is_closed(method, headers):
    """For HEAD, and for a client that left before the first byte: a generator alone would never notice."""
    app, source = made(), Source("a" * 2000)
    await streamed(app, source)
    async with Client(app) as client, client.stream(method, "/s", headers={"accept-encoding": "gzip", **headers}):
        pass
    assert (["committed"], True) == (app.ends, source.closed > 0)


async def test_a_stream_that_fails_rolls_back():
    """With its own error."""
    app = made()

    @app.get("/s")
    async def handler(unit: Unit) -> AsyncIterator[str]:
        yield "a"
        raise KeyError("b")

    async with Client(app) as client:
        with pytest.raises(KeyError):
            await client.get("/s")
    assert ["KeyError"] == app.ends


async def test_a_stream_that_is_not_needed_is_closed():
    """Because the client has it already, or because a hook put something else in its place by failing."""
    for headers, hook, status in (
        ({"if-none-match": '"1"'}, None, 304),
        ({"if-modified-since": "Sun, 22 Nov 2026 10:00:00 GMT"}, None, 304),
        ({}, "before_response", 500),
    ):
        app, source = made(), Source("a")
        fields = {"etag": '"1"'} if "if-none-match" in headers else {"last-modified": "Sun, 22 Nov 2026 10:00:00 GMT"}

        async def handler(unit: Unit, source: list, fields: dict) -> Stream:
            return Stream(source, headers=fields)

        app.get("/s")(partial(handler, source=source, fields=fields))

        if hook:

            @app.hook(hook)
            async def fail(request, response):
                raise RuntimeError

        async with Client(app) as client:
            assert status == (await client.get("/s", headers=headers)).status
        assert (True, 1) == (source.closed > 0, len(app.ends))


@pytest.mark.parametrize("size", [10, 100_000])
async def test_a_file_that_the_unit_of_work_made_is_sent_before_it_is_deleted(tmp_path, size):
    """Small or large."""
    app = App("files", environ={})

    @app.provide(scope="request")
    async def report() -> AsyncIterator[dict]:
        path = tmp_path / "report.txt"
        path.write_bytes(b"x" * size)
        yield {"path": path}
        path.unlink()

    @app.get("/report")
    async def handler(report: dict) -> FileResponse:
        return FileResponse(report["path"])

    async with Client(app) as client:
        reply = await client.get("/report")
        assert (200, size, str(size)) == (reply.status, len(reply.body), reply.headers["content-length"])
        assert 200 == (await client.head("/report")).status
    assert not (tmp_path / "report.txt").exists()


async def test_what_a_websocket_uses_is_closed_after_it():
    """Not when the handshake is answered; and with the handler's error."""
    app = made()

    @app.websocket("/ws")
    async def talk(ws: WebSocket, unit: Unit) -> None:
        async for message in ws:
            if message == "fail":
                raise KeyError
            await ws.send(str(len(app.ends)))

    async with Client(app) as client:
        async with client.websocket("/ws") as ws:
            await ws.send("x")
            assert "0" == await ws.receive()
        assert ["committed"] == app.ends
        async with client.websocket("/ws") as ws:
            await ws.send("fail")
        assert ["committed", "KeyError"] == app.ends


async def test_a_request_that_is_cancelled_closes_what_it_opened():
    """In the handler, in a hook, in the middle of a stream."""
    app = made()
    ready = anyio.Event()

    @app.get("/x")
    async def handler(unit: Unit) -> None:
        ready.set()
        await anyio.sleep_forever()

    async with Client(app), anyio.create_task_group() as group:
        group.start_soon(app.handle, Request(target=b"/x"))
        await ready.wait()
        group.cancel_scope.cancel()
    assert ["CancelledError"] == app.ends


async def test_a_unit_of_work_that_cannot_commit():
    """The answer becomes 500: what it said is not true."""
    app = App("commit", environ={})

    @app.provide(scope="request")
    async def unit() -> AsyncIterator[dict]:
        yield {}
        raise RuntimeError("the disk is full")

    @app.get("/x")
    async def handler(unit: dict) -> str:
        return "saved"

    async with Client(app) as client:
        reply = await client.get("/x")
    assert (500, False) == (reply.status, b"saved" in reply.body)


async def test_a_unit_of_work_that_cannot_even_roll_back():
    """A cancelled request whose closers fail is cancelled all the same, and the failure is logged."""
    app, lines = App("rollback", environ={"ARLEN_LOG__ACCESS": "false"}), []
    app.log = type("Ledger", (), {"error": lambda self, event, **values: lines.append(event)})()

    @app.provide(scope="request")
    async def unit() -> AsyncIterator[dict]:
        try:
            yield {}
        finally:
            raise RuntimeError("the disk is full")

    @app.get("/x")
    async def handler(unit: dict) -> None:
        await anyio.sleep_forever()

    async with Client(app):
        with anyio.move_on_after(0.01) as scope:
            await app.handle(Request(target=b"/x"))
        assert scope.cancelled_caught
    assert ["http.request.failed"] == lines


async def test_a_stream_that_has_ended_has_ended():
    """Asking once more gives nothing, and closes nothing again."""
    app = made()
    await streamed(app, Source("a"))
    async with Client(app) as client, client.stream("GET", "/s") as reply:
        source = aiter(reply._stream)
        assert "a" == await anext(source)
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(source)
    assert ["committed"] == app.ends


async def test_close_runs_all_closers_last_first():
    """All of them, with the error; the first failure is raised; a second call does nothing."""
    request, seen = Request(), []

    async def one(error):
        seen.append(("one", error))

    async def two(error):
        seen.append(("two", error))
        raise KeyError("two")

    async def three(error):
        raise ValueError("three")

    request.closers = [one, two, three]
    error = Disconnected("x")
    with pytest.raises(ValueError, match="three"):
        await close(request, error)
    assert [("two", error), ("one", error)] == seen
    await close(request)
    assert 2 == len(seen)


# -- native servers


async def test_a_native_server_finds_the_uniform():
    """It writes the lines by itself; the pairs of the response are its own ones only."""
    app = made()

    @app.get("/")
    async def home() -> str:
        return "x"

    @app.get("/framed")
    async def framed() -> Response:
        return Response("x", media="", headers={"x-frame-options": "DENY"})

    await app.start()
    request = Request()
    request.native = True
    answer = await app.handle(request)
    assert [(b"content-type", b"text/plain; charset=utf-8")] == answer.raw
    assert b"x-request-id: " + request.id.encode() in answer.uniform.lines(request)
    request = Request(target=b"/framed")
    request.native = True
    answer = await app.handle(request)
    assert (None, ["DENY"]) == (answer.uniform, answer.headers.all("x-frame-options"))
    await app.stop()


async def test_a_native_server_gets_no_uniform_when_nothing_is_in_it():
    """With every header and the identity off."""
    app = made(
        ARLEN_HTTP__IDENTITY="false", ARLEN_HTTP__HEADERS=msgspec.json.encode(dict.fromkeys(HEADERS, "")).decode()
    )

    @app.get("/")
    async def home() -> str:
        return "x"

    await app.start()
    request = Request()
    request.native = True
    assert (await app.handle(request)).uniform is None
    await app.stop()
