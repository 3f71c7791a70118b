"""Telemetry: the numbers of a server, in the meters of its application."""

import asyncio
import gc

import pytest

from arlen_core.app import App
from arlen_server.server import Server
from arlen_server.settings import Settings

pytestmark = pytest.mark.anyio


class Numbers:
    """A registry of meters that keeps what is observed, by name."""

    def __init__(self):
        self.asked = {}

    def counter(self, declaration):
        return print

    histogram = counter

    def observe(self, declaration, function):
        self.asked[declaration.name] = function


def application():
    """An application whose meters are kept, and what is observed."""
    app, numbers = App("served", env="test"), Numbers()
    app.meters.attach(numbers)
    return app, numbers.asked


async def ask(server, sent):
    """Send bytes, and return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.addresses[0].rpartition(":")[2]))
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    return answer


async def test_refusals_are_counted_by_their_reason():
    """What the server answers by itself is counted, by the code that the client is told too."""
    app, asked = application()
    server = Server(app, Settings(port=0))
    await server.start()
    assert {} == asked["arlen.server.refused"]()
    for sent in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/3.0\r\nHost: x\r\n\r\n"):
        assert b" 200 " not in await ask(server, sent)
    found = asked["arlen.server.refused"]()
    await server.stop()
    assert (3, 2) == (server.stats.refused, found[("host_missing",)])
    assert 3 == sum(found.values())


async def test_open_connections_are_observed():
    """They are there while they are open, and gone when they are."""
    app, asked = application()
    server = Server(app, Settings(port=0))
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.addresses[0].rpartition(":")[2]))
    writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readline()
    during = asked["http.server.connections"](), asked["http.server.websockets"]()
    writer.close()
    await server.stop()
    assert ((1, 0), 0) == (during, asked["http.server.connections"]())


async def test_servers_of_one_application_are_added():
    """A second server of an application, at once or later, is counted with the first; one that is gone is not."""
    app, asked = application()
    first, second = Server(app, Settings(port=0)), Server(app, Settings(port=0))
    await first.start()
    await second.start()
    for each in (first, second):
        await ask(each, b"GET / HTTP/1.1\r\n\r\n")
    both = asked["arlen.server.refused"]()
    await first.stop()
    await second.stop()
    del first, each
    gc.collect()
    assert ({("host_missing",): 2}, {("host_missing",): 1}) == (both, asked["arlen.server.refused"]())


async def test_an_application_without_meters(recorder):
    """It is served as ever."""
    server = Server(recorder(), Settings(port=0))
    await server.start()
    assert b" 200 " in await ask(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await server.stop()
