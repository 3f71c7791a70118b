"""Bases: the state of the packages that a change is compared with."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

__all__ = ["NoBase", "base", "export", "sources"]

MAIN = "origin/main"


class NoBase(Exception):
    """There is nothing to compare with; the text says why."""


def base(root: Path) -> str:
    """Return the commit to compare the working tree with.

    It is where the branch left `origin/main`, or `main` without a remote; on `main` itself, the commit before `HEAD`.

    Raises `NoBase`: a shallow clone, or the first commit of all.
    """
    head = _git(root, "rev-parse", "HEAD")
    for main in (MAIN, "main"):
        found = _git(root, "merge-base", "HEAD", main)
        if found and found != head:
            return found
        if found:
            break
    before = _git(root, "rev-parse", "--verify", "--quiet", "HEAD~1")
    if not before:
        why = (
            "the clone is shallow"
            if _git(root, "rev-parse", "--is-shallow-repository") == "true"
            else "HEAD is the first"
        )
        raise NoBase(f"there is no commit to compare with: {why}; `git fetch --unshallow` brings the history")
    return before


def export(root: Path, commit: str, folder: Path) -> Path:
    """Write the packages of a commit below a folder, and return it. The repository itself is not touched."""
    command = ["git", "-C", str(root), "archive", "--format=tar", commit, "packages"]
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode:
        raise NoBase(f"{commit[:12]} cannot be read: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def sources(root: Path) -> str:
    """Return the PYTHONPATH of a state of the packages."""
    return os.pathsep.join(str(path) for path in sorted(root.glob("packages/*/src")))


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
