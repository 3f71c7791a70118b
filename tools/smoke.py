"""Run the quick tests on every other supported Python of this machine: `hatch run smoke`.

Looks on PATH and where pyenv, uv, asdf, Homebrew and CI images put their interpreters; says which ones are missing.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.lock import ROOT, read

__all__ = ["find", "main"]

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


def main(arguments: list[str]) -> int:
    """Run the tests on each; return 1 when they failed on one."""
    current = "{}.{}".format(*sys.version_info)
    versions = read(ROOT / "hatch.toml")["envs"]["smoke"]["matrix"][0]["python"]
    failed = []
    for version in versions:
        if version == current:
            continue
        if (python := find(version)) is None:
            print(f"smoke: Python {version} is not on this machine: left out", flush=True)
            continue
        print(f"smoke: Python {version}", flush=True)
        environment = {**os.environ, "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])}
        command = ["hatch", "run", f"+python={version}", "smoke:quick", *arguments]
        failed += [version] if subprocess.call(command, cwd=ROOT, env=environment) else []
    print(f"smoke: failed on Python {', '.join(failed)}" if failed else "smoke: passed")
    return 1 if failed else 0


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
