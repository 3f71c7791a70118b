"""Bytecode: what is run must be ours alone to write."""

import os
import stat

import pytest

from arlen_core import ConfigError
from arlen_web.bytecode import Bytecode


def test_the_folder_is_made_for_us_alone(tmp_path):
    """Nobody else may look into it."""
    Bytecode(tmp_path / "a" / "b")
    assert 0o700 == stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path, mode):
    """Code from there would be anybody's."""
    tmp_path.chmod(mode)
    with pytest.raises(ConfigError, match=r"others may write to .*chmod 700"):
        Bytecode(tmp_path)


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    """Its owner could change it later."""
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        Bytecode(tmp_path)


def test_a_readable_folder_is_fine(tmp_path):
    """Others may read what is no secret."""
    tmp_path.chmod(0o755)
    assert str(tmp_path) == Bytecode(tmp_path).directory


def test_pruning_leaves_other_files(tmp_path):
    """Only our own files are deleted, and how many is returned."""
    tmp_path.chmod(0o700)
    (tmp_path / "other.txt").write_text("keep")
    (tmp_path / "arlen-0.bin").write_text("stale")
    assert 1 == Bytecode(tmp_path).prune([("a.html", "/x/a.html")])
    assert ["other.txt"] == [each.name for each in tmp_path.iterdir()]
