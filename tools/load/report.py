"""Report: what was measured, as Markdown for readers and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tools.bench.machine import describe
from tools.bench.processes import ROOT

__all__ = ["HEAD", "Line", "mebibytes", "page", "row", "save"]

HEAD = "| check | what | goal | measured | |\n|---|---|---|---|---|"


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
    machine = describe(ROOT, ())
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        found.setdefault(line.check, []).append(asdict(line))
    for check, each in found.items():
        known[check] = {"machine": machine, "quick": quick, "lines": each}
    path.write_text(json.dumps(known, indent=2) + "\n")
    (folder / "load.md").write_text(page(known))


def page(known: dict[str, Any]) -> str:
    """Return the page that shows what was saved."""
    lines = [Line(**each) for check in known.values() for each in check["lines"]]
    parts = ["# Under load", "Written by `python -m tools.load --json`. A row without a verdict is for comparison."]
    parts += ["\n".join([HEAD, *map(row, lines)])]
    places: dict[str, list[str]] = {}
    for name, check in known.items():
        places.setdefault(_where(check), []).append(name)
    parts += ["\n".join(f"- {', '.join(names)}: {where}" for where, names in places.items())]
    return "\n\n".join(parts) + "\n"


def mebibytes(size: float) -> str:
    """Return a size for readers.

    >>> mebibytes(41 << 20)
    '41.0 MiB'
    """
    return f"{size / (1 << 20):.1f} MiB"


def _where(check: dict[str, Any]) -> str:
    machine = check["machine"]
    versions = ", ".join(f"{library} {number}" for library, number in machine["libraries"].items())
    place = "{date}, {cpu}, {cores} cores, {kernel}, {python}, {commit}".format(**machine)
    return f"{place}, {versions}.{' Quick form: the figures are rough.' if check['quick'] else ''}"
