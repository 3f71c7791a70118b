"""Sendfile: whole files and parts of them, past the event loop's buffers, on both event loops."""

import asyncio
import os
import socket
import struct
from contextlib import suppress

import pytest

from arlen_core.files import FileResponse

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n%b\r\n"
SIZE = 3_000_000


@pytest.fixture
async def files(serving, tmp_path):
    """Serve one large file, and count the calls of sendfile."""
    served = await serving(virtual=True)
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(SIZE))

    @served.app.on("/f")
    async def handler(request):
        return await FileResponse(path).prepare(request)

    served.path = path
    return served


def waits(files) -> bool:
    """Say whether a file waits for its client to read."""
    return any(member.stall < float("inf") for member in files.server.wheel.members)


@pytest.fixture
def calls(monkeypatch):
    """Record how much each call of sendfile sent."""
    made = []
    original = os.sendfile

    def sendfile(out, file, offset, count):
        made.append(original(out, file, offset, count))
        return made[-1]

    monkeypatch.setattr(os, "sendfile", sendfile)
    return made


async def test_whole(files, calls):
    """A file arrives whole, by sendfile, and the connection goes on."""
    peer = await files.connect()
    answer = await peer.ask(GET % (b"f", b""))
    assert (str(SIZE), files.path.read_bytes()) == (answer.headers["content-length"], answer.body)
    assert SIZE == sum(calls)
    assert 200 == (await peer.ask(GET % (b"next", b""))).status
    assert (b"/f", 200, SIZE, "") == files.app.outcomes[0]


async def test_part(files, calls):
    """A range of a file is sent from where it begins."""
    answer = await files.ask(GET % (b"f", b"Range: bytes=1000000-1999999\r\n"))
    assert (206, files.path.read_bytes()[1_000_000:2_000_000]) == (answer.status, answer.body)
    assert 1_000_000 == sum(calls)


async def test_head(files, calls):
    """HEAD opens nothing and says the length."""
    peer = await files.connect()
    answer = await peer.ask(b"HEAD /f HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD")
    assert (str(SIZE), []) == (answer.headers["content-length"], calls)
    assert 200 == (await peer.ask(GET % (b"next", b""))).status


async def test_pipelined(files):
    """A file between other answers stands at its place."""
    peer = await files.connect()
    peer.send(GET % (b"a", b"") + GET % (b"f", b"") + GET % (b"b", b""))
    sizes = [len((await peer.answer()).body) for _ in range(3)]
    assert [10, SIZE, 10] == sizes


async def test_half_close(files):
    """A client that has said it will send no more still gets its file."""
    peer = await files.connect()
    peer.send(GET % (b"f", b""))
    peer.writer.write_eof()
    assert SIZE == len((await peer.answer()).body)
    assert await peer.closed()


async def test_without_sendfile(files, calls, monkeypatch):
    """Where the system has no sendfile, the file is read and written."""
    monkeypatch.delattr(os, "sendfile")
    answer = await files.ask(GET % (b"f", b""))
    assert files.path.read_bytes() == answer.body
    assert [] == calls


async def test_client_leaves(files, slow_socket):
    """When the client leaves in the middle, the file is closed and the application told."""
    peer = slow_socket(files.port)
    peer.sendall(GET % (b"f", b""))
    await files.wait(lambda: waits(files))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    await files.wait(lambda: files.app.ended)
    [(_, _, sent, error)] = files.app.outcomes
    assert "Disconnected" == error
    assert 0 < sent < SIZE


async def test_client_that_does_not_read(files, slow_socket):
    """A client that reads nothing for `write_timeout` is cut, though the file is not in any buffer."""
    peer = slow_socket(files.port)
    peer.sendall(GET % (b"f", b""))
    await files.wait(lambda: waits(files))
    await files.pass_time(29)
    assert 1 == files.server.stats.in_flight
    await files.pass_time(2)
    await files.wait(lambda: files.app.ended)
    assert ["Disconnected"] == [outcome[3] for outcome in files.app.outcomes]
    peer.close()


async def test_file_that_shrinks(files, slow_socket):
    """A file that becomes shorter while it is sent breaks the connection: its length was promised."""
    with slow_socket(files.port) as peer:
        peer.sendall(GET % (b"f", b""))
        await files.wait(lambda: waits(files))
        os.truncate(files.path, 1000)
        peer.setblocking(False)
        received = b""
        with suppress(ConnectionError):
            while data := await asyncio.get_running_loop().sock_recv(peer, 65536):
                received += data
    assert len(received) < SIZE
    await files.wait(lambda: files.app.ended)
    assert ["FileChanged"] == [outcome[3] for outcome in files.app.outcomes]


async def test_file_that_changed_before(files):
    """A file that was replaced between its answer's head and its bytes breaks the connection."""

    @files.app.on("/gone")
    async def handler(request):
        answer = await FileResponse(files.path).prepare(request)
        files.path.write_bytes(b"other" * 100_000)
        return answer

    peer = await files.connect()
    peer.send(GET % (b"gone", b""))
    await files.wait(lambda: files.app.ended)
    assert ["FileChanged"] == [outcome[3] for outcome in files.app.outcomes]
