"""Command: builds the compiled packages, tests them, and counts their instructions: `python -m tools.compiled`."""

import argparse
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tools.bench.environments import Absent
from tools.compiled.wheels import CACHE, PACKAGES, build, environment
from tools.perf import callgrind

__all__ = ["PATHS", "different", "main", "table"]

ROOT = Path(__file__).parents[2]
DIFFERENT = Path(__file__).with_name("different.toml")
PATHS = ("wire.minimal", "wire.defaults", "wire.parameters", "wire.post", "middlewares.five")
"""What is counted, of tools/perf."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for; return 1 when a test failed, 2 when nothing could be built or counted."""
    parser = argparse.ArgumentParser(prog="python -m tools.compiled", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", nargs="?", choices=["build", "test", "count"], default="build")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the wheels are kept (.bench/compiled)")
    options, rest = parser.parse_known_args(arguments)
    try:
        print(f"compiled: {build(options.cache)}", flush=True)
        if options.action == "test":
            return _test(options.cache, rest)
        if options.action == "count":
            print("\n".join(_count(options.cache)))
    except (Absent, callgrind.Broken) as error:
        print(f"compiled: {error}")
        return 2
    return 0


def different(path: Path = DIFFERENT) -> dict[str, str]:
    """Return the tests that cannot hold for compiled classes, by the beginning of their names, each with a reason."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))["test"]
    return {each["name"]: each["reason"] for each in found}


def table(pure: dict[str, int], compiled: dict[str, int]) -> list[str]:
    """Return the lines that compare two counts.

    >>> table({"wire.minimal": 40_000}, {"wire.minimal": 30_000})[-1]
    'wire.minimal           40,000     30,000   -25 %'
    """
    lines = [f"{'instructions a request':<20} {'pure':>8} {'compiled':>10}"]
    for name, count in pure.items():
        change = round(100 * (compiled[name] / count - 1))
        lines.append(f"{name:<18} {count:>10,} {compiled[name]:>10,} {change:>+5} %")
    return lines


def _test(cache: Path, options: list[str]) -> int:
    left = [f"--deselect={name}" for name in different()]
    folders = [f"packages/{name}/tests" for name in PACKAGES]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *left, *(options or folders)]
    return subprocess.call(command, cwd=ROOT, env=environment(cache))


def _count(cache: Path) -> list[str]:
    if not callgrind.available():
        raise Absent("valgrind is not on this machine, so nothing can be counted")
    pure = callgrind.count(PATHS)
    path, found = os.environ.get("PYTHONPATH"), environment(cache)["PYTHONPATH"]
    os.environ["PYTHONPATH"] = found
    try:
        return table(pure, callgrind.count(PATHS))
    finally:
        os.environ["PYTHONPATH"] = path or ""
