"""The self-test of the gates: the same twice passes, and ten per cent more work fails, in both."""

import shutil

import pytest

from tools.perf import callgrind, pairs, profiles, trials
from tools.perf.interval import Interval
from tools.perf.pairs import ROOT, Lacking

needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")


@pytest.mark.timeout(900)  # on a machine that does much else
@needs_valgrind
def test_gate_of_instructions():
    """It passes what has not changed, and fails ten per cent."""
    report = trials.counts(["router.static10"])
    assert report.passed, "\n".join(report.lines)
    assert any(line.endswith("SLOWER") for line in report.lines)


@pytest.mark.timeout(900)  # on a machine that does much else
def test_gate_of_time():
    """It passes what has not changed, and fails ten per cent, also on a machine that does other things."""
    report = trials.times(["head.browser"], ROOT)
    assert report.passed, "\n".join(report.lines)
    assert any(line.endswith("SLOWER") for line in report.lines)


def test_blind_gate_of_instructions(monkeypatch):
    """A gate that does not see ten per cent fails its self-test, by name."""
    monkeypatch.setattr(callgrind, "count", lambda names, **options: dict.fromkeys(names, 1000))
    report = trials.counts(["a.a", "a.b"])
    assert (False, "perf: the gate of instructions does not see 10 % in a.a, a.b") == (report.passed, report.lines[-1])


def test_nervous_gate_of_instructions(monkeypatch):
    """So does one that fails what has not changed."""
    counts = iter([1000, 1100, 1200])
    monkeypatch.setattr(callgrind, "count", lambda names, **options: dict.fromkeys(names, next(counts)))
    report = trials.counts(["a.a"])
    assert (False, "perf: the gate of instructions does not pass what has not changed") == (
        report.passed,
        report.lines[-1],
    )


@pytest.mark.parametrize(
    ("same", "more", "passed"),
    [
        (Interval(1.00, 0.99, 1.01), Interval(1.10, 1.08, 1.12), True),
        (Interval(1.00, 0.99, 1.01), Interval(1.05, 0.99, 1.12), False),
        (Interval(1.00, 0.99, 1.01), Lacking("no a.a"), False),
        (Interval(1.10, 1.08, 1.12), Interval(1.10, 1.08, 1.12), False),
    ],
)
def test_gate_of_time_is_judged(monkeypatch, same, more, passed):
    """The gate of time has to pass the one and fail the other."""
    monkeypatch.setattr(
        pairs, "compare", lambda before, now, names, extra=0.0: dict.fromkeys(names, more if extra else same)
    )
    assert passed == trials.times(["a.a"], ROOT).passed


def test_profile_of_python():
    """A profile names the functions that were called, and says that its figures are distorted."""
    made = profiles.python("head.plain", steps=10)
    assert "distorted" in made[0]
    assert any("heads.py" in line and "(parse)" in line for line in made)


def test_profile_of_the_interpreter(monkeypatch):
    """The functions of the interpreter come in the order of their cost, with their part of all."""
    monkeypatch.setattr(callgrind, "profile", lambda name: {"small": 100.0, "big": 900.0})
    assert [
        "a.a: 1,000 instructions a step, by function of the interpreter, without what it calls",
        "       900  90.0%  big",
        "       100  10.0%  small",
    ] == profiles.native("a.a")


def test_profile_of_the_interpreter_is_cut(monkeypatch):
    """Only the first so many are shown."""
    monkeypatch.setattr(callgrind, "profile", lambda name: {f"f{number}": 1.0 for number in range(100)})
    assert len(profiles.native("a.a", 5)) == 6
