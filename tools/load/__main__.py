"""The command `python -m tools.load`: run the checks that are named, or all, and print what they found."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.bench.generators import Broken
from tools.bench.processes import ROOT, Failed, interruptible
from tools.load import files, flood, footprint, idle, resets, rolling, speed, stops
from tools.load.report import HEAD, Line, row, save

__all__ = ["CHECKS", "main"]

Check = Callable[..., list[Line]]

CHECKS: dict[str, tuple[Check, str]] = {
    "idle": (idle.check, "memory of an idle connection, and 10,000 of them"),
    "memory": (footprint.resident, "memory of the minimal application after load"),
    "start": (footprint.start, "start to first answer"),
    "workers": (speed.workers, "two workers against one"),
    "latency": (speed.latency, "the slowest answers of 64 connections"),
    "sendfile": (files.check, "files"),
    "flood": (flood.check, "more connections than the limit"),
    "resets": (resets.check, "clients that reset their connections"),
    "term": (stops.term, "TERM with requests in flight"),
    "kill": (stops.kill, "a worker that is killed"),
    "reload": (rolling.check, "rolling reloads, 100,000 requests"),
}
CODES = """exit code: 0; 1 when a promise is broken; 2 for a wrong command line;
3 when a check could not run; 130 when it was interrupted"""
FAILED = (Broken, Failed, AssertionError, OSError, EOFError, ValueError, RuntimeError)


def main(arguments: list[str] | None = None) -> int:
    """Run checks and print a row for each figure; return the exit code that `--help` explains."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.check if name not in CHECKS]:
        parser.error(f"there is no check {', '.join(unknown)}; the checks are {', '.join(CHECKS)}")
    if sys.platform != "linux":
        print("load: these figures come from /proc, which only Linux has")
        return 3
    print(HEAD, flush=True)
    try:
        lines, failed = _run(options.check or list(CHECKS), quick=options.quick)
    except KeyboardInterrupt as error:
        print(f"\nload: stopped by {str(error) or 'Ctrl-C'}; everything that was started has ended")
        return 130
    if options.json:
        save(options.folder, lines, quick=options.quick)
    for each in failed:
        print(f"load: could not measure {each}")
    return 3 if failed else int(any(line.promise and line.met is False for line in lines))


def _run(names: list[str], *, quick: bool) -> tuple[list[Line], list[str]]:
    lines: list[Line] = []
    failed: list[str] = []
    for name in names:
        try:
            lines += _printed(CHECKS[name][0], quick=quick)
        except FAILED as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")
    return lines, failed


def _printed(check: Check, *, quick: bool) -> Iterator[Line]:
    with tempfile.TemporaryDirectory(prefix="arlen-load-") as folder:
        for line in check(Path(folder), quick=quick):
            print(row(line), flush=True)
            yield line


def _parser() -> argparse.ArgumentParser:
    shown = "\n".join(f"  {name:9} {about}" for name, (_, about) in CHECKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tools.load",
        description="Measure what the server of this tree holds, keeps and survives.",
        epilog=f"checks:\n{shown}\n\n{CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("check", nargs="*", metavar="CHECK", help="which; all by default")
    parser.add_argument("--quick", action="store_true", help="a few seconds each: promises hold, figures are rough")
    parser.add_argument("--json", action="store_true", help="save docs/benchmarks/load.json and load.md")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks", help="save there instead")
    return parser


if __name__ == "__main__":
    with interruptible():
        sys.exit(main())
