"""Serving: signals, in the order that load balancers need, and the choice of the event loop."""

import asyncio
import os
import signal
import sys

import pytest

from arlen_server.serving import loop_factory, run, serve
from arlen_server.settings import Settings

pytestmark = pytest.mark.anyio


async def ask(server, path: bytes) -> bytes:
    """Ask a server on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.addresses[0].rpartition(":")[2]))
    writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal(recorder, number):
    """A stop signal fails readiness first, while all is still served; then drains; then stops the application."""
    app, answers = recorder(), []

    def ready(server):
        async def use():
            answers.append(await ask(server, b"/before"))
            os.kill(os.getpid(), number)
            while "drain" not in app.calls:
                await asyncio.sleep(0)
            answers.append(await ask(server, b"/while"))

        app.using = asyncio.create_task(use())

    drained = await serve(app, Settings(port=0, drain_delay=0.2), ready=ready)
    await app.using
    assert [True, True] == [answer.startswith(b"HTTP/1.1 200 ") for answer in answers]
    assert ["start", "drain", "stop"] == app.calls
    assert 0 == drained.aborted


async def test_second_signal(recorder):
    """A second signal does not wait for anything."""
    app = recorder()

    @app.on("/never")
    async def never(request):
        await asyncio.Event().wait()

    def ready(server):
        async def use():
            asking = asyncio.create_task(ask(server, b"/never"))
            while not app.seen:
                await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGTERM)
            while "drain" not in app.calls:
                await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGTERM)
            assert b"" == await asking

        app.using = asyncio.create_task(use())

    async with asyncio.timeout(10):
        drained = await serve(app, Settings(port=0, drain_delay=60), ready=ready)
    await app.using
    assert 1 == drained.aborted


async def test_start_fails(recorder):
    """When the start fails, the error comes out and the signals are as before."""

    class Failing(recorder):
        async def start(self):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await serve(Failing(), Settings(port=0))


def test_run(recorder):
    """`run` makes the event loop, serves, and closes it."""
    app = recorder()
    loops = []

    def ready(server):
        loops.append(server.loop)
        os.kill(os.getpid(), signal.SIGTERM)

    for wanted in ("asyncio", "auto"):
        run(app, Settings(port=0, drain_delay=0, loop=wanted), ready=ready)
    assert [True, True] == [loop.is_closed() for loop in loops]
    assert isinstance(loops[0], asyncio.SelectorEventLoop)


def test_run_with_defaults(recorder, monkeypatch):
    """Without settings, the defaults hold."""
    monkeypatch.setattr("arlen_server.serving.Settings", lambda: Settings(port=0, drain_delay=0))
    assert 0 == run(recorder(), ready=lambda server: os.kill(os.getpid(), signal.SIGTERM)).aborted


def test_loop_factory(monkeypatch):
    """`auto` takes uvloop when it is installed; asking for it where it is not is an error."""
    assert asyncio.new_event_loop is loop_factory("asyncio")
    monkeypatch.setattr("arlen_server.serving.find_spec", lambda name: None)
    assert asyncio.new_event_loop is loop_factory("auto")
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(ImportError):
        loop_factory("uvloop")
