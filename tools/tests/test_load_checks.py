"""The checks of `tools.load`: their arithmetic, and the promises themselves in their quick form."""

import signal
import socket
import sys
import threading
from collections import Counter
from contextlib import contextmanager, nullcontext

import pytest

from tools.load import files, flood, footprint, idle, resets, rolling, sendloop, speed, stops
from tools.load.crowds import request
from tools.load.idle import Held, cost
from tools.load.probes import Memory
from tools.load.resets import left
from tools.load.speed import ratios
from tools.load.stops import Known, Ledger

real = pytest.mark.skipif(sys.platform != "linux", reason="the system lacks: /proc")
promises = pytest.mark.parametrize(
    "check",
    [flood.check, resets.check, stops.term, stops.kill, rolling.check],
    ids=["flood", "resets", "term", "kill", "reload"],
)

# -- the promises, on real servers


@real
@promises
def test_promises(tmp_path, check):
    """Each promise holds in its quick form."""
    for line in check(tmp_path, quick=True):
        assert (True, True) == (line.promise, line.met), line.measured


@pytest.mark.soak
@pytest.mark.timeout(1200)
@real
@promises
def test_promises_at_full_length(tmp_path, check):
    """Each promise holds at the length that is quoted."""
    for line in check(tmp_path, quick=False):
        assert (True, True) == (line.promise, line.met), line.measured


@real
def test_idle_connections_are_held(tmp_path):
    """Idle connections all answer, also after all of them were opened."""
    size, held = idle.check(tmp_path, quick=True)
    assert (True, 500) == (held.met, held.figures["held"]), held.measured
    assert {"connections", "rss", "pss", "asyncio", "raw"} == set(size.figures)


@real
def test_files_go_out_by_sendfile(tmp_path, monkeypatch):
    """Every byte of a file is sent by the system itself."""
    monkeypatch.setattr(files, "SIZES", {1: (3, 3)})
    rate, proof = files.check(tmp_path, quick=True)
    assert (True, True) == (proof.promise, proof.met), proof.measured
    assert 3 << 20 == proof.figures["sent"]
    assert rate.met is None
    assert [1, 1] == [len(each) for each in rate.figures["rates"].values()]


# -- idle


def test_cost_of_a_connection():
    """What was there before is no connection's."""
    held = Held(10, (10, 10), Memory(1000, 500), Memory(41_000, 30_500))
    assert Memory(4000, 3000) == cost(held)


@pytest.mark.parametrize(
    ("held", "wanted", "met", "promise", "words"),
    [
        (Held(10, (10, 10), Memory(0, 0), Memory(0, 0)), 10, True, True, "10 held, 10 answered at first"),
        (Held(10, (10, 9), Memory(0, 0), Memory(0, 0)), 10, False, True, "9 at the end"),
        (Held(10, (9, 10), Memory(0, 0), Memory(0, 0)), 10, False, True, "9 answered at first"),
        (Held(10, (10, 10), Memory(0, 0), Memory(0, 0)), 20, False, False, "allows no more than 10"),
    ],
)
def test_held(held, wanted, met, promise, words):
    """All must answer twice; a limit of the system is told, and is no broken promise."""
    line = idle._held(held, wanted)
    assert (met, promise) == (line.met, line.promise)
    assert words in line.measured


@pytest.mark.parametrize(("size", "met"), [(4096, True), (4097, False)])
def test_goal_of_a_connection(size, met):
    """A connection may cost 4 KiB."""
    held = Held(1, (1, 1), Memory(0, 0), Memory(size, size))
    least = Held(1, (1, 1), Memory(0, 0), Memory(7, 7))
    line = idle._cost(held, held, least)
    assert (met, False) == (line.met, line.promise)
    assert "raw 7" in line.measured


# -- memory and start


@contextmanager
def standing(**fields):
    """A server that is nothing but what a check looks at."""
    yield type("Standing", (), fields)


@pytest.mark.parametrize(("size", "met"), [(40 << 20, True), ((40 << 20) + 1, False)])
def test_memory(tmp_path, monkeypatch, size, met):
    """Neither the process nor a worker of propane may pass 40 MiB after load."""
    monkeypatch.setattr(footprint, "minimal", lambda folder: standing(address="", pid=1))
    monkeypatch.setattr(footprint, "raw", lambda folder: standing(pid=2))
    manager = {"address": "", "pid": 3, "wait": lambda self: {"worker_pid": 4}}
    monkeypatch.setattr(footprint, "propane", lambda *_: standing(**manager | {"wait": lambda _: {"worker_pid": 4}}))
    monkeypatch.setattr(footprint, "_loaded", lambda address, pid, seconds: {1: 10 << 20, 4: size}[pid])
    monkeypatch.setattr(footprint, "memory", lambda pid: Memory(pid << 20, pid << 20))
    [line] = footprint.resident(tmp_path, quick=True)
    assert met == line.met
    assert {"process": 10 << 20, "worker": size, "manager": 3 << 20, "raw": 2 << 20} == line.figures


@pytest.mark.parametrize(("times", "met"), [([0.3, 0.9, 0.5], True), ([0.3, 0.9, 0.6], False)])
def test_start(tmp_path, monkeypatch, times, met):
    """The median of several starts counts, not the worst."""
    rows = {footprint.minimal: iter(times), footprint.raw: iter([0.1] * 3)}
    monkeypatch.setattr(footprint, "first_answer", lambda folder, server: next(rows[server]))
    monkeypatch.setattr(footprint, "_managed", lambda folder: 0.7)
    [line] = footprint.start(tmp_path, quick=True)
    assert (met, times) == (line.met, line.figures["process"])


# -- speed


def test_ratios():
    """Ratios are made round by round, and the median counts."""
    found = ratios([2, 30, 8], [1, 10, 2])
    assert (3, 2, 4) == (found.middle, found.low, found.high)


@pytest.mark.parametrize("below", [[], [0.0]])
def test_ratios_of_nothing(below):
    """Without a round there is no ratio."""
    with pytest.raises(ValueError, match="nothing was measured"):
        ratios(below, below)


class Generator:
    """Says what a test wants, in turns."""

    name = "fake"

    def __init__(self, *samples):
        self.plans, self.samples = [], list(samples)

    def run(self, plan):
        self.plans.append(plan)
        return {"errors": 0, "seconds": 1.0, "share": 0.1, "p99": 0.0, "requests": 1} | self.samples.pop(0)


@pytest.mark.parametrize(("two", "met"), [(180, True), (179, False)])
def test_workers(tmp_path, monkeypatch, two, met):
    """Two workers must do 1.8 times what one does, in rounds that take turns."""
    generator = Generator({"requests": 100}, {"requests": two}, {"requests": 150})
    monkeypatch.setattr(speed, "choose", lambda *_: generator)
    places = {"one": 1, "two": 2, "two by reuseport": 3}
    monkeypatch.setattr(speed, "_managed", lambda folder, name: standing(place=("127.0.0.1", places[name]), workers=[]))
    [line] = speed.workers(tmp_path, quick=True)
    assert (met, False) == (line.met, line.promise)
    assert [1, 2, 3] == [plan.port for plan in generator.plans]
    assert (two / 100, 1.5) == (line.figures["ratio"], line.figures["reuseport"])


def test_workers_that_fail_are_not_measured(tmp_path, monkeypatch):
    """A request that fails is no throughput."""
    monkeypatch.setattr(speed, "choose", lambda *_: Generator({"errors": 3}))
    monkeypatch.setattr(speed, "_managed", lambda *_: standing(place=("127.0.0.1", 1), workers=[]))
    with pytest.raises(ValueError, match="3 requests failed"):
        speed.workers(tmp_path, quick=True)


@pytest.mark.parametrize(("p99", "met", "share"), [(1500.0, True, 0.5), (1501.0, False, 0.95)])
def test_latency(tmp_path, monkeypatch, p99, met, share):
    """The slowest of a hundred may take 1.5 times what `raw` takes; a generator at its end is told."""
    generator = Generator({"p99": p99, "share": share}, {"p99": 1000.0})
    monkeypatch.setattr(speed, "choose", lambda *_: generator)
    monkeypatch.setattr(speed, "minimal", lambda *_, core: standing(port=1))
    monkeypatch.setattr(speed, "raw", lambda *_, core: standing(port=2))
    [line] = speed.latency(tmp_path, quick=True)
    assert (met, p99 / 1000) == (line.met, line.figures["ratio"])
    assert (share > 0.9) == ("too much" in line.measured)
    assert {64} == {plan.connections for plan in generator.plans}


# -- files


def test_download_is_strict():
    """A file that ends early is an error."""

    def serve(listener):
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhalf")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        with pytest.raises(EOFError, match="before the end of the file"):
            files.download(listener.getsockname(), "x", 1)
        thread.join()


def test_sendloop(tmp_path):
    """The bare loop answers with the whole file, on a connection that is kept, until the client leaves."""
    (tmp_path / "x").write_bytes(b"12345")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for _ in range(2):
            ours.sendall(request("/file/x"))
            assert sendloop.answer(theirs, tmp_path)
            assert b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345" == ours.recv(100)
        ours.shutdown(socket.SHUT_WR)
        assert not sendloop.answer(theirs, tmp_path)


@pytest.mark.parametrize(("sent", "met"), [(10 << 20, True), ((10 << 20) - 1, False)])
def test_proof(sent, met):
    """One byte that went another way breaks the promise."""
    line = files._proof(10 << 20, sent)
    assert (met, True) == (line.met, line.promise)


# -- flood


WAVE = {"200": 75, "503": 128, "cut": 197, "silent": 0, "old": 25, "recovered": 0.1, "quiet": 0.1, "rss": 40 << 20}


@pytest.mark.parametrize(
    ("change", "after", "met"),
    [
        ({}, 30, True),
        ({"200": 74}, 30, False),
        ({"200": 76}, 30, False),
        ({"503": 0}, 30, False),
        ({"silent": 1}, 30, False),
        ({"old": 24}, 30, False),
        ({"recovered": -1.0}, 30, False),
        ({"quiet": -1.0}, 30, False),
        ({"rss": (42 << 20) + 1}, 30, False),
        ({"rss": 42 << 20}, 30, True),
        ({}, 31, False),
    ],
)
def test_flood(change, after, met):
    """The room is filled exactly, the rest is told or cut, and everything is as before afterwards."""
    line = flood._line(100, 30, after, [WAVE, WAVE, WAVE | change])
    assert (met, True) == (line.met, line.promise)
    assert f"30 descriptors before, {after} after" in line.measured


# -- resets


STATE = {"in_flight": 1, "connections": 1, "tasks": 5, "streams": 0, "descriptors": 15, "rss": 30 << 20}


@pytest.mark.parametrize("key", ["in_flight", "connections", "tasks", "streams", "descriptors"])
def test_left(key):
    """Whatever there is more of than in the beginning was left behind."""
    assert {} == left([STATE, STATE])
    assert {key: 2} == left([STATE, STATE, STATE | {key: STATE[key] + 2}])
    assert not resets._line(10, [STATE, STATE | {key: STATE[key] + 2}]).met


@pytest.mark.parametrize(("growth", "met"), [(0, True), (2 << 20, True), ((2 << 20) + 1, False)])
def test_growth_after_resets(growth, met):
    """Memory may not grow from wave to wave; what the first one takes is the server's own."""
    states = [STATE, STATE | {"rss": 50 << 20}, STATE | {"rss": (50 << 20) + growth}]
    assert met == resets._line(10, states).met


# -- stops


def client(worker, *, pending, lost=(), answers=0):
    """A client as it is at some moment."""
    made = Known("127.0.0.1:1", "/")
    made.worker, made.pending, made.lost = worker, pending, list(lost)
    made.answers = Counter(ok=answers)
    return made


@pytest.mark.parametrize(
    ("lost", "right"),
    [
        ([["7"], [], []], True),
        ([["7"], ["7"], []], True),
        ([[], [], []], True),
        ([["7", "7"], [], []], False),
        ([["7"], [], ["8"]], False),
        ([["7", "nobody"], [], []], False),
        ([["7"], [], ["unknown"]], False),
    ],
)
def test_ledger(lost, right):
    """Only connections of the killed worker may fail, each once, and nobody may be refused."""
    mine, idle_one, other = client("7", pending=True), client("7", pending=False), client("8", pending=True, answers=5)
    ledger = Ledger("7", [mine, idle_one, other])
    mine.lost, idle_one.lost, other.lost = lost
    found = ledger.figures()
    assert right == ledger.right
    assert (2, 1, 5) == (found["connections"], found["in_flight"], found["requests"])
    assert sum(map(len, lost)) == found["failed"] + found["others"]
    assert len(lost[1]) == found["late"]


def test_known_blames_the_right_one():
    """A request that was not answered is the worker's whose connection it was on; one that was not sent is nobody's."""
    made = client("7", pending=True)
    made.failed(EOFError())
    assert ("", ["7"]) == (made.worker, made.lost)
    made.failed(ConnectionRefusedError())
    made.pending = True
    made.failed(EOFError())
    assert ["7", "nobody", "unknown"] == made.lost
    assert 3 == made.failures.total()


@pytest.mark.parametrize(
    ("kind", "data", "whole"),
    [
        ("answers", b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nheld", True),
        ("answers", b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy", False),
        ("answers", b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhel", False),
        ("uploads", b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n100000", True),
        ("uploads", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n99999", False),
        ("streams", b"HTTP/1.1 200 OK\r\n\r\n5\r\nbegun\r\n4\r\ndone\r\n0\r\n\r\n", True),
        ("streams", b"HTTP/1.1 200 OK\r\n\r\n5\r\nbegun\r\n0\r\n\r\n", False),
        ("streams", b"HTTP/1.1 200 OK\r\n\r\n5\r\nbegun\r\n", False),
        ("streams", b"", False),
    ],
)
def test_finish(kind, data, whole):
    """Only an answer that is all there is whole."""
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(data)
        theirs.close()
        assert whole == stops.finish(ours, kind)


# -- reload


class Manager:
    """A manager that reloads at once."""

    address = "127.0.0.1:1"

    def __init__(self, killed=0, code=0):
        self.signals, self.killed, self.code = [], killed, code

    def signal(self, number):
        self.signals.append(number)

    def wait(self, event, count=1):
        self.waited = (event, count)

    def count(self, event):
        return self.killed

    def stop(self):
        return self.code


@pytest.mark.parametrize(
    ("failures", "killed", "code", "workers", "met"),
    [
        ({}, 0, 0, 3, True),
        ({"EOFError: ": 1}, 0, 0, 3, False),
        ({}, 1, 0, 3, False),
        ({}, 0, 1, 3, False),
        ({}, 0, 0, 1, False),
    ],
)
def test_reload(tmp_path, monkeypatch, failures, killed, code, workers, met):
    """No request fails, no worker has to be killed, and new workers really answered."""
    manager = Manager(killed, code)
    answers = {str(number): 1000 for number in range(workers)}
    totals = {"answers": answers, "failures": failures, "connections": 5}
    load = type("Load", (), {"finish": lambda self: totals})
    monkeypatch.setattr(rolling, "propane", lambda *_: nullcontext(manager))
    monkeypatch.setattr(rolling, "Load", lambda *_, **__: nullcontext(load()))
    [line] = rolling.check(tmp_path, quick=True)
    assert (met, True) == (line.met, line.promise)
    assert [signal.SIGHUP] == manager.signals
    assert ("reload_finished", 1) == manager.waited
    assert f"{sum(failures.values())} of {workers * 1000 + sum(failures.values()):,} failed" in line.measured
