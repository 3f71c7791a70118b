"""Report: what was measured, as a page."""

from datetime import datetime
from importlib.metadata import version
from statistics import median

from tools.bench.machine import describe
from tools.bench.processes import ROOT
from tools.bench.ratios import spread
from tools.metricsbench.rounds import Result

__all__ = ["page"]


def page(result: Result, rounds: int, times: int, now: datetime | None = None) -> str:
    """Return the page: a table for each task, with the ratio to its last lane, round by round."""
    about = describe(ROOT, (), now)
    where = f"{about['cpu']}, {about['cores']} cores, {about['python']}"
    peer = f"prometheus_client {version('prometheus_client')}, in its mode for several processes"
    how = f"Interleaved, {rounds} rounds of {times:,} calls, longer tasks less often"
    lines = ["# Metrics", "", f"{about['date']}, commit {about['commit']}; {where}; {peer}."]
    lines += [f"{how}. A ratio is the median of the rounds, with the least and the greatest.", ""]
    for task, lanes in result.items():
        lines += [f"## {task[0].upper()}{task[1:]}", "", "| lane | ns for a call | ratio |", "|---|---|---|"]
        base = list(lanes.values())[-1]
        for name, took in lanes.items():
            ratio = spread(a / b for a, b in zip(took, base, strict=True))
            lines.append(f"| {name} | {median(took):,.0f} | {ratio} |")
        lines.append("")
    return "\n".join(lines)
