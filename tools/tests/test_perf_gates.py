"""The gates: what they say and when they fail."""

import json

import pytest

from tools.perf import bases, gates, pairs
from tools.perf.baseline import Baseline, Change
from tools.perf.gates import against_base, against_baseline, judge_counts, judge_times
from tools.perf.interval import Interval
from tools.perf.pairs import Lacking

HERE = {"python": "3.11.7", "msgspec": "0.22.0"}
SAME = Interval(1.001, 0.990, 1.012)
SLOWER = Interval(1.100, 1.080, 1.120)
UNSURE = Interval(1.050, 0.990, 1.110)


@pytest.fixture
def baseline(tmp_path):
    """A baseline of one path."""
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps([{"environment": HERE, "instructions": {"wire.minimal": 100_000}}]), "utf-8")
    return Baseline(path)


def counting(**counts: int):
    """Return something that counts: `wire_minimal=1` is the path wire.minimal."""
    known = {name.replace("_", "."): count for name, count in counts.items()}
    return lambda names: {name: known[name] for name in names}


def never(names):
    """Fail: nobody should count."""
    raise AssertionError(f"counted {names}")


# -- by instructions


def test_same_counts_pass(baseline):
    """What has not changed passes, with a line for each path and no more words."""
    report = against_baseline(baseline, HERE, ["wire.minimal"], counting(wire_minimal=101_000))
    assert (True, ["wire.minimal                  100,000      101,000   +1.00%"]) == (report.passed, report.lines[1:])


def test_slower_fails_with_the_way_on(baseline):
    """More than three per cent fail, and the message says how to see why and how to accept it."""
    report = against_baseline(baseline, HERE, ["wire.minimal"], counting(wire_minimal=103_100))
    assert not report.passed
    assert report.lines[1].endswith("+3.10%  SLOWER")
    assert "more than 3% slower: wire.minimal" in report.lines[-1]
    assert "--profile wire.minimal" in report.lines[-1]
    assert "python -m tools.perf --update" in report.lines[-1]


def test_faster_passes_with_a_hint(baseline):
    """More than three per cent less pass, and the message asks for a new baseline."""
    report = against_baseline(baseline, HERE, ["wire.minimal"], counting(wire_minimal=90_000))
    assert (True, "perf: faster: wire.minimal; keep it: python -m tools.perf --update") == (
        report.passed,
        report.lines[-1],
    )


def test_path_without_baseline_fails_with_the_command(baseline):
    """A path that the baseline lacks fails, and the message is the command that writes it."""
    report = against_baseline(baseline, HERE, ["wire.minimal", "wire.new"], counting(wire_minimal=100_000, wire_new=1))
    assert not report.passed
    assert report.lines[-1] == (
        "perf: no baseline for wire.new; write it: python -m tools.perf --update --paths wire.new"
    )


def test_no_baseline_at_all_fails(tmp_path):
    """Without a file there is nothing to pass; nobody counts for minutes before saying so."""
    report = against_baseline(Baseline(tmp_path / "none.json"), HERE, ["wire.minimal"], never)
    assert (False, ["perf: there is no baseline; write one: python -m tools.perf --update"]) == (
        report.passed,
        report.lines,
    )


def test_stale_baseline_fails(baseline):
    """When the lock has changed and the baseline has not, the gate fails and says what has changed."""
    report = against_baseline(baseline, {**HERE, "msgspec": "0.23.0"}, ["wire.minimal"], never)
    assert not report.passed
    assert "msgspec 0.23.0 instead of 0.22.0" in report.lines[0]
    assert "python -m tools.perf --update" in report.lines[1]


def test_unknown_environment_is_for_the_other_gate(baseline):
    """Another Python is not compared with counts that are not its own."""
    assert against_baseline(baseline, {**HERE, "python": "3.14.0"}, ["wire.minimal"], never) is None


def test_all_verdicts_in_one_report():
    """Each kind has its own line, and one failure fails all."""
    changes = [Change("a.a", 100, 100), Change("a.b", 100, 120), Change("a.c", 100, 50), Change("a.d", None, 9)]
    report = judge_counts(changes)
    assert (False, 1 + 4 + 3) == (report.passed, len(report.lines))
    assert ["no baseline for a.d", "slower: a.b", "faster: a.c"] == [
        next(part for part in line.split("; ")[0].split(": ", 1)[1:]).replace("more than 3% ", "")
        for line in report.lines[5:]
    ]


# -- by time


def test_times_that_are_the_same_pass():
    """An interval around one passes."""
    assert judge_times({"wire.minimal": SAME}, "0123456789abcdef").passed


def test_times_that_are_slower_fail_with_the_numbers():
    """An interval wholly above the limit fails, and the line has ratio and bounds."""
    report = judge_times({"wire.minimal": SLOWER, "head.plain": SAME}, "0123456789abcdef")
    assert not report.passed
    assert "wire.minimal              1.100  (1.080 to 1.120)  SLOWER" in report.lines
    assert report.lines[-1] == "perf: slower: wire.minimal: the whole interval lies above 1.03"


def test_unsure_passes_and_says_so():
    """A ratio that may be nothing passes, with a word."""
    report = judge_times({"wire.minimal": UNSURE}, "0123456789abcdef")
    assert (True, True) == (report.passed, report.lines[-1].endswith("unsure"))


def test_path_that_the_base_lacks_is_loud():
    """A new path passes, and its line says in capitals that nobody compared it."""
    report = judge_times({"wire.new": Lacking("Unknown: there is no path"), "head.plain": SLOWER}, "0123456789abcdef")
    assert "wire.new                 NOT COMPARED: the base cannot run it: Unknown: there is no path" in report.lines
    assert not report.passed


def test_no_base_is_loud_and_passes(tmp_path):
    """Without a base nothing can be compared: that is said, for each path, and does not fail."""
    report = against_base(tmp_path, ["wire.minimal", "head.plain"])
    assert (True, True) == (report.passed, report.lines[0].startswith("perf: NOT COMPARED: wire.minimal, head.plain: "))


def test_base_is_compared(monkeypatch, tmp_path):
    """The packages of the base are compared with those of the working tree."""
    seen = []
    monkeypatch.setattr(bases, "base", lambda root: "0123456789abcdef")
    monkeypatch.setattr(bases, "export", lambda root, commit, folder: folder)
    monkeypatch.setattr(pairs, "compare", lambda before, now, names: seen.append(now) or dict.fromkeys(names, SLOWER))
    report = against_base(tmp_path, ["wire.minimal"])
    assert (False, [tmp_path]) == (report.passed, seen)
    assert report.lines[0].startswith("processor time as a ratio to 0123456789ab")


def test_path_that_does_not_work_now_fails(monkeypatch, tmp_path):
    """When the working tree itself cannot run a path, that is a failure and no lack of the base."""

    def broken(before, now, names):
        raise Lacking("AssertionError: the path does not work")

    monkeypatch.setattr(bases, "base", lambda root: "0123456789abcdef")
    monkeypatch.setattr(bases, "export", lambda root, commit, folder: folder)
    monkeypatch.setattr(pairs, "compare", broken)
    report = against_base(tmp_path, ["wire.minimal"])
    assert (False, ["perf: a path does not work: AssertionError: the path does not work"]) == (
        report.passed,
        report.lines,
    )


def test_update_command_is_one():
    """The command in the messages is the one that writes the baseline."""
    assert gates.UPDATE == "python -m tools.perf --update"
