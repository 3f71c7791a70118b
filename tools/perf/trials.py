"""Trials: the gates put to the test: the same twice passes, and ten per cent more work does not."""

from collections.abc import Sequence
from pathlib import Path

from tools.perf import callgrind, pairs
from tools.perf.baseline import Change
from tools.perf.gates import Report, judge_counts, judge_times

__all__ = ["EXTRA", "counts", "times"]

EXTRA = 10.0
"""Per cent of work that is put into the path."""


def counts(names: Sequence[str]) -> Report:
    """Put the gate of instructions to the test. Needs valgrind."""
    first = callgrind.count(names)
    same = judge_counts([Change(name, first[name], now) for name, now in callgrind.count(names).items()])
    more = [Change(name, first[name], now) for name, now in callgrind.count(names, extra=EXTRA).items()]
    missed = [each.path for each in more if each.verdict != "slower"]
    return _judged("instructions", same, judge_counts(more), missed)


def times(names: Sequence[str], root: Path, **options: int) -> Report:
    """Put the gate of time to the test, with one state of the packages as base and as present."""
    same = judge_times(pairs.compare(root, root, names, **options), "itself")
    found = pairs.compare(root, root, names, extra=EXTRA, **options)
    missed = [name for name, each in found.items() if isinstance(each, pairs.Lacking) or not each.slower(pairs.LIMIT)]
    return _judged("time", same, judge_times(found, "itself"), missed)


def _judged(kind: str, same: Report, more: Report, missed: list[str]) -> Report:
    lines = [f"{kind}: the same twice", *same.lines, f"{kind}: with {EXTRA:.0f} % more work", *more.lines]
    if not same.passed:
        lines.append(f"perf: the gate of {kind} does not pass what has not changed")
    if missed:
        lines.append(f"perf: the gate of {kind} does not see {EXTRA:.0f} % in {', '.join(missed)}")
    return Report(lines, passed=same.passed and not missed)
