"""Frames: floods of them leave others their turn, and rubbish among them breaks nothing."""

import asyncio

import pytest

from arlen_core.responses import Upgrade
from arlen_core.sockets import SocketClosed
from arlen_server.sockets import _SLICE, _TURN, Socket

pytestmark = pytest.mark.anyio

OPEN = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASK = b"\0\0\0\0"
SMALLEST = 6  # bytes of an empty masked frame
MOST = _TURN + _SLICE // SMALLEST + 2


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """Make a client's frame whose mask changes nothing."""
    assert len(data) < 126
    return bytes([(0x80 if fin else 0) | opcode, 0x80 | len(data)]) + MASK + data


@pytest.fixture
async def opened(serving, wire, monkeypatch):
    """Open a WebSocket without a network; gives the line, what arrived, and the most frames of one turn of the loop."""
    served = await serving()
    counts = [0]

    def turn():
        counts.append(0)
        counts.pending = False

    class Counts(list):
        pending = False

    counts = Counts([0])
    real = Socket._frame

    def counted(self, each):
        if not counts.pending:
            counts.pending = True
            asyncio.get_running_loop().call_soon(turn)
        counts[-1] += 1
        real(self, each)

    monkeypatch.setattr(Socket, "_frame", counted)
    received = []

    @served.app.on("/ws")
    async def handler(request):
        async def run(transport):
            await transport.accept()
            try:
                while True:
                    received.append(await transport.receive())
            except SocketClosed as closed:
                received.append(closed.code)

        return Upgrade(run)

    line = wire(served.server)
    await line.feed(OPEN)
    await line.settle()
    assert line.transport.data.startswith(b"HTTP/1.1 101 ")
    yield line, received, counts
    line.transport.abort()
    await line.settle()


@pytest.mark.parametrize(
    ("flood", "messages"),
    [
        (frame(9) * 20_000, 0),
        (frame(10) * 20_000, 0),
        (frame(1, b"x") * 20_000, 20_000),
        (frame(2) * 20_000, 20_000),
        (frame(1, fin=False) + frame(0, fin=False) * 20_000 + frame(0), 1),
    ],
    ids=["pings", "pongs", "messages", "empty messages", "empty fragments"],
)
async def test_floods_leave_others_their_turn(opened, flood, messages):
    """However many tiny frames come at once, some hundreds are taken in a turn of the event loop; none is lost."""
    line, received, counts = opened
    line.transport.protocol.data_received(flood + frame(8, b"\x03\xe8"))
    for _ in range(10_000):
        if received[-1:] == [1000]:
            break
        await asyncio.sleep(0)
    assert messages == len(received) - 1
    assert len(flood) // len(frame(1, b"x")) <= sum(counts) + 2
    assert max(counts) <= MOST
    assert line.transport.reading


async def test_input_that_waits_for_its_turn_stays_in_order(opened):
    """What comes while a flood waits for its turn is taken after it."""
    line, received, _ = opened
    line.transport.protocol.data_received(b"".join(frame(1, b"%d" % number) for number in range(3000)))
    assert not line.transport.reading
    line.transport.protocol.data_received(frame(1, b"last"))
    await line.settle(300)
    assert [*map(str, range(3000)), "last"] == received


async def test_leaving_in_a_flood(opened):
    """A client that vanishes in the middle of its flood ends its handler; the rest of the flood is thrown away."""
    line, received, _ = opened
    line.transport.protocol.data_received(frame(1, b"x") * 20_000)
    line.transport.abort()
    await line.settle(300)
    assert 1006 == received[-1]
    assert len(received) <= 2 * MOST


async def test_nothing_behind_a_broken_text_is_taken(opened):
    """Messages that come in one piece with a text that is not UTF-8 are not given to the handler (RFC 6455 §7.1.7)."""
    line, received, _ = opened
    await line.feed(frame(1, b"good") + frame(1, b"\xff") + frame(1, b"late") + frame(2, b"later"))
    await line.settle()
    assert ["good", 1007] == received


@pytest.mark.parametrize(("size", "ends"), [(0, False), (1, True)])
async def test_control_frames_are_no_part_of_a_message(serving, wire, size, ends):
    """A message of `max_message` bytes is taken, however many pings come between its fragments (RFC 6455 §5.4)."""
    served = await serving(max_message=10)
    received = []

    @served.app.on("/ws")
    async def handler(request):
        async def run(transport):
            await transport.accept()
            try:
                received.append(await transport.receive())
            except SocketClosed as closed:
                received.append(closed.code)

        return Upgrade(run)

    line = wire(served.server)
    await line.feed(OPEN, frame(1, b"x" * 9, fin=False) + frame(9, b"y" * 125) * 3 + frame(0, b"x" * (1 + size)))
    await line.settle()
    assert [1009 if ends else "x" * 10] == received
    line.transport.abort()
    await line.settle()
