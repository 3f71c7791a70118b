"""The machine: where something was measured, and with which versions of everything."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from tools.bench.environments import Absent, pins

__all__ = ["describe", "model"]

LIBRARIES = ("httptools", "jinja2", "msgspec", "structlog", "uvloop")
CPUINFO = Path("/proc/cpuinfo")


def describe(root: Path, peers: Iterable[str], now: datetime | None = None) -> dict[str, Any]:
    """Return the date, the machine, the interpreter, the commit, and the versions of what is used."""
    return {
        "date": (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC"),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "kernel": f"{platform.system()} {platform.release()}",
        "cpu": model(CPUINFO),
        "cores": os.cpu_count() or 1,
        "commit": _commit(root),
        "wrk": _wrk(),
        "libraries": _versions(root),
        "peers": {peer: _pins(peer) for peer in sorted(set(peers))},
    }


def model(path: Path) -> str:
    """Return the model of the processor: that of a cpuinfo file, or what Python knows."""
    text = path.read_text(errors="replace") if path.is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _versions(root: Path) -> dict[str, str]:
    names = [path.name for path in sorted((root / "packages").glob("arlen*"))]
    found = {}
    for name in [*names, *LIBRARIES]:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _pins(peer: str) -> list[str]:
    try:
        return pins(peer)
    except Absent:
        return []


def _commit(root: Path) -> str:
    head = _output(["git", "-C", str(root), "rev-parse", "--short", "HEAD"])
    changed = _output(["git", "-C", str(root), "status", "--porcelain", "--untracked-files=no"])
    return f"{head}{' with changes' if changed else ''}" if head else "unknown"


def _wrk() -> str:
    lines = _output(["wrk", "-v"]).splitlines() if shutil.which("wrk") else []
    return " ".join(lines[0].split()[:2]) if lines else ""


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()  # wrk -v ends with 1
