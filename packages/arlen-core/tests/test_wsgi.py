"""WSGI: the older interface below a prefix, in threads of its own."""

import sys
import threading

import anyio
import pytest

from arlen_core.app import App
from arlen_core.errors import StartupError
from arlen_core.testing import Client
from arlen_core.wsgi import THREADS, Wsgi

pytest.importorskip("a2wsgi")
pytestmark = pytest.mark.anyio


class Guest:
    """A WSGI application that does what the path says."""

    def __init__(self) -> None:
        self.seen, self.closed = [], threading.Event()
        self.running = self.most = 0
        self.gate, self.lock = threading.Event(), threading.Lock()

    def __call__(self, environ, start_response):
        self.seen.append(environ)
        return getattr(self, environ["PATH_INFO"].rpartition("/")[2])(environ, start_response)

    def hello(self, environ, start_response):
        start_response("201 Made", [("X-Guest", "1"), ("Content-Length", "5"), ("Content-Type", "text/plain")])
        return [b"he", b"llo"]

    def echo(self, environ, start_response):
        data = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(data)))])
        return [data]

    def raises(self, environ, start_response):
        raise ValueError("boom")

    def raises_later(self, environ, start_response):
        start_response("200 OK", [])
        yield b"x"
        raise ValueError("later")

    def endless(self, environ, start_response):
        start_response("200 OK", [])
        return Endless(self.closed)

    def busy(self, environ, start_response):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.gate.wait(10)
        with self.lock:
            self.running -= 1
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]


class Endless:
    """Chunks without end; it must be closed (PEP 3333)."""

    def __init__(self, closed: threading.Event) -> None:
        self.ended = closed

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        return b"x" * 1000

    def close(self) -> None:
        self.ended.set()


def mounted(**words) -> tuple[App, Guest]:
    """Return an application with a guest below `/w`."""
    app, guest = App("host", environ={"ARLEN_LOG__ACCESS": "false", **words}), Guest()
    app.mount("/w", guest)
    return app, guest


async def test_an_answer():
    """Status, headers, body, and the headers of this application."""
    app, guest = mounted()
    async with Client(app, client=("9.9.9.9", 9)) as client:
        reply = await client.get("/w/hello?x=1", headers={"x-a": "b"})
    assert (201, b"hello", "1") == (reply.status, reply.body, reply.headers["x-guest"])
    assert "x-request-id" in reply.headers
    environ = guest.seen[0]
    assert ("/w", "/hello", "x=1", "b", "9.9.9.9", "GET") == tuple(
        environ[name]
        for name in ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "HTTP_X_A", "REMOTE_ADDR", "REQUEST_METHOD")
    )


async def test_bodies_and_limits():
    """Read in the thread; 413 past the limit."""
    app, _ = mounted(ARLEN_HTTP__MAX_BODY="1000")
    async with Client(app) as client:
        assert b"x" * 1000 == (await client.post("/w/echo", body=b"x" * 1000)).body
        assert 413 == (await client.post("/w/echo", body=b"x" * 1001)).status


async def test_errors():
    """Before the answer 500; in the middle, the sender hears of it."""
    app, _ = mounted()
    async with Client(app) as client:
        assert 500 == (await client.get("/w/raises")).status
        with pytest.raises((ValueError, RuntimeError)):
            await client.get("/w/raises_later")


async def test_a_client_that_leaves_an_endless_answer():
    """The application is stopped between two chunks and closed; its thread is free again; the stop does not hang."""
    app, guest = mounted()
    async with Client(app) as client:
        async with client.stream("GET", "/w/endless") as reply:
            assert b"x" * 1000 == await anext(reply)
        assert await anyio.to_thread.run_sync(guest.closed.wait, 10)
    assert not [each for each in threading.enumerate() if each.name.startswith("WSGI")]


async def test_stopping_with_an_answer_under_way():
    """The same, from above."""
    app, guest = mounted()
    client = Client(app)
    await client.__aenter__()
    async with client.stream("GET", "/w/endless") as reply:
        await anext(reply)
        with anyio.fail_after(20):
            await app.stop()
    assert guest.closed.is_set()


async def test_threads_are_bounded():
    """`THREADS` at once."""
    app, guest = mounted()
    async with Client(app) as client, anyio.create_task_group() as group:
        for _ in range(THREADS + 5):
            group.start_soon(client.get, "/w/busy")
        while guest.running < THREADS:
            await anyio.sleep(0.001)
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        guest.gate.set()
    assert THREADS == guest.most


async def test_it_starts_again():
    """With new threads."""
    app, _ = mounted()
    for _ in range(2):
        async with Client(app) as client:
            assert 201 == (await client.get("/w/hello")).status


def test_without_the_extra(monkeypatch):
    """The error names the extra to install."""
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    with pytest.raises(StartupError, match=r"pip install 'arlen-core\[wsgi\]'"):
        Wsgi(lambda environ, start_response: [])
