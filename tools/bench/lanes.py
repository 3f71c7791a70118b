"""Lanes: a server that runs for a scenario; opened and checked before the first round, closed after the last."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.bench import checks
from tools.bench.environments import Absent
from tools.bench.generators import Generator
from tools.bench.processes import ROOT, Child, Failed, free_port, stop
from tools.bench.records import Options, Results
from tools.bench.scenarios import Scenario
from tools.bench.servers import Server

__all__ = ["Kit", "Lane", "opened"]


@dataclass
class Lane:
    """A server that runs for a scenario."""

    scenario: Scenario
    server: Server
    child: Child
    port: int
    idle: float = 0.0

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.scenario.name}/{self.server.name}"


@dataclass
class Kit:
    """What a run needs.

    Attributes:
        peer: returns the interpreter of a server's own environment, or None; may raise `Absent`.
        scratch: a folder that is thrown away.
        generator: makes the load that is measured.
        warmer: makes the load before that.
        options: how to measure.
        results: where what comes of it goes.
        say: tells the person who waits.
        taken: ports that lanes of this run have or had.
    """

    peer: Callable[[Server], Path | None]
    scratch: Path
    generator: Generator
    warmer: Generator
    options: Options
    results: Results
    say: Callable[[str], None] = print
    taken: set[int] = field(default_factory=set)

    def port(self) -> int:
        """Return a port that no lane of this run has had."""
        port = free_port(self.taken)
        self.taken.add(port)
        return port

    def fault(self, name: str, found: Sequence[str]) -> None:
        """Note that a lane is out."""
        self.results.wrong[name] = list(found)
        self.say(f"  {name}: WRONG: {found[0]}")


@contextmanager
def opened(scenarios: Sequence[Scenario], servers: Sequence[Server], kit: Kit) -> Iterator[list[Lane]]:
    """Start every server for every scenario, and end them all; yields those whose answers are right."""
    lanes: list[Lane] = []
    try:
        for server in servers:
            lanes.extend(_started(scenarios, server, kit))
        yield [lane for lane in lanes if _right(lane, kit)]
    finally:
        stop(lane.child for lane in lanes)


def _started(scenarios: Sequence[Scenario], server: Server, kit: Kit) -> Iterator[Lane]:
    if server.name in kit.results.absent:
        return
    try:
        peer = kit.peer(server)
    except Absent as error:
        kit.results.absent[server.name] = str(error)
        kit.say(f"  {server.name}: absent: {error}")
        return
    for scenario in scenarios:
        port = kit.port()
        environ = server.variables(peer, scenario.name, ROOT, kit.scratch)
        log = kit.scratch / f"{scenario.name}-{server.name}.log"
        line = server.line(peer, port)
        child = Child(line, environ, log, core=kit.options.core, restless=server.restless)
        yield Lane(scenario, server, child, port)


def _right(lane: Lane, kit: Kit) -> bool:
    try:
        lane.child.wait_until_it_listens(lane.port)
        found = checks.problems(lane.scenario, lane.port)
    except Failed as error:
        found = [f"it did not start: {error}"]
    if found:
        kit.fault(lane.name, found)
        lane.child.stop()
    else:
        lane.child.pause()
    return not found
