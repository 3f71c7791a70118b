"""Outages: whatever happens to a collector, requests are answered as if it were not there."""

from __future__ import annotations

import socket
import threading

import anyio
import pytest

from arlen_core.testing import Client
from arlen_otel.plugin import Otel

pytestmark = pytest.mark.anyio
REQUESTS = 60


@pytest.fixture
def hole():
    """The URL of a collector that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(autouse=True)
def threads():
    """Threads that hang in a collector end with it."""
    yield
    for each in threading.enumerate():
        if each.name == "arlen-otel":
            each.join(20)
            assert not each.is_alive()


async def served(app):
    """Send requests, and return what the exporter knows after the stop."""

    @app.get("/")
    async def index() -> str:
        return "ok"

    otel = next(each for each in app.plugins if isinstance(each, Otel))
    async with Client(app) as client:
        for _ in range(REQUESTS):
            assert "ok" == (await client.get("/")).text
            assert otel.exporter.queue.size <= otel.options.queue
    return otel.exporter


def path(span):
    """Which path was asked for."""
    return next(each.value.string_value for each in span.attributes if each.key == "url.path")


def lost(exporter):
    """How many spans were dropped."""
    return sum(exporter.dropped.values())


async def test_it_refuses(traced, collector):
    """Nobody listens: all requests are answered, the stop is quick, and every span is accounted for."""
    collector.stop()
    exporter = await served(traced(timeout=0.05, queue=20, batch=5))
    assert (0, REQUESTS) == (exporter.exported, lost(exporter))


async def test_it_hangs(traced, hole):
    """A black hole: all requests are answered, and the stop waits for so long and no longer."""
    exporter = await served(traced(endpoint=hole, timeout=1.0, queue=20, batch=5, drain=0.05))
    assert (0, REQUESTS) == (exporter.exported, lost(exporter))
    assert exporter.queue.dropped["queue_full"] >= REQUESTS - 20 - 5
    assert exporter.queue.dropped["stopped"]


async def test_it_says_no(traced, collector):
    """503 for a while, then it is well again: what came after that arrives, and all is accounted for."""
    collector.answers.extend([503] * 2)
    exporter = await served(traced(timeout=0.05, queue=500, batch=10))
    assert (REQUESTS, len(collector.spans)) == (exporter.exported + lost(exporter), exporter.exported)


async def test_it_is_slow(traced, collector):
    """Requests do not wait for answers that do not come yet; the spans arrive when they do."""
    collector.hold.clear()
    app = traced(queue=1000, batch=5, drain=20.0)
    threading.Timer(0.3, collector.hold.set).start()
    exporter = await served(app)
    assert (REQUESTS, 0, REQUESTS) == (exporter.exported, lost(exporter), len(collector.spans))


async def test_it_comes_back(traced, collector):
    """An outage in the life of an application: spans of before and after are there."""
    app = traced(timeout=0.05, batch=1)

    @app.get("/{name}")
    async def page(name: str) -> str:
        return name

    otel = next(each for each in app.plugins if isinstance(each, Otel))
    async with Client(app) as client:
        await client.get("/before")
        collector.until(lambda: collector.spans)
        collector.stop()
        await client.get("/during")
        with anyio.fail_after(20):
            while not lost(otel.exporter):
                await anyio.sleep(0.005)
        collector.start()
        await client.get("/after")
        collector.until(lambda: len(collector.spans) > 1)
    assert ["/before", "/after"] == [path(each) for each in collector.spans]


async def test_its_name_is_not_known(traced):
    """An address that cannot be found is an outage like others."""
    exporter = await served(traced(endpoint="http://collector.invalid:4318", timeout=0.05, drain=5.0))
    assert (0, REQUESTS) == (exporter.exported, lost(exporter))
