"""Lifecycle: states, order, rollback, and calls at the same time."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import ArlenError, StartupError
from arlen_core.hooks import Hooks
from arlen_core.lifecycle import Lifecycle, StopError, Unit

pytestmark = pytest.mark.anyio

NAMES = ["will_start", "did_start", "will_stop", "did_stop"]


class Recorder:
    """Units and hooks that write down what happens, and fail where they are told to."""

    def __init__(self, *failing):
        self.seen = []
        self.failing = set(failing)
        self.hooks = Hooks()
        self.life = Lifecycle("app", self.hooks)
        for name in NAMES:
            self.hooks.add(name, self.step(name))

    def step(self, what):
        async def run(*args):
            self.seen.append(what)
            if what in self.failing:
                raise OSError(f"{what} is broken")

        return run

    def add(self, *names, timeout=None):
        for name in names:
            self.life.add(Unit(name, self.step(f"{name} up"), self.step(f"{name} down"), timeout))
        return self


async def test_everything_starts_in_order_and_stops_in_reverse():
    """Hooks around the units; the states in between are visible."""
    recorder = Recorder().add("a", "b")
    assert recorder.life.state == "created"
    await recorder.life.start()
    assert recorder.life.state == "started"
    assert ["will_start", "a up", "b up", "did_start"] == recorder.seen
    recorder.seen.clear()
    await recorder.life.stop()
    assert recorder.life.state == "stopped"
    assert ["will_stop", "b down", "a down", "did_stop"] == recorder.seen


async def test_the_states_on_the_way_are_visible():
    """A hook sees "starting" and "stopping"."""
    life, seen = Lifecycle(), []
    for name in NAMES:
        life.hooks.add(name, lambda _: seen.append(life.state))
    await life.start()
    await life.stop()
    assert ["starting", "starting", "stopping", "stopping"] == seen


async def test_hooks_get_the_owner_and_may_be_plain_functions():
    """The application is the argument; no coroutine is needed."""
    life, seen = Lifecycle("the app"), []
    life.hooks.add("did_start", seen.append)
    await life.start()
    assert ["the app"] == seen


async def test_second_calls_do_nothing():
    """Start and stop are idempotent; a stop before any start does nothing either."""
    recorder = Recorder().add("a")
    await recorder.life.stop()
    assert (recorder.life.state, []) == ("created", recorder.seen)
    await recorder.life.start()
    await recorder.life.start()
    await recorder.life.stop()
    await recorder.life.stop()
    assert ["will_start", "a up", "did_start", "will_stop", "a down", "did_stop"] == recorder.seen


async def test_a_stopped_application_starts_again():
    """Everything runs once more, in the same order."""
    recorder = Recorder().add("a")
    for _ in range(2):
        recorder.seen.clear()
        await recorder.life.start()
        await recorder.life.stop()
        assert ["will_start", "a up", "did_start", "will_stop", "a down", "did_stop"] == recorder.seen


@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        ("will_start", ["will_start", "did_stop"]),
        ("a up", ["will_start", "a up", "did_stop"]),
        ("b up", ["will_start", "a up", "b up", "a down", "did_stop"]),
        ("did_start", ["will_start", "a up", "b up", "did_start", "b down", "a down", "did_stop"]),
    ],
)
async def test_a_start_that_fails_is_rolled_back(failing, expected):
    """What had started stops in reverse; `did_stop` runs, `will_stop` does not; the error names the culprit."""
    recorder = Recorder(failing).add("a", "b")
    with pytest.raises(StartupError, match=failing.split()[0]) as caught:
        await recorder.life.start()
    assert expected == recorder.seen
    assert recorder.life.state == "stopped"
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_failed_start_may_be_tried_again():
    """After the cause is gone the application starts."""
    recorder = Recorder("a up").add("a")
    with pytest.raises(StartupError):
        await recorder.life.start()
    recorder.failing.clear()
    await recorder.life.start()
    assert recorder.life.state == "started"


async def test_failures_of_the_rollback_are_added_to_the_error():
    """The first error stays the error; what went wrong after it is noted there."""
    recorder = Recorder("b up", "a down", "did_stop").add("a", "b")
    with pytest.raises(StartupError, match="b failed to start") as caught:
        await recorder.life.start()
    notes = " ".join(caught.value.__notes__)
    assert "a failed to stop: OSError: a down is broken" in notes
    assert "did_stop" in notes


async def test_a_startup_error_goes_through_as_it_is():
    """A unit that says itself what is wrong keeps its words, its fix and its code."""
    life, error = Lifecycle(), StartupError("port 80 is taken", fix="choose another", code="port_taken")

    async def start():
        raise error

    life.add(Unit("server", start, start))
    with pytest.raises(StartupError) as caught:
        await life.start()
    assert error is caught.value


async def test_one_failing_stop_never_skips_others():
    """Everything is stopped, and all failures come together, each with its name."""
    recorder = Recorder("will_stop", "b down", "did_stop").add("a", "b", "c")
    await recorder.life.start()
    recorder.seen.clear()
    with pytest.raises(StopError) as caught:
        await recorder.life.stop()
    assert ["will_stop", "c down", "b down", "a down", "did_stop"] == recorder.seen
    assert recorder.life.state == "stopped"
    texts = [str(each) for each in caught.value.exceptions]
    assert [True, True, True] == [
        name in text for name, text in zip(["will_stop", "b failed", "did_stop"], texts, strict=True)
    ]
    assert all(isinstance(each, ArlenError) and isinstance(each.__cause__, OSError) for each in caught.value.exceptions)


async def test_failures_of_an_inner_stop_are_not_wrapped_twice():
    """A mounted application that stops with errors hands on its own rows."""
    inner = Recorder("b down").add("b")
    life = Lifecycle()
    life.add(Unit("mounted", inner.life.start, inner.life.stop))
    await life.start()
    with pytest.raises(StopError) as caught:
        await life.stop()
    assert ["b failed to stop: OSError: b down is broken"] == [str(each) for each in caught.value.exceptions]


async def test_a_unit_that_is_too_slow_is_named():
    """The timeout of the unit is in the error, and the others are rolled back."""
    recorder = Recorder().add("a")
    recorder.life.add(Unit("sloth", anyio.sleep_forever, anyio.sleep_forever, 0.01))
    with pytest.raises(StartupError, match=r"^sloth did not start within 0.01 s$"):
        await recorder.life.start()
    assert ["will_start", "a up", "a down", "did_stop"] == recorder.seen


async def test_a_hook_that_is_too_slow_is_named():
    """The lifecycle's own timeout bounds each hook function."""
    life = Lifecycle(timeout=0.01)

    async def dawdle(app):
        await anyio.sleep_forever()

    life.hooks.add("did_start", dawdle)
    with pytest.raises(StartupError, match=r"did_start hook .*dawdle did not start within 0.01 s"):
        await life.start()


async def test_a_stop_that_is_too_slow_is_given_up():
    """The others are stopped all the same."""
    recorder = Recorder().add("a")

    async def start():
        """Nothing to do."""

    recorder.life.add(Unit("sloth", start, anyio.sleep_forever, 0.01))
    await recorder.life.start()
    with pytest.raises(StopError) as caught:
        await recorder.life.stop()
    assert ["sloth did not stop within 0.01 s"] == [str(each) for each in caught.value.exceptions]
    assert recorder.seen[-2:] == ["a down", "did_stop"]


async def test_cancellation_in_the_middle_of_a_start_rolls_back():
    """What had started is stopped, completely, and the cancellation goes on."""
    recorder = Recorder().add("a")
    reached = anyio.Event()

    async def start():
        reached.set()
        await anyio.sleep_forever()

    recorder.life.add(Unit("slow", start, recorder.step("slow down")))
    async with anyio.create_task_group() as group:
        group.start_soon(recorder.life.start)
        await reached.wait()
        group.cancel_scope.cancel()
    assert ["will_start", "a up", "a down", "did_stop"] == recorder.seen
    assert recorder.life.state == "stopped"


async def test_a_stop_runs_to_its_end_when_its_caller_is_cancelled():
    """A cancelled stop leaves nothing half stopped."""
    recorder = Recorder().add("a")
    reached, go = anyio.Event(), anyio.Event()

    async def start():
        """Nothing to do."""

    async def stop():
        reached.set()
        await go.wait()
        recorder.seen.append("slow down")

    recorder.life.add(Unit("slow", start, stop))
    await recorder.life.start()
    recorder.seen.clear()
    async with anyio.create_task_group() as group:
        group.start_soon(recorder.life.stop)
        await reached.wait()
        group.cancel_scope.cancel()
        go.set()
    assert ["will_stop", "slow down", "a down", "did_stop"] == recorder.seen
    assert recorder.life.state == "stopped"


async def test_starts_at_the_same_time_share_one_start():
    """Ten callers, one start; all return when it is complete."""
    recorder, states = Recorder().add("a"), []

    async def call():
        await recorder.life.start()
        states.append(recorder.life.state)

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(call)
    assert ["will_start", "a up", "did_start"] == recorder.seen
    assert ["started"] * 10 == states


async def test_starts_at_the_same_time_share_one_failure():
    """Ten callers, one attempt, ten times the same error."""
    recorder, errors = Recorder("a up").add("a"), []

    async def call():
        try:
            await recorder.life.start()
        except StartupError as error:
            errors.append(str(error))

    reached, go = anyio.Event(), anyio.Event()

    async def gate(app):
        reached.set()
        await go.wait()

    recorder.hooks.add("will_start", gate)
    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await reached.wait()
        for _ in range(9):
            group.start_soon(call)
        await anyio.lowlevel.checkpoint()
        go.set()
    assert 10 == len(errors)
    assert 1 == len(set(errors))
    assert recorder.seen.count("a up") == 1


async def test_a_stop_waits_for_the_start_under_way():
    """Called in the middle of a start, it stops what the start has made."""
    recorder = Recorder()
    reached, go = anyio.Event(), anyio.Event()

    async def start():
        reached.set()
        await go.wait()

    recorder.life.add(Unit("slow", start, recorder.step("slow down")))
    async with anyio.create_task_group() as group:
        group.start_soon(recorder.life.start)
        await reached.wait()
        group.start_soon(recorder.life.stop)
        await anyio.lowlevel.checkpoint()
        go.set()
    assert ["will_start", "did_start", "will_stop", "slow down", "did_stop"] == recorder.seen
    assert recorder.life.state == "stopped"


async def test_when_the_first_caller_is_cancelled_the_second_starts():
    """A waiting caller wants a started application, and gets it."""
    recorder = Recorder()
    reached, calls = anyio.Event(), []

    async def start():
        calls.append("start")
        reached.set()
        if len(calls) == 1:
            await anyio.sleep_forever()

    recorder.life.add(Unit("slow", start, recorder.step("slow down")))
    first = anyio.CancelScope()

    async def cancelled():
        with first:
            await recorder.life.start()

    async with anyio.create_task_group() as group:
        group.start_soon(cancelled)
        await reached.wait()
        group.start_soon(recorder.life.start)
        await anyio.lowlevel.checkpoint()
        first.cancel()
    assert (["start", "start"], "started") == (calls, recorder.life.state)


async def test_units_cannot_come_late():
    """Adding or arranging while the application runs is an error; after the stop it is allowed."""
    recorder = Recorder().add("a")
    await recorder.life.start()
    with pytest.raises(StartupError, match="b came when the application was started"):
        recorder.add("b")
    await recorder.life.stop()
    recorder.add("b")
    recorder.life.arrange([])
    recorder.seen.clear()
    await recorder.life.start()
    assert ["will_start", "did_start"] == recorder.seen


@given(st.integers(0, 6), st.integers(0, 6), st.sets(st.integers(0, 6)))
def test_whatever_fails_what_started_is_stopped_in_reverse(count, broken, stubborn):
    """With any unit failing to start and any set failing to stop, the order holds and nothing is left out."""
    failing = [f"{broken} up", *(f"{number} down" for number in stubborn)]
    recorder = Recorder(*failing).add(*(str(number) for number in range(count)))

    async def main():
        try:
            await recorder.life.start()
            await recorder.life.stop()
        except (StartupError, StopError):
            return

    anyio.run(main)
    started = [number for number in range(count) if number < broken]
    downs = [int(each.split()[0]) for each in recorder.seen if each.endswith("down")]
    assert started[::-1] == downs
    assert (recorder.life.state, recorder.seen[-1]) == ("stopped", "did_stop")
