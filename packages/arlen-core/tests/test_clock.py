"""Clock: the machine's time, and the time that a test owns."""

from datetime import UTC, datetime, timedelta, timezone

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.clock import SystemClock, VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_system_clock_tells_utc():
    """Wall time is aware, in UTC, and between two readings of the machine's own clock."""
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert UTC == now.tzinfo


def test_the_system_clock_never_goes_back():
    """Monotonic readings never fall."""
    readings = [SystemClock().monotonic() for _ in range(100)]
    assert sorted(readings) == readings


@pytest.mark.parametrize("seconds", [0, -1, 0.001])
async def test_the_system_clock_sleeps(seconds):
    """A short, an empty and a negative sleep end."""
    with anyio.fail_after(5):
        assert await SystemClock().sleep(seconds) is None


def test_a_virtual_clock_stands_still():
    """Nothing moves on its own."""
    clock = VirtualClock()
    assert (START, 0.0) == (clock.now(), clock.monotonic())
    assert (START, 0.0) == (clock.now(), clock.monotonic())


def test_a_virtual_clock_starts_where_it_is_told_in_utc():
    """The start is turned into UTC."""
    start = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    now = VirtualClock(start).now()
    assert datetime(2026, 3, 1, 10, tzinfo=UTC) == now
    assert timedelta(0) == now.utcoffset()


def test_both_times_move_together():
    """Wall time and monotonic time go on by the same amount."""
    clock = VirtualClock()
    clock.shift(90)
    assert (START + timedelta(seconds=90), 90.0) == (clock.now(), clock.monotonic())


def test_the_wall_clock_may_step_back():
    """Setting the wall time leaves the monotonic time alone."""
    clock = VirtualClock()
    clock.shift(10)
    clock.set(START - timedelta(days=1))
    assert (START - timedelta(days=1), 10.0) == (clock.now(), clock.monotonic())


@pytest.mark.parametrize("move", [lambda clock: clock.shift(-1), lambda clock: clock.advance(-1)])
async def test_time_does_not_run_backwards(move):
    """A negative step is refused and says what to use."""
    clock = VirtualClock()
    with pytest.raises(ValueError, match="use `set`"):
        await move(clock)
    assert clock.monotonic() == 0.0


async def test_a_sleep_of_nothing_gives_others_a_turn():
    """Zero and negative sleeps end without time moving, after somebody else had a turn."""
    clock, seen = VirtualClock(), []

    async def other() -> None:
        seen.append("other")

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        await clock.sleep(0)
        await clock.sleep(-5)
        seen.append("me")
    assert ["other", "me"] == seen


async def test_a_sleeper_wakes_when_it_is_due_and_not_before():
    """Exactly at the deadline, not a moment earlier."""
    clock, woken = VirtualClock(), []

    async def nap() -> None:
        await clock.sleep(10)
        woken.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(nap)
        await clock.asleep()
        await clock.advance(9.999)
        assert [] == woken
        await clock.advance(0.001)
        assert [10.0] == woken


async def test_a_loop_of_sleeps_keeps_its_rhythm():
    """Advancing in one step wakes a task as often as many small steps would."""
    clock, ticks = VirtualClock(), []

    async def tick() -> None:
        for _ in range(4):
            await clock.sleep(15)
            ticks.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        await clock.asleep()
        await clock.advance(60)
    assert [15.0, 30.0, 45.0, 60.0] == ticks


async def test_a_shift_shows_the_final_time_to_all():
    """After a jump everyone who was due wakes late, as after a suspended machine."""
    clock, woken = VirtualClock(), []

    async def nap(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        for seconds in (1, 2, 30):
            group.start_soon(nap, seconds)
        await clock.asleep(3)
        clock.shift(10)
        assert clock.sleepers == 1
        await clock.advance(20)
    assert [10.0, 10.0, 30.0] == woken


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_sleepers_wake_in_the_order_of_their_deadlines(naps):
    """Whatever the naps, they end in deadline order, ties in the order in which they began, each at its deadline."""
    clock, woken = VirtualClock(), []

    async def nap(index: int, seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append((clock.monotonic(), index))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for index, seconds in enumerate(naps):
                group.start_soon(nap, index, seconds)
                await clock.asleep(index + 1)
            await clock.advance(max(naps))

    anyio.run(main)
    assert sorted((float(seconds), index) for index, seconds in enumerate(naps)) == woken


async def test_a_cancelled_sleeper_is_forgotten():
    """Cancelling a sleep leaves the other sleepers and their order alone."""
    clock, woken = VirtualClock(), []

    async def nap(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with anyio.create_task_group() as group:
        for seconds in (5, 7, 6):
            group.start_soon(nap, seconds)
        await clock.asleep(3)
        with anyio.move_on_after(0.001):
            await clock.sleep(1)
        assert clock.sleepers == 3
        await clock.advance(10)
    assert [5, 6, 7] == woken


async def test_waiting_for_sleepers_ends_when_there_are_enough():
    """`asleep` returns at once when enough tasks sleep already, and later when they come."""
    clock = VirtualClock()
    async with anyio.create_task_group() as group:
        group.start_soon(clock.sleep, 1)
        group.start_soon(clock.sleep, 1)
        await clock.asleep(2)
        await clock.asleep(1)
        assert clock.sleepers == 2
        clock.shift(1)
    assert clock.sleepers == 0
