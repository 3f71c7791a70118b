"""Back-pressure: real sockets, and the bytes that are held counted: neither side makes the server's memory grow."""

import asyncio

import pytest

from arlen_core.bodies import Feed
from arlen_core.responses import Stream, text

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"
READ = 262_144  # the most that an event loop reads at once


def held(served) -> int:
    """Return the bytes that the server holds for all its connections, in both directions."""
    total = 0
    for member in served.server.wheel.members:
        total += member.transport.get_write_buffer_size() + sum(map(len, member.out))
        total += len(member._held or b"") + sum(map(len, member._parts))
        if member._feed is not None:
            total += member._feed._held
    return total


async def watch(served, seconds: float = 0.2) -> int:
    """Return the most bytes that were held within this time."""
    most, end = 0, served.server.loop.time() + seconds
    while served.server.loop.time() < end:
        most = max(most, held(served))
        await asyncio.sleep(0)
    return most


@pytest.mark.parametrize("framing", [b"Content-Length: 1000000000", b"Transfer-Encoding: chunked"])
async def test_fast_upload(serving, framing):
    """A client that sends a body faster than its handler reads is stopped at `read_buffer` and one read."""
    served = await serving(read_buffer=50_000, max_body=10**9)
    gate = asyncio.Event()

    @served.app.on("/up")
    async def up(request):
        assert isinstance(request.body, Feed)
        await gate.wait()
        return text("enough", headers={"Connection": "close"})

    peer = await served.connect()
    peer.send(b"POST /up HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % framing)
    piece = b"x" * 10_000 if framing.startswith(b"Content") else b"2710\r\n" + b"x" * 10_000 + b"\r\n"

    async def push():
        while True:
            peer.send(piece)
            await peer.writer.drain()

    pushing = asyncio.create_task(push())
    await served.wait(lambda: any(member._still for member in served.server.wheel.members))
    assert 50_000 < await watch(served) <= 50_000 + READ
    gate.set()
    assert b"enough" == (await peer.answer()).body
    pushing.cancel()
    await asyncio.wait({pushing})


async def test_slow_handler_reads_all(serving):
    """A handler that reads slowly gets every byte, and never more than the bound is held."""
    served = await serving(read_buffer=20_000, max_body=10**9)
    most = 0

    @served.app.on("/up")
    async def up(request):
        nonlocal most
        total = 0
        async for chunk in request.body:
            total += len(chunk)
            most = max(most, held(served))
            await asyncio.sleep(0)
        return text(str(total))

    peer = await served.connect()
    size = 5_000_000
    peer.send(b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    assert b"%d" % size == (await peer.answer()).body
    assert most <= 20_000 + READ


async def test_slow_reader_of_a_stream(serving):
    """A stream waits for a client that does not read: `write_buffer` bytes and two chunks are held, not more."""
    served = await serving(write_buffer=50_000)
    made = 0

    @served.app.on("/s")
    async def stream(request):
        async def source():
            nonlocal made
            for _ in range(10_000):
                made += 1
                yield b"x" * 10_000

        return Stream(source())

    peer = await served.connect()
    peer.writer.transport.pause_reading()
    peer.send(GET % b"s")
    await served.wait(lambda: any(member.paused for member in served.server.wheel.members))
    assert await watch(served) <= 50_000 + 65_536 + 20_000
    assert made < 10_000
    before = made
    await watch(served, 0.05)
    assert before == made
    peer.reset()


async def test_slow_reader_of_a_pipeline(serving):
    """A client that sends requests and reads no answers is not answered past `write_buffer` and one turn."""
    served = await serving(write_buffer=50_000, max_pipeline=4)

    @served.app.on("/big")
    async def big(request):
        return text("x" * 20_000)

    peer = await served.connect()
    peer.writer.transport.pause_reading()

    async def push():
        while True:
            peer.send((GET % b"big") * 100)
            await peer.writer.drain()

    pushing = asyncio.create_task(push())
    await served.wait(lambda: any(member.paused and member._still for member in served.server.wheel.members))
    assert await watch(served) <= 50_000 + 4 * 20_200 + 65_536 + READ
    answered = len(served.app.seen)
    await watch(served, 0.05)
    assert answered == len(served.app.seen)
    pushing.cancel()
    await asyncio.wait({pushing})
    peer.reset()


async def test_pipeline_goes_on(serving):
    """When the client reads its answers at last, the requests that were held are answered too."""
    served = await serving(write_buffer=1000)

    @served.app.on("/big")
    async def big(request):
        return text("x" * 100_000)

    peer = await served.connect()
    peer.writer.transport.pause_reading()
    peer.send((GET % b"big") * 200)
    await served.wait(lambda: any(member.paused for member in served.server.wheel.members))
    assert len(served.app.seen) < 200
    peer.writer.transport.resume_reading()
    for _ in range(200):
        assert 100_000 == len((await peer.answer()).body)


async def test_many_slow_readers(serving):
    """The bound holds for each connection, so a hundred slow readers hold a hundred times as much and no more."""
    served = await serving(write_buffer=10_000)

    @served.app.on("/s")
    async def stream(request):
        async def source():
            while True:
                yield b"x" * 10_000

        return Stream(source())

    peers = [await served.connect() for _ in range(20)]
    for peer in peers:
        peer.writer.transport.pause_reading()
        peer.send(GET % b"s")
    await served.wait(lambda: sum(member.paused for member in served.server.wheel.members) == 20)
    assert held(served) <= 20 * (10_000 + 65_536 + 10_000)
    for peer in peers:
        peer.reset()
    await served.wait(lambda: not served.server.stats.in_flight)
