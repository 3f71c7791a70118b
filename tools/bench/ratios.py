"""Ratios: of one measure to another one in the same round; medians with the smallest and the largest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from tools.bench.records import Sample

__all__ = ["Spread", "across", "by", "series", "spread"]

Measure = Callable[[Sample], float | None]
Place = tuple[str, str]


@dataclass(frozen=True)
class Spread:
    """A median with the smallest and the largest value."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})"


def spread(values: Iterable[float]) -> Spread | None:
    """Return the spread of values, or None when there are none."""
    found = list(values)
    return Spread(median(found), min(found), max(found)) if found else None


def by(name: str) -> Measure:
    """Return the measure of a name: `rate`, `cpu`, `p50` or `p99`."""

    def measure(sample: Sample) -> float | None:
        value: float | None = getattr(sample, name)
        return value

    return measure


def series(samples: Iterable[Sample], place: Place, measure: Measure) -> dict[int, float]:
    """Return the measure of a (scenario, server), by round."""
    found = {}
    for sample in samples:
        if (sample.scenario, sample.server) == place and (value := measure(sample)) is not None:
            found[sample.round] = value
    return found


def across(samples: Iterable[Sample], one: Place, other: Place, measure: Measure) -> Spread | None:
    """Return the ratio of a measure of one (scenario, server) to another one's, round by round.

    Rounds in which either is missing, or the other's is 0, do not count; None when none is left.
    """
    kept = list(samples)
    above, below = series(kept, one, measure), series(kept, other, measure)
    return spread(above[number] / below[number] for number in sorted(above.keys() & below.keys()) if below[number])
