"""Micros: runs the micro-benchmarks, keeps what they say, and compares it with the last time."""

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.perf.gates import Report

__all__ = ["HISTORY", "Run", "last", "read", "run", "save", "table"]

ROOT = Path(__file__).parents[2]
HISTORY = ROOT / "docs" / "benchmarks" / "micro"
"""One file a run, named by its time and commit."""


@dataclass(frozen=True)
class Run:
    """One run: when, of which commit, on which Python, and for each benchmark the median and the minimum in ns."""

    date: str
    commit: str
    python: str
    machine: str
    nanoseconds: dict[str, dict[str, float]]


def run() -> Report:
    """Run the benchmarks, save the result below `HISTORY`, and return a table beside the run before."""
    with tempfile.TemporaryDirectory(prefix="arlen-perf-") as folder:
        file = Path(folder, "micro.json")
        words = [
            "-o",
            "python_files=bench_*.py",
            "-p",
            "no:xdist",
            "-q",
            "--benchmark-only",
            f"--benchmark-json={file}",
        ]
        command = [sys.executable, "-m", "pytest", "tools/perf/micro", *words, "--benchmark-quiet"]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        if done.returncode:
            return Report(
                ["perf: the micro-benchmarks failed:", done.stdout.strip(), done.stderr.strip()], passed=False
            )
        made = read(json.loads(file.read_text(encoding="utf-8")), _commit())
    before = last(HISTORY)
    written = save(HISTORY, made)
    return Report([*table(before, made), f"perf: wrote {written.relative_to(ROOT)}"])


def read(report: Mapping[str, Any], commit: str) -> Run:
    """Return what counts of a report of pytest-benchmark; the name of the machine, among others, does not."""
    stats = {
        each["name"].removeprefix("test_"): {
            "median": round(each["stats"]["median"] * 1e9, 1),
            "min": round(each["stats"]["min"] * 1e9, 1),
        }
        for each in report["benchmarks"]
    }
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Run(date, commit, platform.python_version(), platform.machine(), stats)


def save(folder: Path, made: Run) -> Path:
    """Write a run to a file of its own, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{made.date.replace(':', '')}-{made.commit}.json"
    file.write_text(json.dumps(asdict(made), indent=2) + "\n", encoding="utf-8")
    return file


def last(folder: Path) -> Run | None:
    """Return the newest run, or `None`."""
    files = sorted(folder.glob("*.json"))
    return Run(**json.loads(files[-1].read_text(encoding="utf-8"))) if files else None


def table(before: Run | None, made: Run) -> list[str]:
    """Return the lines of a table: the minimum of each benchmark, now and before."""
    lines = [f"{'benchmark':<20} {'before ns':>12} {'now ns':>12} {'change':>8}"]
    for name, figures in made.nanoseconds.items():
        old, now = (before.nanoseconds.get(name) if before else None), figures["min"]
        then, change = (f"{old['min']:,.0f}", f"{now / old['min'] - 1:+.1%}") if old else ("-", "-")
        lines.append(f"{name:<20} {then:>12} {now:>12,.0f} {change:>8}")
    if before is not None:
        lines.append(f"before: {before.commit} of {before.date}, Python {before.python}")
    return lines


def _commit() -> str:
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=10"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
