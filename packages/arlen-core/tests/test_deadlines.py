"""Deadlines: what is too slow is cancelled and named."""

from functools import partial

import anyio
import pytest

from arlen_core.deadlines import TooSlow, named, within

pytestmark = pytest.mark.anyio


async def answer() -> int:
    """Return at once."""
    return 42


@pytest.mark.parametrize("seconds", [None, 10, 0.5])
async def test_what_is_in_time_gives_its_result(seconds):
    """The result comes through, with a limit and without."""
    assert await within(seconds, answer, "it did not come") == 42


async def test_what_is_too_slow_is_cancelled_and_named():
    """The error says what and how long, and the work sees a cancellation."""
    seen = []

    async def forever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            seen.append("cleaned up")

    with pytest.raises(TooSlow, match=r"^the nap did not end within 0.01 s$"):
        await within(0.01, forever, "the nap did not end")
    assert ["cleaned up"] == seen


async def test_a_timeout_of_the_work_itself_is_not_ours():
    """A `TimeoutError` that the work raises goes through as it is."""

    async def broken() -> None:
        raise TimeoutError("the peer was slow")

    with pytest.raises(TimeoutError, match="the peer was slow"):
        await within(10, broken, "it did not come")


async def test_cancellation_from_outside_goes_through():
    """A cancelled caller is not told that something was slow."""
    with anyio.move_on_after(0.01) as scope:
        await within(10, anyio.sleep_forever, "it did not come")
    assert scope.cancelled_caught


async def test_work_may_leave_a_task_group_open():
    """What enters a task group inside the deadline can leave it after the deadline."""
    seen = []
    group = anyio.create_task_group()
    await within(10, group.__aenter__, "it did not open")
    group.start_soon(anyio.lowlevel.checkpoint)
    await group.__aexit__(None, None, None)
    seen.append("left")
    assert ["left"] == seen


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (answer, f"{__name__}.answer"),
        (partial(answer), f"{__name__}.answer"),
        (TooSlow, "arlen_core.deadlines.TooSlow"),
        (TooSlow("x"), "arlen_core.deadlines.TooSlow"),
        ("text", "builtins.str"),
    ],
)
def test_things_have_names_for_errors(thing, name):
    """Functions, partial functions, classes and instances."""
    assert name == named(thing)
