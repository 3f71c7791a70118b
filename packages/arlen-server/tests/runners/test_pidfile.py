"""Pidfile: names the manager while it runs, and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from arlen_core.errors import StartupError
from arlen_server.pidfile import pidfile


def test_names_this_process_while_it_is_held(tmp_path):
    """The file holds our id inside the block and is gone after it; no other file is left."""
    path = tmp_path / "arlen.pid"
    with pidfile(path):
        assert f"{os.getpid()}\n" == path.read_text()
    assert [] == list(tmp_path.iterdir())


def test_second_manager_is_refused(tmp_path):
    """A file that names a living process is an error, and stays."""
    path = tmp_path / "arlen.pid"
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(StartupError, match=f"process {os.getppid()} runs already"), pidfile(path):
        pass
    assert f"{os.getppid()}\n" == path.read_text()


@pytest.mark.parametrize("left", ["dead", "", "no number", "-5"])
def test_stale_file_is_replaced(tmp_path, left):
    """A file of a process that is dead, or that is none, is replaced."""
    path = tmp_path / "arlen.pid"
    if left == "dead":
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        left = str(process.pid)
    path.write_text(left)
    with pidfile(path):
        assert f"{os.getpid()}\n" == path.read_text()


def test_file_of_a_successor_is_left(tmp_path):
    """At the end a file that names another process is not ours to remove."""
    path = tmp_path / "arlen.pid"
    with pidfile(path):
        path.write_text("1\n")
    assert "1\n" == path.read_text()


def test_folder_that_is_missing(tmp_path):
    """A file that cannot be written is an error with a fix."""
    with pytest.raises(StartupError, match=r"cannot write the pidfile .*choose another path"):
        pidfile(tmp_path / "absent" / "arlen.pid").__enter__()
