"""Test one package alone: in this empty environment it gets what it declares and the test tools, and nothing else.

`hatch run alone` does this for every package, every supported Python and three kinds of dependencies:

- `head`: the siblings as they are here, everything else as locked;
- `released`: the siblings as last released, left out as long as arlen-core has no release;
- `oldest`: the lowest versions that the package's ranges allow; a sibling without a release is taken as it is here.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.each import note
from tools.lock import ROOT, house, pins, read

__all__ = ["install", "main", "siblings"]

COLUMNS = ("oldest", "released", "head")


def main(arguments: list[str] | None = None) -> int:
    """Install the package and run its tests."""
    parser = argparse.ArgumentParser(prog="hatch run alone:test")
    parser.add_argument("package", help="the name, with or without arlen-")
    parser.add_argument("deps", choices=COLUMNS)
    options, rest = parser.parse_known_args(arguments)
    name = options.package if options.package.startswith("arlen") else f"arlen-{options.package}"
    label = f"{name} on Python {sys.version_info[0]}.{sys.version_info[1]} with {options.deps} dependencies"
    if reason := _skipped(name, options.deps):
        print(f"alone: {label}: skipped, {reason}", flush=True)
        note(f"{label}: skipped, {reason}")
        return 0
    print(f"alone: {label}", flush=True)
    code = _tested(name, options.deps, rest)
    kept = note(f"{label}: {'failed' if code else 'passed'}")
    return 0 if kept else code  # hatch would stop at the first failure; who keeps the ledger counts them


def siblings(name: str, root: Path) -> dict[str, list[str]]:
    """Return the arlen packages that a package needs, itself included, each with the extras to install."""
    found: dict[str, list[str]] = {}
    waiting = [name]
    while waiting:
        if (current := waiting.pop()) in found:
            continue
        project = read(root / "packages" / current / "pyproject.toml")["project"]
        extras = project.get("optional-dependencies", {})
        found[current] = sorted(extras) if current == name else []
        lines = [*project["dependencies"], *(line for lines in extras.values() for line in lines if current == name)]
        waiting += [_name(line) for line in lines if _name(line).startswith("arlen")]
    return found


def install(name: str, column: str, root: Path) -> None:
    """Install a package with its siblings in the wanted versions, and nothing from an index that is called arlen."""
    places = {sibling: _place(sibling, name, column, root) for sibling in siblings(name, root)}
    targets = [f"{sibling}{_extras(extras)} @ {places[sibling]}" for sibling, extras in siblings(name, root).items()]
    command = ["--resolution=lowest-direct"] if column == "oldest" else []
    command += [f"--reinstall-package={sibling}" for sibling in places]
    command += [f"--refresh-package={sibling}" for sibling in places]
    lines = [line for line in house(root).splitlines() if line.split()[0] not in places]
    lines += [f"{sibling} @ {place}" for sibling, place in places.items()]
    free = _declared(places, root) if column == "oldest" else set()
    lines += [text for pin, text in pins(root).items() if pin not in free]
    _uv([*command, *targets, *_requirements(root)], lines, root)


def _place(sibling: str, name: str, column: str, root: Path) -> str:
    from tools.releases import versions, wheel

    known = versions(sibling, root)
    if sibling == name or column == "head" or not known:
        return f"./packages/{sibling}"
    if column == "released":
        return wheel(sibling, known[-1], root).as_uri()
    from packaging.requirements import Requirement

    project = read(root / "packages" / name / "pyproject.toml")["project"]
    wanted = next((Requirement(line) for line in project["dependencies"] if _name(line) == sibling), None)
    fitting = [version for version in known if wanted is None or wanted.specifier.contains(version)]
    return wheel(sibling, fitting[0], root).as_uri() if fitting else f"./packages/{sibling}"


def _skipped(name: str, column: str) -> str | None:
    # The environment begins empty, and what reads versions needs `packaging`.
    _uv(_requirements(ROOT), list(pins(ROOT).values()), ROOT)
    from tools.releases import versions

    if column == "released" and name == "arlen-core":
        return "it is the core"
    if column == "released" and not versions("arlen-core", ROOT):
        return "arlen-core has no release yet (no tag arlen-core-v*)"
    return None


def _tested(name: str, column: str, options: list[str]) -> int:
    try:
        install(name, column, ROOT)
    except subprocess.CalledProcessError as error:
        return error.returncode  # uv has said why
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", f"packages/{name}", *options]
    return subprocess.call(command, cwd=ROOT)


def _uv(arguments: list[str], constraints: list[str], root: Path) -> None:
    environment = {
        key: value for key, value in os.environ.items() if key not in {"UV_CONSTRAINT", "UV_BUILD_CONSTRAINT"}
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "constraints.txt")
        path.write_text("\n".join(constraints), encoding="utf-8")
        command = [os.environ.get("HATCH_UV", "uv"), "pip", "install", "--quiet", f"--python={sys.executable}"]
        command += [f"--constraints={path}", f"--build-constraints={root / 'tools' / 'lock.txt'}"]
        subprocess.run([*command, *arguments], check=True, cwd=root, env=environment)


def _requirements(root: Path) -> list[str]:
    lines: list[str] = read(root / "hatch.toml")["envs"]["default"]["dependencies"]
    return lines


def _declared(names: Iterator[str] | dict[str, str], root: Path) -> set[str]:
    projects = [read(root / "packages" / name / "pyproject.toml")["project"] for name in names]
    lines = [line for project in projects for line in project["dependencies"]]
    lines += [
        line for project in projects for more in project.get("optional-dependencies", {}).values() for line in more
    ]
    return {_name(line) for line in lines} - {_name(line) for line in _requirements(root)}  # the test tools stay


def _extras(extras: list[str]) -> str:
    return f"[{','.join(extras)}]" if extras else ""


def _name(line: str) -> str:
    end = next((i for i, c in enumerate(line) if not (c.isalnum() or c in "-_.")), len(line))
    return line[:end].lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    sys.exit(main())
