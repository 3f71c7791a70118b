"""Drain: connections that were accepted a moment before a drain are answered, the others wait for another process."""

from __future__ import annotations

import asyncio
import importlib.util
import select
import socket

import pytest

from arlen_core.app import App
from arlen_server.server import Server
from arlen_server.settings import Settings

LOOPS = ["asyncio"] + ["uvloop"] * (importlib.util.find_spec("uvloop") is not None)
CLIENTS = 20

if "uvloop" in LOOPS:
    import uvloop

    uvloop.new_event_loop().close()  # the first one opens a pipe that belongs to the process


def loop_factory(name):
    """Makes event loops of that kind."""
    if name == "asyncio":
        return asyncio.new_event_loop
    return uvloop.new_event_loop


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("turns", range(6))
def test_no_connection_is_reset_by_a_drain(loop, turns):
    """At whatever moment a drain begins, a connection is answered, or left to whoever shares the listener."""
    app = App("drained", environ={"ARLEN_ENV": "test", "ARLEN_LOG__ACCESS": "false"})

    @app.get("/")
    async def home() -> str:
        return "here"

    async def main(listener):
        server = Server(app, Settings(drain_idle=0.05, linger_timeout=0.05), sockets=[listener.dup()])
        await server.start()
        clients = [socket.create_connection(listener.getsockname()) for _ in range(CLIENTS)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(turns):
            await asyncio.sleep(0)
        await server.drain(10)
        await server.stop()
        return clients

    with socket.create_server(("127.0.0.1", 0)) as listener, asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
        clients = runner.run(main(listener))
        ended, _, _ = select.select(clients, [], [], 0)
        answers = [client.recv(65536) for client in ended]
        for client in clients:
            client.close()
    assert all(answer.endswith(b"here") for answer in answers)
