"""The lock: exact versions and hashes of everything that is installed here, for every platform and Python.

`hatch run lock` keeps what is locked and adds what is new; `hatch run lock --upgrade` takes the newest of everything.
No host of an index is written down: the versions and hashes are the same wherever they are fetched from.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["house", "inputs", "main", "pins", "problems", "read", "stamp"]

ROOT = Path(__file__).parents[1]
OURS = re.compile(r"arlen(-[a-z0-9]+)*(?=$|[\[<>=!~; ])")


def read(path: Path) -> dict[str, Any]:
    """Read a TOML file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def inputs(root: Path) -> list[str]:
    """Return what the lock must satisfy: what the packages declare, need to be built, and hatch.toml adds."""
    found = set(read(root / "hatch.toml")["envs"]["default"]["dependencies"])
    for path in root.glob("packages/*/pyproject.toml"):
        data = read(path)
        found.update(data["build-system"]["requires"], *_declared(data["project"]))
    return sorted(line for line in found if not OURS.match(line))


def house(root: Path) -> str:
    """Return the constraints that make every arlen package come from this repository and never from an index."""
    names = sorted(path.parent.name for path in root.glob("packages/*/pyproject.toml"))
    return "".join(f"{name} @ ./packages/{name}\n" for name in names)


def pins(root: Path) -> dict[str, str]:
    """Return what is locked: for each name, the lines with its version and hashes."""
    entries = re.split(r"\n(?=[a-z0-9])", (root / "tools" / "lock.txt").read_text(encoding="utf-8"))
    return {entry.partition("==")[0]: entry for entry in entries if "==" in entry.partition("\n")[0]}


def stamp(lines: list[str]) -> str:
    """Return the comment that ties a lock to its inputs."""
    return f"# inputs: {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:16]}"


def problems(root: Path) -> Iterator[str]:
    """Say what is wrong with the locks, without a network."""
    for name, lines in _locks(root).items():
        path = root / "tools" / name
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if stamp(lines) not in text:
            yield f"tools/{name}: what it locks has changed; run `hatch run lock`"
        if "://" in text or "index-url" in text:
            yield f"tools/{name}: names the host of an index; run `hatch run lock` without index options"
        if text.count("==") > text.count(" \\\n"):
            yield f"tools/{name}: a requirement has no hash; run `hatch run lock`"
    path = root / "tools" / "house.txt"
    if not path.is_file() or path.read_text(encoding="utf-8") != house(root):
        yield "tools/house.txt: does not list the packages; run `hatch run lock`"


def main() -> int:
    """Write the locks, or check them."""
    parser = argparse.ArgumentParser(prog="hatch run lock", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say what is wrong")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    options = parser.parse_args()
    if options.check:
        found = list(problems(ROOT))
        print("\n".join(found) or "the locks are up to date")
        return 1 if found else 0
    (ROOT / "tools" / "house.txt").write_text(house(ROOT), encoding="utf-8")
    for name, lines in _locks(ROOT).items():
        _compile(ROOT / "tools" / name, lines, upgrade=options.upgrade)
        print(f"wrote tools/{name}")
    return 0


def _declared(project: dict[str, Any]) -> Iterator[list[str]]:
    yield project.get("dependencies", [])
    yield from project.get("optional-dependencies", {}).values()


def _locks(root: Path) -> dict[str, list[str]]:
    boot = (root / "tools" / "boot.in").read_text(encoding="utf-8").splitlines()
    return {"boot.txt": boot, "lock.txt": inputs(root)}


def _compile(path: Path, lines: list[str], *, upgrade: bool) -> None:
    command = [os.environ.get("HATCH_UV", "uv"), "pip", "compile", "--quiet", "--universal", "--python-version=3.11"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", f"--output-file={path}"]
    command += ["--upgrade"] if upgrade else []
    environment = {key: value for key, value in os.environ.items() if key not in {"UV_CONSTRAINT", "UV_OVERRIDE"}}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "inputs.txt")
        source.write_text("\n".join(lines), encoding="utf-8")
        subprocess.run([*command, str(source)], check=True, env=environment)
    text = "\n".join(line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    path.write_text(f"# Written by `hatch run lock`.\n{stamp(lines)}\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
