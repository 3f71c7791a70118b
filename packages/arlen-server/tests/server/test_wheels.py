"""Wheels: one timer for every deadline."""

import asyncio

import pytest

from arlen_core.clock import VirtualClock
from arlen_server.wheels import NEVER, Wheel

pytestmark = pytest.mark.anyio


class Member:
    def __init__(self, deadline=NEVER, stall=NEVER) -> None:
        self.deadline, self.stall = deadline, stall
        self.expired = []

    def expire(self, now: float) -> None:
        self.expired.append(now)
        self.deadline = self.stall = NEVER


async def test_deadlines():
    """Whoever is due is told, once; the others are not."""
    clock = VirtualClock()
    wheel = Wheel(clock)
    early, late, stalled, never = Member(5), Member(6), Member(stall=5), Member()
    for member in (early, late, stalled, never):
        wheel.add(member)
    clock.shift(5)
    wheel.turn()
    assert [[5], [], [5], []] == [member.expired for member in (early, late, stalled, never)]
    clock.shift(1)
    wheel.turn()
    assert [[5], [6], [5], []] == [member.expired for member in (early, late, stalled, never)]
    assert 6 == wheel.now
    wheel.stop()


async def test_members_may_leave_during_a_turn():
    """A member that is removed by another's deadline does no harm."""
    clock = VirtualClock()
    wheel = Wheel(clock)

    class Last(Member):
        def expire(self, now):
            super().expire(now)
            wheel.remove(self)
            wheel.remove(other)

    other = Member(1)
    wheel.add(Last(1))
    wheel.add(other)
    clock.shift(1)
    wheel.turn()
    assert set() == wheel.members
    wheel.stop()


async def test_timer_runs_while_there_are_members():
    """The timer starts with the first member and ends with the last, so that an idle process sleeps."""
    turns = 0

    def count():
        nonlocal turns
        turns += 1

    wheel = Wheel(VirtualClock(), 0.001, each=count)
    member = Member()
    wheel.add(member)
    async with asyncio.timeout(10):
        while turns < 3:
            await asyncio.sleep(0.001)
        wheel.remove(member)
        while wheel._timer is not None:
            await asyncio.sleep(0.001)
    stopped = turns
    wheel.add(member)
    assert stopped + 1 == turns
    wheel.stop()
    wheel.stop()
    assert wheel._timer is None
