"""Goals: what Arlen wants to reach, and whether it has."""

from collections.abc import Iterable
from dataclasses import dataclass

from tools.bench.ratios import Place, Spread, across, by
from tools.bench.records import Sample
from tools.bench.scenarios import SCENARIOS
from tools.bench.servers import LIMIT, SERVERS

__all__ = ["GOALS", "Goal", "Verdict", "judge", "verdicts"]


@dataclass(frozen=True)
class Goal:
    """A bound for the ratio of one place to another; a place is a scenario and a server."""

    title: str
    one: Place
    other: Place
    bound: float
    measure: str = "rate"
    most: bool = False

    @property
    def wanted(self) -> str:
        """The bound as text."""
        return f"{'≤' if self.most else '≥'} {self.bound:.2f}"


@dataclass(frozen=True)
class Verdict:
    """What was found for a goal; `cpu` is the same ratio by processor time, turned so that larger is better."""

    goal: Goal
    found: Spread
    cpu: Spread | None

    @property
    def met(self) -> bool:
        """Whether the median keeps the bound."""
        return self.found.middle <= self.goal.bound if self.goal.most else self.found.middle >= self.goal.bound


BOUNDS = {
    "plaintext": (0.75, 0.50),
    "json": (0.75, 0.50),
    "params": (0.70, 0.50),
    "validate": (0.70, 0.50),
    "template": (0.93, 0.88),
    "middlewares": (0.85, 0.65),
}


def _ratios() -> Iterable[Goal]:
    for scenario, bounds in BOUNDS.items():
        for server, bound in zip(("arlen", "arlen-defaults"), bounds, strict=True):
            title = f"{SCENARIOS[scenario].title}: {SERVERS[server].title}"
            yield Goal(title, (scenario, server), (scenario, LIMIT), bound)


GOALS: tuple[Goal, ...] = (
    *_ratios(),
    Goal(
        "processor time of the last of 1,000 routes over the last of 10",
        ("routes-1000", "arlen"),
        ("routes-10", "arlen"),
        1.05,
        "cpu",
        most=True,
    ),
    Goal("one connection at a time (JSON)", ("single", "arlen"), ("single", LIMIT), 0.80),
    Goal("upload of 1 MiB", ("upload", "arlen"), ("upload", LIMIT), 0.80),
    Goal("p99 at 64 connections (JSON) over raw", ("json", "arlen"), ("json", LIMIT), 1.50, "p99", most=True),
    Goal("under uvicorn, over a bare ASGI callable (JSON)", ("json", "arlen-asgi"), ("json", "uvicorn"), 0.85),
)


def judge(goal: Goal, samples: Iterable[Sample]) -> Verdict | None:
    """Return the verdict on a goal, or None when what it needs was not measured."""
    kept = list(samples)
    found = across(kept, goal.one, goal.other, by(goal.measure))
    if found is None:
        return None
    return Verdict(goal, found, across(kept, goal.other, goal.one, by("cpu")) if goal.measure == "rate" else None)


def verdicts(samples: Iterable[Sample]) -> list[Verdict]:
    """Return the verdicts on all goals that were measured."""
    kept = list(samples)
    return [found for goal in GOALS if (found := judge(goal, kept))]
