"""Runners and servers as processes: what they tell, and that nothing outlives whoever started them."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial

import pytest

from tools.bench.processes import Failed
from tools.bench.servers import LIMIT, SERVERS
from tools.load import runners, servers
from tools.load.crowds import ask, request
from tools.load.footprint import first_answer
from tools.load.probes import until
from tools.load.runners import Load, Running, ended, environ, propane
from tools.load.servers import PATH, beside, minimal, peers, raw

TALKS = """
import json, signal, sys
say = lambda **event: print(json.dumps(event), flush=True)
signal.signal(signal.SIGINT, signal.SIG_IGN)
say(event="manager_started", addresses=["unix:/x", "http://127.0.0.1:4711"])
say(event="worker_ready", worker_pid=1001, slot=0)
say(event="worker_ready", worker_pid=1002, slot=1)
say(event="worker_stopping", worker_pid=1001)
print("no JSON", flush=True)
say(status="no event")
print("what went wrong", file=sys.stderr, flush=True)
if sys.argv[1:] == ["stay"]:
    signal.pause()
sys.exit(7)
"""
IDLE = "import sys, signal; print('here', flush=True); signal.pause()"


@pytest.fixture
def talks(tmp_path):
    """Starts a program that talks as propane does, and ends or stays."""
    started = []

    def start(*words):
        command = [sys.executable, "-c", TALKS, *words]
        started.append(Running(command, tmp_path, tmp_path / "log"))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_events_are_told(talks):
    """Lifecycle lines become events; whatever else is printed is no event."""
    running = talks()
    assert 7 == running.join()
    assert 4 == len(running.events)
    assert 1002 == running.wait("worker_ready", 2)["worker_pid"]
    assert (1, 0) == (running.count("worker_ready", slot=1), running.count("worker_ready", slot=2))


def test_address(talks):
    """The last address counts, without its scheme, also as what a socket takes."""
    running = talks()
    assert ("127.0.0.1:4711", ("127.0.0.1", 4711)) == (running.address, running.place)


def test_workers_are_those_that_serve(talks):
    """A worker that was asked to leave serves no more."""
    running = talks()
    running.join()
    assert [1002] == running.workers


def test_wait_fails_at_once_when_the_runner_has_ended(talks):
    """Who waits for an event learns that it will not come, what came instead, and what was printed."""
    with pytest.raises(AssertionError, match=r"no scaled.*worker_stopping.*\n(?s:.*)what went wrong"):
        talks().wait("scaled")


def test_wait_gives_up(talks, monkeypatch):
    """An event that does not come in time is an error."""
    running = talks("stay")
    running.wait("worker_stopping")
    monkeypatch.setattr(runners, "PATIENCE", 0.01)
    with pytest.raises(AssertionError, match=r"no scaled \{'old': 1\}"):
        running.wait("scaled", old=1)


def test_close_ends_what_runs(talks):
    """A runner ends when its block ends, whatever it does with signals."""
    with talks("stay") as running:
        running.wait("worker_stopping")
        assert not ended(running.pid)
    assert ended(running.pid)


def test_close_ends_what_is_stopped(talks):
    """Also one that a signal has stopped."""
    running = talks("stay")
    running.wait("worker_stopping")
    os.kill(running.pid, signal.SIGSTOP)
    running.close()
    assert ended(running.pid)


def test_environ_configures_nothing(monkeypatch):
    """What configures an application or a test run does not reach a server."""
    monkeypatch.setenv("ARLEN_ENV", "test")
    monkeypatch.setenv("PYTEST_X", "1")
    monkeypatch.setenv("OTHER", "1")
    assert ("1", False, False) == (environ().get("OTHER"), "ARLEN_ENV" in environ(), "PYTEST_X" in environ())


def test_ended():
    """A process that was not waited for has ended; one that runs has not."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert not ended(process.pid)
        process.stdin.close()
        assert until(lambda: ended(process.pid)) is not None
    assert ended(process.pid)


def test_propane_serves_the_application(tmp_path):
    """The application under load is started as anybody would, with settings by variables, and stops in order."""
    with propane(tmp_path, "--workers", "1", ARLEN_SERVER__MAX_CONNECTIONS="3") as server:
        server.wait("worker_ready")
        assert (200, "hello") == server.get()[:2]
        state = json.loads(server.get("/state")[1])
        assert (1, 0) == (state["in_flight"], state["streams"])
        [pid] = server.workers
        assert str(pid) == server.get("/pid")[1]
        assert 0 == server.stop()
    assert ended(pid)


def test_propane_leaves_no_worker(tmp_path):
    """Workers end with their manager, also when it is killed."""
    with propane(tmp_path, "--workers", "1") as server:
        [pid] = [server.wait("worker_ready")["worker_pid"]]
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait()
    assert until(lambda: ended(pid)) is not None


def test_load_counts(tmp_path):
    """Load asks until it is told to finish; all of its clients may keep their connections."""
    with propane(tmp_path, "--workers", "1") as server, Load(server.address, clients=3, pause=0.0, kept=True) as load:
        server.wait("worker_ready")
        assert until(lambda: json.loads(server.get("/state")[1])["connections"] == 4) is not None
        totals = load.finish()
    assert ({}, 3) == (totals["failures"], totals["connections"])
    assert totals["requests"] == totals["answers"]["hello"]


def test_load_ends_with_its_block():
    """Load that nobody finishes ends all the same."""
    with Load("127.0.0.1:1", clients=1) as load:
        assert load.process.poll() is None
    assert load.process.poll() is not None


@pytest.mark.parametrize("server", [minimal, raw])
def test_beside(tmp_path, server):
    """The minimal application and the limit answer the same path, and end with their block."""
    with server(tmp_path) as running:
        assert f"127.0.0.1:{running.port}" == running.address
        with runners.socket.create_connection(running.place, 10) as client:
            assert ask(client, request(PATH))
    assert not running.alive


def test_beside_tells_what_went_wrong(tmp_path):
    """A program that does not listen is an error that says why."""
    command = partial(_failing, "no more today")
    with pytest.raises(Failed, match="no more today"), beside(tmp_path, command):
        pass


def _failing(message, port):
    return [sys.executable, "-c", f"raise SystemExit({message!r})", str(port)]


def test_peers_are_those_that_were_installed(monkeypatch, tmp_path):
    """Peers without an environment are left out; nothing is installed for them."""
    assert [] == [each for each in peers() if each.name == LIMIT]
    monkeypatch.setattr(servers, "CACHE", tmp_path)
    assert [] == peers()
    monkeypatch.setattr(servers.environments, "made", lambda peer, cache: peer == "starlette")
    assert {"starlette"} == {each.peer for each in peers()}
    assert len(peers()) < len(SERVERS)


def test_first_answer(tmp_path):
    """The time to the first answer is measured on a real start."""
    assert 0 < first_answer(tmp_path, minimal)


def test_nothing_outlives_a_command_that_is_killed(tmp_path):
    """When this process is killed, the system ends what it has started."""
    script = (
        "import sys; from pathlib import Path; from tools.load.runners import Running\n"
        f"running = Running([sys.executable, '-c', {IDLE!r}], Path('.'), Path({str(tmp_path / 'log')!r}))\n"
        "print(running.pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=runners.SITE.parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        pid = int(process.stdout.readline())
        assert not ended(pid)
        process.kill()
    gone = until(lambda: ended(pid))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    assert gone is not None
