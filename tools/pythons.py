"""The supported Pythons of this machine, whether they are on PATH or not.

Looks on PATH and where pyenv, uv, asdf, Homebrew and CI images put their interpreters.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.lock import ROOT, read

__all__ = ["environment", "find", "supported"]

PLACES = (
    "~/.pyenv/versions/*/bin",
    "~/.local/share/uv/python/*/bin",
    "~/.asdf/installs/python/*/bin",
    "/opt/hostedtoolcache/Python/*/x64/bin",
    "/opt/python/*/bin",
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/usr/bin",
)


def find(version: str) -> Path | None:
    """Return an interpreter of a version, as in "3.12", that really starts; None when there is none."""
    return next((path for path in _candidates(version) if _starts(path, version)), None)


def supported() -> list[str]:
    """Return the versions that hatch.toml tests, as in "3.12"."""
    versions: list[str] = read(ROOT / "hatch.toml")["envs"]["smoke"]["matrix"][0]["python"]
    return versions


def environment() -> dict[str, str]:
    """Return the environment with every supported interpreter on PATH, after what is there already."""
    found = [str(python.parent) for version in supported() if (python := find(version))]
    return {**os.environ, "PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), *found])}


def _candidates(version: str) -> Iterator[Path]:
    folders = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)]
    beside = str(Path(sys.base_prefix).parent / "*" / "bin")  # where this one is, there may be others
    for place in (beside, *PLACES):
        base, star, pattern = os.path.expanduser(place).partition("*")  # noqa: PTH111 - a pattern, not a path
        folders += sorted(Path(base).glob(star + pattern), key=_numbers, reverse=True) if star else [Path(base)]
    yield from (folder / f"python{version}" for folder in folders if (folder / f"python{version}").is_file())


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def _starts(path: Path, version: str) -> bool:
    command = [str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() == version
