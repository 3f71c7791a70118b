"""Layers: what each part of one request costs, in instructions, as a table for docs/performance.md."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from tools.perf.callgrind import ROOT, Broken, command, count, environment, warm
from tools.perf.seams import LAYERS, STEPS

__all__ = ["Costs", "Price", "attribute", "measure", "prices", "table"]

_summary = re.compile(rb"^summary: (\d+)", re.MULTILINE)
HARNESS = "harness"
"""What is no layer: the loop around the steps and the transport that takes the answer."""


@dataclass(frozen=True)
class Price:
    """What two marks add: to the function between them, and to the one around them."""

    inner: float
    outer: float


@dataclass
class Costs:
    """The instructions of one step by layer, and the functions of layers that are not there."""

    layers: dict[str, float]
    missing: list[str]


def measure(path: str) -> Costs:
    """Run a path with marks in it, and return what each layer costs. Raises `Broken`."""
    with tempfile.TemporaryDirectory(prefix="arlen-perf-") as name:
        folder = Path(name)
        warm(folder)
        call = [*command(folder), sys.executable, "-m", "tools.perf.stages", path]
        done = subprocess.run(call, cwd=ROOT, env=environment(folder), check=False, capture_output=True, text=True)
        if done.returncode:
            raise Broken(done.stderr.strip() or f"valgrind ended with {done.returncode}")
        said = json.loads(done.stdout.splitlines()[-1])
        costs = _parts(folder, len(said["trail"]))
    return Costs(attribute(said["trail"], costs, count([path])[path]), said["missing"])


def attribute(trail: Sequence[str | None], costs: Sequence[float], whole: float) -> dict[str, float]:
    """Return the cost of one step by layer, without what the marks cost.

    What marks cost depends a little on what they are around. So what they cost around nothing only says how it is
    shared out; how much it is in all is what the step took with marks less what it takes without.

    Args:
        trail: what began at each mark, as `Seams.trail`.
        costs: what lay between each mark and the next one.
        whole: of one step without marks.
    """
    begin, known = trail.index("step"), prices(trail, costs)
    found, marks = {HARNESS: 0.0, **{name: 0.0 for name, _ in LAYERS}}, dict.fromkeys([HARNESS, *dict(LAYERS)], 0.0)
    stack: list[str] = [HARNESS]
    for label, cost in zip(trail[begin + 1 : -2], costs[begin + 1 :], strict=False):
        if label is None:
            price = known[stack.pop().endswith("~")].outer
        else:
            stack.append(label)
            price = known[label.endswith("~")].inner
        layer = stack[-1].rstrip("~")
        found[layer] += cost / STEPS
        marks[layer] += price / STEPS
    share = (sum(found.values()) - whole) / (sum(marks.values()) or 1.0)
    return {name: cost - marks[name] * share for name, cost in found.items()}


def prices(trail: Sequence[str | None], costs: Sequence[float]) -> tuple[Price, Price]:
    """Return what marks cost around a plain function, and around a coroutine."""
    found = []
    start = 0
    for _ in range(2):
        at = trail.index("loop", start)
        end = trail.index("over", at)
        segments = list(zip(trail[at:end], costs[at:end], strict=True))
        inside = [cost for label, cost in segments if label in {"empty", "empty~"}]
        around = sum(cost for label, cost in segments if label in {"marked", None}) / len(inside)
        loop, call = costs[at] / len(inside), costs[at + 1] / len(inside)
        found.append(Price(fmean(inside) - (call - loop), around - loop))
        start = end
    return found[0], found[1]


def table(columns: dict[str, Costs]) -> list[str]:
    """Return the lines of a Markdown table, one column a path."""
    known = [*(name for name, _ in LAYERS), HARNESS]
    names = [name for name in known if any(round(each.layers.get(name, 0)) for each in columns.values())]
    lines = [f"| layer | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for name in names:
        cells = " | ".join(f"{each.layers.get(name, 0):,.0f}" for each in columns.values())
        lines.append(f"| {name} | {cells} |")
    sums = " | ".join(f"{sum(each.layers.values()):,.0f}" for each in columns.values())
    lines.append(f"| all | {sums} |")
    missing = sorted({place for each in columns.values() for place in each.missing})
    return [*lines, "", f"not there: {', '.join(missing)}"] if missing else lines


def _parts(folder: Path, count: int) -> list[float]:
    """Return what callgrind counted between one mark and the next: the file of a mark has what came before it."""
    files = {int(path.suffix[1:]): path for path in folder.glob("out.*.*")}
    marks = sorted(files)[-count:]
    return [_total(files[number]) for number in marks[1:]]


def _total(path: Path) -> float:
    with path.open("rb") as file:
        found = _summary.search(file.read(4096))
    if found is None:
        raise Broken(f"callgrind wrote no summary to {path.name}")
    return float(found[1])
