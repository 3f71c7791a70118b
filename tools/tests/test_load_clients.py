"""Clients that count every request that is sent and not answered well."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.load import clients
from tools.load.clients import Client

pytestmark = pytest.mark.anyio

GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
SCRIPT = Path(clients.__file__)


@pytest.fixture
async def serve():
    """Starts a server that gives each request the next answer, and closes the connection at `None`."""
    servers, tasks = [], set()

    async def start(*answers):
        left, heard = list(answers), []

        async def handle(reader, writer):
            tasks.add(asyncio.current_task())
            try:
                while True:
                    heard.append(await reader.readuntil(b"\r\n\r\n"))
                    answer = left.pop(0) if left else GOOD
                    if answer is None:
                        break
                    writer.write(answer)
            except (EOFError, ConnectionError):
                pass
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heard

    yield start
    for server in servers:
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def stopped(client, answers):
    """Run a client until it has had so many answers and failures."""
    stop = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(client.run(stop))
        while client.answers.total() + client.failures.total() < answers:
            await asyncio.sleep(0)
        stop.set()


async def test_a_kept_connection_is_used_again(serve):
    """A client that keeps its connection opens one for all requests, and counts answers by their body."""
    address, heard = await serve()
    client = Client(address, "/path")
    assert ["ok", "ok", "ok"] == [await client.send() for _ in range(3)]
    assert (1, {"ok": 3}, {}) == (client.connections, client.answers, client.failures)
    assert [b"GET /path HTTP/1.1\r\nHost: test\r\n\r\n"] * 3 == heard
    client.close()


async def test_a_connection_for_each_request(serve):
    """A client that keeps nothing says so, and opens a connection for each request."""
    address, heard = await serve()
    client = Client(address, keep=False)
    assert ["ok", "ok"] == [await client.send() for _ in range(2)]
    assert 2 == client.connections
    assert all(b"Connection: close" in each for each in heard)
    assert not client.connected


async def test_connection_close_is_obeyed(serve):
    """After an answer that says close, the next request opens another connection, and nothing has failed."""
    address, _ = await serve(LAST, GOOD)
    client = Client(address)
    await client.send()
    assert not client.connected
    await client.send()
    assert (2, 0) == (client.connections, client.failures.total())
    client.close()


async def test_a_connection_that_was_closed_before_a_request_is_no_failure(serve):
    """A server may close an idle connection: the client opens another one."""
    closing = asyncio.Event()

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD)
        if not closing.is_set():
            writer.close()
            closing.set()
        else:
            await reader.read()
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        client = Client(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await client.send()
        async with asyncio.timeout(10):
            while not client._reader.at_eof():
                await asyncio.sleep(0)
        assert "ok" == await client.send()
        assert (2, 0) == (client.connections, client.failures.total())
        client.close()


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (None, "IncompleteReadError"),
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "ValueError: HTTP/1.1 503 Busy"),
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", "ValueError: HTTP/1.1 500 Oops"),
    ],
)
async def test_failures(serve, answer, failure):
    """A request that was sent and not answered with 200 is a failure of its kind, and the client goes on."""
    address, _ = await serve(GOOD, answer, GOOD)
    client = Client(address)
    await stopped(client, 3)
    [found] = client.failures
    assert found.startswith(failure)
    assert 2 <= client.answers.total()
    assert (2, False) == (client.connections, client.pending)


async def test_half_an_answer_is_a_failure(serve):
    """An answer that ends before its end is no answer."""
    address, _ = await serve(GOOD[:-1], None)
    client = Client(address)
    sending = asyncio.ensure_future(client.send())
    async with asyncio.timeout(10):
        while not client.pending:
            await asyncio.sleep(0)
    client._writer.write(client.request)  # the server's next word is the end
    with pytest.raises(asyncio.IncompleteReadError):
        await sending
    client.failed(EOFError("half"))
    assert {"EOFError: half": 1} == client.failures
    assert not client.connected


async def test_nobody_listens():
    """A connection that is refused is a failure, and nothing is pending."""
    client = Client("127.0.0.1:1")
    await stopped(client, 1)
    [failure] = client.failures
    assert failure.startswith("ConnectionRefusedError")
    assert 0 == client.answers.total()


async def test_pending_while_it_waits(serve):
    """A client says that it waits from the moment it has sent until it has the whole answer."""
    address, _ = await serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no")
    client = Client(address)
    assert not client.pending
    sending = asyncio.ensure_future(client.send())
    async with asyncio.timeout(10):
        while not client.pending:
            await asyncio.sleep(0)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert client.pending
    client.close()
    assert not client.pending


async def test_unix_sockets(tmp_path):
    """An address may be a Unix socket."""

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD)
        writer.close()

    async with await asyncio.start_unix_server(handle, tmp_path / "s"):
        client = Client(f"unix:{tmp_path / 's'}", keep=False)
        assert "ok" == await client.send()


@pytest.mark.parametrize(("more", "closes"), [((), True), (("kept",), False)])
async def test_program(serve, more, closes):
    """As a program it asks until its input ends, and prints the totals; half of its clients keep their connections."""
    address, heard = await serve()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", SCRIPT, address, "2", "/x", "0", *more, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(20):
            while len(heard) < 40:
                await asyncio.sleep(0.01)
            output, _ = await process.communicate(b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    totals = json.loads(output)
    assert 0 == process.returncode
    assert totals["requests"] == totals["answers"]["ok"] >= 39
    assert (0, {}) == (totals["failed"], totals["failures"])
    assert closes == any(b"Connection: close" in each for each in heard)
    assert (2 if not closes else 3) <= totals["connections"]
    assert 0 < totals["cpu"]
    assert 0 < totals["seconds"]
