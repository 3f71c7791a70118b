"""Background: bounded, logged, drained."""

import threading
from contextvars import ContextVar
from functools import partial

import anyio
import pytest

from arlen_core.app import App
from arlen_core.background import Background, BackgroundFull, BackgroundSettings, Drained
from arlen_core.context import Context
from arlen_core.meters import Meters
from arlen_core.testing import Client

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


class Numbers:
    """A registry of meters that keeps what it is told, by name."""

    def __init__(self):
        self.told, self.asked = {}, {}

    def counter(self, declaration):
        return lambda *values: self.told.setdefault(declaration.name, []).append(values)

    histogram = counter

    def observe(self, declaration, function):
        self.asked[declaration.name] = function


async def test_work_is_a_span_of_the_request_that_asked_for_it():
    """Its parent is the request, which is over by then; what it does is inside of it, in a thread too."""
    app, told = App("work", env="test"), []
    app.spans.listen(told.append)

    def inner():
        with app.spans.span("inner"):
            pass

    @app.get("/")
    async def index(ctx: Context) -> str:
        ctx.background(inner)
        return "soon"

    async with Client(app) as client:
        told.clear()
        await client.get("/")
        await app.background.stop()
    server, within, work = (each[0] for each in told[:3])
    assert (server.trace_id, server.span_id) == (work.trace_id, work.parent_id)
    assert ("inner", work.span_id) == (within.name, within.parent_id)
    assert work.name.startswith("background ")
    assert work.attributes["arlen.task"].endswith("inner")


async def test_work_is_counted():
    """What runs and waits, how long it took and with which error, what failed, and what was refused."""
    numbers, meters, go = Numbers(), Meters(), anyio.Event()
    meters.attach(numbers)
    background = Background(BackgroundSettings(limit=1, queue=1), meters=meters)

    async def broken():
        await go.wait()
        raise OSError

    background.spawn(broken)
    background.spawn(nothing)
    with pytest.raises(BackgroundFull):
        background.spawn(nothing)
    counts = numbers.asked["arlen.background.tasks"]
    before = counts()
    go.set()
    await background.stop()
    assert ({("running",): 1, ("waiting",): 1}, {("running",): 0, ("waiting",): 0}) == (before, counts())
    durations = numbers.told["arlen.background.duration"]
    assert [("broken", "OSError"), ("nothing", "")] == [
        (task.rpartition(".")[2], error) for _, task, error in durations
    ]
    assert 1 == len(numbers.told["arlen.background.failures"])
    assert [(1,)] == numbers.told["arlen.background.refused"]


async def test_a_refused_request_is_counted():
    """A handler that asks for work while there is no room gets 503, and that is counted too."""
    app, numbers = (
        App("full", env="test", environ={"ARLEN_BACKGROUND__LIMIT": "0", "ARLEN_BACKGROUND__QUEUE": "0"}),
        Numbers(),
    )

    @app.get("/")
    async def index(ctx: Context) -> None:
        ctx.background(nothing)

    async with Client(app) as client:
        app.meters.attach(numbers)
        assert 503 == (await client.get("/")).status
    assert [(1,)] == numbers.told["arlen.background.refused"]
