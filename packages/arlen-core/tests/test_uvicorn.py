"""Uvicorn: the application under a server of somebody else's, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import msgspec
import pytest

from arlen_core.app import App
from arlen_core.requests import Request
from arlen_core.responses import Stream
from arlen_core.sockets import WebSocket

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed: it is no dependency of this package")
pytestmark = pytest.mark.anyio


def made() -> App:
    """Return an application that notes how it ended."""
    app = App("uvicorn", environ={"ARLEN_LOG__ACCESS": "false"})
    app.ends = []

    @app.provide(type=dict)
    async def store() -> AsyncIterator[dict]:
        yield {"open": True}
        app.ends.append("store")

    @app.get("/")
    async def home(store: dict) -> dict:
        return store

    @app.post("/upper")
    async def upper(request: Request) -> Stream:
        async def source() -> AsyncIterator[bytes]:
            async for chunk in request.body:
                yield chunk.upper()

        return Stream(source(), media="application/octet-stream")

    @app.get("/endless")
    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "x" * 1000
                await anyio.lowlevel.checkpoint()
        finally:
            app.ends.append("endless")

    @app.get("/fail")
    async def fail() -> AsyncIterator[str]:
        yield "x" * 10
        raise RuntimeError("half")

    @app.websocket("/ws")
    async def ws(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)
        app.ends.append("ws")

    return app


@asynccontextmanager
async def served(app: App, **options) -> AsyncIterator[int]:
    """Serve on a free port of this machine."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="on", log_config=None, access_log=False, ws="websockets-sansio", **options)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    task = asyncio.get_running_loop().create_task(server._serve([listener]))
    try:
        while not server.started:
            await anyio.sleep(0.001)
            assert not task.done()
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def talk(port: int, data: bytes, *, until: bytes | None = None) -> bytes:
    """Send bytes; return what comes until the connection ends, or until some bytes came; then leave."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    got = b""
    while (until is None or until not in got) and (chunk := await reader.read(65536)):
        got += chunk
    writer.close()
    await writer.wait_closed()
    return got


def plain(path: str, method: str = "GET", *more: str) -> bytes:
    """Return a request that ends the connection."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", "connection: close", *more, "", ""]).encode()


async def test_requests_over_a_socket():
    """The lifespan runs; answers, errors, HEAD and two-way streams are right; a client that leaves is noticed."""
    app = made()
    with anyio.fail_after(60):
        async with served(app) as port:
            head, _, body = (await talk(port, plain("/"))).partition(b"\r\n\r\n")
            assert (True, {"open": True}) == (head.startswith(b"HTTP/1.1 200"), msgspec.json.decode(body))
            assert b"x-request-id: " in head
            assert (await talk(port, plain("/nothing"))).startswith(b"HTTP/1.1 404")
            head, _, body = (await talk(port, plain("/", "HEAD"))).partition(b"\r\n\r\n")
            assert (b"", True) == (body, b"content-length: 13" in head)
            chunks = (
                b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [b"gh" * 30_000, b"kl" * 5]) + b"0\r\n\r\n"
            )
            sent = plain("/upper", "POST", "transfer-encoding: chunked") + chunks
            answer = (await talk(port, sent)).partition(b"\r\n\r\n")[2]
            assert (30_000, 5) == (answer.count(b"G"), answer.count(b"L"))
            assert (await talk(port, plain("/endless"), until=b"xxxx")).startswith(b"HTTP/1.1 200")
            while "endless" not in app.ends:
                await anyio.sleep(0.001)
    assert ["endless", "store"] == app.ends


async def test_a_stream_that_breaks_is_cut():
    """The client can tell that something is missing: the last chunk never comes."""
    with anyio.fail_after(60):
        async with served(made()) as port:
            answer = await talk(port, plain("/fail"))
    assert (True, False) == (b"xxxxxxxxxx" in answer, answer.endswith(b"0\r\n\r\n"))


async def test_a_websocket_over_a_socket():
    """Accepted with the headers of the application; echoes; ends with the client."""
    websockets = pytest.importorskip("websockets.asyncio.client")
    app = made()
    with anyio.fail_after(60):
        async with served(app) as port:
            async with websockets.connect(f"ws://127.0.0.1:{port}/ws") as ws:
                assert "x-request-id" in ws.response.headers
                for message in ("hello", b"\x00\xff"):
                    await ws.send(message)
                    assert message == await ws.recv()
            with pytest.raises(Exception, match="404"):
                await websockets.connect(f"ws://127.0.0.1:{port}/nothing")
    assert {"ws", "store"} == set(app.ends)


async def test_a_root_path():
    """Links are right behind a proxy that strips a prefix."""
    app = made()

    @app.get("/link")
    async def link(request: Request) -> str:
        return app.context(request).url_for("link")

    with anyio.fail_after(60):
        async with served(app, root_path="/api") as port:
            assert (await talk(port, plain("/link"))).endswith(b"/api/link")
