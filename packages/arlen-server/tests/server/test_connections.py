"""Connections: keep-alive, pipelining, bodies and ends, on real sockets and both event loops."""

import asyncio
import socket
import struct
from typing import ClassVar

import pytest

from arlen_core.bodies import Feed
from arlen_core.errors import Disconnected
from arlen_core.responses import Response, Stream, text

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def test_plain(serving):
    """A request gets the handler's answer, with a date and a length."""
    served = await serving()
    answer = await served.ask(GET % b"hello?a=b")
    assert 200 == answer.status
    assert b"GET /hello b''" == answer.body
    assert "14" == answer.headers["content-length"]
    assert answer.headers["date"].endswith(" GMT")
    assert [("GET", b"/hello", b"a=b")] == served.app.seen
    assert [(b"/hello", 200, 14, "")] == served.app.outcomes


async def test_keep_alive(serving):
    """HTTP/1.1 keeps the connection, until a side says close (RFC 9112 §9.3)."""
    served = await serving()
    peer = await served.connect()
    for number in (b"1", b"2", b"3"):
        assert "connection" not in (await peer.ask(GET % number)).headers
    assert "close" == (await peer.ask(LAST % b"4")).headers["connection"]
    assert await peer.closed()


@pytest.mark.parametrize(("asked", "answered"), [("", "close"), ("Connection: keep-alive\r\n", "keep-alive")])
async def test_old_keep_alive(serving, asked, answered):
    """HTTP/1.0 closes the connection unless the client asks to keep it, and then says so (RFC 9112 §9.3)."""
    served = await serving()
    peer = await served.connect()
    got = await peer.ask(f"GET / HTTP/1.0\r\n{asked}\r\n".encode())
    assert answered == got.headers["connection"]
    if answered == "close":
        assert await peer.closed()
    else:
        assert 200 == (await peer.ask(b"GET / HTTP/1.0\r\n\r\n")).status


async def test_handler_closes(serving):
    """A handler may end the connection with a header of its own."""
    served = await serving()

    @served.app.on("/bye")
    async def bye(request):
        return Response(b"bye", headers={"Connection": "close"})

    peer = await served.connect()
    assert "close" == (await peer.ask(GET % b"bye")).headers["connection"]
    assert await peer.closed()


async def test_pipeline_order(serving):
    """Pipelined requests are answered in their order, also when an early one is slow (RFC 9112 §9.3.2)."""
    served = await serving()
    gate = asyncio.Event()

    @served.app.on("/slow")
    async def slow(request):
        await gate.wait()
        return text("slow")

    peer = await served.connect()
    peer.send(GET % b"slow" + GET % b"a" + GET % b"b" + LAST % b"c")
    await served.wait(lambda: served.app.seen)
    assert [("GET", b"/slow", b"")] == served.app.seen
    gate.set()
    bodies = [(await peer.answer()).body for _ in range(4)]
    assert [b"slow", b"GET /a b''", b"GET /b b''", b"GET /c b''"] == bodies
    assert await peer.closed()


async def test_pipeline_of_many(serving):
    """More requests than one turn answers are all answered, in order."""
    served = await serving(max_pipeline=3)
    peer = await served.connect()
    peer.send(b"".join(GET % b"%d" % number for number in range(50)))
    bodies = [(await peer.answer()).body for _ in range(50)]
    assert [b"GET /%d b''" % number for number in range(50)] == bodies


async def test_pipeline_turns(serving, wire):
    """After `max_pipeline` answers in a row, other connections have their turn."""
    served = await serving(max_pipeline=2)
    line = wire(served.server)
    await line.feed(b"".join(GET % b"%d" % number for number in range(5)))
    assert 2 == len(served.app.seen)
    await line.settle()
    assert 5 == len(served.app.seen)


async def test_pipeline_is_one_write(serving, wire):
    """The answers of one turn leave together."""
    served = await serving()
    line = wire(served.server)
    writes = []
    line.transport.write = writes.append
    await line.feed(GET % b"a" + GET % b"b" + GET % b"c")
    assert 1 == len(writes)
    assert 3 == writes[0].count(b"HTTP/1.1 200 OK")


async def test_after_close_nothing_is_read(serving):
    """Requests behind one that says close are not answered."""
    served = await serving()
    peer = await served.connect()
    peer.send(LAST % b"a" + GET % b"b")
    assert 200 == (await peer.answer()).status
    assert await peer.closed()
    assert [("GET", b"/a", b"")] == served.app.seen


async def test_head(serving):
    """HEAD gets the length that GET would get, and no body (RFC 9110 §9.3.2)."""
    served = await serving()
    peer = await served.connect()
    answer = await peer.ask(b"HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD")
    assert "11" == answer.headers["content-length"]
    assert b"GET /y b''" == (await peer.ask(GET % b"y")).body


async def test_head_declared(serving):
    """A handler for HEAD may declare the length without making the body."""
    served = await serving()

    @served.app.on("/big")
    async def big(request):
        return Response(b"", headers={"Content-Length": "1000000"})

    peer = await served.connect()
    answer = await peer.ask(b"HEAD /big HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD")
    assert "1000000" == answer.headers["content-length"]
    assert 200 == (await peer.ask(GET % b"y")).status


@pytest.mark.parametrize("status", [204, 304])
async def test_no_body(serving, status):
    """204 and 304 have no body, whatever the handler says, and the connection goes on (RFC 9110 §15.3.5, §15.4.5)."""
    served = await serving()

    @served.app.on("/none")
    async def none(request):
        return Response(b"surprise", status)

    peer = await served.connect()
    answer = await peer.ask(GET % b"none")
    assert status == answer.status
    assert "content-length" not in answer.headers
    assert 200 == (await peer.ask(GET % b"y")).status


async def test_304_length(serving):
    """304 may repeat the length of the 200 that it stands for (RFC 9110 §8.6)."""
    served = await serving()

    @served.app.on("/same")
    async def same(request):
        return Response(b"", 304, headers={"Content-Length": "77"})

    peer = await served.connect()
    assert "77" == (await peer.ask(GET % b"same")).headers["content-length"]
    assert 200 == (await peer.ask(GET % b"y")).status


async def test_wrong_length(serving):
    """The length is that of the body, whatever the handler declared: the next answer must begin where this one ends."""
    served = await serving()

    @served.app.on("/wrong")
    async def wrong(request):
        return Response(b"four", headers={"Content-Length": "400", "Transfer-Encoding": "gzip", "Date": "never"})

    peer = await served.connect()
    answer = await peer.ask(GET % b"wrong")
    assert "4" == answer.headers["content-length"]
    assert "transfer-encoding" not in answer.headers
    assert "never" != answer.headers["date"]
    assert 200 == (await peer.ask(GET % b"y")).status


async def test_split_header(serving):
    """A header with a line end in it never reaches the client: the answer is a 500 (RFC 9112 §11.1)."""
    served = await serving()
    complaints = []
    served.server.loop.set_exception_handler(lambda loop, context: complaints.append(context["exception"]))

    @served.app.on("/split")
    async def split(request):
        answer = text("x")
        answer.raw.append((b"x-a", b"b\r\nset-cookie: c=d"))
        return answer

    answer = await served.ask(GET % b"split")
    assert 500 == answer.status
    assert "set-cookie" not in answer.headers
    assert [ValueError] == [type(each) for each in complaints]


async def test_broken_application(serving):
    """An application that raises, against its promise, gets a 500 written and the error reported."""
    served = await serving()
    complaints = []
    served.server.loop.set_exception_handler(lambda loop, context: complaints.append(context["exception"]))

    @served.app.on("/bad")
    async def bad(request):
        raise RuntimeError("secret")

    answer = await served.ask(GET % b"bad")
    assert 500 == answer.status
    assert "internal_error" == answer.code
    assert b"secret" not in answer.body
    assert "close" == answer.headers["connection"]
    assert [RuntimeError] == [type(each) for each in complaints]
    assert [(b"/bad", 500, len(answer.body), "RuntimeError")] == served.app.outcomes


@pytest.mark.parametrize("status", [100, 101, 103])
async def test_no_final_status(serving, status):
    """A handler that answers with an interim status gets a 500: the client would wait for ever."""
    served = await serving()
    served.server.loop.set_exception_handler(lambda loop, context: None)

    @served.app.on("/early")
    async def early(request):
        return Response(b"x", status)

    assert 500 == (await served.ask(GET % b"early")).status


# -- request bodies


async def test_body_at_once(serving):
    """A body that comes with its head is given whole."""
    served = await serving()
    answer = await served.ask(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    assert b"POST /p b'hello'" == answer.body


async def test_small_body_is_collected(serving, wire):
    """A small body is collected before its handler starts, so that a slow client occupies no handler."""
    served = await serving()
    line = wire(served.server)
    await line.feed(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe", b"ll")
    assert [] == served.app.seen
    assert 0 == served.server.stats.in_flight
    await line.feed(b"o" + GET % b"next")
    await line.settle()
    assert [("POST", b"/p", b""), ("GET", b"/next", b"")] == served.app.seen
    assert b"POST /p b'hello'" in line.transport.data


async def test_large_body_streams(serving):
    """A large body reaches its handler while it is still being sent."""
    served = await serving(read_buffer=1024)
    first = asyncio.Event()

    @served.app.on("/up")
    async def up(request):
        assert isinstance(request.body, Feed)
        total = 0
        async for chunk in request.body:
            total += len(chunk)
            first.set()
        return text(str(total))

    peer = await served.connect()
    peer.send(b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"x" * 1000)
    async with asyncio.timeout(10):
        await first.wait()
    peer.send(b"x" * 299000)
    assert b"300000" == (await peer.answer()).body
    assert 200 == (await peer.ask(GET % b"next")).status


async def test_chunked_body(serving):
    """A chunked body is decoded; trailers and extensions are ignored (RFC 9112 §7.1)."""
    served = await serving()
    peer = await served.connect()
    head = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await peer.ask(head + b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-Trailer: y\r\nHost: evil\r\n\r\n")
    assert b"POST /c b'hello!'" == answer.body
    peer.send(head + b"5\r\nhel")
    await served.wait(lambda: len(served.app.seen) == 2)
    answer = await peer.ask(b"lo\r\n0\r\n\r\n")
    assert b"POST /c b'hello'" == answer.body
    assert b"GET /n b''" == (await peer.ask(GET % b"n")).body


async def test_bad_chunk_during_handler(serving):
    """A chunk that is wrong reaches the handler that reads as a 400, and the connection ends after the answer."""
    served = await serving()
    peer = await served.connect()
    peer.send(b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await served.wait(lambda: served.app.seen)
    answer = await peer.ask(b"zz\r\n" + GET % b"smuggled")
    assert (400, "chunk_invalid") == (answer.status, answer.code)
    assert await peer.closed()
    assert [("POST", b"/c", b"")] == served.app.seen


async def test_continue(serving):
    """`100 Continue` is sent when the handler first reads the body, and only then (RFC 9110 §10.1.1)."""
    served = await serving()
    gate = asyncio.Event()

    @served.app.on("/up")
    async def up(request):
        await gate.wait()
        return text(repr(await request.body.read()))

    peer = await served.connect()
    peer.send(b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n")
    await served.wait(lambda: served.app.seen)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await peer.reader.read(1)
    gate.set()
    assert b"HTTP/1.1 100 Continue\r\n\r\n" == await peer.read(25)
    assert b"b'hello'" == (await peer.ask(b"hello")).body
    assert 200 == (await peer.ask(GET % b"next")).status


async def test_continue_refused(serving):
    """A handler that answers without reading never asks for the body, and the connection ends (RFC 9110 §10.1.1)."""
    served = await serving()

    @served.app.on("/no")
    async def no(request):
        return text("no", 403)

    peer = await served.connect()
    answer = await peer.ask(b"POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert (403, 0) == (answer.status, answer.interim)
    assert "close" == answer.headers["connection"]
    assert await peer.closed()


async def test_continue_not_needed(serving):
    """A client that sends the body without waiting gets no interim answer."""
    served = await serving()
    peer = await served.connect()
    answer = await peer.ask(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
    assert (200, 0, b"POST /p b'hello'") == (answer.status, answer.interim, answer.body)


async def test_old_expect(serving):
    """An expectation in HTTP/1.0 is ignored (RFC 9110 §10.1.1)."""
    served = await serving()
    peer = await served.connect()
    peer.send(b"POST /p HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    answer = await peer.ask(b"hello")
    assert (200, 0) == (answer.status, answer.interim)


@pytest.mark.parametrize("framing", ["sized", "chunked"])
async def test_unread_body(serving, framing):
    """What a handler did not read is skipped, within a bound, and the next request is found."""
    served = await serving(read_buffer=1, max_unread=1000)

    @served.app.on("/no")
    async def no(request):
        return text("no", 403)

    peer = await served.connect()
    if framing == "sized":
        answer = await peer.ask(b"POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        peer.send(b"x" * 1000)
    else:
        answer = await peer.ask(b"POST /no HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.send(b"3d4\r\n" + b"x" * 980 + b"\r\n0\r\n\r\n")
    assert (403, None) == (answer.status, answer.headers.get("connection"))
    assert b"GET /next b''" == (await peer.ask(GET % b"next")).body


async def test_unread_body_too_long(serving):
    """When more than `max_unread` bytes remain, the answer says close, and the client can read it."""
    served = await serving(read_buffer=1, max_unread=1000)

    @served.app.on("/no")
    async def no(request):
        return text("no", 403)

    peer = await served.connect()
    peer.send(b"POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
    answer = await peer.answer()
    peer.send(b"x" * 1001)
    assert (403, "close") == (answer.status, answer.headers["connection"])
    assert await peer.closed()
    assert [("POST", b"/no", b"")] == served.app.seen


async def test_unread_chunks_too_long(serving):
    """A chunked body shows only later that it is too long to skip: then the connection ends."""
    served = await serving(max_unread=1000)

    @served.app.on("/no")
    async def no(request):
        return text("no", 403)

    peer = await served.connect()
    answer = await peer.ask(b"POST /no HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert (403, None) == (answer.status, answer.headers.get("connection"))
    peer.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n" + GET % b"next")
    assert await peer.closed()
    assert [("POST", b"/no", b"")] == served.app.seen


async def test_large_refused_upload_is_answered(serving):
    """A client that goes on sending a refused upload can still read why: the server reads on for a while."""
    served = await serving()

    @served.app.on("/no")
    async def no(request):
        return text("no" * 1000, 403)

    peer = await served.connect()
    peer.send(b"POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 4_000_000)
    answer = await peer.answer()
    assert (403, 2000) == (answer.status, len(answer.body))
    assert await peer.closed()


# -- clients that leave


async def test_leave_during_handler(serving):
    """A handler runs on when its client leaves, and what it answers goes nowhere."""
    served = await serving()
    gate = asyncio.Event()

    @served.app.on("/slow")
    async def slow(request):
        await gate.wait()
        return text("done")

    peer = await served.connect()
    peer.send(GET % b"slow")
    await served.wait(lambda: served.app.seen)
    peer.reset()
    await served.wait(lambda: served.server.stats.connections == 0)
    assert 1 == served.server.stats.in_flight
    gate.set()
    await served.wait(lambda: served.app.ended)
    assert [(b"/slow", 200, 0, "Disconnected")] == served.app.outcomes


async def test_leave_cancels_when_asked(serving):
    """A route with `cancel_on_disconnect` is cancelled when its client leaves."""
    served = await serving()
    ended = asyncio.Event()

    class Route:
        options: ClassVar = {"cancel_on_disconnect": True}

    @served.app.on("/slow")
    async def slow(request):
        request.route = Route()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    for leave in ("reset", "finish"):
        ended.clear()
        peer = await served.connect()
        peer.send(GET % b"slow")
        await served.wait(lambda: served.server.stats.in_flight == 1)
        getattr(peer, leave)()
        async with asyncio.timeout(10):
            await ended.wait()
        await served.wait(lambda: served.server.stats.in_flight == 0)
    assert [(b"/slow", 499, 0, "Disconnected")] * 2 == served.app.outcomes


async def test_leave_during_body(serving):
    """Whoever reads the body of a client that left gets `Disconnected`."""
    served = await serving(read_buffer=1)
    caught = []

    @served.app.on("/up")
    async def up(request):
        try:
            await request.body.read()
        except Disconnected as error:
            caught.append(str(error))
            raise

    for leave in ("reset", "finish"):
        peer = await served.connect()
        peer.send(b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello")
        await served.wait(lambda: served.server.stats.in_flight == 1)
        getattr(peer, leave)()
        await served.wait(lambda: served.server.stats.in_flight == 0)
    assert ["the client went away in the middle of the body"] * 2 == caught


async def test_leave_during_collected_body(serving):
    """A client that leaves before its small body is complete never reaches a handler."""
    served = await serving()
    peer = await served.connect()
    peer.send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello")
    await served.wait(lambda: served.server.stats.connections == 1)
    await peer.close()
    await served.wait(lambda: served.server.stats.connections == 0)
    assert [] == served.app.seen


async def test_half_close(serving):
    """A client that says it will send no more still gets the answers to what it has sent."""
    served = await serving()

    @served.app.on("/slow")
    async def slow(request):
        await asyncio.sleep(0)
        return text("slow")

    peer = await served.connect()
    peer.send(GET % b"slow" + GET % b"a" + GET % b"slow" + b"GET / HT")
    peer.writer.write_eof()
    assert [b"slow", b"GET /a b''", b"slow"] == [(await peer.answer()).body for _ in range(3)]
    assert await peer.closed()


async def test_half_close_during_stream(serving):
    """A stream ends when its client says it will send no more: most of those have left."""
    served = await serving()
    ended = asyncio.Event()

    @served.app.on("/events")
    async def events(request):
        async def source():
            try:
                yield "one"
                await asyncio.Event().wait()
            finally:
                ended.set()

        return Stream(source())

    peer = await served.connect()
    peer.send(GET % b"events")
    await served.wait(lambda: served.app.seen)
    peer.writer.write_eof()
    async with asyncio.timeout(10):
        await ended.wait()
    await served.wait(lambda: served.app.ended)
    assert [(b"/events", 200, 3, "Disconnected")] == served.app.outcomes


async def test_thousand_early_closes(serving):
    """A thousand clients that leave at any moment leave nothing behind: no connection, no task, no descriptor."""
    served = await serving()

    @served.app.on("/stream")
    async def stream(request):
        async def source():
            for _ in range(1000):
                yield b"x" * 1000
                await asyncio.sleep(0)

        return Stream(source())

    @served.app.on("/slow")
    async def slow(request):
        await asyncio.sleep(0.001)
        return text("slow")

    requests = [
        b"",
        b"GE",
        GET % b"slow",
        GET % b"stream",
        GET % b"a" * 10,
        b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhel",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"BAD\r\n\r\n",
    ]
    tasks = len(asyncio.all_tasks())

    async def visit(number):
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(requests[number % len(requests)])
        for _ in range(number % 5):
            await asyncio.sleep(0)
        if number % 3:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    for batch in range(20):
        await asyncio.gather(*(visit(batch * 50 + number) for number in range(50)))
    await served.wait(lambda: served.server.stats.connections == 0 and served.server.stats.in_flight == 0)
    await served.wait(lambda: not served.server.drivers.busy)
    assert len(asyncio.all_tasks()) - tasks <= 64
    assert 200 == (await served.ask(GET % b"still")).status


async def test_the_beginning_of_a_line_is_no_request(serving, wire):
    """Before the first head nothing is remembered, and nothing equals that: a line without its end waits for it."""
    line = wire((await serving()).server)
    await line.feed(b"GET /a HTTP/1.1", b"\r\nHost: x\r\n")
    assert b"" == line.transport.data
    await line.feed(b"\r\n")
    assert line.transport.data.endswith(b"GET /a b''")


async def test_the_same_fields_again(serving, wire):
    """Requests with the fields of the last one are answered as the first was, the odd one among them too."""
    line = wire((await serving()).server)
    for target in (b"/a", b"/b?c=d", b"/a", b"/a", b"http://x/a", b"*"):
        line.transport.data = b""
        await line.feed(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        first = line.transport.data.split(b"\r\n")[0]
        assert (b"HTTP/1.1 400 Bad Request" if target == b"*" else b"HTTP/1.1 200 OK") == first, target
