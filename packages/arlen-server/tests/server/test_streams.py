"""Streams: chunked, sized or until the end, closed promptly whatever happens."""

import asyncio

import pytest

from arlen_core.responses import Response, Stream
from arlen_server.streams import LengthBroken

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"


class Source:
    """An async generator that records how it ended."""

    def __init__(self, *chunks, wait=None, error=None) -> None:
        self.chunks, self.wait, self.error = chunks, wait, error
        self.made = 0
        self.ended = asyncio.Event()

    async def __call__(self):
        try:
            for chunk in self.chunks:
                self.made += 1
                yield chunk
            if self.wait is not None:
                await self.wait.wait()
            if self.error is not None:
                raise self.error
        finally:
            await asyncio.sleep(0)
            self.ended.set()


@pytest.fixture
async def stream(serving):
    """Serve streams, and return what makes a path for one."""
    served = await serving()

    def stream(source, **options):
        async def handler(request):
            return Stream(source(), **options)

        served.app.handlers["/s"] = handler
        return served

    return stream


async def test_chunked(stream):
    """A stream goes out chunked; text is UTF-8, and empty chunks, which would end the body, are left out."""
    served = stream(Source("å", b"bc", "", b"d"))
    peer = await served.connect()
    answer = await peer.ask(GET % b"s")
    assert ("chunked", "åbcd".encode()) == (answer.headers["transfer-encoding"], answer.body)
    assert 200 == (await peer.ask(GET % b"next")).status
    assert (b"/s", 200, 5, "") == served.app.outcomes[0]


async def test_wire_form(stream):
    """Head and first chunks leave together when they are there together."""
    served = stream(Source(b"hello", b"world"))
    peer = await served.connect()
    peer.send(GET % b"s" + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    body = (await peer.rest()).partition(b"\r\n\r\n")[2]
    assert body.startswith(b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_sized(stream):
    """A stream with a declared length goes out as it is."""
    served = stream(Source(b"hello", b"world"), headers={"Content-Length": "10"})
    peer = await served.connect()
    answer = await peer.ask(GET % b"s")
    assert ("10", None, b"helloworld") == (
        answer.headers["content-length"],
        answer.headers.get("transfer-encoding"),
        answer.body,
    )
    assert 200 == (await peer.ask(GET % b"next")).status


@pytest.mark.parametrize("length", [4, 6])
async def test_broken_promise(stream, length):
    """A stream that makes more or less than it declared is cut: the next answer would begin at the wrong place."""
    served = stream(Source(b"hello"), headers={"Content-Length": str(length)})
    peer = await served.connect()
    peer.send(GET % b"s" + GET % b"next")
    head, _, body = (await peer.rest()).partition(b"\r\n\r\n")
    assert b"content-length: %d" % length in head
    assert len(body) < length
    assert LengthBroken is type(served.app.ended[0][3])
    assert [("GET", b"/s", b"")] == served.app.seen


async def test_old_client(stream):
    """HTTP/1.0 knows no chunks: the end of the body is the end of the connection."""
    served = stream(Source(b"hello", b"world"))
    peer = await served.connect()
    answer = await peer.ask(b"GET /s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (None, "close", b"helloworld") == (
        answer.headers.get("transfer-encoding"),
        answer.headers["connection"],
        answer.body,
    )


async def test_head(stream):
    """HEAD gets the head of a stream, and the stream is closed without being asked for a chunk."""
    source = Source(b"hello")
    served = stream(source)
    peer = await served.connect()
    answer = await peer.ask(b"HEAD /s HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD")
    assert ("chunked", 0) == (answer.headers["transfer-encoding"], source.made)
    assert 200 == (await peer.ask(GET % b"next")).status
    assert (b"/s", 200, 0, "") == served.app.outcomes[0]


@pytest.mark.parametrize("status", [204, 304])
async def test_bodiless(stream, status):
    """A stream with a status that has no body sends none."""
    served = stream(Source(b"hello"), status=status)
    peer = await served.connect()
    answer = await peer.ask(GET % b"s")
    assert (status, None) == (answer.status, answer.headers.get("transfer-encoding"))
    assert 200 == (await peer.ask(GET % b"next")).status


async def test_failing(stream):
    """A stream that fails is cut without its last chunk, so that the client can tell (RFC 9112 §8)."""
    source = Source(b"hello", error=ValueError("broken"))
    served = stream(source)
    peer = await served.connect()
    peer.send(GET % b"s")
    assert not (await peer.rest()).endswith(b"0\r\n\r\n")
    assert source.ended.is_set()
    assert ValueError is type(served.app.ended[0][3])


@pytest.mark.parametrize("chunk", [None, 42, ["x"]])
async def test_not_text_nor_bytes(stream, chunk):
    """A chunk that is neither text nor bytes is an error like any other."""
    served = stream(Source(chunk))
    peer = await served.connect()
    peer.send(GET % b"s")
    await peer.rest()
    assert TypeError is type(served.app.ended[0][3])


async def test_other_bytes(stream):
    """Anything with the buffer protocol is bytes."""
    assert b"abcd" == (await stream(Source(bytearray(b"ab"), memoryview(b"cd"))).ask(GET % b"s")).body


@pytest.mark.parametrize("leave", ["reset", "finish"])
async def test_client_leaves(stream, leave):
    """When the client leaves a stream that waits, its `finally` runs at once, not when it makes its next chunk."""
    source = Source(b"hello", wait=asyncio.Event())
    served = stream(source)
    peer = await served.connect()
    peer.send(GET % b"s")
    await served.wait(lambda: source.made)
    getattr(peer, leave)()
    async with asyncio.timeout(10):
        await source.ended.wait()
    await served.wait(lambda: served.app.ended)
    assert [(b"/s", 200, 5, "Disconnected")] == served.app.outcomes


async def test_client_leaves_a_full_stream(stream):
    """When the client leaves a stream that waits because nobody reads, its `finally` runs at once too."""
    source = Source(*[b"x" * 100_000] * 1000)
    served = stream(source)
    peer = await served.connect()
    peer.writer.transport.pause_reading()
    peer.send(GET % b"s")
    await served.wait(lambda: any(member.paused for member in served.server.wheel.members))
    peer.reset()
    async with asyncio.timeout(10):
        await source.ended.wait()
    assert source.made < 1000


async def test_source_without_aclose(stream):
    """A plain async iterator will do."""

    class Numbers:
        def __init__(self) -> None:
            self.left = 3

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return str(self.left)

    assert b"210" == (await stream(Numbers).ask(GET % b"s")).body


async def test_no_source(serving):
    """A response with neither body nor stream is empty."""
    served = await serving()

    @served.app.on("/s")
    async def handler(request):
        answer = Response(b"")
        answer.body = None
        return answer

    assert b"" == (await served.ask(GET % b"s")).body


async def test_turns(stream):
    """A stream that never waits does not keep the others waiting."""
    source = Source(*[b"x" * 100_000] * 60)
    served = stream(source)
    peer = await served.connect()
    peer.send(GET % b"s")
    await served.wait(lambda: source.made)
    assert 200 == (await served.ask(GET % b"other")).status
    assert source.made < 60
    assert 6_000_000 == len((await peer.answer()).body)


async def test_handler_closes(stream):
    """A stream may end the connection with a header of its own."""
    served = stream(Source(b"x"), headers={"Connection": "close"})
    peer = await served.connect()
    assert "close" == (await peer.ask(GET % b"s")).headers["connection"]
    assert await peer.closed()


async def test_closing_fails(stream):
    """An error from closing a stream is told to the application."""

    class Bad:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise StopAsyncIteration

        async def aclose(self):
            raise ValueError("close")

    served = stream(Bad)
    peer = await served.connect()
    peer.send(GET % b"s")
    await peer.rest()
    assert ValueError is type(served.app.ended[0][3])


async def test_reading_while_streaming(serving):
    """A stream may read the request's body while it answers, in both directions at once."""
    served = await serving(read_buffer=1)

    @served.app.on("/s")
    async def handler(request):
        async def source():
            async for chunk in request.body:
                yield chunk.upper()

        return Stream(source())

    peer = await served.connect()
    peer.send(b"POST /s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    assert (await peer.reader.readuntil(b"HELLO\r\n")).endswith(b"5\r\nHELLO\r\n")
    peer.send(b"1\r\n!\r\n0\r\n\r\n")
    assert b"1\r\n!\r\n0\r\n\r\n" == await peer.read(11)
    assert 200 == (await peer.ask(GET % b"next")).status
