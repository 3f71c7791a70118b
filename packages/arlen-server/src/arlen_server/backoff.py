"""Backoff: how long to wait before a process that failed is started again."""

from __future__ import annotations

from random import Random

__all__ = ["Backoff"]


class Backoff:
    """Counts failures in a row and says how long to wait: doubling, bounded, and spread by jitter.

    Args:
        first: seconds to wait after the first failure.
        limit: the longest wait in seconds.
        jitter: each wait is shortened by up to this part, so that many processes do not start in step.
        random: where the jitter comes from.

    >>> backoff = Backoff(0.25, 30.0, jitter=0.0)
    >>> [backoff.failed() for _ in range(4)]
    [0.25, 0.5, 1.0, 2.0]
    >>> backoff.reset()
    >>> backoff.failed()
    0.25
    """

    def __init__(self, first: float, limit: float, *, jitter: float = 0.1, random: Random | None = None) -> None:
        self.first = first
        self.limit = limit
        self.jitter = jitter
        self.failures = 0
        self._random = random or Random()  # noqa: S311  # no secret

    def failed(self) -> float:
        """Count one more failure; the seconds to wait now."""
        self.failures += 1
        wait = min(self.limit, self.first * 2.0 ** min(self.failures - 1, 32))
        return wait * (1 - self.jitter * self._random.random())

    def reset(self) -> None:
        """A process did well: the next failure is the first again."""
        self.failures = 0
