"""Continue: `Expect: 100-continue` in each variant (RFC 9110 §10.1.1)."""

import asyncio

import pytest

from arlen_core.responses import Response, Stream, text

pytestmark = pytest.mark.anyio

HEAD = b"POST /%b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n%b\r\n\r\n"
SIZED, CHUNKED = b"Content-Length: 5", b"Transfer-Encoding: chunked"
BODIES = {SIZED: b"hello", CHUNKED: b"5\r\nhello\r\n0\r\n\r\n"}
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def line(serving, wire):
    """A connection to an application that reads at once, later, in the middle of an answer, or never."""
    served = await serving()

    @served.app.on("/late")
    async def late(request):
        await asyncio.sleep(0)
        return text(repr(await request.body.read()))

    @served.app.on("/never")
    async def never(request):
        return text("no, thank you")

    @served.app.on("/none")
    async def none(request):
        return Response(b"", 204)

    @served.app.on("/stream")
    async def stream(request):
        async def source():
            yield b"first "
            yield await request.body.read()

        return Stream(source())

    line = wire(served.server)
    line.app = served.app
    yield line
    line.transport.abort()
    await line.settle()


@pytest.mark.parametrize("framing", [SIZED, CHUNKED])
@pytest.mark.parametrize("path", [b"", b"late"])
async def test_the_body_is_asked_for_when_it_is_read(line, framing, path):
    """A client that waits is told to go on when somebody reads, once, and before the answer."""
    await line.feed(HEAD % (path, framing))
    await line.settle()
    assert INTERIM == line.transport.data
    await line.feed(BODIES[framing])
    await line.settle()
    assert line.transport.data.startswith(INTERIM + b"HTTP/1.1 200 OK\r\n")
    assert line.transport.data.endswith(b"b'hello'")
    assert 1 == line.transport.data.count(INTERIM)


@pytest.mark.parametrize("framing", [SIZED, CHUNKED])
async def test_who_does_not_wait_is_not_asked(line, framing):
    """A body that comes with its head needs no interim answer."""
    await line.feed(HEAD % (b"", framing) + BODIES[framing])
    await line.settle()
    assert line.transport.data.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("framing", [SIZED, CHUNKED])
async def test_who_begins_without_waiting_is_not_asked(line, framing):
    """A body that has begun to come before somebody reads needs no interim answer either."""
    await line.feed(HEAD % (b"late", framing), BODIES[framing][:3], BODIES[framing][3:])
    await line.settle()
    assert line.transport.data.count(INTERIM) <= 1
    assert line.transport.data.endswith(b"b'hello'")


@pytest.mark.parametrize("framing", [SIZED, CHUNKED])
@pytest.mark.parametrize("path", [b"never", b"none"])
async def test_nobody_reads(line, framing, path):
    """An answer without reading the body asks for none and ends the connection: what comes next cannot be known."""
    await line.feed(HEAD % (path, framing) + b"", NEXT)
    await line.settle()
    assert INTERIM not in line.transport.data
    assert b"connection: close\r\n" in line.transport.data
    assert [b"/" + path] == [target for _, target, _ in line.app.seen]
    assert line.transport.eof


async def test_a_stream_that_reads(line):
    """A body that is read in the middle of an answer is not asked for there: its client has the answer already."""
    await line.feed(HEAD % (b"stream", SIZED))
    await line.settle()
    await line.feed(b"hello")
    await line.settle()
    head, _, body = line.transport.data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.endswith(b"connection: close")
    assert b"6\r\nfirst \r\n5\r\nhello\r\n0\r\n\r\n" == body


async def test_in_a_pipeline(line):
    """Interim answers keep their place: after the answers to earlier requests, before their own."""
    await line.feed(NEXT + HEAD % (b"", SIZED))
    await line.settle()
    first, _, rest = line.transport.data.partition(INTERIM)
    assert first.endswith(b"GET /next b''")
    assert b"" == rest
    await line.feed(b"hello" + NEXT)
    await line.settle()
    second = line.transport.data[len(first) + len(INTERIM) :]
    assert 2 == second.count(b"HTTP/1.1 200 OK\r\n")
    assert second.endswith(b"GET /next b''")


@pytest.mark.parametrize(
    ("head", "answered"),
    [
        (b"POST / HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", b""),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n", INTERIM),
        (b"POST / HTTP/1.1\r\nHost: x\r\nexpect:100-continue\r\nContent-Length: 5\r\n\r\n", INTERIM),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 417 "),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue, x\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 417 "),
    ],
)
async def test_who_gets_one(line, head, answered):
    """HTTP/1.0 is not told, case does not matter, no body needs none, and other expectations are 417."""
    await line.feed(head)
    await line.settle()
    assert line.transport.data.startswith(answered)
    assert bool(answered) == bool(line.transport.data)


@pytest.mark.parametrize("framing", [SIZED, CHUNKED])
async def test_leaving_instead_of_sending(line, framing):
    """A client that was told to go on and leaves ends its handler, and nothing is left in flight."""
    await line.feed(HEAD % (b"", framing))
    await line.settle()
    line.transport.abort()
    await line.settle()
    assert 0 == line.protocol.server.stats.in_flight
