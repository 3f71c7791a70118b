"""Sockets: WebSockets end to end against an independent client, and frame by frame where a client would not go."""

import asyncio
import os
import sys
import zlib

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from arlen_core.responses import Upgrade, text
from arlen_core.sockets import SocketClosed, WebSocket
from arlen_server.sockets import Socket

pytestmark = pytest.mark.anyio

OPEN = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%b\r\n"
)
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """Make a client's frame (RFC 6455 §5.2)."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    size = len(data)
    if size < 126:
        head = bytes([first, (0x80 if masked else 0) | size])
    elif size < 65536:
        head = bytes([first, (0x80 if masked else 0) | 126]) + size.to_bytes(2)
    else:
        head = bytes([first, (0x80 if masked else 0) | 127]) + size.to_bytes(8)
    if not masked:
        return head + data
    mask = b"\x01\x02\x03\x04"
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


async def read_frame(peer) -> tuple[int, bytes]:
    """Read a server's frame: its opcode and its data."""
    first, size = await peer.read(2)
    if size == 126:
        size = int.from_bytes(await peer.read(2))
    elif size == 127:
        size = int.from_bytes(await peer.read(8))
    return first & 0x0F, await peer.read(size)


@pytest.fixture
async def sockets(serving):
    """Serve one WebSocket handler at `/ws`."""

    async def start(run=None, **settings):
        served = await serving(**settings)
        served.closed = []

        async def echo(transport, request):
            try:
                while True:
                    await transport.send(await transport.receive())
            except SocketClosed as closed:
                served.closed.append((closed.code, closed.reason))
                raise

        @served.app.on("/ws")
        async def handler(request):
            async def begin(transport):
                if run is None:
                    await transport.accept()
                    await echo(transport, request)
                else:
                    await run(transport, request)

            return Upgrade(begin)

        served.url = f"ws://127.0.0.1:{served.port}/ws"
        return served

    return start


async def opened(served, extra: bytes = b""):
    """Open a WebSocket by hand."""
    peer = await served.connect()
    answer = await peer.ask(OPEN % extra)
    assert 101 == answer.status
    assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" == answer.headers["sec-websocket-accept"]
    return peer


async def test_echo(sockets):
    """Text and binary messages of every length form go back and forth."""
    served = await sockets()
    async with connect(served.url) as client:
        for message in ("", "hé", b"", b"x" * 125, b"x" * 126, "y" * 65536, os.urandom(500_000)):
            await client.send(message)
            assert message == await client.recv()
        assert 1 == served.server.stats.websockets
        assert 0 == served.server.stats.in_flight
    await served.wait(lambda: served.app.ended)
    assert [(1000, "")] == served.closed
    assert [(b"/ws", 101, "")] == [(target, status, error) for target, status, _, error in served.app.outcomes]


async def test_core_websocket(sockets):
    """The core's `WebSocket` runs on it: accepted on first use, iterable, JSON."""

    async def run(transport, request):
        ws = WebSocket(request, transport)
        async for message in ws:
            await ws.send_json({"got": message})

    served = await sockets(run)
    async with connect(served.url) as client:
        await client.send("one")
        assert '{"got":"one"}' == await client.recv()


async def test_compressed(sockets):
    """permessage-deflate is agreed with clients that offer it (RFC 7692)."""
    served = await sockets()
    async with connect(served.url, compression="deflate") as client:
        assert [] != client.protocol.extensions
        await client.send("a" * 100_000)
        assert "a" * 100_000 == await client.recv()
    async with connect(served.url, compression=None) as client:
        assert [] == client.protocol.extensions
        await client.send("plain")
        assert "plain" == await client.recv()


async def test_fragments(sockets):
    """A message in fragments is one message, also with a ping between them and a character split in two."""
    served = await sockets()
    peer = await opened(served)
    data = "héllo".encode()
    peer.send(
        frame(TEXT, data[:2], fin=False) + frame(PING, b"!") + frame(0, data[2:4], fin=False) + frame(0, data[4:])
    )
    assert (PONG, b"!") == await read_frame(peer)
    assert (TEXT, data) == await read_frame(peer)


@pytest.mark.parametrize(("opcode", "part"), [(TEXT, b"\xc3\xa9"), (BINARY, b"ab"), (BINARY, b"")])
async def test_small_fragments(sockets, opcode, part):
    """However small its fragments are, a message that is coming takes about as much memory as its bytes."""
    served = await sockets()
    peer = await served.connect()
    peer.send(OPEN % b"")
    assert 101 == (await peer.answer()).status
    peer.send(frame(opcode, b"", fin=False) + frame(0, part, fin=False) * 5000 + frame(PING))
    assert PONG == (await read_frame(peer))[0]
    socket = next(each for each in served.server.wheel.members if isinstance(each, Socket))
    assert sys.getsizeof(socket._parts) < 5000 * len(part) * 1.2 + 200
    peer.send(frame(0, b"!"))
    assert (opcode, part * 5000 + b"!") == await read_frame(peer)


async def test_subprotocol_and_headers(sockets):
    """The handler chooses the subprotocol and may add headers; those of the response are sent too."""
    served = await sockets()

    async def run(transport):
        await transport.accept("chat", [(b"x-extra", b"yes")])
        await transport.close()

    @served.app.on("/ws")
    async def handler(request):
        upgrade = Upgrade(run)
        upgrade.headers.set("X-Request-Id", "abc")
        return upgrade

    async with connect(served.url, subprotocols=["chat"]) as client:
        assert "chat" == client.subprotocol
        assert ("yes", "abc") == (client.response.headers["x-extra"], client.response.headers["x-request-id"])


async def test_input_behind_the_handshake(sockets):
    """Frames that come together with the handshake are not lost."""
    served = await sockets()
    peer = await served.connect()
    peer.send(OPEN % b"" + frame(TEXT, b"early") + frame(TEXT, b"bird"))
    assert 101 == (await peer.answer()).status
    assert [(TEXT, b"early"), (TEXT, b"bird")] == [await read_frame(peer) for _ in range(2)]


# -- handshakes that fail


@pytest.mark.parametrize(
    ("old", "new", "status", "code"),
    [
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8", 426, "version_unsupported"),
        (b"Sec-WebSocket-Version: 13\r\n", b"", 426, "version_unsupported"),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"", 400, "handshake_invalid"),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"short", 400, "handshake_invalid"),
        (b"Upgrade: websocket", b"Upgrade: h2c", 426, "upgrade_required"),
        (b"keep-alive, Upgrade", b"keep-alive", 426, "upgrade_required"),
        (b"GET", b"POST", 426, "upgrade_required"),
        (b"HTTP/1.1", b"HTTP/1.0", 426, "upgrade_required"),
    ],
)
async def test_bad_handshake(sockets, old, new, status, code):
    """A handshake that is wrong is refused before any handler runs, and the answer says what would be right."""
    served = await sockets()
    peer = await served.connect()
    answer = await peer.ask((OPEN % b"").replace(old, new))
    assert (status, code) == (answer.status, answer.code)
    assert await peer.closed()
    if code == "version_unsupported":
        assert "13" == answer.headers["sec-websocket-version"]
    assert 0 == served.server.stats.websockets


@pytest.mark.parametrize(
    "body", [b"Content-Length: 70000", b"Content-Length: 1\r\n\r\na", b"Transfer-Encoding: chunked"]
)
async def test_handshake_with_a_body(sockets, body):
    """A handshake that brings a body is refused, because what of it comes later would be read as frames."""
    served = await sockets()
    peer = await served.connect()
    peer.send(OPEN % (body + b"\r\n") + frame(TEXT, b"smuggled"))
    answer = await peer.answer()
    assert (400, "handshake_invalid") == (answer.status, answer.code)
    assert await peer.closed()


async def test_handshake_with_an_empty_body(sockets):
    """A handshake may say that its body is empty."""
    served = await sockets()
    peer = await served.connect()
    peer.send(OPEN % b"Content-Length: 0\r\n")
    assert 101 == (await peer.answer()).status


async def test_refused_by_application(sockets):
    """Any other response refuses the upgrade with that response, and the connection goes on."""
    served = await sockets()

    @served.app.on("/ws")
    async def handler(request):
        assert "websocket" == request.upgrade
        return text("no", 403)

    peer = await served.connect()
    assert 403 == (await peer.ask(OPEN % b"")).status
    assert 200 == (await peer.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).status


async def test_never_accepted(sockets):
    """A handler that ends without accepting refuses with 403."""

    async def run(transport, request):
        pass

    served = await sockets(run)
    with pytest.raises(InvalidStatus) as caught:
        await connect(served.url)
    assert 403 == caught.value.response.status_code


async def test_closed_before_accepting(sockets):
    """A handler that closes before accepting refuses with 403, is not kept waiting, and cannot accept any more."""
    after = []

    async def run(transport, request):
        await transport.close(1008, "not you")
        with pytest.raises(SocketClosed):
            await transport.accept()
        after.append(True)

    served = await sockets(run)
    with pytest.raises(InvalidStatus) as caught:
        await connect(served.url)
    assert 403 == caught.value.response.status_code
    assert [True] == after
    assert 0 == served.server.stats.websockets


async def test_fails_before_accepting(sockets):
    """A handler that fails before accepting answers 500."""

    async def run(transport, request):
        raise ValueError("early")

    served = await sockets(run)
    complaints = []
    served.server.loop.set_exception_handler(lambda loop, context: complaints.append(context))
    with pytest.raises(InvalidStatus) as caught:
        await connect(served.url)
    assert 500 == caught.value.response.status_code
    assert [(b"/ws", 500, "ValueError")] == [
        (target, status, error) for target, status, _, error in served.app.outcomes
    ]
    assert 1 == len(complaints)


async def test_too_many(sockets):
    """`max_websockets` may be open; the next one is refused with 503 and the reason."""
    served = await sockets(max_websockets=2)
    async with connect(served.url), connect(served.url):
        with pytest.raises(InvalidStatus) as caught:
            await connect(served.url)
        response = caught.value.response
        assert (503, "1") == (response.status_code, response.headers["retry-after"])
        assert "websocket_session_limit" == response.headers["x-arlen-backpressure-reason"]
    await served.wait(lambda: served.server.stats.websockets == 0)
    async with connect(served.url):
        pass


# -- closing


async def test_close_by_server(sockets):
    """`close` sends its code and reason, and returns when the client has agreed."""
    order = []

    async def run(transport, request):
        await transport.accept()
        await transport.close(4001, "enough")
        order.append("closed")
        await transport.close(4002, "twice")
        with pytest.raises(SocketClosed) as caught:
            await transport.send("late")
        order.append(caught.value.code)

    served = await sockets(run)
    async with connect(served.url) as client:
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert (4001, "enough") == (caught.value.rcvd.code, caught.value.rcvd.reason)
    await served.wait(lambda: served.app.ended)
    assert ["closed", 4001] == order


async def test_close_by_client(sockets):
    """A handler that receives learns the client's code and reason."""
    served = await sockets()
    client = await connect(served.url)
    await client.close(4000, "bye")
    await served.wait(lambda: served.closed)
    assert [(4000, "bye")] == served.closed


async def test_close_without_code(sockets):
    """A close frame without a code is 1005 (RFC 6455 §7.1.5)."""
    served = await sockets()
    peer = await opened(served)
    peer.send(frame(CLOSE))
    assert (CLOSE, b"") == await read_frame(peer)
    assert await peer.closed()
    await served.wait(lambda: served.closed)
    assert [(1005, "")] == served.closed


@pytest.mark.parametrize("leave", ["reset", "finish"])
async def test_client_vanishes(sockets, leave):
    """A client that vanishes without a close frame is 1006 (RFC 6455 §7.1.5)."""
    served = await sockets()
    peer = await opened(served)
    getattr(peer, leave)()
    await served.wait(lambda: served.closed)
    assert [(1006, "")] == served.closed
    await served.wait(lambda: served.server.stats.websockets == 0)


async def test_vanishes_before_accept(sockets):
    """`accept` after the client has left raises `SocketClosed`."""
    gate, caught = asyncio.Event(), []

    async def run(transport, request):
        await gate.wait()
        try:
            await transport.accept()
        except SocketClosed as error:
            caught.append(error.code)
            raise

    served = await sockets(run)
    peer = await served.connect()
    peer.send(OPEN % b"")
    await served.wait(lambda: served.app.seen)
    peer.reset()
    await served.wait(lambda: not served.server.wheel.members)
    gate.set()
    await served.wait(lambda: served.app.ended)
    assert [1006] == caught


async def test_handler_returns(sockets):
    """A handler that returns closes with 1000."""

    async def run(transport, request):
        await transport.accept()

    served = await sockets(run)
    async with connect(served.url) as client:
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert 1000 == caught.value.rcvd.code


async def test_handler_fails(sockets):
    """A handler that fails closes with 1011, and the application is told."""

    async def run(transport, request):
        await transport.accept()
        raise ValueError("broken")

    served = await sockets(run)
    async with connect(served.url) as client:
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert (1011, "") == (caught.value.rcvd.code, caught.value.rcvd.reason)
    await served.wait(lambda: served.app.ended)
    assert ValueError is type(served.app.ended[0][3])


async def test_close_timeout(sockets):
    """A client that never answers the close frame is cut after `close_timeout`."""

    async def run(transport, request):
        await transport.accept()

    served = await sockets(run, virtual=True)
    peer = await opened(served)
    assert (CLOSE, b"\x03\xe8") == await read_frame(peer)
    await served.pass_time(4.9)
    assert 1 == served.server.stats.websockets
    await served.pass_time(0.2)
    await served.wait(lambda: served.server.stats.websockets == 0)


async def test_messages_before_close(sockets):
    """Messages that came before the client's close are still received."""
    gate, got = asyncio.Event(), []

    async def run(transport, request):
        await transport.accept()
        await gate.wait()
        try:
            while True:
                got.append(await transport.receive())
        except SocketClosed as closed:
            got.append(closed.code)

    served = await sockets(run)
    peer = await opened(served)
    peer.send(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(CLOSE, b"\x03\xe8"))
    assert (CLOSE, b"\x03\xe8") == await read_frame(peer)
    gate.set()
    await served.wait(lambda: served.app.ended)
    assert ["a", "b", 1000] == got


# -- what clients must not send (RFC 6455 §5, §7.4)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(frame(TEXT, b"x", masked=False), 1002, id="unmasked"),
        pytest.param(frame(3, b"x"), 1002, id="unknown opcode"),
        pytest.param(frame(TEXT, b"x", rsv=4), 1002, id="reserved bit"),
        pytest.param(frame(PING, b"x" * 126), 1002, id="long ping"),
        pytest.param(frame(PING, b"x", fin=False), 1002, id="fragmented ping"),
        pytest.param(frame(0, b"x"), 1002, id="nothing to continue"),
        pytest.param(frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002, id="new message within another"),
        pytest.param(frame(CLOSE, b"\x03"), 1002, id="close with one byte"),
        pytest.param(frame(CLOSE, b"\x03\xed"), 1002, id="close with 1005"),
        pytest.param(frame(CLOSE, b"\x03\xe8\xff"), 1007, id="close with a reason that is not UTF-8"),
        pytest.param(frame(TEXT, b"\xff"), 1007, id="text that is not UTF-8"),
        pytest.param(frame(TEXT, b"\xc3"), 1007, id="text with half a character"),
        pytest.param(frame(TEXT, b"ok", fin=False) + frame(0, b"\xed\xa0\x80", fin=False), 1007, id="surrogate"),
    ],
)
async def test_protocol_errors(sockets, sent, code):
    """What the protocol forbids is answered by its close code, and the connection ends."""
    served = await sockets()
    peer = await opened(served)
    peer.send(sent)
    opcode, data = await read_frame(peer)
    assert (CLOSE, code) == (opcode, int.from_bytes(data[:2]))
    assert await peer.closed()
    await served.wait(lambda: served.server.stats.websockets == 0)


# -- bounds


@pytest.mark.parametrize("fragments", [1, 2, 5])
async def test_message_limit(sockets, fragments):
    """A message of `max_message` bytes is taken; one byte more closes with 1009."""
    served = await sockets(max_message=1000)
    peer = await opened(served)

    def message(size):
        parts = [b"x" * (size // fragments)] * (fragments - 1)
        parts.append(b"x" * (size - sum(map(len, parts))))
        last = len(parts) - 1
        return b"".join(frame(0 if at else BINARY, part, fin=at == last) for at, part in enumerate(parts))

    peer.send(message(1000))
    assert (BINARY, b"x" * 1000) == await read_frame(peer)
    peer.send(message(1001))
    opcode, data = await read_frame(peer)
    assert (CLOSE, 1009) == (opcode, int.from_bytes(data[:2]))


async def test_compressed_message_limit(sockets):
    """The limit is on the message as it is after unpacking."""
    served = await sockets(max_message=1000)
    async with connect(served.url, compression="deflate") as client:
        await client.send("x" * 1000)
        assert "x" * 1000 == await client.recv()
        await client.send("x" * 1001)
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert 1009 == caught.value.rcvd.code


def packed(size: int) -> bytes:
    """Return a frame of a compressed message of so many zeros (RFC 7692 §7.2.1)."""
    squeeze = zlib.compressobj(wbits=-12)
    data = squeeze.compress(bytes(size)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    return frame(BINARY, data[:-4], rsv=4)


async def test_bombs_are_unpacked_slowly(sockets):
    """A slow handler bounds what is held, even when the messages unpack to a thousandfold of what was sent."""
    gate = asyncio.Event()

    async def run(transport, request):
        await transport.accept()
        await gate.wait()
        total = 0
        try:
            while True:
                total += len(await transport.receive())
        except SocketClosed:
            assert 50_000_000 == total

    served = await sockets(run, read_buffer=100_000)
    peer = await opened(served, b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n")
    peer.send(packed(1_000_000) * 50)
    [member] = served.server.wheel.members
    await served.wait(lambda: member._still)
    assert member._held <= 100_000 + 5 * 1_000_000
    gate.set()
    peer.send(frame(CLOSE, b"\x03\xe8"))
    await served.wait(lambda: served.app.ended)
    assert [None] == [error for _, _, _, error in served.app.ended]


async def test_slow_handler(sockets):
    """A handler that does not receive holds at most `read_buffer` bytes and one read; then the client waits."""
    gate = asyncio.Event()

    async def run(transport, request):
        await transport.accept()
        await gate.wait()
        count = 0
        while await transport.receive() != "last":
            count += 1
        await transport.send(str(count))

    served = await sockets(run, read_buffer=10_000)
    async with connect(served.url, compression=None) as client:
        sending = asyncio.create_task(_send_many(client, 3000))
        await served.wait(lambda: served.server.stats.websockets)
        [member] = served.server.wheel.members
        await served.wait(lambda: member._still)
        for _ in range(50):
            await asyncio.sleep(0)
        assert member._held + len(member._raw) <= 10_000 + 2 * 262_144
        assert not sending.done()
        gate.set()
        assert "3000" == await client.recv()
        await sending


async def _send_many(client, count):
    for _ in range(count):
        await client.send(b"x" * 4000)
    await client.send("last")


async def test_slow_reader(sockets):
    """A client that does not read makes the sender wait, within the write buffer."""
    sent = []

    async def run(transport, request):
        await transport.accept()
        for _ in range(1000):
            await transport.send(b"x" * 100_000)
            sent.append(1)

    served = await sockets(run)
    peer = await opened(served)
    peer.writer.transport.pause_reading()
    await served.wait(lambda: any(member.paused for member in served.server.wheel.members))
    [member] = served.server.wheel.members
    for _ in range(50):
        await asyncio.sleep(0)
        assert member.transport.get_write_buffer_size() <= 65536 + 2 * 100_100
    assert len(sent) < 1000
    peer.reset()
    await served.wait(lambda: served.app.ended)


async def test_slow_reader_that_pings(sockets):
    """A client that sends pings and never reads the pongs does not fill the server's memory."""
    served = await sockets(read_buffer=1000)
    peer = await opened(served)
    peer.writer.transport.pause_reading()
    [member] = served.server.wheel.members
    flood = frame(PING, b"x" * 125) * 1000

    async def push():
        while True:
            peer.send(flood)
            await peer.writer.drain()

    pushing = asyncio.create_task(push())
    await served.wait(lambda: member.paused and member._still)
    for _ in range(50):
        await asyncio.sleep(0)
        assert member.transport.get_write_buffer_size() <= 65536 + 262_144
    pushing.cancel()
    await asyncio.wait({pushing})
    peer.reset()


async def test_write_timeout(sockets, slow_socket):
    """A client that reads nothing for `write_timeout` is cut."""

    async def run(transport, request):
        await transport.accept()
        while True:
            await transport.send(b"x" * 100_000)

    served = await sockets(run, virtual=True, ping_interval=0)
    with slow_socket(served.port) as peer:
        peer.sendall(OPEN % b"")
        await served.wait(lambda: any(member.paused for member in served.server.wheel.members))
        await served.pass_time(29)
        assert 1 == served.server.stats.websockets
        await served.pass_time(2)
        await served.wait(lambda: served.server.stats.websockets == 0)


# -- time


async def test_pings(sockets):
    """A silent client is pinged after `ping_interval`, and kept while it answers."""
    served = await sockets(virtual=True)
    peer = await opened(served)
    for _ in range(3):
        await served.pass_time(19.9)
        await served.pass_time(0.2)
        assert (PING, b"") == await read_frame(peer)
        peer.send(frame(PONG))
        await served.wait(lambda: not any(member._pinged for member in served.server.wheel.members))


async def test_no_pong(sockets):
    """A client that does not answer a ping within `ping_timeout` is closed with 1011."""
    served = await sockets(virtual=True)
    peer = await opened(served)
    await served.pass_time(20.1)
    assert (PING, b"") == await read_frame(peer)
    await served.pass_time(19.9)
    assert 1 == served.server.stats.websockets
    await served.pass_time(0.2)
    opcode, data = await read_frame(peer)
    assert (CLOSE, 1011) == (opcode, int.from_bytes(data[:2]))
    assert await peer.closed()


async def test_no_pings(sockets):
    """`ping_interval = 0` sends none."""
    served = await sockets(virtual=True, ping_interval=0)
    peer = await opened(served)
    await served.pass_time(10_000)
    peer.send(frame(TEXT, b"still"))
    assert (TEXT, b"still") == await read_frame(peer)


async def test_drain(sockets):
    """A drain closes WebSockets with 1001, and waits for their handlers."""
    served = await sockets()
    async with connect(served.url) as client:
        await served.wait(lambda: served.server.stats.websockets)
        drained = await served.server.drain(10)
        assert (1, 0) == (drained.finished, drained.aborted)
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert 1001 == caught.value.rcvd.code
    assert [(1001, "the server is stopping")] == served.closed


async def test_handshake_during_a_drain(sockets):
    """No WebSocket begins while the server drains: 503, so that the client goes elsewhere."""
    served = await sockets()
    peer = await served.connect()
    assert 200 == (await peer.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).status
    draining = asyncio.create_task(served.server.drain(10))
    await served.wait(lambda: served.server.draining)
    answer = await peer.ask(OPEN % b"")
    assert (503, "server_draining") == (answer.status, answer.headers["x-arlen-backpressure-reason"])
    assert await peer.closed()
    await draining


async def test_stop(sockets):
    """A stop cuts WebSockets off, and their handlers are over when it returns."""
    ended = []

    async def run(transport, request):
        await transport.accept()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    served = await sockets(run)
    async with connect(served.url):
        await served.wait(lambda: served.server.stats.websockets)
        await served.server.stop()
        assert [True] == ended
        assert 0 == served.server.stats.websockets
