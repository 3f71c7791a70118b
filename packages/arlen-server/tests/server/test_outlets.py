"""Outlets: few writes, and an end to clients that do not read."""

import asyncio

import pytest

from arlen_core.errors import Disconnected
from arlen_server.outlets import JOIN, Outlet

pytestmark = pytest.mark.anyio


class Transport:
    """Counts writes."""

    def __init__(self) -> None:
        self.writes = []
        self.waiting = 0
        self.closing = self.aborted = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
async def outlet(serving):
    """Return an outlet of a server with a virtual clock, and its transport."""
    served = await serving(virtual=True, write_timeout=10, min_rate=1)
    made = Outlet(served.server)
    made.transport = Transport()
    made.served = served
    served.server.wheel.add(made)
    yield made
    served.server.wheel.remove(made)


class Outlet(Outlet):
    __slots__ = ("served",)


async def test_one_write_a_turn(outlet):
    """What is written within one turn of the event loop leaves as one."""
    outlet.write(b"a")
    outlet.write(b"b")
    assert [] == outlet.transport.writes
    await asyncio.sleep(0)
    assert [b"ab"] == outlet.transport.writes
    outlet.write(b"c")
    await asyncio.sleep(0)
    assert [b"ab", b"c"] == outlet.transport.writes


async def test_large_writes_are_not_joined(outlet):
    """From `JOIN` bytes on, what was written leaves at once, and is not copied together."""
    large = b"x" * JOIN
    outlet.write(b"head")
    outlet.write(large)
    assert [b"head", large] == outlet.transport.writes
    assert large is outlet.transport.writes[1]


async def test_corked(outlet):
    """While somebody promises to flush, nothing leaves by itself, unless it gets too much."""
    outlet.corked = True
    outlet.write(b"a")
    await asyncio.sleep(0)
    assert [] == outlet.transport.writes
    outlet.flush()
    assert [b"a"] == outlet.transport.writes
    outlet.write(b"x" * JOIN)
    assert 2 == len(outlet.transport.writes)


async def test_drain(outlet):
    """A writer waits while the client is behind, and no longer."""
    await outlet.drain()
    outlet.pause_writing()
    waiting = asyncio.create_task(outlet.drain())
    await asyncio.sleep(0)
    assert not waiting.done()
    outlet.resume_writing()
    await waiting
    outlet.resume_writing()


async def test_drain_of_the_gone(outlet):
    """Whoever waits for a client that leaves gets `Disconnected`; so does whoever comes later."""
    outlet.pause_writing()
    waiting = asyncio.create_task(outlet.drain())
    await asyncio.sleep(0)
    outlet.lost()
    with pytest.raises(Disconnected):
        await waiting
    with pytest.raises(Disconnected):
        await outlet.drain()
    outlet.write(b"late")
    outlet.flush()
    assert [] == outlet.transport.writes


async def test_writing_to_a_closing_transport(outlet):
    """What is written after the transport began to close goes nowhere."""
    outlet.transport.closing = True
    outlet.write(b"late")
    outlet.flush()
    assert [] == outlet.transport.writes
    with pytest.raises(Disconnected):
        await outlet.drain()


async def test_stall(outlet):
    """A client must read `min_rate` bytes a second over each `write_timeout`, else it is cut."""
    outlet.transport.waiting = 1000
    outlet.pause_writing()
    outlet.transport.waiting = 990
    await outlet.served.pass_time(10)
    assert not outlet.transport.aborted
    outlet.transport.waiting = 981
    await outlet.served.pass_time(10)
    assert outlet.transport.aborted
