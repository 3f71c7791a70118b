"""Records: how it was measured and everything that came of it, as data that can be written and read again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Options", "Results", "Sample"]


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        rounds: how often each server has its turn.
        seconds: how long a turn is.
        warmup: seconds of load before each turn, which are not counted; 0 is none.
        core: where servers run, or None.
        generator: the name of the load generator.
        pinned: whether servers and load have a core each.
    """

    rounds: int = 3
    seconds: float = 2.0
    warmup: float = 0.5
    core: int | None = None
    generator: str = "own"

    @property
    def pinned(self) -> bool:
        """Whether servers and load have a core each."""
        return self.core is not None


@dataclass(frozen=True)
class Sample:
    """One server, one scenario, one round.

    Attributes:
        rate: requests a second of wall time.
        cpu: microseconds of the server's processor time for one request; None where the system does not tell.
        p50: microseconds until the answer, of half of the requests.
        p99: of 99 in a hundred.
        share: of its core, that the generator used.
        saturated: whether that was so much that the generator may be what was measured.
    """

    scenario: str
    server: str
    round: int
    requests: int
    errors: int
    seconds: float
    rate: float
    cpu: float | None
    p50: float
    p99: float
    share: float
    saturated: bool


@dataclass
class Results:
    """Everything that came of a run.

    Attributes:
        samples: every turn of every round.
        absent: peers that could not be installed, and why.
        wrong: by `scenario/server`, what was wrong with servers that were not timed.
        busy: by `scenario/server`, the share of a core that a server used while others were measured.
        options: how it was measured.
        machine: where it was measured, and with which versions.
    """

    samples: list[Sample] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    machine: dict[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Results":
        """Make results of what `data` returned; raises `KeyError` or `TypeError` for anything else."""
        return cls(
            samples=[Sample(**each) for each in data["samples"]],
            absent=dict(data["absent"]),
            wrong=dict(data["wrong"]),
            busy=dict(data["busy"]),
            options=Options(**data["options"]),
            machine=dict(data["machine"]),
        )
