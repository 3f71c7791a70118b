"""Measure Arlen beside its peers and the limit, in interleaved rounds; the correctness of every answer comes first."""

import argparse
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tools.bench import environments, generators, processes
from tools.bench.lanes import Kit
from tools.bench.machine import describe
from tools.bench.plot import plot
from tools.bench.processes import ROOT
from tools.bench.records import Options, Results
from tools.bench.report import report, summary
from tools.bench.rounds import measure
from tools.bench.scenarios import SCENARIOS, Scenario
from tools.bench.servers import SERVERS, Server
from tools.compiled import wheels

__all__ = ["main", "write"]

FOLDER = ROOT / "docs" / "benchmarks"
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments ask for: 0 when all was well, 1 when a server was wrong, 2 for wrong arguments."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.list:
        print(_listed())
        return 0
    try:
        results = _read(given.render) if given.render else _run(given)
    except (generators.Broken, ValueError) as error:
        parser.error(str(error))
    except KeyboardInterrupt as error:
        print(f"\nbench: stopped by {str(error) or 'Ctrl-C'}; everything that was started has ended")
        return INTERRUPTED
    if given.name:
        print("\n" + "\n".join(f"wrote {path.name}" for path in write(results, given.name, given.folder)))
    return 1 if results.wrong else 0


def write(results: Results, name: str, folder: Path) -> list[Path]:
    """Write the samples as JSON, the page and the plot; return their paths."""
    day = str(results.machine.get("date", "undated")).partition(" ")[0]
    texts = {
        folder / f"{day}-{name}.json": json.dumps(results.data(), indent=1, ensure_ascii=False) + "\n",
        folder / f"{name}.md": report(results, name),
        folder / f"{name}.svg": plot(results),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _run(given: argparse.Namespace) -> Results:
    servers = [SERVERS[name] for name in dict.fromkeys(given.server)] or list(SERVERS.values())
    scenarios = [SCENARIOS[name] for name in dict.fromkeys(given.scenario)] or list(SCENARIOS.values())
    core, other = processes.cores()
    with processes.interruptible(), tempfile.TemporaryDirectory(prefix="bench-") as folder:
        generator = generators.choose(given.generator, other, Path(folder))
        options = _options(given, core, generator.name)
        results = Results(options=options, machine=describe(ROOT, [each.peer for each in servers if each.peer]))
        own = generators.Own(other)
        kit = Kit(lambda server: _peer(server, given.cache), Path(folder), generator, own, options, results)
        if core is None:
            print("bench: servers and load share their cores: there is only one, or no way to pin")
        for group in _groups(scenarios):
            print(", ".join(each.title for each in group), flush=True)
            measure(group, servers, kit)
    print("\n" + summary(results))
    return results


def _options(given: argparse.Namespace, core: int | None, generator: str) -> Options:
    options = Options(given.rounds, given.seconds, given.warmup, core, generator)
    if given.quick:
        options = replace(options, rounds=1, seconds=1.0, warmup=0.2)
    if generator == "wrk" and options.seconds != int(options.seconds):
        raise ValueError(f"wrk takes whole seconds, not {options.seconds:g} (fix: round, or take --generator own)")
    return options


def _read(path: Path) -> Results:
    try:
        results = Results.of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} holds no results: {type(error).__name__}: {error}") from None
    print(summary(results))
    return results


def _peer(server: Server, cache: Path) -> Path | None:
    if server.peer == "compiled":
        print("  compiled: building it, if it is not there", flush=True)
        return wheels.home(cache / "compiled")
    if server.peer and not environments.made(server.peer, cache):
        print(f"  {server.peer}: installing what tools/bench/peers/{server.peer}.txt pins", flush=True)
    return environments.make(server.peer, cache) if server.peer else None


def _groups(scenarios: Sequence[Scenario]) -> list[list[Scenario]]:
    groups: dict[str, list[Scenario]] = {}
    for each in scenarios:
        groups.setdefault(each.group or each.name, []).append(each)
    return list(groups.values())


def _listed() -> str:
    scenarios = [f"  {name:<16} {each.title}, {each.connections} connections" for name, each in SCENARIOS.items()]
    servers = [f"  {name:<16} {each.title}" for name, each in SERVERS.items()]
    return "\n".join(["scenarios:", *scenarios, "servers:", *servers])


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text) or float(text) > 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3600")
    return float(text)


def _positive(text: str) -> float:
    if not _seconds(text):
        raise argparse.ArgumentTypeError("nothing can be measured in 0 seconds")
    return float(text)


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", text) or text == "readme":
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a file: letters, digits, dots and dashes")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    add = parser.add_argument
    add("--scenario", action="append", default=[], choices=list(SCENARIOS), metavar="NAME", help="may be repeated")
    add("--server", action="append", default=[], choices=list(SERVERS), metavar="NAME", help="may be repeated")
    add("--rounds", type=_count, default=3, help="how often each server has its turn (3)")
    add("--seconds", type=_positive, default=2.0, help="how long a turn is (2)")
    add("--warmup", type=_seconds, default=0.5, help="load before each turn that is not counted (0.5)")
    add("--quick", action="store_true", help="one round of one second, to see that everything works")
    add("--generator", choices=["auto", "wrk", "own"], default="auto", help="what makes the load; auto prefers wrk")
    add("--cache", type=Path, default=ROOT / ".bench", help="where the environments of the peers are (.bench)")
    add("--name", type=_name, help="write DATE-NAME.json, NAME.md and NAME.svg")
    add("--folder", type=Path, default=FOLDER, help="where to write them (docs/benchmarks)")
    add("--render", type=Path, metavar="FILE", help="measure nothing; take the results of a JSON file")
    add("--list", action="store_true", help="list scenarios and servers")
    return parser
