"""Server: its life from start to stop, and drains that lose nothing."""

import asyncio
import gc
import socket
import tracemalloc

import pytest

from arlen_core.errors import StartupError
from arlen_core.responses import Stream, text
from arlen_server.connections import Connection
from arlen_server.server import Drained, Server, Stats
from arlen_server.settings import Settings

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_life(recorder):
    """Start starts the application and listens; stop closes and stops the application; both may come twice."""
    app = recorder()
    server = Server(app, Settings(port=0))
    assert [] == server.addresses
    await server.start()
    [address] = server.addresses
    assert address.startswith("http://127.0.0.1:")
    await server.stop()
    await server.stop()
    assert ["start", "stop", "stop"] == app.calls
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))


async def test_stop_before_start(recorder):
    """A server that never started can be stopped."""
    await Server(recorder(), Settings(port=0)).stop()


async def test_failing_application(recorder):
    """When the application cannot start, the listeners are closed again."""

    class Failing(recorder):
        async def start(self) -> None:
            raise StartupError("no database")

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Server(Failing(), Settings(port=port))
    with pytest.raises(StartupError, match="no database"):
        await server.start()
    socket.create_server(("127.0.0.1", port)).close()
    await server.stop()


async def test_given_sockets(recorder, tmp_path):
    """Listeners that somebody else opened are served and closed; the file of a Unix socket stays, for it is theirs."""
    path = tmp_path / "given.sock"
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(path))
    sockets = [socket.create_server(("127.0.0.1", 0)), unix]
    for each in sockets:
        each.listen()
    server = Server(recorder(), sockets=sockets)
    await server.start()
    assert f"unix:{path}" == server.addresses[1]
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    await server.stop()
    assert [-1, -1] == [each.fileno() for each in sockets]
    assert path.exists()


async def test_unix_socket(recorder, tmp_path):
    """A Unix socket of the settings is served, its clients have no address, and its file goes with the server."""
    app, clients = recorder(), []

    @app.on("/")
    async def handler(request):
        clients.append((request.client, request.server))
        return text("x")

    path = tmp_path / "own.sock"
    server = Server(app, Settings(bind=(f"unix:{path}", "127.0.0.1:0")))
    await server.start()
    assert 2 == len(server.addresses)
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert [(None, None)] == clients
    await server.stop()
    assert not path.exists()


async def test_addresses_of_clients(serving):
    """A request knows the addresses of both its ends."""
    served = await serving()
    seen = []

    @served.app.on("/")
    async def handler(request):
        seen.append((request.client, request.server, request.scheme, request.version))
        return text("x")

    peer = await served.connect()
    await peer.ask(GET % b"")
    mine = peer.writer.get_extra_info("sockname")
    assert [(tuple(mine), ("127.0.0.1", served.port), "http", "1.1")] == seen


async def test_stats(serving):
    """The statistics say what is open, what is in flight and what has been."""
    served = await serving()
    gate = asyncio.Event()

    @served.app.on("/slow")
    async def slow(request):
        await gate.wait()
        return text("slow")

    assert Stats() == served.server.stats
    first, second = await served.connect(), await served.connect()
    await first.ask(GET % b"")
    second.send(GET % b"slow")
    await served.wait(lambda: served.server.stats.in_flight)
    assert Stats(connections=2, in_flight=1, requests=2) == served.server.stats
    gate.set()
    await second.answer()
    await first.ask(b"BAD\r\n\r\n")
    assert (2, 1, 0) == (served.server.stats.requests, served.server.stats.refused, served.server.stats.in_flight)


async def test_trusted_proxy(serving):
    """A trusted proxy says who the client is, by which scheme and for which host; the request says it was trusted."""
    served = await serving(trusted_proxies=("127.0.0.0/8",))
    seen = []

    @served.app.on("/")
    async def handler(request):
        seen.append((request.client[0], request.scheme, request.host, request.state.get("trusted")))
        return text("x")

    head = b"GET / HTTP/1.1\r\nHost: inner\r\n%b\r\n"
    forwarded = (
        b"X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: outer.example\r\n"
    )
    await served.ask(head % forwarded)
    await served.ask(head % b"")
    assert [("203.0.113.9", "https", "outer.example", True), ("127.0.0.1", "http", "inner", True)] == seen


async def test_untrusted_peer(serving):
    """Nobody else's forwarding headers are believed."""
    served = await serving(trusted_proxies=("10.0.0.0/8",))
    seen = []

    @served.app.on("/")
    async def handler(request):
        seen.append((request.client[0], request.scheme, request.host, request.state))
        return text("x")

    await served.ask(
        b"GET / HTTP/1.1\r\nHost: inner\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\n\r\n"
    )
    assert [("127.0.0.1", "http", "inner", {})] == seen


async def test_trusted_unix_socket(recorder, tmp_path):
    """`unix` trusts whoever may open the Unix socket."""
    app, seen = recorder(), []

    @app.on("/")
    async def handler(request):
        seen.append((request.client, request.scheme, request.state))
        return text("x")

    server = Server(app, Settings(bind=(f"unix:{tmp_path}/s",), trusted_proxies=("unix",)))
    await server.start()
    for extra in (b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n", b""):
        reader, writer = await asyncio.open_unix_connection(f"{tmp_path}/s")
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b\r\n" % extra)
        await reader.read()
        writer.close()
    await server.stop()
    assert [(("203.0.113.9", 0), "https", {"trusted": True}), (None, "http", {"trusted": True})] == seen


# -- drains


async def test_drain_lets_requests_finish(serving):
    """A drain accepts nothing new, and lets what is in flight finish; the answer says close."""
    served = await serving()
    gate = asyncio.Event()

    @served.app.on("/slow")
    async def slow(request):
        await gate.wait()
        return text("slow")

    peer = await served.connect()
    peer.send(GET % b"slow")
    await served.wait(lambda: served.app.seen)
    port = served.port
    draining = asyncio.create_task(served.server.drain(10))
    await served.wait(lambda: not served.server._acceptors)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    gate.set()
    answer = await peer.answer()
    assert (b"slow", "close") == (answer.body, answer.headers["connection"])
    assert await peer.closed()
    assert Drained(finished=1, aborted=0) == await draining


async def test_drain_idle_connections(serving):
    """An idle connection may send one more request for `drain_idle` seconds, whose answer says close."""
    served = await serving(virtual=True, drain_idle=1)
    late, silent, fresh = [await served.connect() for _ in range(3)]
    for peer in (late, silent):
        assert 200 == (await peer.ask(GET % b"")).status
    await served.wait(lambda: served.server.stats.connections == 3)
    draining = asyncio.create_task(served.server.drain(10))
    await served.wait(lambda: served.server.draining)
    await served.pass_time(0.9)
    answer = await late.ask(GET % b"last")
    assert (200, "close") == (answer.status, answer.headers["connection"])
    assert await late.closed()
    await served.pass_time(0.2)
    assert await silent.closed()
    assert await fresh.closed()
    assert Drained(finished=1, aborted=0) == await draining


async def test_drain_of_streams(serving):
    """A stream that began before the drain could not say close: its connection has `drain_idle` seconds, too."""
    served = await serving(virtual=True, drain_idle=1)
    gate = asyncio.Event()

    async def halves():
        yield b"begun"
        await gate.wait()
        yield b"done"

    @served.app.on("/stream")
    async def stream(request):
        return Stream(halves())

    peer = await served.connect()
    peer.send(GET % b"stream")
    await peer.reader.readuntil(b"begun")
    draining = asyncio.create_task(served.server.drain(10))
    await served.wait(lambda: served.server.draining)
    gate.set()
    await peer.reader.readuntil(b"done\r\n0\r\n\r\n")
    assert "close" == (await peer.ask(GET % b"last")).headers["connection"]
    assert await peer.closed()
    assert Drained(finished=2) == await draining


async def test_drain_of_finished_streams(serving):
    """The connection of a stream that began before the drain is closed when its client asks for nothing more."""
    served = await serving(virtual=True, drain_idle=1, keep_alive_timeout=75)
    gate = asyncio.Event()

    async def word():
        yield b"begun"
        await gate.wait()

    @served.app.on("/stream")
    async def stream(request):
        return Stream(word())

    peer = await served.connect()
    peer.send(GET % b"stream")
    await peer.reader.readuntil(b"begun")
    draining = asyncio.create_task(served.server.drain(600))
    await served.wait(lambda: served.server.draining)
    gate.set()
    await peer.reader.readuntil(b"0\r\n\r\n")
    await served.pass_time(1.3)
    assert await peer.closed()
    assert Drained(finished=1) == await draining


async def test_drain_of_pipelines(serving):
    """Of pipelined requests, the one in flight is answered and says close; the client sends the others elsewhere."""
    served = await serving()
    gate = asyncio.Event()

    @served.app.on("/slow")
    async def slow(request):
        await gate.wait()
        return text("slow")

    peer = await served.connect()
    peer.send(GET % b"slow" + GET % b"after")
    await served.wait(lambda: served.app.seen)
    draining = asyncio.create_task(served.server.drain(10))
    await served.wait(lambda: served.server.draining)
    gate.set()
    assert "close" == (await peer.answer()).headers["connection"]
    assert await peer.closed()
    assert Drained(finished=1) == await draining
    assert 1 == len(served.app.seen)


async def test_drain_of_partial_requests(serving):
    """A request whose head or body is still coming is taken to its end."""
    served = await serving()
    first, second = await served.connect(), await served.connect()
    first.send(b"GET /a HTTP/1.1\r\nHo")
    second.send(b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
    await served.wait(lambda: sum(bool(m._held or m.framing) for m in served.server.wheel.members) == 2)
    draining = asyncio.create_task(served.server.drain(10))
    await served.wait(lambda: served.server.draining)
    assert "close" == (await first.ask(b"st: x\r\n\r\n")).headers["connection"]
    assert "close" == (await second.ask(b"lo")).headers["connection"]
    assert [True, True] == [await peer.closed() for peer in (first, second)]
    assert Drained(finished=2) == await draining


async def test_drain_waits_for_abandoned_handlers(serving):
    """A handler whose client has left may finish what it does."""
    served = await serving()
    gate, done = asyncio.Event(), []

    @served.app.on("/slow")
    async def slow(request):
        await gate.wait()
        done.append(True)
        return text("slow")

    peer = await served.connect()
    peer.send(GET % b"slow")
    await served.wait(lambda: served.app.seen)
    peer.reset()
    await served.wait(lambda: not served.server.stats.connections)
    draining = asyncio.create_task(served.server.drain(10))
    await served.wait(lambda: not served.server._acceptors)
    assert [] == done
    gate.set()
    assert Drained(finished=1) == await draining
    assert [True] == done


async def test_drain_timeout(serving):
    """What is not finished at the end of the drain is cut off, and counted."""
    served = await serving()
    ended = []

    @served.app.on("/never")
    async def never(request):
        async def source():
            try:
                yield b"x"
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        return Stream(source())

    peers = [await served.connect() for _ in range(3)]
    for peer in peers:
        peer.send(GET % b"never")
    await served.wait(lambda: served.server.stats.in_flight == 3)
    assert Drained(finished=0, aborted=3) == await served.server.drain(0.01)
    await served.wait(lambda: len(ended) == 3)
    await served.wait(lambda: served.server.stats == Stats(requests=3))


async def test_drain_of_nothing(serving):
    """A server without connections drains at once, also twice."""
    served = await serving()
    assert Drained() == await served.server.drain()
    assert Drained() == await served.server.drain()


@pytest.mark.parametrize("attempt", range(3))
async def test_drain_under_load_loses_nothing(serving, attempt):
    """Clients that keep asking while a server drains lose no request: the last answer says close."""
    served = await serving()
    statuses = []

    @served.app.on("/slow")
    async def slow(request):
        await asyncio.sleep(0.001)
        return text("slow")

    async def ask_on(peer):
        while True:
            answer = await peer.ask(GET % b"slow")
            statuses.append(answer.status)
            if "connection" in answer.headers:
                peer.finish()
                return

    asking = [asyncio.create_task(ask_on(await served.connect())) for _ in range(20)]
    await served.wait(lambda: len(served.app.seen) > 50)
    drained = await served.server.drain(10)
    await asyncio.gather(*asking)
    assert 0 == drained.aborted
    assert {200} == set(statuses)
    assert len(served.app.ended) == len(statuses)


# -- leaks


async def test_memory_of_idle_connections(serving):
    """An idle connection costs little Python memory."""
    served = await serving()
    for _ in range(20):
        await (await served.connect()).ask(GET % b"")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    connections = [Connection(served.server) for _ in range(1000)]
    size = (tracemalloc.get_traced_memory()[0] - before) / len(connections)
    tracemalloc.stop()
    assert size < 1500


async def test_no_garbage(serving):
    """A plain request leaves nothing for the garbage collector."""
    served = await serving()
    peer = await served.connect()
    await peer.ask(GET % b"")
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            await peer.ask(GET % b"")
        served.app.ended.clear()
        found = gc.collect()
    finally:
        gc.enable()
    assert found < 50
