"""The load generators of tools/bench: they count right, tell their saturation, and leave nothing behind."""

import asyncio
import io
import json
import os
import stat
import subprocess
import sys
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict

import pytest

from tools.bench import generators, load
from tools.bench.generators import Broken, Own, Wrk, choose, script
from tools.bench.load import Connection, Plan, Tally, percentile, saturated

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """A tiny server: notes each request's head and answers with `answer`, in pieces when it is a list."""

    def __init__(self, answer=OK):
        self.answer = answer if isinstance(answer, list) else [answer]
        self.heads = []
        self.bodies = []
        self.connections = 0

    async def __call__(self, reader, writer):
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head.decode())
                size = next((line for line in head.split(b"\r\n") if line.startswith(b"content-length:")), b":0")
                self.bodies.append(await reader.readexactly(int(size.partition(b":")[2])))
                for piece in self.answer:
                    writer.write(piece)
                    await asyncio.sleep(0)
                    await writer.drain()
                if not self.answer[-1]:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(server):
    """The port of a server in this loop."""
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await _settle()


async def _settle():
    # Connections that the client aborted end within a few turns of the loop.
    for _ in range(50):
        await asyncio.sleep(0)
        if len(asyncio.all_tasks()) <= 2:
            break


@contextmanager
def threaded(server):
    """The port of a server in a thread, for generators that run in a process."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), []
    stop = asyncio.Event()

    async def serve():
        async with serving(server) as port:
            found.append(port)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def plan(port, **more):
    """A short plan."""
    return Plan(**({"port": port, "path": "/json", "connections": 4, "seconds": 0.1} | more))


async def test_every_answer_is_counted():
    """Neither more than the server gave nor fewer, but for those that were under way at the end."""
    server = Server()
    async with serving(server) as port:
        found = await load.run(plan(port))
    assert 0 < found["requests"] <= len(server.heads) <= found["requests"] + 4
    assert 0 == found["errors"]
    assert 4 == server.connections


async def test_a_run_tells_latencies_and_its_share_of_the_core():
    """Microseconds, the 99th percentile not below the median."""
    async with serving(Server()) as port:
        found = await load.run(plan(port))
    assert {"requests", "errors", "seconds", "p50", "p99", "share"} == found.keys()
    assert 0 < found["p50"] <= found["p99"]
    assert found["share"] > 0
    assert 0.1 == pytest.approx(found["seconds"])


async def test_requests_are_what_the_plan_says():
    """Method, path, header fields, body."""
    server = Server()
    more = {"method": "POST", "path": "/validate", "body": '{"a": 1}', "headers": (("content-type", "x/y"),)}
    async with serving(server) as port:
        await load.run(plan(port, connections=1, **more))
    head = server.heads[0].split("\r\n")
    assert "POST /validate HTTP/1.1" == head[0]
    assert {f"host: 127.0.0.1:{port}", "content-type: x/y", "content-length: 8"} <= set(head)
    assert {b'{"a": 1}'} == set(server.bodies)


async def test_every_url_is_another_one():
    """Across all connections, from the first number on."""
    server = Server()
    async with serving(server) as port:
        await load.run(plan(port, path="/items/{n}/tool-{n}", first=1000))
    paths = [head.split()[1] for head in server.heads]
    assert len(paths) == len(set(paths))
    assert {"/items/1001/tool-1001", "/items/1002/tool-1002"} <= set(paths)


async def test_answers_may_come_in_pieces():
    """Head and body apart, or cut anywhere."""
    async with serving(Server([OK[:10], OK[10:30], OK[30:-1], OK[-1:]])) as port:
        found = await load.run(plan(port))
    assert found["requests"] > 0
    assert 0 == found["errors"]


async def test_answers_may_be_chunked():
    """Whole with the last chunk."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(Server([head, b"2\r\nok\r\n", b"0\r\n\r\n"])) as port:
        found = await load.run(plan(port))
    assert found["requests"] > 0
    assert 0 == found["errors"]


@pytest.mark.parametrize("status", [b"404 Not Found", b"500 Internal Server Error", b"503 Service Unavailable"])
async def test_a_status_from_400_on_is_an_error(status):
    """Counted, so that nobody is praised for refusing quickly."""
    async with serving(Server(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")) as port:
        found = await load.run(plan(port))
    assert 0 < found["requests"] == found["errors"]


async def test_a_connection_that_the_server_closes_is_an_error():
    """One each, and the run ends at once when none is left."""
    async with serving(Server([b""])) as port:
        found = await load.run(plan(port, seconds=30.0))
    assert (0, 4) == (found["requests"], found["errors"])


async def test_nobody_listens():
    """That is an error of the run, not a result."""
    async with serving(Server()) as port:
        pass
    with pytest.raises(OSError, match="Connect call failed"):
        await load.run(plan(port))


class Wire:
    """What a connection writes."""

    def __init__(self):
        self.writes = []
        self.closed = False

    def write(self, data):
        self.writes.append(data)

    def close(self):
        self.closed = True


async def test_an_answer_that_comes_too_late_does_not_count():
    """The connection closes instead of asking again; nor does it ask before it is told to."""
    tally, wire = Tally(), Wire()
    connection = Connection(plan(1), tally)
    connection.connection_made(wire)
    assert [] == wire.writes
    connection.ask()
    connection.data_received(OK)
    assert (1, 2) == (tally.requests, len(wire.writes))
    tally.stop = 0.0
    connection.data_received(OK)
    assert (1, 2, True) == (tally.requests, len(wire.writes), wire.closed)
    connection.connection_lost(None)
    assert 0 == tally.errors


async def test_an_answer_without_length_is_its_head():
    """As 204 is."""
    tally = Tally()
    connection = Connection(plan(1), tally)
    connection.connection_made(Wire())
    connection.ask()
    connection.data_received(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (1, 0) == (tally.requests, tally.errors)


def test_a_post_without_body_says_so():
    """Its length is 0; a GET has none."""
    assert b"content-length: 0\r\n" in Plan(1, "/", "POST").head()[1]
    assert b"content-length" not in Plan(1, "/").head()[1]


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 99, 0.0),
        ([5.0], 50, 5.0),
        ([float(n) for n in range(1, 101)], 50, 51.0),
        ([float(n) for n in range(1, 101)], 99, 100.0),
        ([float(n) for n in range(1, 1001)], 99, 991.0),
    ],
)
def test_a_percentile_is_one_of_the_values(values, percent, expected):
    """The one that so many are below; of nothing it is 0."""
    assert expected == percentile(values, percent)


@pytest.mark.parametrize(("share", "expected"), [(0.0, False), (0.9, False), (0.901, True), (1.0, True), (1.2, True)])
def test_a_generator_is_saturated_past_nine_tenths_of_its_core(share, expected):
    """Nine tenths themselves are not."""
    assert expected is saturated(share)


def test_a_report_is_in_microseconds():
    """From seconds, sorted first."""
    tally = Tally(requests=3, errors=1, times=[0.003, 0.001, 0.002])
    expected = {"requests": 3, "errors": 1, "seconds": 2.0, "p50": 2000.0, "p99": 3000.0, "share": 0.5}
    assert expected == pytest.approx(load.report(tally, 2.0, 0.5))


def test_our_generator_runs_in_a_process_of_its_own():
    """And tells what its process used."""
    server = Server()
    with threaded(server) as port:
        found = Own().run(plan(port, path="/items/{n}", headers=(("cookie", "a=b"),)))
    assert 0 < found["requests"] <= len(server.heads)
    assert 0 == found["errors"]
    assert 0 < found["share"]
    assert "cookie: a=b" in server.heads[0]


def test_a_generator_that_fails_says_why():
    """Nobody listens at port 1."""
    with pytest.raises(Broken, match=r"the load generator ended with 1: .*ConnectionRefusedError"):
        Own().run(plan(1))


def program(folder, text, name="wrk"):
    """Put a program of that name into a folder."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder of programs that comes first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


RESULT = '{"requests":10,"errors":1,"seconds":2.0,"p50":90,"p99":300}'


def test_wrk_gets_one_thread_the_connections_and_whole_seconds(programs, tmp_path):
    """And a script."""
    text = f"import sys, pathlib\npathlib.Path({str(tmp_path / 'seen')!r}).write_text(' '.join(sys.argv[1:]))\n"
    program(programs, f"{text}print('Running 2s test')\nprint('RESULT {RESULT}')\n")
    found = Wrk(None, tmp_path).run(plan(8000, connections=64, seconds=2.0))
    seen = (tmp_path / "seen").read_text()
    assert f"-t1 -c64 -d2s --timeout 5s -s {tmp_path / 'wrk.lua'} http://127.0.0.1:8000" == seen
    assert json.loads(RESULT) == {name: value for name, value in found.items() if name != "share"}


def test_the_share_of_wrk_is_what_its_process_used(programs, tmp_path):
    """By the accounting of ended children, since wrk does not tell."""
    program(programs, f"for n in range(3_000_000): pass\nprint('RESULT {RESULT}')\n")
    assert Wrk(None, tmp_path).run(plan(8000, seconds=1.0))["share"] > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print('no such thing')", "printed no result"),
        ("print('RESULT {nonsense')", "printed no result"),
        ("import sys\nsys.exit('unable to connect')", "ended with 1: unable to connect"),
    ],
)
def test_wrk_that_fails_says_why(programs, tmp_path, text, message):
    """Instead of figures that nobody measured."""
    program(programs, text)
    with pytest.raises(Broken, match=message):
        Wrk(None, tmp_path).run(plan(8000))


def test_a_generator_that_hangs_is_ended(programs, monkeypatch):
    """It has the time of the plan and some more; its process is gone then."""
    program(programs, "import signal\nsignal.pause()")
    with pytest.raises(Broken, match=r"did not end within 0\.2 s"):
        generators._call(["wrk"], "", 0.2)


def test_a_generator_is_ended_when_we_are_interrupted(programs, monkeypatch):
    """Ctrl-C leaves no load behind; the guard of this repository would find it."""
    program(programs, "import signal\nsignal.pause()")

    def interrupted(self, *_):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generators._call([str(programs / "wrk")], "", 5.0)


def test_a_script_sets_method_path_and_header_fields():
    """As Lua that wrk reads before it begins."""
    text = script(plan(1, method="POST", headers=(("content-type", "application/json"),), body='{"a": "b\\n"}'))
    assert 'wrk.method = "POST"' in text
    assert 'wrk.path = "/json"' in text
    assert 'wrk.headers["content-type"] = "application/json"' in text
    assert 'wrk.body = "{\\034a\\034: \\034b\\092n\\034}"' in text
    assert "function request" not in text


def test_a_script_makes_a_large_body_by_itself():
    """A mebibyte of the same letter is no mebibyte of Lua."""
    assert 'wrk.body = string.rep("x", 1048576)' in script(plan(1, method="POST", body="x" * 1048576))


def test_a_script_makes_every_url_another_one():
    """It counts from the plan's first number."""
    text = script(plan(7, path="/items/{n}/t-{n}?page={n}", first=50, headers=(("cookie", "a=b"),)))
    assert "local n = 50" in text
    assert 'return "GET /items/" .. n .. "/t-" .. n .. "?page=" .. n .. " HTTP/1.1\\013\\010" .. rest' in text
    assert 'local rest = "host: 127.0.0.1:7\\013\\010cookie: a=b\\013\\010\\013\\010"' in text
    assert 'wrk.path = "/items/50/t-50?page=50"' in text


def test_every_script_tells_the_result_as_json():
    """In a line that can be told from what else wrk prints."""
    assert "RESULT {" in script(plan(1))
    assert "latency:percentile(99.0)" in script(plan(1))


def test_wrk_is_taken_where_it_is_installed(programs, tmp_path):
    """By itself; ours when that is asked for."""
    program(programs, "")
    assert "wrk" == choose("auto", None, tmp_path).name
    assert "wrk" == choose("wrk", None, tmp_path).name
    assert "own" == choose("own", None, tmp_path).name


def test_without_wrk_ours_is_taken(tmp_path, monkeypatch):
    """But not when wrk was asked for: the figures would be another generator's."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "own" == choose("auto", 1, tmp_path).name
    with pytest.raises(Broken, match=r"wrk is not installed \(fix: install it, or take --generator own\)"):
        choose("wrk", None, tmp_path)


def test_the_generator_reads_its_plan_and_prints_its_result(monkeypatch, capsys):
    """JSON in, JSON out; header fields are pairs again."""
    seen = []

    async def run(plan):
        seen.append(plan)
        return {"requests": 1}

    monkeypatch.setattr(load, "run", run)
    given = Plan(7, "/x", headers=(("a", "b"),), connections=2)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asdict(given))))
    load.main()
    assert [given] == seen
    assert {"requests": 1} == json.loads(capsys.readouterr().out)
