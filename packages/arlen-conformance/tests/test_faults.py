"""Tests of the relay that breaks connections."""

import asyncio
import os
import socket
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from arlen_conformance import VirtualClock
from arlen_conformance.faults import FaultProxy

pytestmark = pytest.mark.anyio


class Peer:
    """The target: echoes in capitals, and knows what it got and how connections ended."""

    def __init__(self) -> None:
        self.got = b""
        self.ends = asyncio.Queue()

    async def serve(self, reader, writer):
        try:
            while data := await reader.read(65536):
                self.got += data
                writer.write(data.upper())
                await writer.drain()
            self.ends.put_nowait("end")
        except ConnectionResetError:
            self.ends.put_nowait("reset")
        finally:
            writer.close()


@asynccontextmanager
async def served(kind):
    """Give a peer and its address."""
    peer = Peer()
    with TemporaryDirectory() as folder:
        if kind == "unix":
            server = await asyncio.start_unix_server(peer.serve, Path(folder, "peer.sock"))
        else:
            server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        async with server:
            yield peer, server.sockets[0].getsockname()


async def dial(address):
    """Connect to a proxy."""
    return await (
        asyncio.open_unix_connection(address) if isinstance(address, str) else asyncio.open_connection(*address)
    )


class Client:
    """A connection through a proxy."""

    def __init__(self, reader, writer) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, text):
        self.writer.write(text)
        return await self.reader.readexactly(len(text))

    async def end(self):
        """Return how the connection ended."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return "reset"


@pytest.fixture(params=["tcp", "unix"])
async def line(request, clock):
    """A peer, a proxy before it, and a client that is connected."""
    async with served(request.param) as (peer, address), FaultProxy(address, clock=clock) as proxy:
        client = Client(*await dial(proxy.address))
        await proxy.connected()
        try:
            yield peer, proxy, client
        finally:
            client.writer.close()


async def test_it_relays(line):
    """Without a fault both directions pass, whatever the size."""
    _, proxy, client = line
    text = b"x" * 300_000
    assert await client.ask(b"hello") == b"HELLO"
    assert await client.ask(text) == text.upper()
    assert proxy.connections == 1


async def test_half_an_end(line):
    """A client that has said everything still gets its answer."""
    peer, _, client = line
    client.writer.write(b"bye")
    client.writer.write_eof()
    assert await client.end() == b"BYE"
    assert await peer.ends.get() == "end"


async def test_cut(line):
    """Both sides see the end of the connection; new ones pass."""
    peer, proxy, client = line
    await proxy.cut()
    assert (await client.end(), await peer.ends.get(), proxy.connections) == (b"", "end", 0)
    again = Client(*await dial(proxy.address))
    assert await again.ask(b"a") == b"A"
    again.writer.close()


async def test_reset(line):
    """Both sides of a TCP connection see a reset; a Unix socket has none."""
    peer, proxy, client = line
    local = isinstance(proxy.address, str)
    await proxy.reset()
    assert (await client.end(), await peer.ends.get()) == ((b"", "end") if local else ("reset", "reset"))


async def test_blackhole(line):
    """Nothing arrives and nothing ends; after healing, the connection that has lost something is reset."""
    peer, proxy, client = line
    assert await client.ask(b"a") == b"A"
    proxy.blackhole()
    client.writer.write(b"lost")
    await swallowed(proxy)
    assert (peer.got, proxy.connections) == (b"a", 1)
    await proxy.heal()
    assert await client.end() in {b"", "reset"}


async def test_a_new_connection_into_a_blackhole(line):
    """It is taken, and gets nowhere."""
    peer, proxy, _ = line
    proxy.blackhole()
    other = Client(*await dial(proxy.address))
    other.writer.write(b"lost")
    await swallowed(proxy)
    assert (peer.got, proxy.connections) == (b"", 1)
    await proxy.heal()
    assert await other.end() in {b"", "reset"}
    other.writer.close()


async def test_healing_spares_the_others(line):
    """A connection that has lost nothing goes on."""
    _, proxy, client = line
    proxy.blackhole()
    await proxy.heal()
    assert await client.ask(b"a") == b"A"


@pytest.mark.parametrize(("direction", "got"), [("up", b"ab"), ("down", b"a")])
async def test_one_way(line, direction, got):
    """One direction passes and the other is swallowed."""
    peer, proxy, client = line
    assert await client.ask(b"a") == b"A"
    proxy.one_way(direction)
    client.writer.write(b"b")
    await swallowed(proxy)
    assert peer.got == got
    assert proxy.connections == 1


async def test_delay(line, clock):
    """What arrives waits for so long, on the way there and on the way back."""
    peer, proxy, client = line
    proxy.delay(5)
    asked = asyncio.create_task(client.ask(b"a"))
    await clock.asleep()
    await clock.advance(4.9)
    assert peer.got == b""
    await clock.advance(0.2)
    await clock.asleep()
    assert (peer.got, asked.done()) == (b"a", False)
    await clock.advance(5)
    assert await asked == b"A"


async def test_throttle(line, clock):
    """So many bytes pass in a second."""
    peer, proxy, client = line
    proxy.throttle(100)
    asked = asyncio.create_task(client.ask(b"a" * 1000))
    await clock.asleep()
    await clock.advance(9)
    assert peer.got == b""
    await clock.advance(1)
    await clock.asleep()
    assert peer.got == b"a" * 1000
    proxy.throttle(0)
    await clock.advance(10)
    assert await asked == b"A" * 1000


async def test_refuse(line):
    """New clients are refused, those that are there stay; later the address is the same."""
    _, proxy, client = line
    address = proxy.address
    await proxy.refuse()
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        await dial(address)
    assert await client.ask(b"a") == b"A"
    await proxy.accept()
    again = Client(*await dial(address))
    assert (proxy.address, await again.ask(b"b")) == (address, b"B")
    again.writer.close()


async def test_nobody_there():
    """A target that refuses ends the client's connection."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with FaultProxy(closed.getsockname()) as proxy:
            client = Client(*await dial(proxy.address))
            assert await client.end() in {b"", "reset"}
            assert proxy.connections == 0
            client.writer.close()


async def test_a_peer_that_dies(line):
    """A reset by one side is a reset for the other."""
    peer, proxy, client = line
    if not isinstance(proxy.address, str):
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1] + [0] * 7))
        client.writer.close()
        assert await peer.ends.get() == "reset"


async def test_the_end(line):
    """A proxy that is closed leaves no connection and no socket file."""
    peer, proxy, client = line
    await proxy.__aexit__(None, None, None)
    assert await client.end() == b""
    assert await peer.ends.get() == "end"
    assert not (isinstance(proxy.address, str) and os.path.exists(proxy.address))  # noqa: PTH110 - in an async test


@pytest.mark.parametrize(
    ("address", "url", "wanted"),
    [
        (("127.0.0.1", 7), "postgresql://me:pw@db:5432/x?a=b", "postgresql://me:pw@127.0.0.1:7/x?a=b"),
        (("127.0.0.1", 7), "nats://db", "nats://127.0.0.1:7"),
        ("/t/.s.PGSQL.5432", "postgresql://me@/x?host=%2Ftmp", "postgresql://me@/x?host=%2Ft"),
        ("/t/redis.sock", "unix:///run/redis.sock?db=3", "unix:///t/redis.sock?db=3"),
    ],
)
def test_urls(address, url, wanted):
    """The URL of an engine leads through the proxy."""
    proxy = FaultProxy(address)
    proxy.address = address
    assert proxy.url(url) == wanted


async def swallowed(proxy):
    """Wait until the proxy has swallowed something."""
    for _ in range(10_000):
        if any(link.torn for link in proxy._links.values()):
            return
        await asyncio.sleep(0)
    raise AssertionError("nothing was swallowed")


async def test_a_clock_of_the_machine():
    """Without a clock of its own, a proxy has the machine's."""
    assert not isinstance(FaultProxy("x").clock, VirtualClock)
