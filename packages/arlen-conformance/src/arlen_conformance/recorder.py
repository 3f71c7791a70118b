"""Recorder: gathers what came of the contract tests, from all workers, and writes it down at the end."""

from __future__ import annotations

from contextlib import suppress
from inspect import unwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arlen_conformance.badges import write as write_badge
from arlen_conformance.collecting import PLAN, SUBJECTS, Plan
from arlen_conformance.refusals import ContractError
from arlen_conformance.reports import Outcome, Report, Subject

__all__ = ["Recorder", "outcome"]

KEPT = "listed as a known failure, and kept"


class Recorder:
    """A plugin object: one in each process of a run; the one that is no worker writes the report.

    Args:
        config: of this process.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.subjects: dict[str, Subject] = {}
        self.stopped = False
        self._sent: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        """Note in the report of a contract test what it says about the adapter."""
        report: pytest.TestReport = yield
        if (plan := item.stash.get(PLAN, None)) and (found := _replaced(item, plan, report) or outcome(report, plan)):
            told = {"outcome": [plan.subject, plan.promise.name, *found], "subjects": self._unsent(plan)}
            vars(report)["conformance"] = told  # pytest-xdist carries it over
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a report says, ours or a worker's."""
        if told := getattr(report, "conformance", None):
            self._learn(told["subjects"])
            subject, name, what, reason = told["outcome"]
            row = self.subjects[subject].row(name)
            if row.outcome is not Outcome.FAILED:  # a failure stays one, whatever ends well later
                row.outcome, row.reason = Outcome(what), reason

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note that something could not be collected: an adapter may be missing."""
        self.stopped = self.stopped or report.failed

    def pytest_sessionstart(self) -> None:
        """Remove the files of an earlier run, so that nobody takes them for this one's when it dies."""
        if not hasattr(self.config, "workerinput"):
            for path in self._paths().values():
                with suppress(OSError):
                    path.unlink()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the report, or let the process that started this worker do it."""
        found = [msgspec.to_builtins(subject) for subject in session.stash.get(SUBJECTS, {}).values()]
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput["arlen_conformance"] = found
            return
        self._learn(found)
        self.stopped = self.stopped or exitstatus in {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR}
        try:
            for kind, path in self._paths().items():
                self.report().write(path) if kind == "report" else write_badge(self.report(), path)
        except ContractError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)

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
        return Report([self.subjects[key] for key in sorted(self.subjects)], stopped=self.stopped)

    def _paths(self) -> dict[str, Path]:
        options = {kind: self.config.getoption(f"conformance_{kind}") for kind in ("report", "badge")}
        return {kind: Path(path) for kind, path in options.items() if path}

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
        text = KEPT if plan.known and "XPASS" in report.longreprtext else _line(report)
        return Outcome.FAILED.value, text
    if hasattr(report, "wasxfail") and report.skipped:
        return (Outcome.KNOWN.value, plan.known) if plan.known else (Outcome.FAILED.value, "xfail is no known failure")
    if report.skipped:
        return (Outcome.WAIVED.value, plan.waived) if plan.waived else (Outcome.SKIPPED.value, _reason(report))
    if report.when != "call":
        return None
    return (Outcome.FAILED.value, KEPT) if plan.known else (Outcome.PASSED.value, "")


def _replaced(item: pytest.Item, plan: Plan, report: pytest.TestReport) -> tuple[str, str] | None:
    """Return a failure when what ran is not the contract test."""
    ran: Any = unwrap(item.obj)  # type: ignore[attr-defined]
    if report.when != "call" or getattr(ran, "__func__", ran) is plan.cls.specification.tests[plan.promise.name]:
        return None
    return Outcome.FAILED.value, "something else ran in the place of the contract test"


def _reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else _line(report)


def _line(report: pytest.TestReport) -> str:
    lines = [line[1:].strip() for line in report.longreprtext.splitlines() if line.startswith("E ")]
    return next(iter(lines or report.longreprtext.splitlines()), "")[:500]
