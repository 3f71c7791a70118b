"""`arlen test`: the application's tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from argparse import REMAINDER, ArgumentParser, Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from arlen_cli.catalog import OWN
from arlen_core.commands import CommandError, Result

__all__ = ["Test", "command"]

_STDERR = 2


class Test:
    """Run pytest here, in the environment "test"."""

    __test__ = False  # pytest collects classes called so
    passes = True

    name = "test"
    help = OWN["test"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add what is handed to pytest."""
        parser.add_argument("arguments", nargs=REMAINDER, metavar="...", help="for pytest, options included")

    def run(self, args: Namespace) -> Result:
        """Return `tests`, `failures`, `errors`, `skipped`, `seconds`, and `failed`: the names of those that failed.

        With `--json` what pytest prints goes to standard error.

        Raises:
            CommandError: pytest is not installed, or was used wrongly.
        """
        if find_spec("pytest") is None:
            raise CommandError("no_pytest", "pytest is not installed", fix="pip install pytest")
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            line = [sys.executable, "-m", "pytest", *args.arguments, f"--junitxml={report}"]
            environ = {**os.environ, "ARLEN_ENV": os.environ.get("ARLEN_ENV", "test")}
            code = subprocess.run(line, env=environ, stdout=_STDERR if args.json else None, check=False).returncode
            if code == 4:
                raise CommandError("usage", "pytest refused its arguments", fix="python -m pytest --help", exit=2)
            return Result(_counts(report), exit=int(code != 0))


command = Test()


def _counts(report: Path) -> dict[str, Any]:
    made: dict[str, Any] = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0, "seconds": 0.0, "failed": []}
    if not report.exists():
        return made
    root = ET.parse(report).getroot()  # noqa: S314  # pytest wrote it just now
    for suite in root.iter("testsuite"):
        for key in ("tests", "failures", "errors", "skipped"):
            made[key] += int(suite.get(key, "0"))
        made["seconds"] += float(suite.get("time", "0"))
    cases = (
        case for case in root.iter("testcase") if case.find("failure") is not None or case.find("error") is not None
    )
    made["failed"] = sorted(f"{case.get('classname')}.{case.get('name')}" for case in cases)
    return made
