"""Matrices: several adapters side by side, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from arlen_conformance.reports import Outcome, Report, Row, Subject

__all__ = ["matrix"]

WORDS = {
    Outcome.PASSED: "yes",
    Outcome.FAILED: "**no**",
    Outcome.KNOWN: "no",
    Outcome.WAIVED: "-",
    Outcome.SKIPPED: "skipped",
    Outcome.MISSING: "not run",
}


def matrix(reports: Iterable[Report]) -> str:
    """Return a table for each contract: its promises, the adapters, and below it the reasons.

    >>> print(matrix([]))
    There is no adapter in these reports.
    """
    subjects = [subject for report in reports for subject in report.subjects]
    contracts = sorted({subject.contract for subject in subjects})
    tables = ["\n".join(_table(name, [each for each in subjects if each.contract == name])) for name in contracts]
    return "\n\n".join(tables) or "There is no adapter in these reports."


def _table(contract: str, subjects: list[Subject]) -> Iterator[str]:
    notes: list[str] = []
    yield f"### {contract}\n"
    yield _line(["promise", *(each.title for each in subjects)])
    yield _line(["---"] * (len(subjects) + 1))
    yield _line(["**verdict**", *(f"{each.verdict} ({each.version})" for each in subjects)])
    for row in _rows(subjects):
        yield _line([_promise(row), *(_cell(each, row, notes) for each in subjects)])
    for number, note in enumerate(notes, 1):
        yield f"\n{number}. {note}"


def _rows(subjects: list[Subject]) -> list[Row]:
    """Return the promises of all, in the order of the newest."""
    newest = sorted(subjects, key=lambda each: -each.newest)
    return list({row.name: row for subject in reversed(newest) for row in subject.promises}.values())


def _promise(row: Row) -> str:
    needs = f" ({', '.join(row.needs)})" if row.needs else ""
    return f"{row.promise}{needs}"


def _cell(subject: Subject, row: Row, notes: list[str]) -> str:
    found = {each.name: each for each in subject.promises}.get(row.name)
    if found is None:
        return "-"
    if found.outcome not in {Outcome.FAILED, Outcome.KNOWN, Outcome.SKIPPED}:
        return WORDS[found.outcome]
    notes.append(f"{subject.title}, {found.name}: {_plain(found.reason)}")
    return f"{WORDS[found.outcome]} [{len(notes)}]"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
