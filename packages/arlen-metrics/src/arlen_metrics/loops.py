"""Loops: how late the event loop is, and the beat at which a process tells what is only observed."""

from __future__ import annotations

from collections import deque
from math import inf

from arlen_core.clock import Clock
from arlen_core.meters import Meters
from arlen_metrics.registry import Registry

__all__ = ["Beat"]

_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_MINUTE = 60.0


class Beat:
    """Looks at the clock, at what is observed, and again.

    Args:
        registry: is refreshed each `period`.
        clock: tells the time, and sleeps.
        period: seconds between two refreshes.
        lag: seconds between two looks at the event loop; 0 for none.
    """

    def __init__(self, registry: Registry, clock: Clock, *, period: float, lag: float) -> None:
        self._registry, self._clock = registry, clock
        self._period, self._lag = period, lag
        self._late: deque[tuple[float, float]] = deque()

    def declare(self, meters: Meters) -> None:
        """Declare the series of the event loop."""
        about = "How much later than due the event loop ran something."
        self._record = meters.histogram("arlen.event_loop.lag", about, buckets=_BUCKETS)
        meters.observe("arlen.event_loop.lag.max", "The most of the last minute.", self._most, unit="s", combine="max")

    async def run(self) -> None:
        """Run until somebody cancels it."""
        due = self._clock.monotonic() + self._period
        while True:
            before = self._clock.monotonic()
            await self._clock.sleep(min(self._lag or inf, self._period))
            now = self._clock.monotonic()
            if self._lag:
                self._note(now, max(0.0, now - before - min(self._lag, self._period)))
            if now >= due:
                due = now + self._period
                self._registry.refresh()

    def _note(self, now: float, late: float) -> None:
        """Keep what may become the most of a minute: what is less than something later never does."""
        self._record.record(late)
        while self._late and self._late[-1][1] <= late:
            self._late.pop()
        self._late.append((now, late))

    def _most(self) -> float:
        while len(self._late) > 1 and self._late[0][0] < self._clock.monotonic() - _MINUTE:
            self._late.popleft()
        return self._late[0][1] if self._late else 0.0
