"""Saboteurs: servers that break one promise each, which exactly that check must notice.

They are the real server with one thing wrong: a setting, an application that leaks, or somebody who kills too much.
"""

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from tools.load import flood, idle, resets, rolling, stops
from tools.load.probes import until
from tools.load.runners import SITE, propane

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system lacks: /proc")

LEAKY = """
import asyncio, os
from pathlib import Path
exec(compile(Path({site!r}, "app.py").read_text(), "app.py", "exec"))
kept, whole = [], endless
async def forever():
    await asyncio.Event().wait()
def endless():
    {leak}
    return whole()
"""
LEAKS = {
    "descriptors": "kept.append(os.open(os.devnull, os.O_RDONLY))",
    "tasks": "kept.append(asyncio.get_running_loop().create_task(forever()))",
    "streams": "sent['streams'] += 1",
    "memory": "kept.append(os.urandom(1 << 18))",
}


def unread(port):
    """Connections to a port on which requests wait that its server has not read."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    here = [row for row in rows if int(row[1].partition(":")[2], 16) == port and row[3] == "01"]
    return sum(int(row[4].partition(":")[2], 16) > 0 for row in here)


@pytest.fixture
def impatient(monkeypatch):
    """What never comes is not waited for as long as it might take on a busy machine."""
    for module in (flood, resets):
        monkeypatch.setattr(module, "until", lambda condition: until(condition, 1.0))


def setting(monkeypatch, module, **variables):
    """Start the servers of a check with other settings than it asks for."""
    monkeypatch.setattr(module, "propane", lambda *words, **given: propane(*words, **given | variables))


@pytest.mark.parametrize("what", LEAKS)
def test_a_leak_for_each_reset(tmp_path, monkeypatch, impatient, what):
    """A server that keeps something of each connection that was reset does not pass."""
    site = tmp_path / "site"
    (site / "config").mkdir(parents=True)
    (site / "config" / "app.toml").write_text((SITE / "config" / "app.toml").read_text())
    (site / "app.py").write_text(LEAKY.format(site=str(SITE), leak=LEAKS[what]))
    monkeypatch.setattr(resets, "propane", partial(propane, root=site))
    [line] = resets.check(tmp_path, quick=True)
    assert not line.met
    assert what == "memory" or what in resets.left(line.figures["states"]), line.measured


def test_a_server_without_a_limit(tmp_path, monkeypatch, impatient):
    """A server that takes more connections than its limit does not pass."""
    setting(monkeypatch, flood, ARLEN_SERVER__MAX_CONNECTIONS="10000")
    [line] = flood.check(tmp_path, quick=True)
    assert not line.met
    assert "0 told 503" in line.measured


def test_a_server_that_takes_fewer(tmp_path, monkeypatch, impatient):
    """A server that turns connections away before its limit does not pass."""
    setting(monkeypatch, flood, ARLEN_SERVER__MAX_CONNECTIONS="39")
    [line] = flood.check(tmp_path, quick=True)
    assert not line.met
    assert "29 answered" in line.measured


def test_a_server_that_does_not_hold_idle_connections(tmp_path, monkeypatch):
    """A server that closes idle connections before their time does not pass."""
    setting(monkeypatch, idle, ARLEN_SERVER__MAX_CONNECTIONS="100")
    _, line = idle.check(tmp_path, quick=True)
    assert (False, True) == (line.met, line.promise)


def test_a_stop_that_cuts(tmp_path, monkeypatch):
    """A server that cuts what is in flight when it is told to stop does not pass."""
    setting(monkeypatch, stops, ARLEN_SERVER__DRAIN_TIMEOUT="0")
    [line] = stops.term(tmp_path, quick=True)
    assert not line.met
    assert "0 of 5 answers" in line.measured


def test_a_kill_that_costs_others_their_answers(tmp_path, monkeypatch):
    """A server that loses requests of other workers than the one that was killed does not pass."""
    workers = []

    def start(*words, **given):
        server = propane(*words, **given)
        workers.append(server)
        return server

    def strike(pid):
        for each in workers[0].workers:
            os.kill(each, signal.SIGKILL)

    monkeypatch.setattr(stops, "propane", start)
    monkeypatch.setattr(stops, "strike", strike)
    [line] = stops.kill(tmp_path, quick=True)
    assert not line.met
    assert 0 < line.figures["others"]


def test_a_reload_that_loses_requests(tmp_path, monkeypatch):
    """A reload during which workers lose their requests does not pass."""
    whole = rolling._reload

    def reload(server, done, count):
        assert until(lambda: json.loads(server.get("/state")[1])["connections"] > 4) is not None  # clients have come
        for pid in server.workers:
            os.kill(pid, signal.SIGSTOP)
        assert until(lambda: unread(int(server.address.rpartition(":")[2])))
        for pid in server.workers:
            os.kill(pid, signal.SIGKILL)
        return whole(server, done, count)

    monkeypatch.setattr(rolling, "_reload", reload)
    monkeypatch.setattr(rolling, "FEW", 1)
    [line] = rolling.check(tmp_path, quick=True)
    assert not line.met
    assert 0 < line.figures["failures"].total()
