"""Reports: what came of every promise that an adapter should keep, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from arlen_conformance.refusals import ContractError, Refusal

__all__ = ["Outcome", "Report", "Row", "Subject", "Verdict", "load", "save", "worst"]

FORMAT = 1
BOUND = 10_000_000  # bytes of a report that is read: a thousand promises take a third of a million


class Outcome(StrEnum):
    """What came of one promise."""

    PASSED = "passed"
    """It is kept."""
    FAILED = "failed"
    """It is broken, or listed as a known failure and kept."""
    KNOWN = "known_failure"
    """It is broken, as the adapter's author says, with a reason."""
    WAIVED = "waived"
    """It need not be kept: for what is not claimed, or newer than the claimed version."""
    SKIPPED = "skipped"
    """The test skipped itself, or somebody made it."""
    MISSING = "missing"
    """The test did not run."""


class Verdict(StrEnum):
    """What a report says about an adapter, from best to worst."""

    CONFORMANT = "conformant"
    """Every promise of the claimed version and capabilities is kept."""
    PARTIAL = "partial"
    """The others are known failures."""
    INCOMPLETE = "incomplete"
    """Some promises were not tried, or none had to be kept."""
    FAILING = "failing"
    """Some promises are broken."""


class Row(Struct):
    """One promise: the name of its test, its text, what it asks for, and what came of it, with the reason."""

    name: str
    promise: str
    since: int = 1
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    outcome: Outcome = Outcome.MISSING
    reason: str = ""


class Subject(Struct):
    """One adapter under test.

    Attributes:
        id: the class, as pytest names it, with its parameters.
        title: what people call the adapter.
        contract: the name of the contract.
        newest: the newest version of the contract.
        version: the version that the adapter claims.
        capabilities: what it claims, sorted.
        promises: all of the contract, in its order, whether they were tried or not.
    """

    id: str
    title: str
    contract: str
    newest: int
    version: int
    capabilities: list[str]
    promises: list[Row]

    @property
    def verdict(self) -> Verdict:
        """The verdict, from the outcomes."""
        found = {row.outcome for row in self.promises}
        if Outcome.FAILED in found:
            return Verdict.FAILING
        if found & {Outcome.MISSING, Outcome.SKIPPED} or found <= {Outcome.WAIVED}:
            return Verdict.INCOMPLETE
        return Verdict.PARTIAL if Outcome.KNOWN in found else Verdict.CONFORMANT

    @property
    def counts(self) -> dict[str, int]:
        """How many promises had each outcome."""
        return dict(Counter(str(row.outcome) for row in self.promises))

    def row(self, name: str) -> Row:
        """Return the promise of a test; `KeyError` when there is none."""
        return {row.name: row for row in self.promises}[name]

    def told(self) -> str:
        """Return one line for people."""
        counts = {name.replace("_", " "): number for name, number in self.counts.items()}
        kept, waived = counts.pop("passed", 0), counts.pop("waived", 0)
        others = "".join(f", {number} {name}" for name, number in [*counts.items(), ("waived", waived)] if number)
        tried = f"{kept} of {len(self.promises) - waived} promises kept"
        return f"{self.title}: {self.verdict} ({self.contract} {self.version}: {tried}{others})"


class Report(Struct):
    """What a run of tests showed, for one adapter or more.

    Attributes:
        subjects: the adapters.
        format: of the document.
        stopped: whether the run was interrupted or could not collect everything: adapters may be missing then.

    >>> row = Row("test_a", "It stands.", outcome=Outcome.PASSED)
    >>> subject = Subject("test_mine.py::TestMine", "Mine", "counter", 1, 1, [], [row])
    >>> print(Report([subject]).verdict, subject.told())
    conformant Mine: conformant (counter 1: 1 of 1 promises kept)
    """

    subjects: list[Subject]
    format: int = FORMAT
    stopped: bool = False

    @property
    def verdict(self) -> Verdict:
        """The worst verdict; of nothing, and of a run that was stopped, at best incomplete."""
        return worst([Verdict.INCOMPLETE] * self.stopped + [subject.verdict for subject in self.subjects])

    def document(self) -> dict[str, object]:
        """Return the JSON document: the fields, with the verdict and the counts of each subject."""
        found: dict[str, object] = {"format": self.format, "verdict": str(self.verdict), "stopped": self.stopped}
        shown = [
            {**msgspec.to_builtins(each), "verdict": str(each.verdict), "counts": each.counts} for each in self.subjects
        ]
        return {**found, "subjects": shown}

    def write(self, path: Path) -> None:
        """Write the JSON document to a file; its folder is made when there is none. `ContractError` when it cannot."""
        save(path, msgspec.json.format(msgspec.json.encode(self.document()), indent=2) + b"\n")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts; of none, incomplete."""
    return max(verdicts, key=list(Verdict).index, default=Verdict.INCOMPLETE)


def save(path: Path, data: bytes) -> None:
    """Write a file, and the folder for it; `ContractError` when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        reason = f"{path} cannot be written: {error.strerror}"
        raise ContractError(Refusal("file_unwritable", reason, "name another file")) from error


def load(path: Path) -> Report:
    """Read a report; the verdicts are computed again from the outcomes.

    Raises:
        ContractError: it cannot be read, or is of another format.
    """
    fix = "write one with --conformance-report"
    try:
        with path.open("rb") as file:
            report = msgspec.json.decode(file.read(BOUND), type=Report)
    except (OSError, msgspec.MsgspecError) as error:
        raise ContractError(Refusal("report_unreadable", f"{path} is no report: {error}", fix)) from error
    if report.format != FORMAT:
        reason = f"{path} has the format {report.format}, and this kit reads {FORMAT}"
        raise ContractError(Refusal("report_format", reason, "use the kit that wrote it"))
    return report
