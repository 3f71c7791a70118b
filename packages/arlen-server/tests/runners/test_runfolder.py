"""Runfolder: the folder is there while the manager lives, is private, and is not left behind."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
from pathlib import Path

import pytest

from arlen_server.runfolder import MANAGER, RUN, WORKER, RunFolder, parent


@pytest.fixture
def told():
    """The events that were told."""
    return []


@pytest.fixture
def make(tmp_path, told):
    """Makes folders in one place."""
    return lambda where=tmp_path: RunFolder(where, lambda event, **fields: told.append((event, fields)))


def abandoned(where, name="arlen-run-dead"):
    """What a killed manager leaves."""
    folder = where / name
    folder.mkdir(mode=0o700)
    (folder / MANAGER).write_text("{}")
    return folder


# making and removing


def test_folder_is_private_and_removed(make, tmp_path, told):
    """It belongs to this user only while it is held, and nothing is left after it."""
    with make() as folder:
        assert [folder.path] == list(tmp_path.iterdir())
        assert 0o700 == stat.S_IMODE(folder.path.stat().st_mode)
        folder.keep({"pid": 7})
        (folder.path / "of-a-worker").write_text("x")
    assert [] == list(tmp_path.iterdir())
    assert [] == told


def test_processes_are_told(make):
    """The environment names the folder, and no place that a manager above had."""
    with make() as folder:
        assert {"A": "1", RUN: str(folder.path)} == folder.environ({"A": "1", RUN: "/theirs", WORKER: "jobs.3"})


def test_folder_that_cannot_be_made(make, tmp_path, told):
    """Without a folder that is told with a fix, and everything else is as if nobody wanted one."""
    with make(tmp_path / "absent") as folder:
        folder.keep({"pid": 7})
        assert None is folder.path
        assert {} == folder.environ({RUN: "/theirs"})
    ((event, fields),) = told
    assert ("run_failed", "No such file or directory") == (event, fields["reason"])
    assert "[server.propane] run" in fields["fix"]


# the dead


def test_folder_of_a_dead_manager_is_removed(make, tmp_path):
    """A folder that nobody holds goes, with all that is in it, when another manager starts."""
    dead = abandoned(tmp_path)
    with make():
        assert not dead.exists()


def test_folder_of_a_living_manager_stays(make):
    """Any number of managers of one user live beside each other."""
    with make() as first, make() as second:
        assert first.path.exists()
        assert second.path.exists()
        assert first.path != second.path


def test_folder_of_another_user_stays(make, tmp_path, monkeypatch):
    """Whatever this user may do, a folder that is not its own is not touched."""
    dead = abandoned(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: dead.stat().st_uid + 1)
    with make():
        assert dead.exists()


def test_link_is_not_followed(make, tmp_path):
    """A link with such a name leads to no other folder's removal."""
    other = tmp_path / "precious"
    other.mkdir()
    (tmp_path / "arlen-run-link").symlink_to(other)
    with make():
        assert other.exists()


def test_folder_that_was_swept_before_it_was_locked(make, tmp_path, monkeypatch):
    """When another manager takes a new folder for a dead one, the next try counts."""
    lock, seen = fcntl.flock, []

    def swept(descriptor, how):
        if how == fcntl.LOCK_EX and not seen:
            seen.append(next(tmp_path.iterdir()))
            seen[0].rmdir()
        return lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", swept)
    with make() as folder:
        assert folder.path.exists()
        assert folder.path != seen[0]


# what the manager knows


def test_facts_are_replaced_as_a_whole(make):
    """A change is another file under the same name; without a change nothing is written."""
    with make() as folder:
        path = folder.path / MANAGER
        folder.keep({"generation": 1})
        first = path.stat().st_ino
        folder.keep({"generation": 1})
        assert first == path.stat().st_ino
        with path.open() as reader:
            folder.keep({"generation": 2})
            assert {"generation": 1} == json.load(reader)
        assert {"generation": 2} == json.loads(path.read_text())
        assert [MANAGER] == [each.name for each in folder.path.iterdir()]


def test_folder_that_disappears_is_told_once(make, told):
    """When somebody removes the folder, serving goes on, and one line says so."""
    with make() as folder:
        folder.path.rmdir()
        for generation in range(3):
            folder.keep({"generation": generation})
    assert ["run_stale"] == [event for event, _ in told]


# where


@pytest.mark.parametrize(
    ("run", "environ", "expected"),
    [
        ("", {"RUNTIME_DIRECTORY": "/run/board:/run/other"}, "/run/board"),
        ("var", {"RUNTIME_DIRECTORY": "/run/board"}, "/srv/var"),
        ("/var/tmp", {}, "/var/tmp"),
    ],
)
def test_place_that_is_asked_for(run, environ, expected):
    """The setting counts before systemd, and a relative path begins at the application's folder."""
    assert Path(expected) == parent(run, Path("/srv"), environ)


@pytest.mark.parametrize("shared", [True, False])
def test_place_of_the_system(monkeypatch, tmp_path, shared):
    """Shared memory where it can be written, else the temporary folder."""
    monkeypatch.setattr("arlen_server.runfolder._SHARED", tmp_path if shared else tmp_path / "absent")
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/tmp")
    assert (tmp_path if shared else Path("/tmp")) == parent("", Path("/srv"), {})


# with a manager

TOLD = """
[server.propane]
run = ".."
respawn_delay = 0.01
[[server.propane.commands]]
name = "jobs"
command = ["sh", "-c", "echo $ARLEN_RUN $ARLEN_WORKER > $ARLEN_WORKER; while :; do sleep 0.05; done"]
count = 2
settle = 0.05
"""

ROUTE = """
@app.get("/run")
async def run() -> str:
    return os.environ["ARLEN_RUN"] + " " + os.environ["ARLEN_WORKER"]
"""


def test_every_process_is_told_and_restarts_are_counted(run, root, until):
    """Workers and commands know the folder and their place; the manager's file counts why processes were replaced."""
    (root / "app.py").write_text((root / "app.py").read_text() + ROUTE)
    with (root / "config" / "app.toml").open("a") as file:
        file.write(TOLD)
    propane = run("propane", "--workers", "1")
    folder = Path(propane.wait("manager_started")["run"])
    propane.wait("worker_ready", name="web")
    propane.wait("worker_ready", 2, name="jobs")
    assert (root / "..").resolve() == folder.parent.resolve()
    assert f"{folder} web.0" == propane.get("/run")[1]
    for place in ("jobs.0", "jobs.1"):
        said = until(lambda path=root / place: path.exists() and path.read_text(), f"the word of {place}")
        assert f"{folder} {place}\n" == said

    def known():
        facts = json.loads((folder / MANAGER).read_text())
        return facts if [1, 2] == [facts["pools"][name]["restarts"]["reload"] for name in ("web", "jobs")] else None

    os.kill(propane.wait("worker_ready", name="web")["worker_pid"], signal.SIGKILL)
    propane.wait("worker_ready", 2, name="web")
    propane.signal(signal.SIGHUP)
    facts = until(known, "the reload of every process")
    web = facts["pools"]["web"]
    assert (propane.pid, 2, {"web", "jobs"}) == (facts["pid"], facts["generation"], set(facts["pools"]))
    assert {"exit": 0, "killed": 1, "stuck": 0, "recycled": 0, "reload": 1} == web["restarts"]
    assert (1, 1, 1) == (web["size"], web["alive"], web["ready"])
    pid = propane.all("worker_ready", name="web")[-1]["worker_pid"]
    assert [{"slot": 0, "pid": pid, "generation": 2, "state": "ready"}] == web["workers"]
    assert 0 == propane.stop()
    assert not folder.exists()


def test_killed_manager_is_cleaned_after(run, root):
    """KILL leaves the folder; the next propane removes it, and not that of one which lives."""
    with (root / "config" / "app.toml").open("a") as file:
        file.write('[server.propane]\nrun = ".."\n')
    first, second = run("propane", "--workers", "1"), run("propane", "--workers", "1")
    dead, living = (Path(each.wait("manager_started")["run"]) for each in (first, second))
    first.signal(signal.SIGKILL)
    assert -9 == first.join()
    assert dead.exists()
    third = run("propane", "--workers", "1")
    assert Path(third.wait("manager_started")["run"]).exists()
    assert not dead.exists()
    assert living.exists()
