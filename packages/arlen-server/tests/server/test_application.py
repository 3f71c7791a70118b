"""The real application on the real server: what a user writes works end to end."""

import asyncio
import os

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from arlen_core import App, Request, Router, Stream, WebSocket
from arlen_core.files import FileResponse

pytestmark = pytest.mark.anyio

HEAD = b"%b %b HTTP/1.1\r\nHost: x\r\n%b\r\n"


class Note(msgspec.Struct):
    title: str
    stars: int = 0


@pytest.fixture
async def board(serving, tmp_path):
    """Serve a small application that has one of everything."""
    app = App("board", root=tmp_path, env="test")
    app.marks = []
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(1_000_000))

    @app.post("/notes", status=201)
    async def add(note: Note) -> Note:
        await asyncio.sleep(0)
        return note

    @app.get("/notes/{id}")
    def show(id: int) -> dict:
        return {"id": id}

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(path)

    @app.get("/count")
    async def count() -> Stream:
        async def source():
            try:
                for number in range(100_000):
                    yield f"{number}\n"
                    await asyncio.sleep(0)
            finally:
                app.marks.append("closed")

        return Stream(source())

    @app.post("/big", max_body=3_000_000)
    async def big(request: Request) -> dict:
        return {"size": len(await request.body.read())}

    @app.get("/wait", cancel_on_disconnect=True)
    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            app.marks.append("cancelled")

    @app.get("/who")
    async def who(request: Request) -> dict:
        return {"client": request.client[0], "scheme": request.scheme, "host": request.host, "id": request.id}

    rooms = Router(prefix="/rooms")

    @rooms.websocket("/{name}")
    async def room(ws: WebSocket, name: str) -> None:
        async for message in ws:
            await ws.send(f"{name}: {message}")

    app.include(rooms)
    served = await serving(app=app, trusted_proxies=("127.0.0.1",))
    served.path = path
    return served


async def ask(served, method: str, target: str, body: bytes = b"", **headers: str):
    """Send one request and return the answer."""
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    fields += f"Content-Length: {len(body)}\r\n" if body else ""
    return await served.ask(HEAD % (method.encode(), target.encode(), fields.encode()) + body, method)


async def test_json(board):
    """A typed body in, a typed answer out, and every wrong field named."""
    answer = await ask(board, "POST", "/notes", b'{"title":"Tea"}', Content_Type="application/json")
    assert (201, b'{"title":"Tea","stars":0}') == (answer.status, answer.body)
    wrong = await ask(board, "POST", "/notes", b'{"title":7,"stars":"x"}', Content_Type="application/json")
    errors = msgspec.json.decode(wrong.body)["errors"]
    assert (422, ["title", "stars"]) == (wrong.status, [error["field"] for error in errors])


async def test_threads(board):
    """A handler that is no coroutine runs in a thread."""
    assert b'{"id":7}' == (await ask(board, "GET", "/notes/7")).body


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/none", 404), ("PATCH", "/notes/1", 405), ("OPTIONS", "/notes/1", 204), ("PROPFIND", "/notes/1", 405)],
)
async def test_routing_errors(board, method, target, status):
    """The application's own answers carry the same headers as the server's."""
    answer = await ask(board, method, target)
    assert status == answer.status
    assert 32 == len(answer.headers["x-request-id"])
    assert "connection" not in answer.headers


async def test_head(board):
    """HEAD of a GET route has its length and no body."""
    answer = await ask(board, "HEAD", "/notes/7")
    assert (200, "8", b"") == (answer.status, answer.headers["content-length"], answer.body)


async def test_file(board):
    """A file comes whole, in part, or not at all when it has not changed."""
    whole = await ask(board, "GET", "/file")
    assert board.path.read_bytes() == whole.body
    part = await ask(board, "GET", "/file", Range="bytes=10-19")
    assert (206, board.path.read_bytes()[10:20]) == (part.status, part.body)
    same = await ask(board, "GET", "/file", If_None_Match=whole.headers["etag"])
    assert (304, b"") == (same.status, same.body)


async def test_stream(board):
    """A stream is closed when its client leaves."""
    peer = await board.connect()
    peer.send(HEAD % (b"GET", b"/count", b""))
    assert (await peer.reader.readuntil(b"17\n")).startswith(b"HTTP/1.1 200 OK\r\n")
    peer.reset()
    await board.wait(lambda: board.app.marks)
    assert ["closed"] == board.app.marks


async def test_cancelled(board):
    """A route may be cancelled when its client leaves."""
    peer = await board.connect()
    peer.send(HEAD % (b"GET", b"/wait", b""))
    await board.wait(lambda: board.server.stats.in_flight)
    peer.reset()
    await board.wait(lambda: board.app.marks)
    assert ["cancelled"] == board.app.marks


@pytest.mark.parametrize(("size", "status"), [(3_000_000, 200), (3_000_001, 413)])
async def test_body_limit(board, size, status):
    """A route may take a larger body than the server's `max_body`."""
    assert status == (await ask(board, "POST", "/big", b"x" * size)).status


async def test_proxy(board):
    """Behind a trusted proxy, the application sees the client, and its request id is kept."""
    answer = await ask(
        board,
        "GET",
        "/who",
        X_Forwarded_For="203.0.113.9",
        X_Forwarded_Proto="https",
        X_Forwarded_Host="board.example",
        X_Request_Id="from-the-proxy-1",
    )
    expected = {"client": "203.0.113.9", "scheme": "https", "host": "board.example", "id": "from-the-proxy-1"}
    assert expected == msgspec.json.decode(answer.body)


async def test_websocket(board):
    """A WebSocket route talks; anything else that is asked of it is refused."""
    url = f"ws://127.0.0.1:{board.port}/rooms"
    async with connect(f"{url}/tea") as client:
        await client.send("hi")
        assert "tea: hi" == await client.recv()
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://127.0.0.1:{board.port}/none")
    assert 404 == caught.value.response.status_code
    assert 426 == (await ask(board, "GET", "/rooms/tea")).status


async def test_health_during_a_drain(board):
    """Readiness fails before anything else does."""
    assert 200 == (await ask(board, "GET", "/readyz")).status
    board.app.drain()
    assert 503 == (await ask(board, "GET", "/readyz")).status
    assert 200 == (await ask(board, "GET", "/healthz")).status
    assert 200 == (await ask(board, "GET", "/notes/7")).status
