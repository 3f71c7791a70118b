"""Tests of reports and verdicts, and of how they come out of a run."""

import json
from pathlib import Path

import pytest

from arlen_conformance import ContractError
from arlen_conformance.reports import Outcome, Report, Row, Subject, Verdict, load, worst

pytest_plugins = ["pytester"]

GOOD = "class TestGood(Good, CounterContract): "
BROKEN = (
    "class TestBroken(Good, CounterContract):\n"
    "    @pytest.fixture\n    def adapter(self):\n        made = Counter(); made.now = 3; return made\n"
)


def subject(*outcomes):
    """Return an adapter with these outcomes."""
    rows = [Row(f"test_{place}", "It stands.", outcome=outcome) for place, outcome in enumerate(outcomes)]
    return Subject("test_it.py::TestMine", "Mine", "counter", 2, 1, [], rows)


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([Outcome.PASSED, Outcome.WAIVED], Verdict.CONFORMANT),
        ([Outcome.PASSED, Outcome.KNOWN], Verdict.PARTIAL),
        ([Outcome.PASSED, Outcome.KNOWN, Outcome.MISSING], Verdict.INCOMPLETE),
        ([Outcome.PASSED, Outcome.SKIPPED], Verdict.INCOMPLETE),
        ([Outcome.MISSING, Outcome.FAILED], Verdict.FAILING),
        ([Outcome.WAIVED], Verdict.INCOMPLETE),
        ([], Verdict.INCOMPLETE),
    ],
)
def test_a_verdict(outcomes, verdict):
    """The worst that happened decides."""
    assert subject(*outcomes).verdict is verdict


def test_the_worst_of_several():
    """A report is as good as its worst adapter; one without adapters shows nothing."""
    assert worst([Verdict.PARTIAL, Verdict.FAILING, Verdict.CONFORMANT]) is Verdict.FAILING
    assert Report([subject(Outcome.PASSED), subject(Outcome.KNOWN)]).verdict is Verdict.PARTIAL
    assert Report([]).verdict is Verdict.INCOMPLETE


def test_a_line_for_people():
    """It says the verdict, the contract with its version, and the numbers."""
    told = subject(Outcome.PASSED, Outcome.KNOWN, Outcome.WAIVED, Outcome.WAIVED).told()
    assert told == "Mine: partial (counter 1: 1 of 2 promises kept, 1 known failure, 2 waived)"


def test_a_file(tmp_path):
    """What is written is read again; the verdict is for readers, and nobody believes it."""
    report = Report([subject(Outcome.PASSED)])
    report.write(tmp_path / "deep" / "report.json")
    document = json.loads((tmp_path / "deep" / "report.json").read_text())
    assert document["verdict"] == document["subjects"][0]["verdict"] == "conformant"
    assert document["subjects"][0]["counts"] == {"passed": 1}
    assert load(tmp_path / "deep" / "report.json") == report


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "report_unreadable"),
        ('{"subjects": 1}', "report_unreadable"),
        ('{"subjects": [], "format": 2}', "report_format"),
    ],
)
def test_a_file_that_is_none(tmp_path, text, code):
    """Anything else is refused."""
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(ContractError, match=code):
        load(path)


def test_no_file(tmp_path):
    """A report that is not there is refused."""
    with pytest.raises(ContractError, match="report_unreadable"):
        load(tmp_path / "report.json")


def test_a_good_run(lab):
    """Every promise is listed, with its text and what came of it."""
    result = lab.run(GOOD + "pass")
    assert lab.outcomes() == {
        "test_begins_at_zero": "passed",
        "test_counts": "passed",
        "test_reset": "passed",
        "test_refuses": "waived",
    }
    found = lab.report.subjects[0]
    assert (found.contract, found.newest, found.version, found.capabilities) == ("counter", 2, 2, ["reset"])
    assert found.row("test_reset") == Row(
        "test_reset", "After a reset the value is zero.", 2, ("reset",), (), Outcome.PASSED
    )
    result.stdout.fnmatch_lines(["*= conformance =*", "Good: conformant (counter 2: 3 of 3 promises kept, 1 waived)"])


def test_a_failing_run(lab):
    """A broken promise has the first line of its error as the reason."""
    lab.run(BROKEN)
    assert lab.report.verdict is Verdict.FAILING
    row = lab.report.subjects[0].row("test_begins_at_zero")
    assert (row.outcome, row.reason.startswith("assert 3 == 0")) == (Outcome.FAILED, True)


def test_a_fixture_that_fails(lab):
    """An adapter that cannot be made, or cannot be closed, breaks the promise."""
    lab.run(GOOD + "\n    @pytest.fixture\n    def adapter(self): yield Counter(); raise OSError('close')")
    assert lab.outcomes()["test_counts"] == "failed"
    lab.run(GOOD + "\n    @pytest.fixture\n    def adapter(self): raise OSError('open')")
    assert lab.outcomes()["test_counts"] == "failed"


def test_known_failures(lab):
    """They make a report partial; one that passes makes it failing."""
    lab.run(
        "class TestPart(Good, CounterContract):\n"
        "    known_failures = {'test_begins_at_zero': 'issue 1', 'test_counts': 'issue 2'}\n"
        "    @pytest.fixture\n    def adapter(self):\n        made = Counter(); made.now = 3; return made\n"
    )
    assert lab.report.verdict is Verdict.PARTIAL
    assert lab.report.subjects[0].row("test_counts").reason == "issue 2"
    lab.run(GOOD + "known_failures = {'test_counts': 'issue 2'}")
    row = lab.report.subjects[0].row("test_counts")
    assert (row.outcome, row.reason) == (Outcome.FAILED, "listed as a known failure, and kept")


@pytest.mark.parametrize(
    "words", [["-kcounts"], ["test_it.py::TestGood::test_counts"], ["--maxfail=1", "-k", "counts"]]
)
def test_a_run_of_some(lab, words):
    """A choice of tests leaves the others missing, and the report incomplete."""
    lab.run(GOOD + "pass", *words)
    assert lab.outcomes() == {
        "test_begins_at_zero": "missing",
        "test_counts": "passed",
        "test_reset": "missing",
        "test_refuses": "waived",
    }
    assert lab.report.verdict is Verdict.INCOMPLETE


def test_a_run_of_none(lab):
    """An adapter of which no test was chosen is reported all the same."""
    lab.run(GOOD + "pass\ndef test_other(): pass", "-kother")
    assert lab.report.subjects[0].counts == {"missing": 3, "waived": 1}


def test_a_run_that_stops(lab):
    """What comes after the first failure was not tried."""
    lab.run(BROKEN, "-x")
    assert lab.outcomes()["test_begins_at_zero"] == "failed"
    assert lab.outcomes()["test_reset"] == "missing"


def test_the_last_failures(lab):
    """A run of what failed last is incomplete."""
    lab.run(BROKEN, "-pcacheprovider")
    lab.run(BROKEN, "-pcacheprovider", "--lf")
    assert lab.outcomes()["test_reset"] == "missing"
    assert lab.report.verdict is Verdict.FAILING


@pytest.mark.parametrize("mark", ["skip(reason='not today')", "xfail(reason='maybe')"])
def test_marks_do_not_hide_a_failure(lab, mark):
    """Skipped by somebody is not tried; an xfail outside of the known failures is a failure."""
    lab.run(f"@pytest.mark.{mark}\n{BROKEN}")
    wanted = Verdict.INCOMPLETE if "skip" in mark else Verdict.FAILING
    assert lab.report.verdict is wanted
    assert lab.report.subjects[0].row("test_counts").reason


def test_a_test_that_skips_itself(lab):
    """It was not tried, and its reason is told."""
    lab.run(GOOD + "\n    @pytest.fixture\n    def adapter(self): pytest.skip('no engine here')")
    row = lab.report.subjects[0].row("test_counts")
    assert (row.outcome, row.reason) == (Outcome.SKIPPED, "Skipped: no engine here")


def test_several_processes(lab):
    """Under pytest-xdist the report is the same as without it."""
    text = GOOD + "pass\n" + BROKEN
    lab.run(text)
    alone = lab.report
    lab.run(text, "-n2", process=True)
    assert lab.report == alone


def test_several_processes_and_some(lab):
    """Under pytest-xdist too, everything that was expected is in the report, chosen or not."""
    text = GOOD + "pass\n" + BROKEN
    lab.run(text, "-n2", "-kcounts and Good", process=True)
    assert [each.counts for each in lab.report.subjects] == [
        {"missing": 3, "waived": 1},
        {"missing": 2, "passed": 1, "waived": 1},
    ]


def test_several_processes_that_stop(lab):
    """A run under pytest-xdist that stops early is reported with what is known."""
    lab.run(BROKEN, "-n2", "-x", process=True)
    assert lab.report.verdict is Verdict.FAILING


def test_any_order(lab):
    """The order in which tests run changes nothing."""
    text = GOOD + "pass\n" + BROKEN
    lab.run(text)
    straight = lab.report
    lab.pytester.makepyfile(backwards="def pytest_collection_modifyitems(items): items.reverse()")
    lab.run(text, "-pbackwards", process=True)
    assert lab.report == straight


def test_names_that_people_choose(lab):
    """A title stands in the place of the name of the class."""
    lab.run(GOOD + "title = 'Counter 3000'")
    assert [each.title for each in lab.report.subjects] == ["Counter 3000"]


def test_a_badge_of_a_run(lab):
    """`--conformance-badge` writes one."""
    lab.run(GOOD + "pass", "--conformance-badge=badge.svg")
    assert "counter 2: conformant" in Path(lab.pytester.path, "badge.svg").read_text()
