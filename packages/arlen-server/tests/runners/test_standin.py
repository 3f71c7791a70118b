"""Stand-in: answers on the sockets of the application, and gives them back."""

from __future__ import annotations

import asyncio
import socket

import msgspec

from arlen_server.failures import Failure
from arlen_server.settings import Settings, Tls
from arlen_server.standin import StandIn

FAILURE = Failure(stage="load", message="SyntaxError: nope")


async def get(listener):
    """The whole answer on a new connection."""
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(b"GET /x.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")


def play(act):
    """Run with a listener and a stand-in."""

    async def main():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            standin = StandIn()
            try:
                await act(standin, listener)
            finally:
                await standin.leave()

    asyncio.run(main())


def test_answers_until_it_leaves():
    """It answers with the failure; after it has left, connections wait for somebody else."""

    async def act(standin, listener):
        await standin.show(FAILURE, Settings(), [listener], retry=2.0)
        head, _, body = await get(listener)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert "SyntaxError: nope" == msgspec.json.decode(body)["message"]
        await standin.leave()
        _, writer = await asyncio.open_connection(*listener.getsockname())
        loop = asyncio.get_running_loop()
        accepted, _ = await loop.sock_accept(listener)
        accepted.close()
        writer.close()

    play(act)


def test_shows_another_failure():
    """Shown again, it answers with the new failure and the new time of the next try."""

    async def act(standin, listener):
        await standin.show(FAILURE, Settings(), [listener], retry=2.0)
        await standin.show(msgspec.structs.replace(FAILURE, message="other"), Settings(), [listener], retry=4.0)
        problem = msgspec.json.decode((await get(listener))[2])
        assert ("other", 4.0) == (problem["message"], problem["auto_retry_seconds"])

    play(act)


def test_certificate_that_is_missing(tmp_path):
    """When the certificate is what is broken, the page is served without it."""
    settings = Settings(tls=Tls(certificate=str(tmp_path / "absent.pem")))

    async def act(standin, listener):
        await standin.show(FAILURE, settings, [listener], retry=2.0)
        assert (await get(listener))[0].startswith(b"HTTP/1.1 503 ")

    play(act)


def test_comes_and_goes():
    """It can come again after it left, and leave when it is not there."""

    async def act(standin, listener):
        await standin.leave()
        for _ in range(2):
            await standin.show(FAILURE, Settings(), [listener], retry=2.0)
            assert (await get(listener))[0].startswith(b"HTTP/1.1 503 ")
            await standin.leave()

    play(act)
