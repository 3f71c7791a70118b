"""Background: bounded, logged, drained."""

import threading
from contextvars import ContextVar
from functools import partial

import anyio
import pytest

from arlen_core.background import Background, BackgroundFull, BackgroundSettings, Drained

pytestmark = pytest.mark.anyio

request_id: ContextVar[str] = ContextVar("request_id", default="none")


class Log:
    """Stands in for the application's log."""

    def __init__(self):
        self.rows = []

    def error(self, event, **values):
        self.rows.append(("error", event, values))

    def warning(self, event, **values):
        self.rows.append(("warning", event, values))


async def nothing() -> None:
    """Do nothing."""


async def test_a_coroutine_function_runs_with_its_arguments():
    """Positional and by name; `stop` waits for it."""
    background, seen = Background(), []

    async def work(*args, **options):
        await anyio.lowlevel.checkpoint()
        seen.append((args, options))

    background.spawn(work, 1, two=2)
    assert len(background) == 1
    assert Drained(finished=1) == await background.stop()
    assert [((1,), {"two": 2})] == seen
    assert len(background) == 0


async def test_a_plain_function_runs_in_a_thread():
    """So that it may block."""
    background, seen = Background(), []
    background.spawn(lambda: seen.append(threading.current_thread() is threading.main_thread()))
    await background.stop()
    assert [False] == seen


async def test_a_callable_object_with_a_coroutine_runs():
    """What it returns is awaited."""
    seen = []

    class Work:
        async def __call__(self):
            seen.append("ran")

    background = Background()
    background.spawn(Work())
    background.spawn(partial(Work()))
    await background.stop()
    assert ["ran", "ran"] == seen


async def test_the_context_of_the_request_is_kept():
    """Each task sees the context variables of the moment in which it was spawned."""
    background, seen = Background(BackgroundSettings(limit=1)), []

    async def work():
        seen.append(request_id.get())

    for name in ("one", "two", "three"):
        token = request_id.set(name)
        background.spawn(work)
        request_id.reset(token)
    background.spawn(lambda: seen.append(request_id.get()))
    await background.stop()
    assert ["one", "two", "three", "none"] == seen


async def test_so_many_run_and_so_many_wait():
    """One more than the bounds is refused, with the bounds and the fix in the error."""
    background, go = Background(BackgroundSettings(limit=2, queue=3)), anyio.Event()
    running, most = [], []

    async def work(number):
        running.append(number)
        most.append(len(running))
        await go.wait()
        running.remove(number)

    for number in range(5):
        assert not background.full
        background.spawn(work, number)
    assert background.full
    with pytest.raises(BackgroundFull, match=r"work was not taken: 2 background tasks run and 3 wait \(fix: raise"):
        background.spawn(work, 6)
    await anyio.lowlevel.checkpoint()
    assert [0, 1] == running
    go.set()
    assert 5 == (await background.stop()).finished
    assert 2 == max(most)


async def test_room_is_made_when_a_task_ends():
    """A full queue takes work again later."""
    background, go = Background(BackgroundSettings(limit=1, queue=0)), anyio.Event()
    background.spawn(go.wait)
    assert background.full
    go.set()
    while background.full:
        await anyio.lowlevel.checkpoint()
    background.spawn(nothing)
    assert 2 == (await background.stop()).finished


async def test_a_failure_is_logged_with_its_name():
    """It goes nowhere else, and the others run."""
    log = Log()
    background, seen, error = Background(log=log), [], OSError("no disk")

    async def broken():
        raise error

    async def fine():
        seen.append("fine")

    background.spawn(broken)
    background.spawn(fine)
    assert 2 == (await background.stop()).finished
    assert ["fine"] == seen
    level, event, values = log.rows[0]
    assert ("error", "background.failed", error) == (level, event, values["exc_info"])
    assert values["task"].endswith("broken")


async def test_a_failure_without_a_log_is_swallowed():
    """There is nobody to tell."""

    async def broken():
        raise OSError("no disk")

    background = Background()
    background.spawn(broken)
    assert Drained(finished=1) == await background.stop()


async def test_a_stop_cancels_what_does_not_end():
    """After the drain time running tasks are cancelled, waiting ones dropped, and both named in the report and log."""
    log, seen = Log(), []
    background = Background(BackgroundSettings(limit=1, drain=0.01), log)

    async def endless():
        try:
            await anyio.sleep_forever()
        finally:
            seen.append("cleaned up")

    background.spawn(endless)
    background.spawn(nothing)
    report = await background.stop()
    assert ["cleaned up"] == seen
    assert (0, 1, 1, ()) == (report.finished, len(report.cancelled), len(report.dropped), report.stuck)
    assert report.cancelled[0].endswith("endless")
    assert report.dropped[0].endswith("nothing")
    assert [("warning", "background.cut")] == [row[:2] for row in log.rows]
    assert len(background) == 0


async def test_what_ignores_its_cancellation_is_named():
    """The stop does not wait for ever."""
    go, background = anyio.Event(), Background(BackgroundSettings(drain=0.01, grace=0.01))

    async def stubborn():
        while not go.is_set():
            with anyio.CancelScope(shield=True):
                try:
                    await go.wait()
                except anyio.get_cancelled_exc_class():
                    continue

    background.spawn(stubborn)
    report = await background.stop()
    assert 1 == len(report.stuck)
    assert report.stuck[0].endswith("stubborn")
    go.set()
    assert () == (await background.stop()).stuck


async def test_nothing_is_taken_while_it_stops():
    """A task that spawns another during the drain gets the refusal; after a start work is taken again."""
    background, refused, go = Background(), [], anyio.Event()

    async def work():
        await go.wait()
        try:
            background.spawn(nothing)
        except BackgroundFull as error:
            refused.append(str(error))

    background.spawn(work)
    async with anyio.create_task_group() as group:
        group.start_soon(background.stop)
        await anyio.lowlevel.checkpoint()
        go.set()
    assert len(refused) == 1
    assert "the application is stopping" in refused[0]
    assert background.full
    background.start()
    background.spawn(nothing)
    assert Drained(finished=1) == await background.stop()
