"""Early ends: a client may stop at any byte, in either direction; nothing breaks and nothing is left."""

import asyncio

import pytest

from arlen_core.clock import VirtualClock
from arlen_core.responses import Stream, text
from arlen_server.server import Server
from arlen_server.settings import Settings

STREAM = (
    b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    b"POST /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n0\r\nX: y\r\n\r\n"
    b"POST /stream HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
    b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
)
ENDS = ["lost", "half", "reset"]


class Ended:
    """A server whose clients end early, and what came of it."""

    def __init__(self, recorder) -> None:
        self.app, self.broken = recorder(), []
        self.app.handlers.update({"/slow": self.slow, "/unread": self.unread, "/stream": self.stream})

    async def slow(self, request):
        for _ in range(3):
            await asyncio.sleep(0)
        return text("slow")

    async def unread(self, request):
        return text("unread")

    async def stream(self, request):
        async def source():
            async for chunk in request.body:
                yield chunk
                await asyncio.sleep(0)

        return Stream(source())

    async def run(self, wire, how: str, parts: list[bytes]) -> bytes:
        """Send parts, end, and return what was answered."""
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.broken.append(context))
        server = Server(self.app, Settings(port=0), clock=VirtualClock())
        await server.start()
        line = wire(server)
        await line.feed(*parts)
        if how == "half":
            asyncio.get_running_loop().call_soon(self._half, line)
        elif not line.transport.lost:
            error = ConnectionResetError() if how == "reset" else None
            line.transport.closing = line.transport.lost = True
            asyncio.get_running_loop().call_soon(line.protocol.connection_lost, error)
        await line.settle(60)
        if not line.transport.lost:
            line.transport.abort()
        await line.settle()
        assert 0 == server.stats.in_flight
        assert 0 == server.stats.connections
        await server.stop()
        return line.transport.data

    def _half(self, line) -> None:
        if not line.transport.lost and not line.protocol.eof_received():
            line.transport.close()


@pytest.mark.parametrize("how", ENDS)
def test_every_place_to_end(recorder, wire, how):
    """After any number of bytes the client may leave, by a word, by half a word or by none; every request ends."""
    for place in range(len(STREAM) + 1):
        ended = Ended(recorder)
        asyncio.run(ended.run(wire, how, [STREAM[:place]] if place else []))
        assert [] == ended.broken, place
        assert len(ended.app.seen) == len(ended.app.ended), place


@pytest.mark.parametrize("how", ENDS)
def test_every_place_to_end_byte_by_byte(recorder, wire, how):
    """The same when what was sent came byte by byte, so that handlers had begun."""
    for place in range(0, len(STREAM) + 1, 3):
        ended = Ended(recorder)
        asyncio.run(ended.run(wire, how, [STREAM[at : at + 1] for at in range(place)]))
        assert [] == ended.broken, place
        assert len(ended.app.seen) == len(ended.app.ended), place


def test_half_a_word_still_gets_answers(recorder, wire):
    """A client that sends no more gets the answers to all that it has sent."""
    ended = Ended(recorder)
    data = asyncio.run(ended.run(wire, "half", [STREAM[: STREAM.index(b"POST /stream")]]))
    assert 3 == data.count(b"HTTP/1.1 200 OK\r\n")
    assert [200, 200, 200] == [status for _, status, _, _ in ended.app.outcomes]


@pytest.mark.parametrize("how", ENDS)
def test_who_leaves_is_answered_nothing_more(recorder, wire, how):
    """Nothing is written to a client that has gone."""
    ended = Ended(recorder)
    data = asyncio.run(ended.run(wire, how, [STREAM]))
    assert data.count(b"HTTP/1.1 ") <= 6
    assert len(ended.app.seen) == len(ended.app.ended)
