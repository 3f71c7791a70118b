"""Tests of how somebody would make a bad adapter look good, and of runs that end in the middle."""

import signal
import subprocess
import sys
import time

import pytest

from arlen_conformance import ContractError
from arlen_conformance.badges import write
from arlen_conformance.reports import Outcome, Report, Row, Subject, Verdict, load

pytest_plugins = ["pytester"]

BAD = """
class Stuck(Counter):
    async def step(self): pass

async def fine(self, adapter): pass
"""
SLOW = """
import time

class TestAfter(Good, CounterContract):
    @pytest.fixture
    async def adapter(self):
        print("waiting", file=open("waiting", "w"))
        time.sleep(60)
"""


def test_another_test_in_its_place(lab):
    """A promise is kept by its own test, and by no other that somebody puts there while it runs."""
    lab.run(
        f"{BAD}\nclass TestBad(Good, CounterContract):\n    @pytest.fixture\n"
        "    async def adapter(self, request):\n"
        "        type(self).test_counts = fine; request.node.obj = fine.__get__(self)\n        return Stuck()\n"
    )
    assert "failed" == lab.outcomes()["test_counts"]


def test_a_class_that_looks_tests_up_itself(lab):
    """What an instance answers for a contract test is not believed."""
    lab.run(
        f"{BAD}\nclass TestBad(Good, CounterContract):\n"
        "    def __getattribute__(self, name):\n"
        "        if name == 'test_counts': return fine.__get__(self)\n"
        "        return super().__getattribute__(name)\n"
        "    @pytest.fixture\n    async def adapter(self): return Stuck()\n"
    )
    row = lab.report.subjects[0].row("test_counts")
    assert ("failed", "something else ran in the place of the contract test") == (row.outcome, row.reason)


def test_another_specification(lab):
    """A class under test cannot bring a specification of its own."""
    result = lab.run("class TestBad(Good, CounterContract):\n    specification = CounterContract.specification\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*specification_replaced: TestBad replaces the specification of its contract*"])


def test_capabilities_that_are_read_once(lab):
    """A generator of capabilities would be empty when it is asked again: it is refused."""
    result = lab.run("class TestBad(Good, CounterContract):\n    capabilities = (name for name in ['reset'])\n")
    result.stdout.fnmatch_lines(["*capabilities_invalid: capabilities is a generator*"])


def test_known_failures_without_reasons(lab):
    """A list of names is no mapping of names to reasons."""
    result = lab.run("class TestBad(Good, CounterContract):\n    known_failures = ['test_counts']\n")
    result.stdout.fnmatch_lines(["known_failures_invalid: TestBad has a list of known failures, without reasons*"])


def test_a_contract_without_promises(lab):
    """It proves nothing, and is refused."""
    empty = "class EmptyContract(Contract, name='empty'): pass\n"
    result = lab.run(
        f"{empty}class TestIt(Good, EmptyContract): pass\nclass TestThem(Saboteurs, contract=EmptyContract): pass\n"
    )
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["contract_empty: empty promises nothing (fix: write a test with @promise)"])


def test_capabilities_that_change(lab):
    """What a report says that an adapter claims is what decided which promises count."""
    lab.run(
        "class Moody:\n    asked = 0\n    @property\n    def reset(self):\n"
        "        Moody.asked += 1\n        return Moody.asked % 2 == 0\n"
        "class TestMoody(Good, CounterContract):\n    capabilities = Moody()\n"
    )
    subject = lab.report.subjects[0]
    assert ("reset" in subject.capabilities) is (subject.row("test_refuses").outcome is Outcome.WAIVED)
    assert ("reset" in subject.capabilities) is (subject.row("test_reset").outcome is not Outcome.WAIVED)


def test_a_skip_after_a_failure(lab):
    """A fixture that skips when its test has failed does not hide that."""
    lab.run(
        f"{BAD}\nclass TestBad(Good, CounterContract):\n    @pytest.fixture\n"
        "    async def adapter(self):\n        yield Stuck()\n        pytest.skip('later')\n"
    )
    assert "failed" == lab.outcomes()["test_counts"]
    assert Verdict.FAILING is lab.report.verdict


def test_known_failures_with_runxfail(lab):
    """A known failure that is kept is found out, also where pytest ignores that it is known."""
    lab.run("class TestGood(Good, CounterContract):\n    known_failures = {'test_counts': 'issue 1'}\n", "--runxfail")
    assert "failed" == lab.outcomes()["test_counts"]


def test_a_class_that_is_not_collected(lab):
    """A report beside which something could not be collected is not whole."""
    bad = "class TestBad(Good, CounterContract):\n    version = 9\n"
    lab.run(f"class TestGood(Good, CounterContract): pass\n{bad}", "--continue-on-collection-errors")
    report = lab.report
    assert [Verdict.CONFORMANT] == [subject.verdict for subject in report.subjects]
    assert (True, Verdict.INCOMPLETE) == (report.stopped, report.verdict)


def test_a_run_that_is_stopped():
    """Such a run is at best incomplete, whatever its adapters did."""
    good = Subject("a", "A", "counter", 1, 1, [], [Row("test_a", "It stands.", outcome=Outcome.PASSED)])
    assert Verdict.CONFORMANT is Report([good]).verdict
    assert Verdict.INCOMPLETE is Report([good], stopped=True).verdict


@pytest.mark.parametrize("words", [[], ["-n1"]])
def test_an_interrupted_run(lab, words):
    """After Ctrl-C nothing is conformant, with and without workers."""
    lab.pytester.makepyfile(test_before="from test_it import *\nclass TestBefore(Good, CounterContract): pass\n")
    command = [sys.executable, "-m", "pytest", "-pno:cacheprovider", "--conformance-report=report.json", *words]
    lab.run("", "--collect-only")
    lab.pytester.path.joinpath("test_it.py").write_text(lab.pytester.path.joinpath("test_it.py").read_text() + SLOW)
    (lab.pytester.path / "report.json").unlink()
    with subprocess.Popen([*command, "test_before.py", "test_it.py"], stdout=subprocess.PIPE, text=True) as run:
        until = time.monotonic() + 60
        while not (lab.pytester.path / "waiting").exists() and time.monotonic() < until:
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=30)
    report = lab.report
    assert (True, Verdict.INCOMPLETE) == (report.stopped, report.verdict)


def test_a_run_that_dies(lab):
    """It leaves no report, nor that of the run before."""
    lab.run("class TestGood(Good, CounterContract): pass\n", "--conformance-badge=badge.svg")
    assert Verdict.CONFORMANT is lab.report.verdict
    dead = (
        "import os\nclass TestDead(Good, CounterContract):\n    @pytest.fixture\n    def adapter(self): os._exit(3)\n"
    )
    result = lab.run(dead, "--conformance-badge=badge.svg", process=True)
    assert 3 == result.ret
    assert [] == [name for name in ("report.json", "badge.svg") if (lab.pytester.path / name).exists()]


def test_a_worker_that_dies(lab):
    """What it should have tried was not tried."""
    dead = (
        "import os\nclass TestDead(Good, CounterContract):\n    @pytest.fixture\n    def adapter(self): os._exit(3)\n"
    )
    lab.run(dead, "-n1", "--max-worker-restart=0", process=True)
    assert Verdict.INCOMPLETE is lab.report.verdict


def test_a_file_that_cannot_be_written(lab, tmp_path):
    """It is an error with a fix, not a traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(ContractError, match=r"file_unwritable: .* cannot be written: .* \(fix: name another file\)"):
        write(Report([]), tmp_path / "file" / "badge.svg")
    result = lab.run("", f"--conformance-badge={tmp_path}/file/badge.svg", process=True)
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    assert load(lab.pytester.path / "report.json").subjects == []
