"""Commands: `arlen conformance`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlen_core.commands import CommandError, Result

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from importlib.metadata import EntryPoint

    from arlen_conformance.reports import Report, Row

__all__ = ["Conformance", "conformance"]


class Conformance:
    """List the contracts that there are, try an adapter, and show reports."""

    name = "conformance"
    help = "try an adapter against a contract, and show what came of it"

    def configure(self, parser: ArgumentParser) -> None:
        """Add `list`, `run`, `matrix` and `badge`."""
        from argparse import SUPPRESS

        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        told = {
            "list": "list the contracts of the installed packages",
            "run": "try what a factory makes",
            "matrix": "show reports side by side, as Markdown",
            "badge": "make a badge of a report",
        }
        for name, text in told.items():
            action = actions.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
            action.add_argument("--json", action="store_true", default=SUPPRESS, help="answer with one JSON document")
            _ARGUMENTS[name](action)

    def run(self, args: Namespace) -> Result:
        """Do what was asked for; refusals are failures with their code, reason and fix."""
        from arlen_conformance.refusals import ContractError

        try:
            return _ACTIONS[args.action](args)
        except ContractError as error:
            first = error.refusals[0]
            others = "".join(f"\n{refusal}" for refusal in error.refusals[1:])
            raise CommandError(first.code, first.reason + others, fix=first.fix, exit=2) from error


def _list_arguments(parser: ArgumentParser) -> None:
    """There are none."""


def _run_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("contract", metavar="CONTRACT", help="its short name, or module:Class")
    parser.add_argument("factory", metavar="FACTORY", help="module:name of what makes an empty adapter")
    parser.add_argument("--claim", metavar="NAME,...", help="the capabilities; by default what the factory says")
    parser.add_argument("--of", metavar="VERSION", type=int, default=0, help="the version of the contract; the newest")
    parser.add_argument("--known", metavar="TEST=REASON", action="append", default=[], help="a known failure")
    parser.add_argument("-k", metavar="EXPRESSION", dest="select", default="", help="only some tests: as in pytest")
    parser.add_argument("--report", metavar="FILE", type=Path, help="write the report")
    parser.add_argument("--badge", metavar="FILE", type=Path, help="write a badge, as .svg or for shields.io")


def _matrix_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("reports", metavar="REPORT", type=Path, nargs="+", help="what --conformance-report wrote")


def _badge_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("report", metavar="REPORT", type=Path, help="what --conformance-report wrote")
    parser.add_argument("to", metavar="FILE", type=Path, help="the badge: .svg, or anything else for JSON")


def _list(_: Namespace) -> Result:
    from arlen_conformance.catalog import points

    rows = [_contract(point) for point in points()]
    text = "\n".join(f"{row['name']}: {row['about']}" for row in rows)
    return Result({"contracts": rows}, text or "no installed package publishes a contract")


def _contract(point: EntryPoint) -> dict[str, Any]:
    from arlen_conformance.catalog import contract
    from arlen_conformance.refusals import ContractError

    row: dict[str, Any] = {"name": point.name, "path": point.value}
    try:
        of = contract(point.name).specification
    except ContractError as error:
        return {**row, "about": str(error)}
    names = sorted(of.capabilities)
    about = f"version {of.version}, {len(of.promises)} promises; capabilities: {', '.join(names) or 'none'}"
    return {**row, "version": of.version, "promises": len(of.promises), "capabilities": names, "about": about}


def _run(args: Namespace) -> Result:
    from arlen_conformance import badges, running

    sys.path.insert(0, str(Path.cwd()))  # as for pytest, which runs as a module
    try:
        order = running.Order(args.contract, args.factory, args.of, _claims(args.claim), dict(map(_known, args.known)))
        report, output = running.run(order, select=args.select)
    finally:
        sys.path.remove(str(Path.cwd()))
    if args.report:
        report.write(args.report)
    if args.badge:
        badges.write(report, args.badge)
    return Result(report.document(), _told(report, output), exit=_exit(report, args.select))


def _matrix(args: Namespace) -> Result:
    from arlen_conformance.matrices import matrix
    from arlen_conformance.reports import load

    reports = [load(path) for path in args.reports]
    return Result({"reports": [each.document() for each in reports]}, matrix(reports))


def _badge(args: Namespace) -> Result:
    from arlen_conformance import badges
    from arlen_conformance.reports import load

    report = load(args.report)
    badges.write(report, args.to)
    return Result(badges.endpoint(report), f"wrote {args.to}: {report.verdict}")


def _claims(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _known(text: str) -> tuple[str, str]:
    name, _, reason = text.partition("=")
    return name, reason


def _told(report: Report, output: str) -> str:
    """Return a line for each promise and the verdict; before them what pytest says about those that are broken."""
    lines = [output.partition("= conformance =")[0].rstrip("= \n") + "\n"] if _failed(report) else []
    for subject in report.subjects:
        lines += [f"{row.outcome:<13}  {row.promise}{_why(row)}" for row in subject.promises]
        lines.append(f"\n{subject.told()}")
    return "\n".join(lines)


def _why(row: Row) -> str:
    return f" [{row.reason}]" if row.reason else ""


def _failed(report: Report) -> bool:
    return report.verdict == "failing"


def _exit(report: Report, select: str) -> int:
    """Return 1 for a broken promise, and for one that was not tried without being asked for."""
    return int(_failed(report) or (report.verdict == "incomplete" and not select))


_ACTIONS = {"list": _list, "run": _run, "matrix": _matrix, "badge": _badge}
_ARGUMENTS = {
    "list": _list_arguments,
    "run": _run_arguments,
    "matrix": _matrix_arguments,
    "badge": _badge_arguments,
}
conformance = Conformance()
