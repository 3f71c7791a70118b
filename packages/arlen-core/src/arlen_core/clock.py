"""Clock: wall time, monotonic time and sleeping behind one protocol, so that tests can own time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Protocol

import anyio

__all__ = ["Clock", "SystemClock", "VirtualClock"]

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Where time comes from. Take one as a parameter instead of calling `time` and `datetime` yourself."""

    def now(self) -> datetime:
        """Return the wall time, aware and in UTC; it may step back when somebody sets the machine's clock."""

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds; zero or less gives the other tasks one turn."""


class SystemClock:
    """The machine's clock.

    >>> clock = SystemClock()
    >>> clock.now().utcoffset().total_seconds()
    0.0
    >>> clock.monotonic() <= clock.monotonic()
    True
    """

    __slots__ = ()

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await anyio.sleep(max(seconds, 0))


class VirtualClock:
    """A clock that moves only when it is told to: the public test double.

    Args:
        start: the first wall time, aware; 2026-01-01 00:00 UTC by default.
        turns: how many turns of the event loop `advance` gives to what it woke before time goes on.

    Sleepers wake in the order of their deadlines; those with the same one in the order in which they went to sleep.

    ```python
    import anyio
    from arlen_core.clock import VirtualClock


    async def main() -> list[float]:
        clock, woken = VirtualClock(), []

        async def nap(seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append(clock.monotonic())

        async with anyio.create_task_group() as group:
            group.start_soon(nap, 60)
            group.start_soon(nap, 5)
            await clock.asleep(2)
            await clock.advance(60)
        return woken


    assert anyio.run(main) == [5.0, 60.0]
    ```
    """

    def __init__(self, start: datetime = _EPOCH, *, turns: int = 20) -> None:
        self._wall = start.astimezone(UTC)
        self._now = 0.0
        self._turns = turns
        self._count = 0
        self._sleepers: list[tuple[float, int, anyio.Event]] = []
        self._changed: anyio.Event | None = None

    @property
    def sleepers(self) -> int:
        """How many tasks sleep on this clock."""
        return len(self._sleepers)

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return self._wall

    def monotonic(self) -> float:
        """Return the seconds by which this clock was moved."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until somebody moves this clock that far."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        self._count += 1
        sleeper = (self._now + seconds, self._count, anyio.Event())
        heappush(self._sleepers, sleeper)
        self._notify()
        try:
            await sleeper[2].wait()
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                self._sleepers.sort()

    def set(self, moment: datetime) -> None:
        """Step the wall time, also backwards, as an operator may; sleepers and `monotonic` do not notice."""
        self._wall = moment.astimezone(UTC)

    def shift(self, seconds: float) -> None:
        """Move on at once: everyone who is due wakes and sees the final time. `ValueError` for a step back."""
        self._move(self._now + _forward(seconds))
        while self._due():
            self._wake()

    async def advance(self, seconds: float) -> None:
        """Move on deadline by deadline, so that a task that sleeps again on the way wakes again on the way.

        Tasks that are ready get their turns first. `ValueError` for a step back.
        """
        end = self._now + _forward(seconds)
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._move(max(self._sleepers[0][0], self._now))
            self._wake()
            await self._settle()
        self._move(end)
        await self._settle()

    async def asleep(self, count: int = 1) -> None:
        """Wait until at least `count` tasks sleep on this clock."""
        while self.sleepers < count:
            self._changed = self._changed or anyio.Event()
            await self._changed.wait()

    def _move(self, to: float) -> None:
        self._wall += timedelta(seconds=to - self._now)
        self._now = to

    def _due(self) -> bool:
        return bool(self._sleepers) and self._sleepers[0][0] <= self._now

    def _wake(self) -> None:
        heappop(self._sleepers)[2].set()

    async def _settle(self) -> None:
        for _ in range(self._turns):
            await anyio.lowlevel.checkpoint()

    def _notify(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()


def _forward(seconds: float) -> float:
    if seconds < 0:
        raise ValueError(f"a clock moves forward; {seconds} is a step back (use `set` to step the wall time)")
    return seconds
