"""The base: which commit a change is compared with, and its packages beside the repository."""

import os
import subprocess

import pytest

from tools.perf.bases import NoBase, base, export, sources


class Repository:
    """A repository in a folder of the test."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        who = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        command = ["git", "-C", str(self.path), *words]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, **quiet, **who}
        ).stdout.strip()

    def commit(self, text: str) -> str:
        file = self.path / "packages" / "arlen-core" / "src" / "arlen_core" / "__init__.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        self.git("add", ".")
        self.git("commit", "-q", "-m", text)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit."""
    made = Repository(tmp_path / "repository")
    made.first = made.commit("one")
    return made


def test_on_main_the_commit_before(repository):
    """On main, the base is the commit before."""
    repository.commit("two")
    assert repository.first == base(repository.path)


def test_on_a_branch_where_it_left_main(repository):
    """On a branch, it is where that left main, however many commits it has."""
    repository.git("checkout", "-q", "-b", "work")
    repository.commit("two")
    repository.commit("three")
    assert repository.first == base(repository.path)


def test_main_that_went_on_does_not_matter(repository):
    """What main has got since is no part of the change."""
    repository.git("checkout", "-q", "-b", "work")
    repository.commit("two")
    repository.git("checkout", "-q", "main")
    repository.commit("other")
    repository.git("checkout", "-q", "work")
    assert repository.first == base(repository.path)


def test_the_remote_comes_first(repository):
    """The remote's main counts when there is one, not the local one."""
    second = repository.commit("two")
    repository.git("update-ref", "refs/remotes/origin/main", repository.first)
    assert (repository.first, True) == (base(repository.path), second != repository.first)


def test_main_that_is_pushed(repository):
    """When HEAD is the remote's main, the base is the commit before."""
    repository.git("update-ref", "refs/remotes/origin/main", repository.commit("two"))
    assert repository.first == base(repository.path)


def test_first_commit_has_no_base(repository):
    """The first commit has nothing before it, and that is said."""
    with pytest.raises(NoBase, match="HEAD is the first"):
        base(repository.path)


def test_shallow_clone_has_no_base(repository, tmp_path):
    """A shallow clone lacks the commit before, and the message says what brings it."""
    repository.commit("two")
    clone = tmp_path / "clone"
    repository.git("clone", "-q", "--depth=1", f"file://{repository.path}", str(clone))
    with pytest.raises(NoBase, match="the clone is shallow; `git fetch --unshallow`"):
        base(clone)


def test_no_repository_has_no_base(tmp_path):
    """A folder that is no repository has no base."""
    with pytest.raises(NoBase):
        base(tmp_path)


def test_export_has_that_state(repository, tmp_path):
    """The packages of the base are written as they were."""
    repository.commit("two")
    made = export(repository.path, repository.first, tmp_path / "base")
    assert "one" == (made / "packages/arlen-core/src/arlen_core/__init__.py").read_text("utf-8")


def test_export_leaves_the_repository_alone(repository, tmp_path):
    """Neither the working tree nor the list of worktrees changes."""
    repository.commit("two")
    before = repository.git("worktree", "list"), repository.git("status", "--porcelain")
    export(repository.path, repository.first, tmp_path / "base")
    assert before == (repository.git("worktree", "list"), repository.git("status", "--porcelain"))


def test_export_of_what_is_not_there(repository, tmp_path):
    """A commit that cannot be read is no base."""
    with pytest.raises(NoBase, match="0000000000"):
        export(repository.path, "0" * 40, tmp_path / "base")


def test_sources(repository):
    """The packages of a state are found by their folders."""
    assert str(repository.path / "packages" / "arlen-core" / "src") == sources(repository.path)


def test_sources_of_several(tmp_path):
    """Several packages are joined in the order of their names."""
    folders = [tmp_path / "packages" / name / "src" for name in ("arlen-core", "arlen-web")]
    for folder in folders:
        folder.mkdir(parents=True)
    assert os.pathsep.join(map(str, folders)) == sources(tmp_path)
