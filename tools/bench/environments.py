"""Environments: a virtual environment for each peer, with pinned packages, made on first use."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.bench.words import ending, plain

__all__ = ["Absent", "made", "make", "pins"]

PEERS = Path(__file__).with_name("peers")


class Absent(Exception):
    """A peer could not be installed; the message says why."""


def pins(peer: str, folder: Path = PEERS) -> list[str]:
    """Return the pinned requirements of a peer; raises `Absent` for one that pins nothing, or not everything."""
    path = folder / f"{peer}.txt"
    if not path.is_file():
        raise Absent(f"there is no {path.name}")
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    found = [line for line in lines if line]
    if loose := [line for line in found if "==" not in line]:
        raise Absent(f"{path.name} does not pin {', '.join(loose)}")
    return found


def made(peer: str, cache: Path, folder: Path = PEERS) -> bool:
    """Whether the environment of a peer is there, with the packages that are pinned now."""
    mark = _home(peer, cache) / "pins"
    python = _home(peer, cache) / "bin" / "python"
    return mark.is_file() and python.exists() and mark.read_text() == _mark(pins(peer, folder))


def make(peer: str, cache: Path, folder: Path = PEERS) -> Path:
    """Return the interpreter of a peer's environment, after making it, or making it anew when its pins have changed.

    Raises `Absent` when it cannot be installed.
    """
    home = _home(peer, cache)
    if not made(peer, cache, folder):
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        for command in _commands(home, folder / f"{peer}.txt"):
            _run(command)
        (home / "pins").write_text(_mark(pins(peer, folder)))
    return home / "bin" / "python"


def _home(peer: str, cache: Path) -> Path:
    return cache.absolute() / f"{peer}-py{sys.version_info[0]}{sys.version_info[1]}"


def _mark(lines: list[str]) -> str:
    return hashlib.sha256("\n".join([sys.version, *lines]).encode()).hexdigest()


def _commands(home: Path, requirements: Path) -> list[list[str]]:
    python = str(home / "bin" / "python")
    if uv := os.environ.get("HATCH_UV") or shutil.which("uv"):
        return [
            [uv, "venv", "--quiet", "--python", sys.executable, str(home)],
            [uv, "pip", "install", "--quiet", "--python", python, "-r", str(requirements)],
        ]
    return [
        [sys.executable, "-m", "venv", str(home)],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)],
    ]


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=_environ())
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(plain(f"{Path(command[0]).name}: {error}")) from None
    if done.returncode:
        raise Absent(f"{Path(command[0]).name} failed: {ending(done.stderr or done.stdout)}")


def _environ() -> dict[str, str]:
    # hatch's environment holds every install to our own lock, and a peer has its own.
    return {name: value for name, value in os.environ.items() if name not in {"UV_CONSTRAINT", "UV_BUILD_CONSTRAINT"}}
