"""Interval: how sure one can be of a ratio, by the bootstrap.

Rounds of one pair of processes have something in common, such as where their memory lies. So pairs are drawn first, and
then rounds within each.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean, median

__all__ = ["Interval", "bootstrap"]


@dataclass(frozen=True)
class Interval:
    """A ratio, and the bounds between which it lies with 95 % confidence."""

    ratio: float
    low: float
    high: float

    def slower(self, limit: float) -> bool:
        """Say whether the whole interval lies above a limit."""
        return self.low > limit

    def unsure(self, limit: float) -> bool:
        """Say whether the ratio lies above a limit, and the interval not wholly."""
        return self.ratio > limit >= self.low


def bootstrap(pairs: Sequence[Sequence[float]], *, draws: int = 2000, seed: int = 0) -> Interval:
    """Return the ratio of several pairs of processes.

    Args:
        pairs: for each pair of processes the ratio of each of its rounds.
        draws: how often to draw.
        seed: of the draws; the same rounds give the same interval.

    Raises `ValueError` without a round.

    >>> bootstrap([[1.0, 1.0], [1.0, 1.0]])
    Interval(ratio=1.0, low=1.0, high=1.0)
    """
    logs = [[log(ratio) for ratio in rounds] for rounds in pairs if rounds]
    if not logs:
        raise ValueError("there is no round to compare")
    draw = random.Random(seed).choices  # noqa: S311  # statistics, no secrets
    means = sorted(
        fmean(median(draw(rounds, k=len(rounds))) for rounds in draw(logs, k=len(logs))) for _ in range(draws)
    )
    return Interval(
        exp(fmean(median(rounds) for rounds in logs)), exp(means[draws // 40]), exp(means[-draws // 40 - 1])
    )
