"""Foreign: an ASGI application inside: its answers, streams, lifespan and WebSockets, and nothing left hanging."""

import gc
import json
from collections.abc import AsyncIterator

import anyio
import pytest

from arlen_core.app import App
from arlen_core.bodies import Feed
from arlen_core.errors import StartupError
from arlen_core.foreign import Foreign
from arlen_core.requests import Request
from arlen_core.responses import Stream
from arlen_core.sockets import SocketClosed
from arlen_core.testing import Client
from arlen_core.wires import Refused

pytestmark = pytest.mark.anyio


class Guest:
    """An ASGI application that does what the path says, and keeps what happens."""

    def __init__(self, lifespan: str = "full") -> None:
        self.lifespan, self.seen, self.scopes = lifespan, [], []

    async def __call__(self, scope, receive, send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "lifespan":
            await getattr(self, f"life_{self.lifespan}")(scope, receive, send)
        elif scope["type"] == "websocket":
            await self.socket(scope, receive, send)
        else:
            await getattr(self, scope["path"].rpartition("/")[2])(scope, receive, send)

    async def life_full(self, scope, receive, send) -> None:
        assert "lifespan.startup" == (await receive())["type"]
        scope["state"]["db"] = "open"
        self.seen.append("up")
        await send({"type": "lifespan.startup.complete"})
        assert "lifespan.shutdown" == (await receive())["type"]
        self.seen.append("down")
        await send({"type": "lifespan.shutdown.complete"})

    async def life_none(self, scope, receive, send) -> None:
        raise NotImplementedError

    async def life_failed(self, scope, receive, send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no disk"})

    async def life_failed_raising(self, scope, receive, send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no disk"})
        raise RuntimeError("as well")

    async def life_hangs(self, scope, receive, send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self.seen.append("cancelled")

    async def life_stop_failed(self, scope, receive, send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "stuck"})

    async def life_breaks(self, scope, receive, send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise RuntimeError("broke on the way down")

    async def hello(self, scope, receive, send) -> None:
        await self.answer(send, b"hello", length=True)

    async def state(self, scope, receive, send) -> None:
        scope["state"]["mine"] = 1
        await self.answer(send, json.dumps(scope["state"]).encode(), length=True)

    async def echo(self, scope, receive, send) -> None:
        data, more = b"", True
        while more:
            message = await receive()
            data, more = data + message.get("body", b""), message.get("more_body", False)
        await self.answer(send, data, length=True)

    async def swallow(self, scope, receive, send) -> None:
        try:
            await receive()
        except Exception:  # noqa: BLE001
            await self.answer(send, b"mine", status=500, length=True)

    async def answer(self, send, body: bytes, *, status: int = 200, length: bool = False) -> None:
        headers = [(b"X-Guest", b"1")] + [(b"content-length", str(len(body)).encode())] * length
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def stream(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for n in range(5):
            await send({"type": "http.response.body", "body": str(n).encode(), "more_body": True})
        await send({"type": "http.response.body"})
        self.seen.append("streamed")

    async def endless(self, scope, receive, send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        except OSError:
            self.seen.append("oserror")
            raise

    async def listens(self, scope, receive, send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        self.seen.append((await receive())["type"])

    async def slow_body(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await anyio.sleep_forever()

    async def never(self, scope, receive, send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self.seen.append("ended")

    async def patient(self, scope, receive, send) -> None:
        await receive()
        self.seen.append((await receive())["type"])

    async def nothing(self, scope, receive, send) -> None: ...

    async def raises(self, scope, receive, send) -> None:
        raise ValueError("boom")

    async def raises_later(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise ValueError("later")

    async def raises_after(self, scope, receive, send) -> None:
        await self.answer(send, b"done", length=True)
        raise ValueError("after")

    async def cut(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})

    async def head_only(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})

    async def wrong(self, scope, receive, send) -> None:
        await send({"type": "http.response.body", "body": b"x"})

    async def none(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def work(self, scope, receive, send) -> None:
        await self.answer(send, b"done", length=True)
        await anyio.lowlevel.checkpoint()
        self.seen.append("worked")

    async def socket(self, scope, receive, send) -> None:
        assert "websocket.connect" == (await receive())["type"]
        if scope["path"].endswith("refuse"):
            await send({"type": "websocket.close", "code": 4403})
            self.seen.append((await receive())["code"])
            return
        await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None),
                    "headers": [(b"x-guest", b"1")]})  # fmt: skip
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 3000, "reason": "enough"})
                return
            if message.get("text") == "fail":
                raise ValueError("socket")
            await send({"type": "websocket.send", **{key: message[key] for key in ("text", "bytes") if key in message}})
        self.seen.append(("disconnect", message["code"]))


def mounted(lifespan: str = "full", **words) -> tuple[App, Guest]:
    """Return an application with a guest below `/g`."""
    app, guest = App("host", environ={"ARLEN_LOG__ACCESS": "false", **words}), Guest(lifespan)
    app.failures = []
    app._late = lambda name, error: app.failures.append((name, error))
    app.mount("/g", guest)
    return app, guest


async def test_an_answer():
    """Status, headers in lower case, body; the headers of this application are added."""
    app, _ = mounted()
    async with Client(app) as client:
        reply = await client.get("/g/hello")
    assert (200, b"hello", "1", "/g") == (
        reply.status, reply.body, reply.headers["x-guest"], reply.headers["x-arlen-mount-prefix"],
    )  # fmt: skip
    assert {"x-request-id", "content-security-policy"} <= set(reply.headers)


async def test_the_scope():
    """As the specification says, under a root path, raw and decoded; a copy of the headers."""
    app, guest = mounted()
    async with Client(app, https=True, client=("9.9.9.9", 9)) as client:
        reply = await client.get("/g/caf%C3%A9/hello?x=%20", headers={"x-a": "b"})
    scope = guest.scopes[-1]
    assert {
        "type": "http", "method": "GET", "path": "/g/café/hello", "raw_path": b"/g/caf%C3%A9/hello", "root_path": "/g",
        "query_string": b"x=%20", "scheme": "https", "client": ("9.9.9.9", 9), "server": ("testserver", 80),
        "http_version": "1.1",
    }.items() <= scope.items()  # fmt: skip
    assert (b"x-a", b"b") in scope["headers"]
    assert scope["headers"] is not reply.request.raw


async def test_a_stream_comes_as_it_is_made():
    """Its first byte is not waited for, and each chunk is asked for."""
    app, guest = mounted()
    async with Client(app) as client:
        async with client.stream("GET", "/g/stream") as reply:
            assert b"0" == await anext(reply)
            assert [] == guest.seen[1:]
            assert b"1234" == await reply.read()
        with anyio.fail_after(5):
            async with client.stream("GET", "/g/slow_body") as reply:
                assert 200 == reply.status
    assert "streamed" in guest.seen


@pytest.mark.parametrize(("path", "left"), [("endless", "oserror"), ("listens", "http.disconnect")])
async def test_a_client_that_leaves(path, left):
    """The guest is told, by `send` or by `receive`, and ends."""
    app, guest = mounted()
    async with Client(app) as client:
        async with client.stream("GET", f"/g/{path}") as reply:
            await anext(reply)
        await anyio.wait_all_tasks_blocked()
        assert left == guest.seen[-1]
    assert [] == app.failures


async def test_a_stream_that_nobody_begins():
    """HEAD, and a client that leaves at once: the guest does not hang on its first chunk."""
    app, guest = mounted()
    async with Client(app) as client:
        assert b"" == (await client.head("/g/endless")).body
        async with client.stream("GET", "/g/endless"):
            pass
        await anyio.wait_all_tasks_blocked()
    assert ["up", "oserror", "oserror", "down"] == guest.seen


async def test_a_request_that_is_cancelled_does_not_leave_the_guest_hanging():
    """It gets its disconnect."""
    app, guest = mounted()
    async with Client(app):
        with anyio.move_on_after(0.01):
            await app.handle(Request(target=b"/g/patient"))
        await anyio.wait_all_tasks_blocked()
        assert "http.disconnect" == guest.seen[-1]


async def test_work_after_the_answer():
    """Goes on to its end."""
    app, guest = mounted()
    async with Client(app) as client:
        await client.get("/g/work")
        await anyio.wait_all_tasks_blocked()
        assert "worked" in guest.seen


async def test_bodies():
    """Pass through; over the limit it is 413, whatever the guest makes of that."""
    app, _ = mounted(ARLEN_HTTP__MAX_BODY="100")
    async with Client(app) as client:
        assert b"x" * 100 == (await client.post("/g/echo", body=b"x" * 100)).body
        for path in ("echo", "swallow"):
            assert 413 == (await client.post(f"/g/{path}", body=b"x" * 101)).status
        assert b"" == (await client.get("/g/echo")).body


async def test_a_client_that_leaves_in_the_middle_of_its_body():
    """The guest gets its disconnect in the place of the rest."""
    app, guest = mounted()
    feed = Feed()
    feed.feed(b"a")
    feed.abort()
    async with Client(app):
        await app.handle(Request("POST", b"/g/patient", body=feed))
    assert "http.disconnect" in guest.seen


@pytest.mark.parametrize(
    ("path", "status"),
    [("none", 204), ("nothing", 500), ("raises", 500), ("head_only", 500), ("wrong", 500), ("raises_after", 200)],
)
async def test_odd_answers(path, status):
    """No answer, an error, half an answer: 500; an error after the answer is only logged."""
    app, _ = mounted()
    async with Client(app) as client:
        assert status == (await client.get(f"/g/{path}")).status
        await anyio.wait_all_tasks_blocked()
    assert (["the application mounted at /g"] if path == "raises_after" else []) == [name for name, _ in app.failures]


@pytest.mark.parametrize(("path", "error"), [("raises_later", ValueError), ("cut", RuntimeError)])
async def test_a_stream_that_breaks(path, error):
    """Whoever sends it hears of it."""
    app, _ = mounted()
    async with Client(app) as client:
        with pytest.raises(error):
            await client.get(f"/g/{path}")


async def test_the_lifespan():
    """Startup and shutdown, once; its state is in every scope, as a copy."""
    app, guest = mounted()
    async with Client(app) as client:
        for _ in range(2):
            assert {"db": "open", "mine": 1} == (await client.get("/g/state")).json()
        assert ["up"] == guest.seen
    assert ["up", "down"] == guest.seen
    async with Client(app) as client:
        assert 200 == (await client.get("/g/hello")).status
    assert ["up", "down"] * 2 == guest.seen


async def test_an_application_without_a_lifespan():
    """Is fine."""
    app, _ = mounted("none")
    async with Client(app) as client:
        assert 200 == (await client.get("/g/hello")).status


@pytest.mark.parametrize("lifespan", ["failed", "failed_raising"])
async def test_a_startup_that_fails(lifespan):
    """Names the place and the reason; what had started is stopped."""
    app, _ = mounted(lifespan)
    stopped = []

    @app.provide
    async def store() -> AsyncIterator[dict]:
        yield {}
        stopped.append(1)

    with pytest.raises(StartupError, match="the application mounted at /g did not start: no disk"):
        await app.start()
    assert ("stopped", [1]) == (app.state, stopped)


async def test_a_startup_that_hangs():
    """Ends after its time, and nothing of it is left."""
    app, guest = mounted("hangs", ARLEN_HTTP__START_TIMEOUT="0.05")
    with pytest.raises(StartupError, match=r"the application mounted at /g did not start within 0\.05 s"):
        await app.start()
    assert ["cancelled"] == guest.seen


@pytest.mark.parametrize(("lifespan", "reason"), [("stop_failed", "stuck"), ("breaks", "broke on the way down")])
async def test_a_shutdown_that_fails(lifespan, reason):
    """Is told when everything has stopped."""
    app, _ = mounted(lifespan)
    await app.start()
    with pytest.raises(ExceptionGroup) as caught:
        await app.stop()
    assert reason in str(caught.value.exceptions[0])
    assert "stopped" == app.state


async def test_stopping_ends_what_still_answers():
    """Before the guest's own shutdown."""
    app, guest = mounted()
    async with anyio.create_task_group() as group:
        await app.start()
        group.start_soon(app.handle, Request(target=b"/g/never"))
        await anyio.wait_all_tasks_blocked()
        await app.stop()
        group.cancel_scope.cancel()
    assert ["up", "ended", "down"] == guest.seen


async def test_websockets():
    """Text, bytes, subprotocol, headers; closed by either side."""
    app, guest = mounted()
    async with Client(app) as client:
        async with client.websocket("/g/ws", protocols=["chat"]) as ws:
            for message in ("x", b"y"):
                await ws.send(message)
                assert message == await ws.receive()
            assert ("chat", "1") == (ws.protocol, ws.headers["x-guest"])
            await ws.close(4000)
        assert ("disconnect", 4000) == guest.seen[-1]
        async with client.websocket("/g/ws") as ws:
            await ws.send("close")
            with pytest.raises(SocketClosed, match="3000: enough"):
                await ws.receive()
        async with client.websocket("/g/ws") as ws:
            await ws.send("fail")
            with pytest.raises(SocketClosed, match="1011"):
                await ws.receive()
    assert {"type": "websocket", "scheme": "ws", "path": "/g/ws", "root_path": "/g"}.items() <= guest.scopes[-1].items()


async def test_a_websocket_that_the_guest_refuses():
    """Before it is accepted: 403; nothing is closed that was never open."""
    app, guest = mounted()
    async with Client(app) as client:
        with pytest.raises(Refused) as caught:
            async with client.websocket("/g/refuse"):
                pass
    assert (403, True) == (caught.value.reply.status, 1006 in guest.seen)


async def test_alone():
    """Without a lifespan having run, and without anybody to tell."""
    guest = Guest()
    foreign = Foreign(guest)
    answer = await foreign.handle(Request(target=b"/raises_after"))
    assert (200, b"done") == (answer.status, answer.body)
    answer = await foreign.handle(Request(target=b"/stream"))
    assert isinstance(answer, Stream)
    assert b"01234" == b"".join([chunk async for chunk in answer.stream])
    await foreign.stop()
    gc.collect()
