"""Testing: the client in the same process, for HTTP, streams, forms, cookies and WebSockets."""

import gc
from collections.abc import AsyncIterator

import anyio
import pytest
from msgspec import Struct

from arlen_core.app import App
from arlen_core.errors import HTTPError
from arlen_core.forms import Form
from arlen_core.requests import Request
from arlen_core.responses import Response, Stream, html, redirect
from arlen_core.sockets import SocketClosed, WebSocket
from arlen_core.testing import REDIRECTS, Client, run
from arlen_core.wires import HELD, Refused

pytestmark = pytest.mark.anyio


class Note(Struct):
    title: str


def made() -> App:
    """Return an application that says what it got."""
    app = App("echo", environ={"ARLEN_LOG__ACCESS": "false"})
    app.ends = []

    @app.route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "QUERY"])
    async def echo(request: Request) -> dict:
        body = await request.body.read()
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        return {
            "method": request.method, "path": request.path, "query": list(map(list, request.query.items())),
            "headers": headers, "host": request.host, "body": body.decode(), "scheme": request.scheme,
            "client": request.client[0], "cookies": request.cookies,
        }  # fmt: skip

    @app.get("/go/{status:int}")
    async def go(status: int, to: str = "/echo") -> Response:
        return redirect(to, status) if 300 < status < 400 else Response("", status, headers={"location": to})

    @app.post("/go/{status:int}", name="go_post")
    async def go_post(status: int) -> Response:
        return redirect("/echo?moved=1", status)

    @app.get("/loop")
    async def loop() -> Response:
        return redirect("/loop")

    @app.get("/a/b")
    async def relative() -> Response:
        return redirect("../echo?x=1")

    @app.get("/jar")
    async def jar() -> Response:
        answer = Response("")
        for name in ("a", "b"):
            answer.cookie(name, "1")
        answer.cookie("gone", "x", max_age=-1)
        return answer

    @app.get("/unset")
    async def unset() -> Response:
        answer = Response("")
        answer.cookie("a", "", max_age=0)
        answer.cookie("b", "2", max_age=10)
        return answer

    @app.get("/stream")
    async def stream() -> AsyncIterator[str | bytes]:
        try:
            for n in range(1000):
                yield f"{n}\n" if n % 2 else f"{n}\n".encode()
        finally:
            app.ends.append("stream")

    @app.get("/page")
    async def page() -> Response:
        return html('<form action="/search"><input name="q"></form><form id="p" method="post" action="/save">'
                    '<input name="title" value="x"></form>'
                    '<form id="f" method="post" action="/save" enctype="multipart/form-data">'
                    '<input name="title" value="x"><input type="file" name="photo"></form>')  # fmt: skip

    @app.get("/search")
    async def search(q: str) -> dict:
        return {"q": q}

    @app.post("/save")
    async def save(form: Form) -> dict:
        photo = form.file("photo")
        return {"title": form.get("title"), "photo": photo and (await photo.read()).decode()}

    @app.websocket("/ws", protocols=("chat", "echo"))
    async def ws(ws: WebSocket, start: str = "") -> None:
        try:
            if start == "fail":
                raise RuntimeError("boom")
            if start == "close":
                await ws.close(3000, "enough")
                return
            if start == "flood":
                while True:
                    await ws.send("x")
                    app.ends.append("sent")
            async for message in ws:
                await ws.send(message)
        except SocketClosed as gone:
            app.ends.append(f"closed {gone.code}")
        finally:
            app.ends.append("ws")

    async def closed(request: Request) -> bool:
        return False

    @app.websocket("/closed", guards=[closed])
    async def never(ws: WebSocket) -> None: ...

    return app


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
async def test_methods(method):
    """One call a method; `request` for the others."""
    async with Client(made()) as client:
        assert method.upper() == (await getattr(client, method)("/echo")).json()["method"]
        assert "QUERY" == (await client.request("QUERY", "/echo")).json()["method"]
        assert (200, b"") == ((await client.head("/echo")).status, (await client.head("/echo")).body)
        assert 204 == (await client.options("/echo")).status


async def test_the_request_says_what_was_given():
    """URL, query, headers, body, scheme, client."""
    async with Client(made(), headers={"x-a": "1", "x-b": "2"}, https=True, client=("9.8.7.6", 1)) as client:
        seen = (await client.post("http://a.example:81/echo?x=1", query={"y": [2, 3], "z": None}, headers={"X-B": "3"},
                                  body=b"hi")).json()  # fmt: skip
        assert "https" == (await client.get("/echo")).json()["scheme"]
    assert [["x", "1"], ["y", "2"], ["y", "3"]] == seen["query"]
    assert {"x-a": "1", "x-b": "3", "content-length": "2"} == seen["headers"]
    assert ("a.example:81", "hi", "http", "9.8.7.6") == (seen["host"], seen["body"], seen["scheme"], seen["client"])


async def test_odd_urls_are_encoded():
    """As a browser would."""
    async with Client(made()) as client:
        assert "/é ü" == (await client.get("/é%20ü")).request.path
        assert [["q", "é"]] == (await client.get("/echo?q=é")).json()["query"]


async def test_replies():
    """Status, headers, text, JSON into a type, the address."""
    async with Client(made()) as client:
        reply = await client.get("/search?q=tea")
        assert ("application/json", '{"q":"tea"}', "/search?q=tea") == (reply.media, reply.text, reply.url)
        assert {"q": "tea"} == reply.json(dict[str, str])
        assert "<Reply 200 /search?q=tea 11 bytes>" == repr(reply)


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
async def test_redirects_are_followed_when_asked(status, method):
    """307 and 308 keep method and body, the others become GET; headers go along."""
    async with Client(made()) as client:
        reply = await client.post(f"/go/{status}", form={"a": "b"}, headers={"x-a": "1"}, follow=True)
        seen = reply.json()
        assert (method, "a=b" if method == "POST" else "", "1") == (
            seen["method"],
            seen["body"],
            seen["headers"]["x-a"],
        )
        assert "/echo?moved=1" == reply.url
        assert status == (await client.post(f"/go/{status}")).status


async def test_redirects_of_other_kinds():
    """Relative addresses; HEAD stays HEAD; a Location that is none is not followed; a loop ends."""
    async with Client(made(), follow=True) as client:
        assert [["x", "1"]] == (await client.get("/a/b")).json()["query"]
        assert "HEAD" == (await client.head("/go/303")).request.method
        for status in (201, 202):
            assert status == (await client.get(f"/go/{status}")).status
        assert 303 == (await client.get("/go/303", follow=False)).status
        assert [["to", "/echo"]] != (await client.get("/go/303", query={"to": "/echo"})).json()["query"]
        with pytest.raises(RuntimeError, match=f"more than {REDIRECTS} redirects"):
            await client.get("/loop")


async def test_cookies_are_kept():
    """Set, sent, changed, ended."""
    async with Client(made()) as client:
        await client.get("/jar")
        assert {"a": "1", "b": "1"} == client.cookies == (await client.get("/echo")).json()["cookies"]
        await client.get("/unset")
        assert {"b": "2"} == (await client.get("/echo")).json()["cookies"]
        assert {"c": "3"} == (await client.get("/echo", headers={"cookie": "c=3"})).json()["cookies"]


async def test_forms_are_submitted():
    """GET puts the fields in the query, POST in the body, files as multipart."""
    async with Client(made()) as client:
        page = (await client.get("/page")).page
        assert {"q": "tea"} == (await client.submit(page.form("form:not([id])"), q="tea")).json()
        assert {"title": "x", "photo": None} == (await client.submit(page.form("#p"))).json()
        assert {"title": "y", "photo": "png"} == (
            await client.submit(page.form("#f"), title="y", photo=("a.png", b"png"))
        ).json()
        with pytest.raises(AssertionError, match="no field 'other'"):
            await client.submit(page.form("#p"), other="x")


async def test_a_stream_is_read_chunk_by_chunk():
    """Text and bytes; and the whole of it by `read`."""
    app = made()
    async with Client(app) as client, client.stream("GET", "/stream") as reply:
        assert b"0\n" == await anext(aiter(reply))
        assert (2, []) == (reply.sent, app.ends)
        assert (await reply.read()).endswith(b"999\n")
        assert ["stream"] == app.ends
        assert b"" == b"".join([chunk async for chunk in reply])


async def test_leaving_a_stream_early_closes_it():
    """At once, in the same task, with nothing left for the garbage collector."""
    app = made()
    async with Client(app) as client:
        async with client.stream("GET", "/stream") as reply:
            async for _ in reply:
                break
        assert ["stream"] == app.ends
        async with client.stream("HEAD", "/stream") as reply:
            assert b"" == await reply.read()
        gc.collect()


async def test_an_error_in_the_test_is_the_tests():
    """It comes out as it is, and the stream is closed."""
    app = made()
    async with Client(app) as client:
        with pytest.raises(KeyError, match="mine"):  # noqa: PT012
            async with client.stream("GET", "/stream") as reply:
                await anext(reply)
                raise KeyError("mine")
        assert ["stream"] == app.ends


def test_run_does_everything():
    """For a script: start, one request, stop."""
    app = made()
    assert {"q": "tea"} == run(app, "GET", "/search", query={"q": "tea"}).json()
    assert "stopped" == app.state


async def test_the_client_starts_and_stops():
    """Also when the test fails."""
    app = made()
    with pytest.raises(KeyError):  # noqa: PT012
        async with Client(app):
            assert "started" == app.state
            raise KeyError
    assert "stopped" == app.state


async def test_a_websocket_talks():
    """Text, bytes, JSON, both ways."""
    app = made()
    async with Client(app) as client, client.websocket("/ws") as ws:
        for message in ("x", b"\xff", ""):
            await ws.send(message)
            assert message == await ws.receive()
        await ws.send_json({"a": 1})
        assert {"a": 1} == await ws.receive_json()
        await ws.send('{"title":"t"}')
        assert Note("t") == await ws.receive_json(Note)
        assert None is ws.protocol
        assert "x-request-id" in ws.headers
    assert ["ws"] == app.ends


@pytest.mark.parametrize(("offer", "agreed"), [(["echo", "chat"], "chat"), (["echo"], "echo"), (["other"], None)])
async def test_subprotocols(offer, agreed):
    """The server's order decides."""
    async with Client(made()) as client, client.websocket("/ws", protocols=offer) as ws:
        assert agreed == ws.protocol


async def test_a_websocket_that_the_handler_closes():
    """What came before is read; then the code and the reason."""
    async with Client(made()) as client, client.websocket("/ws?start=close") as ws:
        with pytest.raises(SocketClosed, match="3000: enough"):
            await ws.receive()
        with pytest.raises(SocketClosed):
            await ws.send("x")
        assert [] == [each async for each in ws]


async def test_a_websocket_handler_that_fails():
    """1011 for the client; the application's log has the rest."""
    async with Client(made()) as client, client.websocket("/ws", query={"start": "fail"}) as ws:
        with pytest.raises(SocketClosed) as caught:
            await ws.receive()
        assert 1011 == caught.value.code


async def test_a_websocket_that_the_client_closes():
    """The handler gets code and reason after what was sent before."""
    app = made()
    async with Client(app) as client, client.websocket("/ws") as ws:
        await ws.send("last")
        await ws.close(4000, "bye")
        with pytest.raises(SocketClosed):
            await ws.send("more")
    assert app.ends in (["closed 4000", "ws"], ["ws"])


async def test_a_slow_handler_stops_a_fast_client():
    """Its messages wait, and it learns when there is nobody left to read them."""
    app, gate = App("slow", environ={}), anyio.Event()

    @app.websocket("/ws")
    async def slow(ws: WebSocket) -> None:
        await gate.wait()
        raise SocketClosed

    sent = []
    async with Client(app) as client, client.websocket("/ws") as ws, anyio.create_task_group() as group:

        async def flood() -> None:
            with pytest.raises(SocketClosed):  # noqa: PT012
                while True:
                    await ws.send("x")
                    sent.append(1)

        group.start_soon(flood)
        await anyio.wait_all_tasks_blocked()
        assert HELD == len(sent)
        gate.set()


async def test_a_slow_client_stops_a_fast_handler():
    """`HELD` messages wait, no more."""
    app = made()
    async with Client(app) as client, client.websocket("/ws?start=flood") as ws:
        await anyio.wait_all_tasks_blocked()
        assert HELD == app.ends.count("sent")
        assert "x" == await ws.receive()
        await anyio.wait_all_tasks_blocked()
        assert HELD + 1 == app.ends.count("sent")
    assert ["closed 1001", "ws"] == app.ends[-2:]


@pytest.mark.parametrize(("path", "status"), [("/closed", 403), ("/nothing", 404), ("/ws?start=a&start=%FF", 400)])
async def test_a_websocket_that_is_refused(path, status):
    """The answer is in the error."""
    async with Client(made()) as client:
        with pytest.raises(Refused) as caught:
            async with client.websocket(path):
                pass
        assert (status, status) == (caught.value.reply.status, caught.value.reply.json()["status"])


async def test_a_handler_that_does_not_end_is_cancelled(monkeypatch):
    """A test never hangs on it."""
    monkeypatch.setattr("arlen_core.wires.PATIENCE", 0.01)
    app, ends = App("stuck", environ={}), []

    @app.websocket("/ws")
    async def stuck(ws: WebSocket) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ends.append("cancelled")

    async with Client(app) as client, client.websocket("/ws"):
        assert [] == ends
    assert ["cancelled"] == ends


async def test_an_error_in_a_websocket_test_is_the_tests():
    """Not wrapped in a group."""
    async with Client(made()) as client:
        with pytest.raises(KeyError, match="mine"):
            async with client.websocket("/ws"):
                raise KeyError("mine")


async def test_an_http_request_of_a_websocket_path():
    """426, and which upgrade it wants."""
    async with Client(made()) as client:
        reply = await client.get("/ws")
        assert (426, "websocket") == (reply.status, reply.headers["upgrade"])


async def test_errors_are_answers():
    """The client shows what a browser would see."""
    app = App("broken", environ={})

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError

    @app.get("/refused")
    async def refused() -> None:
        raise HTTPError(409)

    @app.get("/half")
    async def half() -> Stream:
        async def source() -> AsyncIterator[str]:
            yield "a"
            raise RuntimeError("half")

        return Stream(source())

    async with Client(app) as client:
        assert (500, 409) == ((await client.get("/broken")).status, (await client.get("/refused")).status)
        with pytest.raises(RuntimeError, match="half"):
            await client.get("/half")
