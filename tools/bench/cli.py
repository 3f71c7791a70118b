"""The command line: `python -m tools.bench`."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.bench import environments, generators, processes
from tools.bench.lanes import Kit
from tools.bench.records import Options, Results
from tools.bench.report import summary
from tools.bench.rounds import measure
from tools.bench.scenarios import SCENARIOS, Scenario
from tools.bench.servers import SERVERS, Server

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for."""
    given = _parser().parse_args(arguments)
    servers = [SERVERS[name] for name in given.server] or list(SERVERS.values())
    scenarios = [SCENARIOS[name] for name in given.scenario] or list(SCENARIOS.values())
    core, other = processes.cores()
    with tempfile.TemporaryDirectory() as folder, processes.interruptible():
        scratch = Path(folder)
        generator = generators.choose(given.generator, other, scratch)
        options = Options(given.rounds, given.seconds, given.warmup, core, generator.name)
        results = Results(options=options)
        own = generators.Own(other)
        kit = Kit(lambda server: _peer(server, given.cache), scratch, generator, own, options, results)
        for group in _groups(scenarios):
            print(", ".join(each.title for each in group), flush=True)
            measure(group, servers, kit)
        print("\n" + summary(results))
    return 0


def _peer(server: Server, cache: Path) -> Path | None:
    return environments.make(server.peer, cache) if server.peer else None


def _groups(scenarios: Sequence[Scenario]) -> list[list[Scenario]]:
    groups: dict[str, list[Scenario]] = {}
    for each in scenarios:
        groups.setdefault(each.group or each.name, []).append(each)
    return list(groups.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--scenario", action="append", default=[], choices=list(SCENARIOS), metavar="NAME")
    parser.add_argument("--server", action="append", default=[], choices=list(SERVERS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--generator", choices=["auto", "wrk", "own"], default="auto")
    parser.add_argument("--cache", type=Path, default=processes.ROOT / ".bench")
    return parser
