"""The command line: `python -m tools.fuzz`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

from tools.fuzz import campaign
from tools.fuzz.campaign import TARGETS, Failure, Report

__all__ = ["main"]

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, print what was done, and save what failed; return 1 when something did."""
    given = _parser().parse_args(arguments)
    if given.replay:
        return _replay(given.replay)
    targets = given.target or list(TARGETS)
    seed = given.seed if given.seed is not None else SystemRandom().randrange(2**32)
    failed = False
    for name in targets:
        report = campaign.run(name, seed, count=given.count, seconds=given.seconds / len(targets))
        print(_told(name, seed, report), flush=True)
        for failure in report.failures:
            failed = True
            _save(name, failure, given.folder)
    return 1 if failed else 0


def _told(name: str, seed: int, report: Report) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in report.kinds.most_common())
    return f"fuzz: {name}: {report.count} streams of seed {seed}: {kinds}; {len(report.failures)} failed"


def _save(name: str, failure: Failure, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    parts = [part.decode("latin-1") for part in failure.parts]
    number = sum(1 for _ in folder.glob(f"{name}-*.json"))
    path = folder / f"{name}-{number}.json"
    path.write_text(
        json.dumps({"target": name, "parts": parts, "problems": failure.problems}, indent=1) + "\n", "utf-8"
    )
    print("\n".join(f"  {problem}" for problem in failure.problems))
    print(f"  saved as {path}; see it again: python -m tools.fuzz --replay {path}")
    if name in {"http", "tight"}:
        print("  when the server is right at last, add it to packages/arlen-server/tests/server/corpus:")
        print(_entry("".join(parts)))


def _entry(raw: str) -> str:
    """Return a case for the corpus; JSON writes text as TOML does."""
    lines = ["[[case]]", 'name = "..."', 'rfc = "RFC 9112 §..."', f"raw = {json.dumps(raw)}", "status = [400]"]
    return "\n".join(f"    {line}" for line in lines)


def _replay(path: Path) -> int:
    found = json.loads(path.read_text("utf-8"))
    problems = campaign.replay(found["target"], [part.encode("latin-1") for part in found["parts"]])
    print("\n".join(problems) or "nothing is broken")
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("--target", action="append", default=[], choices=list(TARGETS), metavar="NAME")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--count", type=int, help="streams for each target")
    parser.add_argument("--seed", type=int, help="the same seed and count give the same streams")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="judge one saved stream")
    parser.add_argument("--folder", type=Path, default=ROOT / "artifacts" / "fuzz", help="for what fails")
    return parser


if __name__ == "__main__":
    sys.exit(main())
