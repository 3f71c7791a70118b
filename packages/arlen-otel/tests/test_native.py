"""Native: exactly one server span for each request of real connections."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from arlen_core.context import Context
from arlen_core.responses import Stream
from arlen_core.sockets import WebSocket

serving = pytest.importorskip("arlen_server.server", reason="needs arlen-server")
settings = pytest.importorskip("arlen_server.settings")

pytestmark = pytest.mark.anyio
GET = "GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n"


@pytest.fixture
async def serve(traced):
    """Return a function that serves an application; what it returns opens connections."""
    app = traced()
    endless = asyncio.Event()

    @app.get("/orders/{id}")
    async def show(id: int, ctx: Context) -> str:
        with ctx.app.spans.span("load"):
            return str(id)

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(0)
        return "slow"

    @app.get("/broken")
    async def broken() -> str:
        raise LookupError

    @app.get("/stream")
    async def stream() -> Stream:
        async def parts():
            yield b"first"
            await endless.wait()

        return Stream(parts())

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    server = serving.Server(app, settings.Settings(port=0))
    await server.start()

    async def connect():
        return await asyncio.open_connection("127.0.0.1", int(server.addresses[0].rpartition(":")[2]))

    yield connect
    endless.set()
    await server.drain()
    await server.stop()


async def until(collector, count):
    """Wait until so many server spans came; return how often each name did."""

    def own():
        return [each.name for each in collector.spans if each.kind == 2]

    await asyncio.to_thread(collector.until, lambda: len(own()) >= count)
    return Counter(own())


async def test_requests_of_a_connection(serve, collector):
    """One after the other and all at once: as many spans as answers."""
    reader, writer = await serve()
    for _ in range(3):
        writer.write(GET.format("/orders/7", "").encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.splitlines()[0]
        await reader.readexactly(1)
    paths = ["/orders/1", "/slow", "/orders/2", "/nothing"]
    writer.write("".join(GET.format(path, "") for path in paths).encode())
    writer.write(GET.format("/broken", "Connection: close\r\n").encode())
    answers = await reader.read()
    assert 5 == answers.count(b"HTTP/1.1 ")
    writer.close()
    known = await until(collector, 8)
    assert {"GET /orders/{id}": 5, "GET /slow": 1, "GET": 1, "GET /broken": 1} == known
    assert 5 == sum(each.name == "load" for each in collector.spans)


async def test_the_answer_names_the_span(serve, collector):
    """The `traceparent` of an answer is that of the span."""
    reader, writer = await serve()
    writer.write(GET.format("/orders/7", "Connection: close\r\n").encode())
    head = (await reader.read()).decode().lower()
    writer.close()
    await until(collector, 1)
    (server,) = [each for each in collector.spans if each.kind == 2]
    assert f"traceparent: 00-{server.trace_id.hex()}-{server.span_id.hex()}-01" in head


async def test_a_client_that_goes_away_in_the_middle(serve, collector):
    """Its stream is one span, with what ended it."""
    reader, writer = await serve()
    writer.write(GET.format("/stream", "").encode())
    await reader.readuntil(b"first")
    writer.transport.abort()
    assert {"GET /stream": 1} == await until(collector, 1)
    (span,) = collector.spans
    assert 2 == span.status.code


async def test_a_websocket(serve, collector):
    """Is one span, from the handshake to the end of the connection."""
    reader, writer = await serve()
    fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    writer.write(GET.format("/echo", fields + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n").encode())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    for _ in range(3):
        writer.write(b"\x81\x81\x00\x00\x00\x00x")
        assert b"\x81\x01x" == await reader.readexactly(3)
    assert [] == collector.spans
    writer.write(b"\x88\x80\x00\x00\x00\x00")
    await reader.read()
    writer.close()
    assert {"GET /echo": 1} == await until(collector, 1)


async def test_what_is_no_request_is_no_span(serve, collector):
    """What the server refuses to read never gets to the application."""
    reader, writer = await serve()
    writer.write(b"nonsense\r\n\r\n")
    assert b" 400 " in (await reader.read()).splitlines()[0]
    writer.close()
    reader, writer = await serve()
    writer.write(GET.format("/slow", "Connection: close\r\n").encode())
    await reader.read()
    writer.close()
    assert {"GET /slow": 1} == await until(collector, 1)
