"""Wheels: the deadlines of all connections, looked at by one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from arlen_core.clock import Clock

__all__ = ["NEVER", "Timed", "Wheel"]

NEVER = float("inf")


class Timed(Protocol):
    """Something with deadlines, in the clock's monotonic seconds; `NEVER` is none."""

    deadline: float
    stall: float

    def expire(self, now: float) -> None:
        """A deadline has passed: act, and set another one."""


T = TypeVar("T", bound=Timed)


class Wheel(Generic[T]):
    """Looks at every deadline a few times a second, so that setting one costs a connection a single assignment.

    Args:
        clock: where time comes from. Tests give a `VirtualClock`, move it, and call `turn`.
        interval: seconds between two turns, which is how late a deadline may be noticed.
        each: called on each turn, before the deadlines are looked at.

    Attributes:
        now: the time of the last turn.
        members: what is looked at.
    """

    __slots__ = ("_clock", "_each", "_interval", "_timer", "members", "now")

    def __init__(self, clock: Clock, interval: float = 0.25, *, each: Callable[[], object] | None = None) -> None:
        self._clock, self._interval, self._each = clock, interval, each
        self._timer: asyncio.TimerHandle | None = None
        self.members: set[T] = set()
        self.now = clock.monotonic()

    def add(self, member: T) -> None:
        """Look at a member from now on; the first one starts the timer."""
        self.members.add(member)
        if self._timer is None:
            self.turn()
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._tick)

    def remove(self, member: T) -> None:
        """Forget a member."""
        self.members.discard(member)

    def turn(self) -> None:
        """Look at every deadline now."""
        self.now = now = self._clock.monotonic()
        if self._each is not None:
            self._each()
        for member in [each for each in self.members if each.deadline <= now or each.stall <= now]:
            member.expire(now)

    def stop(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        self.turn()
        if self.members:  # an idle process sleeps
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._tick)
