"""Children: how processes are started, told and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from arlen_server.channel import Beat, Channel, Failed, Refresh, Retire
from arlen_server.children import Child, Plan, spawn_command, spawn_worker


@pytest.fixture
def command(tmp_path):
    """Starts shell scripts as commands, and ends them."""
    started = []

    def start(script, **options):
        started.append(spawn_command(["sh", "-c", script], os.environ, root=tmp_path, **options))
        return started[-1]

    yield start
    for child in started:
        child.kill()
        child.process.wait()
        child.close()


def test_command_runs_in_the_folder_with_the_environment(tmp_path):
    """A command is started without a shell, in the application's folder, with the given environment."""
    child = spawn_command(["sh", "-c", 'echo "$WORD $0 $1" > said', "a b", "$HOME"], {"WORD": "hi"}, root=tmp_path)
    assert 0 == child.process.wait()
    assert "hi a b $HOME\n" == (tmp_path / "said").read_text()


def test_command_has_no_terminal(command, tmp_path, until):
    """A command reads nothing from the manager's standard input, and leads a process group of its own."""
    child = command("cat > said; touch done; sleep 60")
    until((tmp_path / "done").exists)
    assert child.pid == os.getpgid(child.pid)
    child.kill()
    assert -signal.SIGKILL == child.process.wait()
    assert "" == (tmp_path / "said").read_text()


def test_program_that_does_not_exist(tmp_path):
    """A program that cannot be started raises, and leaves nothing."""
    with pytest.raises(FileNotFoundError):
        spawn_command(["no-such-program-here"], os.environ, root=tmp_path)


def test_signals_reach_a_command(tmp_path):
    """A command starts with the default handling of every signal, none blocked."""
    child = spawn_command(["sleep", "60"], os.environ, root=tmp_path)
    status = Path(f"/proc/{child.pid}/status")
    if status.exists():
        masks = dict(line.split(":\t") for line in status.read_text().splitlines() if line.startswith("Sig"))
        assert 0 == int(masks["SigBlk"], 16)
        assert 0 == int(masks["SigCgt"], 16)
    child.signal(signal.SIGTERM)
    assert -signal.SIGTERM == child.process.wait()


def test_signals_of_the_manager_are_as_before(command):
    """Starting a command leaves the manager's own mask as it was."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    command("exit 0")
    assert before == signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_retire_is_term_for_a_command(command):
    """A program that knows of no channel is asked to leave with TERM."""
    child = command("exec sleep 60")
    child.retire()
    assert -signal.SIGTERM == child.process.wait()


def test_kill_takes_the_whole_group(command, until, alive, tmp_path):
    """What a process has started itself ends with it."""
    child = command("sleep 60 & echo $! > inner; wait")
    inner = tmp_path / "inner"
    pid = int(until(lambda: inner.exists() and inner.read_text().strip()))
    child.kill()
    child.process.wait()
    until(lambda: not alive(pid), "the end of the inner process")


def test_signal_to_one_that_has_ended(command):
    """A signal or a kill after the end is nothing."""
    child = command("exit 3")
    child.process.wait()
    child.signal(signal.SIGTERM)
    child.kill()
    assert 3 == child.poll()


def test_kill_of_a_process_without_a_group_of_its_own():
    """A process in our own group is killed alone."""
    child = Child(subprocess.Popen(["sleep", "60"]))
    child.kill()
    assert -signal.SIGKILL == child.process.wait()


def test_messages_to_a_process():
    """What a child is told arrives at the other end; when it is gone, retiring is a signal."""
    mine, its = Channel.pair()
    child = Child(subprocess.Popen(["sleep", "60"]), mine)
    child.retire()
    child.refresh(["a.css"], css=True)
    assert [Retire(), Refresh(["a.css"], css=True)] == list(its.receive())
    its.send(Beat(7))
    assert [Beat(7)] == child.receive()
    its.close()
    child.retire()
    assert -signal.SIGTERM == child.process.wait()
    child.close()


def test_command_hears_nothing():
    """A child without a channel says nothing and can be told nothing."""
    child = Child(subprocess.Popen(["true"]))
    child.refresh(["a"], css=False)
    assert [] == child.receive()
    child.close()
    assert 0 == child.process.wait()


def test_worker_is_a_fresh_interpreter(tmp_path):
    """A worker runs in the folder, under the same Python, and what it says arrives before its end."""
    (tmp_path / "app.py").write_text("raise RuntimeError('not today')\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ARLEN_")}
    child = spawn_worker(Plan(root=str(tmp_path), development=True), environ, slot=3, generation=2)
    try:
        assert 1 == child.process.wait(30)
        [failed] = child.receive()
        assert isinstance(failed, Failed)
        assert ("load", "RuntimeError: not today") == (failed.failure.stage, failed.failure.message)
        assert (3, 2, ()) == (child.slot, child.generation, child.sockets)
        assert not child.channel.open
    finally:
        child.close()


def test_worker_that_cannot_be_started(tmp_path, monkeypatch):
    """When the system starts no process, no descriptor is left open."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(FileNotFoundError):
        spawn_worker(Plan(root=str(tmp_path)), os.environ)
