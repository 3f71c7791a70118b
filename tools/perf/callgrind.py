"""Callgrind: counts the instructions of one step of each path.

A count is the difference between the second and the first half of a run, so everything that happens once cancels out.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.perf.bases import sources
from tools.perf.instrument import possible

__all__ = ["Broken", "available", "command", "costs", "count", "environment", "profile", "spread", "warm"]

ROOT = Path(__file__).parents[2]
STEPS = 128  # random ids are made 128 at a time, so each run makes as many batches
_summary = re.compile(r"^summary: (\d+)", re.MULTILINE)
_name = re.compile(r"fn=\((\d+)\)(?: (.*))?")
_cost = re.compile(r"[+\-*]?\d* ?(\d+)$")


class Broken(Exception):
    """A path could not be measured; the text holds what it said."""


def available() -> bool:
    """Say whether valgrind is on this machine."""
    return shutil.which("valgrind") is not None


def count(names: Sequence[str], *, steps: int = STEPS, extra: float = 0.0) -> dict[str, int]:
    """Return the instructions of one step of each path.

    Args:
        names: of the paths.
        steps: more in the second half of a run than in the first.
        extra: work to add to each path, in per cent, to see whether somebody notices.

    Raises `Broken`.
    """
    with tempfile.TemporaryDirectory(prefix="arlen-perf-") as folder:
        parts = _measure(Path(folder), names, steps, extra)
        return {name: round((_total(parts[name][2]) - _total(parts[name][1])) / steps) for name in names}


def profile(name: str, *, steps: int = STEPS) -> dict[str, float]:
    """Return the instructions of one step by function of the interpreter and its libraries, without what they call."""
    with tempfile.TemporaryDirectory(prefix="arlen-perf-") as folder:
        part = _measure(Path(folder), [name], steps, 0.0)[name][2]
        return {function: cost / steps / 1.5 for function, cost in costs(part.read_text("utf-8")).items()}


def costs(text: str) -> dict[str, int]:
    r"""Return the cost of each function in a file of callgrind, without what it calls.

    >>> costs("fn=(1) main\n0 5\ncfn=(2)\ncalls=1 0\n0 100\nfn=(2) sub\n0 100\n")
    {'main': 5, 'sub': 100}
    """
    found: dict[str, int] = {}
    names: dict[str, str] = {}
    function, called = "", False
    for line in text.splitlines():
        if known := _name.match(line.removeprefix("c")):
            names.setdefault(known[1], (known[2] or known[1]).partition("'")[0])
            function = function if line.startswith("c") else names[known[1]]
        elif called:
            called = False  # the line after `calls=` is the cost of what was called
        elif line.startswith("calls="):
            called = True
        elif function and (cost := _cost.match(line)):
            found[function] = found.get(function, 0) + int(cost[1])
    return found


def spread(names: Sequence[str], ways: int) -> list[list[str]]:
    """Deal the paths out, so that each of several processes gets as many.

    >>> spread(["a", "b", "c"], 2)
    [['a', 'c'], ['b']]
    """
    return [hand for start in range(ways) if (hand := list(names[start::ways]))]


def environment(folder: Path) -> dict[str, str]:
    """Return a small environment that is the same everywhere; compiled modules are kept below `folder`."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.environ.get("PYTHONPATH") or sources(ROOT),
        "PYTHONPYCACHEPREFIX": str(folder / "cache"),
    }


def warm(folder: Path) -> None:
    """Compile all modules and check that an application answers. Raises `Broken`."""
    program = [sys.executable, "-m", "tools.perf.program", "1", "0"]
    done = subprocess.run(program, cwd=ROOT, env=environment(folder), check=False, capture_output=True, text=True)
    if done.returncode:
        raise Broken(f"the application does not work: {done.stderr.strip()}")


def command(folder: Path) -> list[str]:
    """Return the call of valgrind; what it counts is written to `folder` whenever the program calls getppid."""
    start = "no" if possible() else "yes"
    words = ["valgrind", "--quiet", "--tool=callgrind", "--dump-before=getppid", "--dump-line=no"]
    return [*words, f"--callgrind-out-file={folder}/out.%p", f"--instr-atstart={start}"]


def _measure(folder: Path, names: Sequence[str], steps: int, extra: float) -> dict[str, list[Path]]:
    """Run the paths under valgrind; return what callgrind wrote at each mark."""
    warm(folder)
    hands = spread(names, os.cpu_count() or 1)
    with ThreadPoolExecutor(len(hands)) as pool:
        printed = pool.map(lambda hand: _valgrind(folder, hand, steps, extra), hands)
        children = dict(line.split() for text in printed for line in text.splitlines())
    return {name: [folder / f"out.{child}.{part}" for part in (1, 2, 3)] for name, child in children.items()}


def _valgrind(folder: Path, names: Iterable[str], steps: int, extra: float) -> str:
    program = [sys.executable, "-m", "tools.perf.program", str(steps), str(extra), *names]
    call = [*command(folder), *program]
    done = subprocess.run(call, cwd=ROOT, env=environment(folder), check=False, capture_output=True, text=True)
    if done.returncode:
        raise Broken(done.stderr.strip() or f"valgrind ended with {done.returncode}")
    return done.stdout


def _total(part: Path) -> int:
    found = _summary.search(part.read_text("utf-8"))
    if found is None:
        raise Broken(f"callgrind wrote no summary to {part.name}")
    return int(found[1])
