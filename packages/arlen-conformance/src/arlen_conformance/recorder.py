"""Recorder: gathers what came of the contract tests, from all workers, and writes it down at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from arlen_conformance.badges import write as write_badge
from arlen_conformance.collecting import PLAN, SUBJECTS, Plan
from arlen_conformance.reports import Outcome, Report, Subject

__all__ = ["Recorder", "outcome"]


class Recorder:
    """A plugin object: one in each process of a run; the one that is no worker writes the report.

    Args:
        config: of this process.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.subjects: dict[str, Subject] = {}
        self._sent: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        """Note in the report of a contract test what it says about the adapter."""
        report: pytest.TestReport = yield
        if (plan := item.stash.get(PLAN, None)) and (found := outcome(report, plan)):
            told = {"outcome": [plan.subject, plan.promise.name, *found], "subjects": self._unsent(plan)}
            vars(report)["conformance"] = told  # pytest-xdist carries it over
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a report says, ours or a worker's."""
        if told := getattr(report, "conformance", None):
            self._learn(told["subjects"])
            subject, name, what, reason = told["outcome"]
            row = self.subjects[subject].row(name)
            if (what, row.outcome) != (Outcome.PASSED, Outcome.FAILED):  # a failure stays one, whatever ends well later
                row.outcome, row.reason = Outcome(what), reason

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report, or let the process that started this worker do it."""
        found = [msgspec.to_builtins(subject) for subject in session.stash.get(SUBJECTS, {}).values()]
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput["arlen_conformance"] = found
            return
        self._learn(found)
        if path := self.config.getoption("conformance_report"):
            self.report().write(Path(path))
        if path := self.config.getoption("conformance_badge"):
            write_badge(self.report(), Path(path))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the adapters that a worker of pytest-xdist has collected, also those of which no test ran."""
        self._learn(getattr(node, "workeroutput", {}).get("arlen_conformance", []))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say the verdicts."""
        if self.subjects:
            terminalreporter.section("conformance")
            for subject in self.report().subjects:
                terminalreporter.line(subject.told())

    def report(self) -> Report:
        """Return what is known so far."""
        return Report([self.subjects[key] for key in sorted(self.subjects)])

    def _learn(self, subjects: list[dict[str, Any]]) -> None:
        for each in subjects:
            if each["id"] not in self.subjects:
                self.subjects[each["id"]] = msgspec.convert(each, Subject)

    def _unsent(self, plan: Plan) -> list[dict[str, Any]]:
        # A run that is stopped early does not hear what its workers say at their end.
        if plan.subject in self._sent:
            return []
        self._sent.add(plan.subject)
        return [msgspec.to_builtins(plan.about())]


def outcome(report: pytest.TestReport, plan: Plan) -> tuple[str, str] | None:
    """Return what one phase of a test says about a promise, and why; None when it says nothing."""
    if report.failed:
        text = "listed as a known failure, and kept" if plan.known and "XPASS" in report.longreprtext else _line(report)
        return Outcome.FAILED.value, text
    if hasattr(report, "wasxfail") and report.skipped:
        return (Outcome.KNOWN.value, plan.known) if plan.known else (Outcome.FAILED.value, "xfail is no known failure")
    if report.skipped:
        return (Outcome.WAIVED.value, plan.waived) if plan.waived else (Outcome.SKIPPED.value, _reason(report))
    return (Outcome.PASSED.value, "") if report.when == "call" else None


def _reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else _line(report)


def _line(report: pytest.TestReport) -> str:
    lines = [line[1:].strip() for line in report.longreprtext.splitlines() if line.startswith("E ")]
    return next(iter(lines or report.longreprtext.splitlines()), "")[:500]
