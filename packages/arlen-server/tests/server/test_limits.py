"""Limits: each at its edge: the last size that is taken, and the first that is refused."""

import asyncio

import pytest

from arlen_core.responses import Response, text
from arlen_server.server import Server

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"


async def both(served, wire, data: bytes) -> tuple[int, str]:
    """Send a request at once over a socket, and in pieces without one; return status and code, which must agree."""
    answer = await served.ask(data)
    line = wire(served.server)
    await line.feed(*(data[at : at + 7] for at in range(0, len(data), 7)))
    await line.settle()
    assert line.transport.data.startswith(b"HTTP/1.1 %d " % answer.status)
    assert f'"code":"{answer.code}"'.encode() in line.transport.data or not answer.code
    line.transport.abort()
    await asyncio.sleep(0)
    return answer.status, answer.code


@pytest.mark.parametrize(
    ("extra", "outcome"), [(0, (200, "")), (1, (414, "line_too_long")), (5000, (414, "line_too_long"))]
)
async def test_request_line(serving, wire, extra, outcome):
    """A request line of `max_line` bytes is taken; a longer one is 414 (RFC 9112 §3)."""
    served = await serving(max_line=100)
    path = b"x" * (100 - len(b"GET / HTTP/1.1") + extra)
    assert outcome == await both(served, wire, GET % path)


@pytest.mark.parametrize("extra", [0, 1, 5000])
async def test_header_bytes(serving, wire, extra):
    """Header lines of `max_header_bytes` bytes are taken; more are 431 (RFC 6585 §5)."""
    served = await serving(max_header_bytes=200)
    value = b"x" * (200 - len(b"Host: x\r\nX: \r\n") + extra)
    data = b"GET / HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % value
    assert ((431, "headers_too_large") if extra else (200, "")) == await both(served, wire, data)


@pytest.mark.parametrize("extra", [0, 1])
async def test_header_count(serving, wire, extra):
    """`max_headers` fields are taken; one more is 431."""
    served = await serving(max_headers=5)
    data = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * (4 + extra) + b"\r\n"
    assert ((431, "headers_too_many") if extra else (200, "")) == await both(served, wire, data)


async def test_endless_line(serving, wire):
    """A request line without an end is refused as soon as it is too long, not when its end comes."""
    served = await serving(max_line=100)
    line = wire(served.server)
    await line.feed(b"G" * 100)
    assert b"" == line.transport.data
    await line.feed(b"G")
    assert line.transport.data.startswith(b"HTTP/1.1 414 ")


async def test_endless_headers(serving, wire):
    """Header lines without an end are refused as soon as they are too large."""
    served = await serving(max_header_bytes=100)
    line = wire(served.server)
    await line.feed(b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 16)
    assert b"" == line.transport.data
    await line.feed(b"X: yyyy")
    assert line.transport.data.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("framing", ["sized", "chunked"])
@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("pieces", [1, 50])
async def test_body(serving, wire, framing, extra, pieces):
    """A body of `max_body` bytes is taken; reading a longer one is 413 (RFC 9110 §15.5.14)."""
    served = await serving(max_body=1000)

    @served.app.on("/up")
    async def up(request):
        return text(str(len(await request.body.read())))

    body = b"x" * (1000 + extra)
    if framing == "sized":
        data = b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    else:
        data = b"POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        data += b"".join(b"a\r\n%b\r\n" % body[at : at + 10] for at in range(0, 1000, 10))
        data += b"1\r\nx\r\n" * extra + b"0\r\n\r\n"
    line = wire(served.server)
    step = -(-len(data) // pieces)
    await line.feed(*(data[at : at + step] for at in range(0, len(data), step)))
    await line.settle(300)
    assert line.transport.data.startswith(b"HTTP/1.1 413 " if extra else b"HTTP/1.1 200 ")


async def test_body_limit_of_a_route(serving):
    """A route may take more than `max_body`, or less: the limit is the body's own."""
    served = await serving(max_body=10)

    @served.app.on("/more")
    async def more(request):
        request.body.limit = 100
        return text(str(len(await request.body.read())))

    @served.app.on("/less")
    async def less(request):
        request.body.limit = 5
        return text(str(len(await request.body.read())))

    post = b"POST /%b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
    assert [200, 413] == [(await served.ask(post % (b"more", size, b"x" * size))).status for size in (100, 101)]
    assert [200, 413] == [(await served.ask(post % (b"less", size, b"x" * size))).status for size in (5, 6)]


async def test_body_too_large_is_not_asked_for(serving):
    """A client that waits for `100 Continue` with too large a body gets 413 instead."""
    served = await serving(max_body=10)
    peer = await served.connect()
    answer = await peer.ask(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
    assert (413, 0) == (answer.status, answer.interim)
    assert await peer.closed()


@pytest.mark.parametrize("extra", [0, 1])
async def test_chunk_line(serving, wire, extra):
    """A chunk's size line of `max_chunk_line` bytes is taken; a longer one is 400."""
    served = await serving(max_chunk_line=50)
    line = b"5;" + b"x" * (48 + extra)
    data = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\nhello\r\n0\r\n\r\n" % line
    assert ((400, "chunk_too_long") if extra else (200, "")) == await both(served, wire, data)


@pytest.mark.parametrize("extra", [0, 1])
async def test_trailers(serving, wire, extra):
    """Trailers and extensions of `max_header_bytes` bytes are taken; more are 400."""
    served = await serving(max_header_bytes=100)
    trailers = b"X: yyyyy\r\n" * 9 + b"X: %b\r\n" % (b"y" * (5 + extra))
    data = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n%b\r\n" % trailers
    assert ((400, "chunk_too_long") if extra else (200, "")) == await both(served, wire, data)


# -- how much at once


async def test_connections(serving):
    """`max_connections` are served; the next is told 503 with the reason, and one that ends makes room."""
    served = await serving(max_connections=2, retry_after=7)
    first, second = await served.connect(), await served.connect()
    for peer in (first, second):
        assert 200 == (await peer.ask(GET % b"")).status
    third = await served.connect()
    answer = await third.answer()
    assert (503, "http_session_limit", "7") == (answer.status, answer.code, answer.headers["retry-after"])
    assert ("http_session_limit", "close") == (
        answer.headers["x-arlen-backpressure-reason"],
        answer.headers["connection"],
    )
    assert await third.closed()
    await third.close()
    await first.close()
    await served.wait(lambda: served.server.stats.connections == 1)
    assert 200 == (await served.ask(GET % b"")).status
    assert 1 == served.server.stats.refused


async def test_flood_of_connections(serving, monkeypatch):
    """Far past the limit, connections are cut without a word: telling each would hold as many descriptors."""
    monkeypatch.setattr(Server, "TURNED_AWAY", 3)
    served = await serving(max_connections=1)
    first = await served.connect()
    assert 200 == (await first.ask(GET % b"")).status
    others = [await served.connect() for _ in range(10)]
    ends = [await peer.closed() for peer in others[3:]]
    assert [True] * 7 == ends
    assert [503] * 3 == [(await peer.answer()).status for peer in others[:3]]
    assert 200 == (await first.ask(GET % b"")).status


async def test_in_flight(serving):
    """`max_in_flight` requests are handled at once; the next is told 503 and why, and one that ends makes room."""
    served = await serving(max_in_flight=2)
    gate = asyncio.Event()

    @served.app.on("/slow")
    async def slow(request):
        await gate.wait()
        return text("slow")

    peers = [await served.connect() for _ in range(2)]
    for peer in peers:
        peer.send(GET % b"slow")
    await served.wait(lambda: served.server.stats.in_flight == 2)
    answer = await served.ask(GET % b"third")
    assert (503, "http_worker_queue_full") == (answer.status, answer.code)
    assert ("1", "http_worker_queue_full") == (
        answer.headers["retry-after"],
        answer.headers["x-arlen-backpressure-reason"],
    )
    gate.set()
    assert [200, 200] == [(await peer.answer()).status for peer in peers]
    assert 200 == (await served.ask(GET % b"fourth")).status


async def test_in_flight_with_body(serving):
    """A collected body that is complete when the server is full gets the same 503."""
    served = await serving(max_in_flight=1)
    gate = asyncio.Event()

    @served.app.on("/slow")
    async def slow(request):
        await gate.wait()
        return text("slow")

    first = await served.connect()
    first.send(GET % b"slow")
    second = await served.connect()
    second.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
    await served.wait(lambda: served.server.stats.in_flight == 1)
    assert 503 == (await second.ask(b"lo")).status
    gate.set()
    assert 200 == (await first.answer()).status


async def test_pipeline_bytes(serving):
    """While one request is answered, `max_pipeline_bytes` of others are held, and one read; then the client waits."""
    served = await serving(max_pipeline_bytes=1000)
    gate = asyncio.Event()

    @served.app.on("/slow")
    async def slow(request):
        await gate.wait()
        return text("slow")

    peer = await served.connect()
    count = 20_000
    peer.send(GET % b"slow" + (GET % b"") * count)
    [member] = served.server.wheel.members
    await served.wait(lambda: member._still)
    for _ in range(50):
        await asyncio.sleep(0)
    assert 1000 <= len(member._held) <= 1000 + 262_144
    gate.set()
    for _ in range(count + 1):
        assert 200 == (await peer.answer()).status


async def test_descriptors(serving, monkeypatch):
    """The limit of connections is never more than there are descriptors for."""
    monkeypatch.setattr("resource.getrlimit", lambda _: (100, 100))
    served = await serving(max_connections=10_000)
    assert 36 == served.server.max_connections


async def test_refusals_have_no_body_for_head(serving):
    """A refused HEAD gets no body (RFC 9110 §9.3.2)."""
    served = await serving()
    peer = await served.connect()
    peer.send(b"HEAD / HTTP/1.1\r\n\r\n")
    head, _, body = (await peer.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"" == body


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (b"text/plain", "text/plain; charset=utf-8"),
        (b"text/html", "text/html; charset=utf-8"),
        (b"application/json", "application/json"),
        (b"image/png", "application/problem+json"),
        (b"\x80", "application/problem+json"),
    ],
)
async def test_refusals_are_negotiated(serving, accept, media):
    """A refusal comes as the client prefers it, where that is known, and as problem+json elsewhere."""
    served = await serving()
    answer = await served.ask(b"GET / HTTP/1.1\r\nAccept: %b\r\nExpect: x\r\nHost: x\r\n\r\n" % accept)
    assert 417 == answer.status
    assert answer.headers["content-type"] in {media, "application/problem+json"}
    if media.startswith("text"):
        assert media == answer.headers["content-type"]


async def test_large_answer(serving):
    """A large body is sent whole."""
    served = await serving()

    @served.app.on("/big")
    async def big(request):
        return Response(b"x" * 5_000_000)

    peer = await served.connect()
    peer.send(GET % b"big" + GET % b"next")
    assert 5_000_000 == len((await peer.answer()).body)
    assert b"GET /next b''" == (await peer.answer()).body
