"""The application that is put under load, and what the checks ask of it."""

import asyncio
import importlib.util
import os
import socket
import threading

import pytest

from arlen_core.testing import Client
from tools.bench.processes import Failed
from tools.load import footprint, idle, rolling, stops
from tools.load.idle import Held
from tools.load.probes import Memory
from tools.load.runners import SITE

pytestmark = pytest.mark.anyio


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The module of the application, whose files are in a folder of the test."""
    monkeypatch.setenv("LOAD_FILES", str(tmp_path))
    monkeypatch.setattr(os, "sendfile", os.sendfile)  # the module replaces it
    return _module("app")


def _module(name):
    spec = importlib.util.spec_from_file_location(f"load_{name}", SITE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_minimal_application():
    """The minimal application answers as `raw` does, with no header that nobody asked for."""
    async with Client(_module("plain").app) as client:
        answer = await client.get("/plaintext")
    assert (200, "Hello, World!") == (answer.status, answer.text)
    assert {"content-type", "content-length"} >= set(answer.headers)


@pytest.mark.parametrize(
    ("path", "text"),
    [("/", "hello"), ("/work?rounds=5", "10"), ("/begun?number=1&seconds=0", "begundone")],
)
async def test_answers(site, path, text):
    """Each path answers with what the checks compare."""
    async with Client(site.app) as client:
        assert text == (await client.get(path)).text


async def test_pid(site):
    """Whoever answers can be asked for, after a while."""
    async with Client(site.app) as client:
        assert str(os.getpid()) == (await client.get("/pid?seconds=0.001")).text


async def test_held_leaves_a_trace(site, tmp_path):
    """A handler that waits shows that it runs by a file of its number."""
    async with Client(site.app) as client:
        assert "held" == (await client.get("/held?number=7&seconds=0")).text
    assert ["held-7"] == [path.name for path in tmp_path.iterdir()]


async def test_upload_tells_the_size(site):
    """The answer to an upload is its size."""
    async with Client(site.app) as client:
        assert "5" == (await client.post("/upload?number=1&seconds=0", body=b"12345")).text


async def test_files_are_those_of_the_folder(site, tmp_path):
    """A file of the folder is sent whole."""
    (tmp_path / "x.bin").write_bytes(b"12345")
    async with Client(site.app) as client:
        assert b"12345" == (await client.get("/file/x.bin")).body
        assert 404 == (await client.get("/file/y.bin")).status


async def test_large_answers(site):
    """The large answer is 8 MiB."""
    async with Client(site.app) as client:
        assert 8 << 20 == len((await client.get("/large")).body)


async def test_endless_streams_are_counted(site):
    """A stream counts as open from its first byte until it is closed."""
    stream = site.endless()
    assert 0 == site.sent["streams"]
    assert 16384 == len(await anext(stream))
    assert 1 == site.sent["streams"]
    await stream.aclose()
    assert 0 == site.sent["streams"]


async def test_sendfile_is_counted(site, tmp_path):
    """Bytes that the system sends are counted, and sent."""
    (tmp_path / "x").write_bytes(b"12345")
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "x").open("rb") as file:
        assert 3 == os.sendfile(ours.fileno(), file.fileno(), 1, 3)
        assert b"234" == theirs.recv(10)
    assert 3 == site.sent["sendfile"]


async def test_state_needs_a_server(site):
    """Without a server there is no state to tell; with one, it is that of the server."""
    stats = type("Stats", (), {"connections": 2, "in_flight": 1, "refused": 0})
    site.servers.append(type("Server", (), {"stats": stats}))
    async with Client(site.app) as client:
        state = (await client.get("/state")).json()
    assert (2, 1, 0, 0) == (state["connections"], state["in_flight"], state["sendfile"], state["streams"])
    assert len(asyncio.all_tasks()) <= state["tasks"]


# -- what the checks ask


def _serving(answer):
    """A thread that gives the first request one answer; where it listens."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        with listener:
            client, _ = listener.accept()
            with client:
                client.recv(65536)
                client.sendall(answer)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, listener.getsockname()


async def test_first_answer_must_be_good():
    """A start that ends in an error is not measured."""
    thread, place = _serving(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")
    with pytest.raises(RuntimeError, match="/plaintext is not answered with 200"):
        footprint._answered(place, 0.0)
    thread.join()


async def test_begin_waits_for_every_handler(tmp_path, monkeypatch):
    """A plain handler that leaves no file did not begin, and nothing is measured."""
    monkeypatch.setattr(stops, "until", lambda condition: None if not condition() else 0.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        waiting = {"answers": [ours], "streams": [], "uploads": []}
        with pytest.raises(TimeoutError):
            stops.begin(waiting, 0.5, tmp_path)
        assert theirs.recv(100).startswith(b"GET /held?number=0&seconds=0.5 HTTP/1.1\r\n")
        (tmp_path / "held-0").touch()
        stops.begin(waiting, 0.5, tmp_path)


async def test_begin_waits_for_the_first_word(tmp_path):
    """A stream has begun with its first byte, which stays to be read; an upload when its body is asked for."""
    stream, there = socket.socketpair()
    upload, here = socket.socketpair()
    with stream, there, upload, here:
        there.sendall(b"HTTP/1.1 200 OK")
        here.sendall(stops.CONTINUE + b"rest")
        stops.begin({"answers": [], "streams": [stream], "uploads": [upload]}, 1.0, tmp_path)
        assert b"HTTP/1.1 200 OK" == stream.recv(100)
        assert b"rest" == upload.recv(100)
        assert b"Expect: 100-continue" in here.recv(1000)


async def test_reloads_are_counted_on():
    """Reloads of one manager are numbered through, whoever asks."""
    waited = []
    manager = type(
        "Manager", (), {"signal": lambda self, number: None, "wait": lambda self, *event: waited.append(event)}
    )
    assert 5 == rolling._reload(manager(), 3, 2)
    assert [("reload_finished", 4), ("reload_finished", 5)] == waited


async def test_peers_that_do_not_start_are_left_out(tmp_path, monkeypatch):
    """A peer that does not start, or does not hold so many connections, costs only its own figure."""
    monkeypatch.setattr(idle, "peers", lambda: [_peer("good"), _peer("bad"), _peer("full"), _peer("few")])
    monkeypatch.setattr(idle, "peer", _started)
    monkeypatch.setattr(idle, "hold", _held)
    [line] = idle._peers(tmp_path, 10)
    assert {"good": 7} == line.figures
    assert None is line.met
    monkeypatch.setattr(idle, "peers", list)
    assert [] == idle._peers(tmp_path, 10)


def _peer(title):
    return type("Peer", (), {"title": title})


def _held(server, measure, pid, count):
    if server.title == "full":
        raise OSError("too many open files")
    answered = 5 if server.title == "few" else count
    return Held(count, (answered, answered), Memory(0, 0), Memory(7 * count, 7 * count))


class _started:  # noqa: N801 - stands for a function
    def __init__(self, folder, server):
        self.title, self.pid = server.title, 1

    def __enter__(self):
        if self.title == "bad":
            raise Failed("it ended")
        return self

    def __exit__(self, *_):
        pass
