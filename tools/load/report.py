"""Report: what was measured, as Markdown for readers and JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["HEAD", "Line", "circumstances", "mebibytes", "page", "row", "save"]

HEAD = "| check | what | goal | measured | |\n|---|---|---|---|---|"
PACKAGES = ("arlen-core", "arlen-server", "httptools", "uvloop", "msgspec")


@dataclass(frozen=True)
class Line:
    """One figure.

    Attributes:
        check: the check that found it.
        what: what was measured, and how.
        goal: what is wanted; empty when the figure only stands beside another one.
        measured: what was found, in words.
        met: whether that is what is wanted; `None` when there is no goal, or it could not be measured.
        promise: whether the server is wrong, and not only slow or large, when it is not met.
        figures: the numbers.
    """

    check: str
    what: str
    goal: str
    measured: str
    met: bool | None = None
    promise: bool = False
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """One word."""
        words = {True: "met", False: "**broken**" if self.promise else "not met", None: ""}
        return words[self.met]


def row(line: Line) -> str:
    """Return a line of the table."""
    return f"| {line.check} | {line.what} | {line.goal} | {line.measured} | {line.verdict} |"


def save(folder: Path, lines: Iterable[Line], *, quick: bool) -> None:
    """Write `load.json` and `load.md`; what other checks found before stays in them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "load.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        found.setdefault(line.check, []).append(asdict(line))
    for check, each in found.items():
        known[check] = {**circumstances(), "quick": quick, "lines": each}
    path.write_text(json.dumps(known, indent=2) + "\n")
    (folder / "load.md").write_text(page(known))


def page(known: dict[str, Any]) -> str:
    """Return the page that shows what was saved."""
    lines = [Line(**each) for check in known.values() for each in check["lines"]]
    parts = ["# Under load", "Written by `python -m tools.load --json`. A row without a verdict is for comparison."]
    parts += ["\n".join([HEAD, *map(row, lines)])]
    parts += ["\n".join(f"- {name}: {_where(check)}" for name, check in known.items())]
    return "\n\n".join(parts) + "\n"


def circumstances() -> dict[str, Any]:
    """Return when and on what this is measured."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def mebibytes(size: float) -> str:
    """Return a size for readers.

    >>> mebibytes(41 << 20)
    '41.0 MiB'
    """
    return f"{size / (1 << 20):.1f} MiB"


def _where(check: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in check["versions"].items())
    quick = " Quick form: the figures are rough." if check["quick"] else ""
    return f"{check['date']}, {check['machine']}, Python {check['python']}, {versions}.{quick}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
