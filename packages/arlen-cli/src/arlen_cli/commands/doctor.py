"""`arlen doctor`: what is wrong here, and how to put it right."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from msgspec import to_builtins

from arlen_cli.catalog import OWN
from arlen_cli.checks import Check, checks
from arlen_core.commands import Result

__all__ = ["Doctor", "command"]

_SIGNS = {"ok": "ok", "warning": "!!", "failed": "NO", "skipped": "--"}


class Doctor:
    """Look at Python, the packages, the commands, folders, port, configuration, application and templates."""

    name = "doctor"
    help = OWN["doctor"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add nothing."""

    def run(self, args: Namespace) -> Result:
        """Return `checks`: name, status, message and fix; exits 1 when one has failed."""
        found = list(checks(args))
        failed = sum(check.status == "failed" for check in found)
        width = max(len(check.name) for check in found)
        text = "\n".join(line for check in found for line in _lines(check, width))
        end = f"{failed} of {len(found)} checks failed" if failed else f"{len(found)} checks, none failed"
        return Result({"checks": to_builtins(found)}, f"{text}\n{end}", exit=int(failed > 0))


command = Doctor()


def _lines(check: Check, width: int) -> list[str]:
    first, *more = check.message.splitlines() or [""]
    lines = [f"{_SIGNS[check.status]}  {check.name:<{width}}  {first}", *(f"      {line.strip()}" for line in more)]
    if check.fix and check.status in {"warning", "failed"}:
        lines.append(f"      fix: {check.fix}")
    return lines
