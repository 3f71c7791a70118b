"""Timeouts: each at its edge, on a clock that the test moves."""

import asyncio

import pytest

from arlen_core.errors import HTTPError
from arlen_core.responses import Response, Stream, text

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /%b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
async def slow(serving):
    """Start a server with a virtual clock."""

    async def start(**settings):
        return await serving(virtual=True, **settings)

    return start


def members(served) -> int:
    """Return how many connections there are."""
    return served.server.stats.connections


async def test_silent_from_the_start(slow):
    """A connection that never says anything is closed after `header_timeout`, without an answer."""
    served = await slow(header_timeout=10)
    peer = await served.connect()
    await served.wait(lambda: members(served))
    await served.pass_time(9.9)
    assert 1 == members(served)
    await served.pass_time(0.2)
    assert await peer.closed()


async def test_slow_head(slow):
    """A head must be complete `header_timeout` after its first byte, however steadily it drips (slowloris): 408."""
    served = await slow(header_timeout=10)
    peer = await served.connect()
    for byte in b"GET / HTT":
        peer.send(bytes([byte]))
        await asyncio.sleep(0.002)
        await served.pass_time(1)
    assert 1 == members(served)
    await served.pass_time(1.5)
    answer = await peer.answer()
    assert (408, "head_timeout", "close") == (answer.status, answer.code, answer.headers["connection"])
    assert await peer.closed()


async def test_slow_second_head(slow):
    """The same holds for later requests of a connection."""
    served = await slow(header_timeout=10, keep_alive_timeout=75)
    peer = await served.connect()
    assert 200 == (await peer.ask(GET % b"")).status
    await served.pass_time(60)
    peer.send(b"GET / HT")
    [member] = served.server.wheel.members
    await served.wait(lambda: member._held)
    await served.pass_time(9.9)
    assert 200 == (await peer.ask(b"TP/1.1\r\nHost: x\r\n\r\n")).status
    peer.send(b"GET / HT")
    await served.wait(lambda: member._held)
    await served.pass_time(10.1)
    assert 408 == (await peer.answer()).status


async def test_keep_alive(slow):
    """An idle connection is closed after `keep_alive_timeout`; each request starts it anew."""
    served = await slow(keep_alive_timeout=75)
    peer = await served.connect()
    for _ in range(3):
        assert 200 == (await peer.ask(GET % b"")).status
        await served.pass_time(74.9)
        assert 1 == members(served)
    await served.pass_time(0.2)
    assert await peer.closed()


async def test_busy_is_not_idle(slow):
    """A handler may take longer than every timeout of the client."""
    served = await slow()
    gate = asyncio.Event()

    @served.app.on("/slow")
    async def handler(request):
        await gate.wait()
        return text("slow")

    peer = await served.connect()
    peer.send(GET % b"slow")
    await served.wait(lambda: served.app.seen)
    await served.pass_time(100_000)
    gate.set()
    assert 200 == (await peer.answer()).status
    await served.pass_time(74)
    assert 200 == (await peer.ask(GET % b"")).status


async def test_silent_collected_body(slow):
    """A small body that stops coming for `body_timeout` is 408, and no handler ever starts."""
    served = await slow(body_timeout=30)
    peer = await served.connect()
    peer.send(POST % (b"", 10) + b"hel")
    await served.wait(lambda: members(served))
    [member] = served.server.wheel.members
    await served.wait(lambda: member.framing)
    await served.pass_time(29.9)
    assert 1 == members(served)
    await served.pass_time(0.2)
    answer = await peer.answer()
    assert (408, "body_timeout") == (answer.status, answer.code)
    assert await peer.closed()
    assert [] == served.app.seen


async def test_silent_body(slow):
    """The handler that reads a body that stops coming gets a 408, and the connection ends after its answer."""
    served = await slow(body_timeout=30, read_buffer=1)
    caught = []

    @served.app.on("/up")
    async def up(request):
        try:
            await request.body.read()
        except HTTPError as error:
            caught.append((error.status, error.code))
            raise

    peer = await served.connect()
    peer.send(POST % (b"up", 10) + b"hel")
    await served.wait(lambda: served.app.seen)
    await served.pass_time(30.1)
    answer = await peer.answer()
    assert (408, "close") == (answer.status, answer.headers["connection"])
    assert [(408, "body_timeout")] == caught
    assert await peer.closed()


@pytest.mark.parametrize(("each", "ends"), [(100, False), (99, True)])
async def test_body_rate(slow, each, ends):
    """A body must bring `min_rate` bytes a second over each `body_timeout`: steady drops below that are silence."""
    served = await slow(body_timeout=10, min_rate=10, read_buffer=100_000)

    @served.app.on("/up")
    async def up(request):
        return text(str(len(await request.body.read())))

    peer = await served.connect()
    peer.send(b"POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    await served.wait(lambda: served.app.seen)
    [member] = served.server.wheel.members
    for number in range(3):
        peer.send(b"%x\r\n" % (each - 6) + b"x" * (each - 6) + b"\r\n")
        await served.wait(lambda: member._window >= each)
        await served.pass_time(10.01)
        if ends:
            break
        assert not member.ending, number
    if ends:
        assert 408 == (await peer.answer()).status
    else:
        assert b"282" == (await peer.ask(b"0\r\n\r\n")).body


async def test_no_rate(slow):
    """`min_rate = 0` asks for one byte in each `body_timeout`."""
    served = await slow(body_timeout=10, min_rate=0)
    peer = await served.connect()
    peer.send(POST % (b"", 4))
    await served.wait(lambda: members(served))
    [member] = served.server.wheel.members
    await served.wait(lambda: member.framing)
    for byte in (b"a", b"b", b"c"):
        peer.send(byte)
        await served.wait(lambda: member._window)
        await served.pass_time(10.01)
    assert 200 == (await peer.ask(b"d")).status


async def test_slow_handler_is_not_a_slow_body(slow):
    """While the body waits for its handler, its clock stands still."""
    served = await slow(body_timeout=10, read_buffer=100)
    gate = asyncio.Event()

    @served.app.on("/up")
    async def up(request):
        await gate.wait()
        return text(str(len(await request.body.read())))

    peer = await served.connect()
    peer.send(POST % (b"up", 1_000_000) + b"x" * 1_000_000)
    await served.wait(lambda: members(served))
    [member] = served.server.wheel.members
    await served.wait(lambda: member._still)
    await served.pass_time(100_000)
    gate.set()
    assert b"1000000" == (await peer.answer()).body


async def test_waiting_for_continue_is_not_slow(slow):
    """While the client waits for `100 Continue`, the body's clock stands still; after it, it runs."""
    served = await slow(body_timeout=10)
    gate = asyncio.Event()

    @served.app.on("/up")
    async def up(request):
        await gate.wait()
        return text(repr(await request.body.read()))

    peer = await served.connect()
    peer.send(b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    await served.wait(lambda: served.app.seen)
    await served.pass_time(100_000)
    gate.set()
    assert b"HTTP/1.1 100 Continue\r\n\r\n" == await peer.read(25)
    await served.pass_time(10.1)
    assert 408 == (await peer.answer()).status


async def test_skipped_body(slow):
    """The rest of a body that nobody reads must come in time too; else the connection is closed."""
    served = await slow(body_timeout=10, read_buffer=1)

    @served.app.on("/no")
    async def no(request):
        return text("no", 403)

    peer = await served.connect()
    assert 403 == (await peer.ask(POST % (b"no", 100) + b"x")).status
    await served.pass_time(9.9)
    assert 1 == members(served)
    await served.pass_time(0.2)
    assert await peer.closed()


async def test_slow_reader(slow, slow_socket):
    """A client that reads nothing for `write_timeout` is cut, and its stream closed."""
    served = await slow(write_timeout=30)
    ended = asyncio.Event()

    @served.app.on("/s")
    async def stream(request):
        async def source():
            try:
                while True:
                    yield b"x" * 100_000
            finally:
                ended.set()

        return Stream(source())

    with slow_socket(served.port) as peer:
        peer.sendall(GET % b"s")
        await served.wait(lambda: any(member.paused for member in served.server.wheel.members))
        await served.pass_time(29.9)
        assert not ended.is_set()
        await served.pass_time(0.2)
        async with asyncio.timeout(10):
            await ended.wait()
        await served.wait(lambda: not members(served))
    assert ["Disconnected"] == [outcome[3] for outcome in served.app.outcomes]


async def test_reader_that_is_slow_but_reads(slow, wire):
    """A client that reads `min_rate` is waited for, however long the whole takes; below that it is cut."""
    served = await slow(write_timeout=10, min_rate=10)

    @served.app.on("/big")
    async def big(request):
        return Response(b"x" * 300_000)

    line = wire(served.server, capacity=0)
    await line.feed(GET % b"big")
    for _ in range(10):
        line.transport.consume(100)
        await served.pass_time(10.01)
        assert not line.transport.closing
    line.transport.consume(99)
    await served.pass_time(10.01)
    assert line.transport.closing
    await line.settle()


async def test_idle_client_that_reads_nothing(slow, wire):
    """An idle client that leaves the end of its answers unread cannot hold its connection for ever."""
    served = await slow(write_timeout=10, keep_alive_timeout=20)

    @served.app.on("/small")
    async def small(request):
        return Response(b"x" * 10_000)

    line = wire(served.server, capacity=0)
    await line.feed(GET % b"small")
    await served.pass_time(20.1)
    assert line.transport.closing
    await line.settle()


async def test_closing_waits_for_slow_readers(slow, wire):
    """A connection that ends with its answer waits until the client has read it, as long as it reads."""
    served = await slow(write_timeout=10, min_rate=10)

    @served.app.on("/big")
    async def big(request):
        return Response(b"x" * 60_000, headers={"Connection": "close"})

    line = wire(served.server, capacity=0)
    await line.feed(GET % b"big")
    assert line.transport.eof
    for _ in range(5):
        line.transport.consume(12_200)
        await served.pass_time(10.01)
        assert not line.transport.closing
    await served.pass_time(2.01)
    assert line.transport.closing
    await line.settle()


async def test_closing_gives_up(slow, wire):
    """A connection that ends is cut when the client does not read its answer."""
    served = await slow(write_timeout=10)

    @served.app.on("/big")
    async def big(request):
        return Response(b"x" * 60_000, headers={"Connection": "close"})

    line = wire(served.server, capacity=0)
    await line.feed(GET % b"big")
    await served.pass_time(9.9)
    assert not line.transport.closing
    await served.pass_time(0.2)
    assert line.transport.closing
    await line.settle()


async def test_linger(slow):
    """A refused client that goes on sending is read for `linger_timeout`, then cut."""
    served = await slow(linger_timeout=2)
    peer = await served.connect()
    answer = await peer.ask(b"BAD\r\n\r\n")
    assert 400 == answer.status
    peer.send(b"x" * 100_000)
    await served.pass_time(1.9)
    assert 1 == members(served)
    await served.pass_time(0.2)
    await served.wait(lambda: not members(served))
    assert [] == served.app.seen


async def test_clock_of_the_loop(serving):
    """Without a clock of its own, the server looks at its deadlines by itself."""
    served = await serving(header_timeout=0.01)
    peer = await served.connect()
    peer.send(b"GET / HT")
    assert 408 == (await peer.answer()).status


async def test_idle_server_sleeps(serving):
    """A server without connections has no timer."""
    served = await serving()
    assert served.server.wheel._timer is None
    peer = await served.connect()
    assert 200 == (await peer.ask(GET % b"")).status
    assert served.server.wheel._timer is not None
    await peer.close()
    await served.wait(lambda: not members(served))
    await served.wait(lambda: served.server.wheel._timer is None)
