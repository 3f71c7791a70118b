"""The command line: `python -m tools.attack`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tools.attack.cases import Case, load
from tools.attack.probe import Verdict, deviates, probe
from tools.attack.results import OURS, Results, save, summary
from tools.attack.servers import SERVERS, Absent, Server, environ
from tools.bench.processes import Child, Failed, free_port

__all__ = ["main"]

ROOT = Path(__file__).parents[2]
_AT_ONCE = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack every server, print the summary, and save the pages; return 1 when Arlen is not as it should be."""
    given = _parser().parse_args(arguments)
    cases = [case for case in load() if given.only in f"{case.group}: {case.name}"]
    results = Results(datetime.now(UTC).date().isoformat(), cases)
    for name in given.server or list(SERVERS):
        _attack(SERVERS[name], results, given.cache)
    print("\n".join(["", *summary(results)]))
    if given.save:
        save(results, given.save)
        print(f"\nsaved attack.md and attack.json in {given.save}")
    return _judge(results)


def _attack(server: Server, results: Results, cache: Path) -> None:
    print(f"{server.name} ...", end=" ", flush=True)
    with tempfile.TemporaryDirectory(prefix="attack") as folder:
        try:
            python = server.python(cache)
            version = server.version(python)
            verdicts = _ask(server, python, Path(folder), results.cases)
        except (Absent, Failed) as why:
            results.absent[server.name] = str(why)
            print(f"skipped: {why}")
            return
    results.versions[server.name], results.verdicts[server.name] = version, verdicts
    print(f"{version}: {len(verdicts)} cases")


def _ask(server: Server, python: str, folder: Path, cases: list[Case]) -> list[Verdict]:
    port = free_port()
    child = Child(server.start(python, port, folder), environ(), folder / "log")
    try:
        child.wait_until_it_listens(port)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda case: probe(port, case.data), cases))
    finally:
        child.stop()


def _judge(results: Results) -> int:
    """Say where Arlen deviates without saying so in the corpus."""
    wrong = [
        case
        for case, verdict in zip(results.cases, results.verdicts.get(OURS, []), strict=False)
        if deviates(case, verdict) and "refused here" not in case.rfc
    ]
    for case in wrong:
        print(f"attack: {OURS} is not as it should be: {case.group}: {case.name} ({case.rfc})")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.attack", description=__doc__)
    parser.add_argument("--server", action="append", default=[], choices=list(SERVERS), metavar="NAME")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose group and name hold this")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write attack.md and attack.json there")
    parser.add_argument("--cache", type=Path, default=ROOT / ".bench", metavar="FOLDER", help="the environments")
    return parser


if __name__ == "__main__":
    sys.exit(main())
