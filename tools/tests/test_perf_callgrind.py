"""Callgrind: what its files say, and counts that are the same each time."""

import shutil

import pytest

from tools.perf import callgrind, instrument
from tools.perf.callgrind import Broken, costs, count, spread

needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")

FILE = """# callgrind format
version: 1
creator: callgrind-3.19.0
positions: line
events: Ir
summary: 700

ob=(1) /usr/lib/libpython.so
fl=(1) ceval.c
fn=(1) _PyEval_EvalFrameDefault
0 100
cfn=(2) PyObject_Malloc
calls=3 0
* 90
cob=(2) /usr/lib/libc.so
cfi=(2) memcpy.S
cfn=(3) memcpy
calls=1 0
* 40
+1 5

fn=(2)
0 60
cfn=(3)
calls=1 0
* 10

fn=(4) _PyEval_EvalFrameDefault'2
0 30
-1 7

fn=(3)
0 50
totals: 700
"""


def test_costs_are_without_what_is_called():
    """The line after a call is what the callee took, and belongs to the callee's own lines."""
    found = costs(FILE)
    assert (60, 50) == (found["PyObject_Malloc"], found["memcpy"])


def test_recursion_is_one_function():
    """Levels of recursion, which callgrind keeps apart, are one function."""
    assert costs(FILE)["_PyEval_EvalFrameDefault"] == 100 + 5 + 30 + 7


def test_names_may_come_first_in_a_call():
    """A name that was given in a call is known when the function itself comes."""
    assert {"a": 1, "b": 2} == costs("fn=(1) a\n0 1\ncfn=(2) b\ncalls=1 0\n0 2\nfn=(2)\n0 2\n")


def test_no_functions():
    """A file without functions has no costs."""
    assert costs("version: 1\nsummary: 0\n") == {}


@pytest.mark.parametrize(
    ("names", "ways", "hands"),
    [
        (["a", "b", "c", "d", "e"], 2, [["a", "c", "e"], ["b", "d"]]),
        (["a"], 4, [["a"]]),
        (["a", "b"], 1, [["a", "b"]]),
        ([], 2, []),
    ],
)
def test_spread(names, ways, hands):
    """Each path goes to one process, and none is empty."""
    assert hands == spread(names, ways)


def test_environment_is_small_and_fixed(tmp_path, monkeypatch):
    """Nothing of the caller's environment gets in, for its size and its hash seed change the counts."""
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("ANYTHING", "else")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    made = callgrind.environment(tmp_path)
    assert {"PATH", "LANG", "PYTHONHASHSEED", "PYTHONPATH", "PYTHONPYCACHEPREFIX"} == set(made)
    assert ("0", str(tmp_path / "cache")) == (made["PYTHONHASHSEED"], made["PYTHONPYCACHEPREFIX"])


def test_environment_has_the_packages_of_the_repository(tmp_path, monkeypatch):
    """The packages of the working tree are measured, unless the caller names others."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert "arlen-core" in callgrind.environment(tmp_path)["PYTHONPATH"]
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert callgrind.environment(tmp_path)["PYTHONPATH"] == "/elsewhere"


@pytest.mark.parametrize("possible", [True, False])
def test_command(tmp_path, monkeypatch, possible):
    """Where a program cannot begin the counting itself, it is counted from the start."""
    monkeypatch.setattr(callgrind, "possible", lambda: possible)
    made = callgrind.command(tmp_path)
    assert (f"--instr-atstart={'no' if possible else 'yes'}" in made, "--dump-before=getppid" in made) == (True, True)


def test_application_that_does_not_work(tmp_path, monkeypatch):
    """When no application answers, the reason is said before anything is measured."""
    monkeypatch.setattr(callgrind.sys, "executable", shutil.which("false"))
    with pytest.raises(Broken, match="the application does not work"):
        callgrind.warm(tmp_path)


def test_file_without_summary(tmp_path):
    """A file that callgrind did not finish is an error and no zero."""
    part = tmp_path / "out.1.2"
    part.write_text("version: 1\n", "utf-8")
    with pytest.raises(Broken, match=r"no summary to out\.1\.2"):
        callgrind._total(part)


def test_begin_does_nothing_without_valgrind():
    """The instructions that speak to valgrind are harmless elsewhere."""
    if instrument.possible():
        instrument.begin()


@pytest.mark.timeout(900)  # on a machine that does much else
@needs_valgrind
def test_counts_repeat():
    """The same path takes the same instructions in two runs, within half a hundredth; the gate allows more."""
    first, second = (count(["head.plain"])["head.plain"] for _ in range(2))
    assert pytest.approx(first, rel=0.005) == second


@pytest.mark.soak
@needs_valgrind
def test_path_that_is_not_there():
    """A path that cannot be run is an error with what it said."""
    with pytest.raises(Broken, match=r"there is no path 'head\.none'"):
        count(["head.none"])


@pytest.mark.soak
@needs_valgrind
def test_profile_names_functions_of_the_interpreter():
    """A profile has the interpreter's functions, and they add up to the count."""
    made = callgrind.profile("head.plain")
    assert any("PyEval" in name for name in made)
    assert pytest.approx(count(["head.plain"])["head.plain"], rel=0.1) == sum(made.values())
