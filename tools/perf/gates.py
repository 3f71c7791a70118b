"""Gates: whether a change makes a path slower: by instructions against the baseline, else by time against the base.

Both return lines to print and whether the gate is passed.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.perf import bases, pairs
from tools.perf.baseline import LIMIT, Baseline, Change
from tools.perf.interval import Interval
from tools.perf.pairs import Lacking

__all__ = ["Report", "against_base", "against_baseline", "judge_counts", "judge_times"]

UPDATE = "python -m tools.perf --update"
_WORDS = {"missing": "NO BASELINE", "slower": "SLOWER", "faster": "faster", "same": ""}


@dataclass
class Report:
    """What a gate says, and whether it is passed."""

    lines: list[str] = field(default_factory=list)
    passed: bool = True


def against_baseline(
    baseline: Baseline,
    environment: Mapping[str, str],
    names: Sequence[str],
    count: Callable[[Sequence[str]], Mapping[str, int]],
) -> Report | None:
    """Count instructions and compare; return `None` when the baseline knows no environment like this.

    Args:
        baseline: the committed counts.
        environment: of this run.
        names: of the paths.
        count: counts them.
    """
    entry = baseline.find(environment)
    if entry is not None:
        counts = count(names)
        return judge_counts([Change(name, entry.instructions.get(name), counts[name]) for name in names])
    stale = baseline.stale(environment)
    if stale:
        why = f"perf: the baseline was written with other libraries: {', '.join(stale)}"
        return Report([why, f"perf: write it anew: {UPDATE}"], passed=False)
    if not baseline.entries:
        return Report([f"perf: there is no baseline; write one: {UPDATE}"], passed=False)
    return None


def judge_counts(changes: Sequence[Change]) -> Report:
    """Make the table of counts, and say what to do about each path that is not as it was."""
    report = Report([f"{'path':<24} {'baseline':>12} {'now':>12} {'change':>8}"])
    for each in changes:
        before, ratio = ("-", "-") if each.before is None else (f"{each.before:,}", f"{each.ratio:+.2%}")
        report.lines.append(f"{each.path:<24} {before:>12} {each.now:>12,} {ratio:>8}  {_WORDS[each.verdict]}".rstrip())
    named = {word: [each.path for each in changes if each.verdict == word] for word in _WORDS}
    if named["missing"]:
        fix = f"write it: {UPDATE} --paths {' '.join(named['missing'])}"
        report.lines.append(f"perf: no baseline for {', '.join(named['missing'])}; {fix}")
    if named["slower"]:
        report.lines.append(
            f"perf: more than {LIMIT:.0%} slower: {', '.join(named['slower'])}; see where it goes with"
            f" `python -m tools.perf --profile {named['slower'][0]}`; when it is worth its price, run `{UPDATE}` and"
            " say why in the commit"
        )
    if named["faster"]:
        report.lines.append(f"perf: faster: {', '.join(named['faster'])}; keep it: {UPDATE}")
    report.passed = not named["missing"] and not named["slower"]
    return report


def against_base(root: Path, names: Sequence[str]) -> Report:
    """Compare the packages of the working tree with those of the base by processor time."""
    try:
        commit = bases.base(root)
        with tempfile.TemporaryDirectory(prefix="arlen-perf-") as folder:
            before = bases.export(root, commit, Path(folder))
            return judge_times(pairs.compare(before, root, names), commit)
    except bases.NoBase as error:
        return Report([f"perf: NOT COMPARED: {', '.join(names)}: {error}"])
    except Lacking as error:
        return Report([f"perf: a path does not work: {error}"], passed=False)


def judge_times(found: Mapping[str, Interval | Lacking], commit: str) -> Report:
    """Make the table of ratios; a path whose whole interval lies above the limit fails."""
    report = Report([f"processor time as a ratio to {commit[:12]}, with 95 % confidence"])
    slower = []
    for name, each in found.items():
        if isinstance(each, Lacking):
            report.lines.append(f"{name:<24} NOT COMPARED: the base cannot run it: {each}")
            continue
        word = "SLOWER" if each.slower(pairs.LIMIT) else "unsure" if each.unsure(pairs.LIMIT) else ""
        slower += [name] if word == "SLOWER" else []
        report.lines.append(f"{name:<24} {each.ratio:6.3f}  ({each.low:.3f} to {each.high:.3f})  {word}".rstrip())
    if slower:
        report.lines.append(f"perf: slower: {', '.join(slower)}: the whole interval lies above {pairs.LIMIT}")
    report.passed = not slower
    return report
