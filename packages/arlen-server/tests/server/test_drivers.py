"""Drivers: a handler that does not wait costs no task, and all about tasks and contexts is right just the same."""

import asyncio
from contextvars import ContextVar

import anyio
import pytest
from anyio import to_thread

from arlen_core.responses import text

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"
var = ContextVar("var", default="unset")


@pytest.fixture
async def ask(serving):
    """Serve one handler at `/`, and return what asks it so many times at once on one connection each."""
    served = await serving()

    async def ask(handler, count=1):
        served.app.handlers["/"] = handler
        peers = [await served.connect() for _ in range(count)]
        for peer in peers:
            peer.send(GET % b"")
        return [(await peer.answer()).body.decode() for peer in peers]

    ask.served = served
    return ask


async def test_no_task(ask):
    """Handlers that do not wait all run in the same parked task, inside the call that received the request."""
    tasks = []

    async def handler(request):
        tasks.append(asyncio.current_task())
        return text("x")

    before = len(asyncio.all_tasks())
    await ask(handler, 5)
    assert 1 == len(set(tasks))
    assert before == len(asyncio.all_tasks())


async def test_own_task(ask):
    """A handler that waits keeps its task to the end, and nobody else gets it."""
    tasks = []

    async def handler(request):
        mine = asyncio.current_task()
        tasks.append(mine)
        await asyncio.sleep(0)
        assert mine is asyncio.current_task()
        return text("x")

    await ask(handler, 5)
    assert 5 == len(set(tasks))
    await ask.served.wait(lambda: all(task.done() for task in tasks))


async def test_more_than_spare(ask):
    """More handlers may wait at once than there are parked tasks."""
    gate = asyncio.Event()
    count = 0

    async def handler(request):
        nonlocal count
        count += 1
        if count == 200:
            gate.set()
        await gate.wait()
        return text(str(asyncio.current_task() is not None))

    assert ["True"] * 200 == await ask(handler, 200)
    await ask.served.wait(lambda: not ask.served.server.drivers.busy)
    assert ["True"] * 20 == await ask(handler, 20)


async def test_first_wait_is_none(ask):
    """A handler may first wait for nothing but its next turn."""

    async def handler(request):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return text("turned")

    assert ["turned"] == await ask(handler)


async def test_shared_future(ask):
    """Handlers that start in the same turn may wait for the same future, and tasks elsewhere too."""
    shared = asyncio.get_running_loop().create_future()

    async def handler(request):
        return text(await shared)

    async def elsewhere():
        return await shared

    others = [asyncio.create_task(elsewhere()) for _ in range(3)]
    asyncio.get_running_loop().call_later(0.01, shared.set_result, "same")
    assert ["same"] * 10 == await ask(handler, 10)
    assert ["same"] * 3 == await asyncio.gather(*others)


async def test_done_future(ask):
    """A future that is done before its handler's task looks at it is not lost."""

    async def handler(request):
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, "soon")
        return text(await future)

    assert ["soon"] * 3 == await ask(handler, 3)


async def test_wrong_awaitable(ask):
    """A handler that awaits what no event loop understands gets asyncio's own error."""

    class Wrong:
        def __await__(self):
            yield 17

    async def handler(request):
        try:
            await Wrong()
        except RuntimeError as error:
            return text(str(error).partition(":")[0])

    assert ["Task got bad yield"] == await ask(handler)


async def test_error_from_future(ask):
    """An exception that a future brings arrives where the handler waits."""

    async def handler(request):
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_exception, KeyError("k"))
        try:
            await future
        except KeyError as error:
            return text(repr(error))

    assert ["KeyError('k')"] == await ask(handler)


# -- timeouts and cancellation


async def test_asyncio_timeout(ask):
    """`asyncio.timeout` ends what waits too long, and the task is not left cancelled."""

    async def handler(request):
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            await asyncio.sleep(0)
            return text(f"timeout {asyncio.current_task().cancelling()}")

    assert ["timeout 0"] * 3 == await ask(handler, 3)


async def test_asyncio_timeout_zero(ask):
    """`asyncio.timeout(0)` ends the first wait, even though it fires before the handler has a task of its own."""

    async def handler(request):
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            return text("timeout")

    assert ["timeout"] * 3 == await ask(handler, 3)


async def test_asyncio_timeout_unused(ask):
    """A timeout around code that does not wait changes nothing, and later handlers are not hit by it."""

    async def handler(request):
        async with asyncio.timeout(0):
            pass
        async with asyncio.timeout(60):
            return text("fine")

    for _ in range(3):
        assert ["fine"] * 2 == await ask(handler, 2)


@pytest.mark.parametrize("seconds", [0, 0.001])
async def test_anyio_fail_after(ask, seconds):
    """`anyio.fail_after` ends what waits too long."""

    async def handler(request):
        try:
            with anyio.fail_after(seconds):
                await anyio.sleep_forever()
        except TimeoutError:
            await anyio.lowlevel.checkpoint()
            return text("timeout")

    assert ["timeout"] * 3 == await ask(handler, 3)


async def test_anyio_move_on(ask):
    """`anyio.move_on_after` and nested scopes end exactly their own block."""

    async def handler(request):
        with anyio.move_on_after(10) as outer:
            with anyio.move_on_after(0.001) as inner:
                await anyio.sleep_forever()
            await anyio.sleep(0)
        return text(f"{inner.cancelled_caught} {outer.cancelled_caught}")

    assert ["True False"] == await ask(handler)


async def test_anyio_scope_without_wait(ask):
    """A scope around code that does not wait leaves nothing behind in the shared task."""

    async def handler(request):
        with anyio.CancelScope() as scope:
            scope.cancel()
        with anyio.fail_after(60):
            pass
        return text(f"{scope.cancel_called}")

    for _ in range(3):
        assert ["True"] * 2 == await ask(handler, 2)


async def test_scope_cancelled_before_first_wait(ask):
    """A scope that is cancelled before the first wait cancels that wait."""

    async def handler(request):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.sleep_forever()
        await anyio.sleep(0)
        return text("out")

    assert ["out"] * 3 == await ask(handler, 3)


@pytest.mark.parametrize("group", ["asyncio", "anyio"])
async def test_task_groups(ask, group):
    """Task groups work from the first line of a handler: an error in a child cancels its siblings and the handler."""
    done = []

    async def child(number):
        try:
            await asyncio.sleep(0 if number else 60)
        finally:
            done.append(number)
        if number == 2:
            raise ValueError("two")

    async def handler(request):
        try:
            if group == "asyncio":
                async with asyncio.TaskGroup() as tasks:
                    for number in range(3):
                        tasks.create_task(child(number))
                    await asyncio.sleep(60)
            else:
                async with anyio.create_task_group() as tasks:
                    for number in range(3):
                        tasks.start_soon(child, number)
                    await asyncio.sleep(60)
        except* ValueError as errors:
            caught = len(errors.exceptions)
        return text(str(caught))

    assert ["1"] == await ask(handler)
    assert [0, 1, 2] == sorted(done)


async def test_self_cancel_then_wait(ask):
    """A handler that cancels its own task gets the cancellation at its next wait, as in any task."""
    served = ask.served

    async def handler(request):
        asyncio.current_task().cancel()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
            return text("cancelled")

    async def plain(request):
        return text("plain")

    assert ["cancelled"] * 2 == await ask(handler, 2)
    assert ["plain"] * 10 == await ask(plain, 10)
    assert 0 == served.server.stats.in_flight


async def test_self_cancel_cancels_what_it_waits_for(ask):
    """The cancellation goes to what the handler waits for first, as in any task."""
    fate = []

    async def child():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            fate.append("child")
            raise

    async def handler(request):
        task = asyncio.create_task(child())
        await asyncio.sleep(0)
        asyncio.current_task().cancel()
        try:
            await task
        except asyncio.CancelledError:
            fate.append("handler")
        return text("done")

    assert ["done"] == await ask(handler)
    assert ["child", "handler"] == fate


async def test_self_cancel_without_wait(ask):
    """A handler that cancels its own task and then does not wait answers; the next ones are not cancelled."""

    async def handler(request):
        asyncio.current_task().cancel()
        return text("answered")

    async def waiting(request):
        await asyncio.sleep(0)
        return text("fine")

    for _ in range(3):
        assert ["answered"] * 5 == await ask(handler, 5)
        assert ["fine"] * 5 == await ask(waiting, 5)


async def test_cancelled_from_outside(ask):
    """Whoever cancels the task of a request ends it: the connection is cut, because there is no answer."""
    tasks = []
    served = ask.served

    async def handler(request):
        tasks.append(asyncio.current_task())
        await asyncio.Event().wait()

    served.app.handlers["/"] = handler
    peer = await served.connect()
    peer.send(GET % b"")
    await served.wait(lambda: tasks)
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert await peer.closed()
    await served.wait(lambda: served.app.ended)
    assert [(b"/", 499, 0, "CancelledError")] == served.app.outcomes


# -- threads


async def test_threads(ask):
    """Worker threads can be called from the first line, and call back."""

    def work():
        return anyio.from_thread.run_sync(lambda: "back")

    async def handler(request):
        return text(await to_thread.run_sync(work))

    assert ["back"] * 3 == await ask(handler, 3)


# -- context variables


async def test_variable_survives_a_wait(ask):
    """A context variable that is set before a wait is there after it, and its token can be used."""

    async def handler(request):
        token = var.set("mine")
        await asyncio.sleep(0)
        seen = var.get()
        var.reset(token)
        return text(f"{seen} {var.get()}")

    assert ["mine unset"] * 3 == await ask(handler, 3)


async def test_variable_does_not_leak(ask):
    """No request sees the variables of another, whether their handlers wait or not."""

    async def handler(request):
        seen = var.get()
        var.set("leaked")
        return text(seen)

    async def waiting(request):
        seen = var.get()
        var.set("leaked")
        await asyncio.sleep(0)
        return text(seen)

    for _ in range(3):
        assert ["unset"] * 6 == await ask(handler, 6)
        assert ["unset"] * 6 == await ask(waiting, 6)


async def test_variable_on_one_connection(ask):
    """Pipelined requests of one connection have contexts of their own."""
    served = ask.served

    async def handler(request):
        seen = var.get()
        var.set("leaked")
        return text(seen)

    served.app.handlers["/"] = handler
    peer = await served.connect()
    peer.send((GET % b"") * 3)
    assert [b"unset"] * 3 == [(await peer.answer()).body for _ in range(3)]


async def test_variable_in_children(ask):
    """Tasks that a handler starts inherit its variables; what they set stays theirs."""

    async def child():
        seen = var.get()
        var.set("child")
        return seen

    async def handler(request):
        var.set("parent")
        first = await asyncio.create_task(child())
        return text(f"{first} {var.get()}")

    assert ["parent parent"] == await ask(handler)


async def test_variable_from_start(serving):
    """Requests see the variables of the place where the server was started."""
    token = var.set("outer")
    served = await serving()
    var.reset(token)

    @served.app.on("/")
    async def handler(request):
        return text(var.get())

    assert b"outer" == (await served.ask(GET % b"")).body


async def test_stop_cancels(serving):
    """Stopping the server cancels handlers that still wait, and lets their clean-up run."""
    served = await serving()
    cleaned = []

    @served.app.on("/")
    async def handler(request):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    peer = await served.connect()
    peer.send(GET % b"")
    await served.wait(lambda: served.app.seen)
    await served.server.stop()
    assert [True] == cleaned
    assert await peer.closed()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
async def test_the_end_of_the_process_in_a_handler(serving, wire, error):
    """A handler that raises what ends processes is counted off, and what it raised goes on to the event loop."""
    served = await serving()
    complaints = []
    served.server.loop.set_exception_handler(lambda loop, context: complaints.append(context))

    @served.app.on("/")
    async def handler(request):
        raise error

    line, caught = wire(served.server), []

    def feed():
        try:
            line.protocol.data_received(GET % b"")
        except BaseException as raised:  # noqa: BLE001  # the loop would end with it
            caught.append(type(raised))

    asyncio.get_running_loop().call_soon(feed)
    await line.settle()
    assert [error] == caught
    assert 0 == served.server.stats.in_flight
    assert [error] == [type(complaint["exception"]) for complaint in complaints]
    line.transport.abort()
    await line.settle()
    assert b"GET /next b''" == (await served.ask(GET % b"next")).body


async def test_generator_exit_after_a_wait(serving):
    """A handler that raises GeneratorExit after it has waited leaves no request in flight, and its client an answer."""
    served = await serving()
    complaints = []
    served.server.loop.set_exception_handler(lambda loop, context: complaints.append(context))

    @served.app.on("/")
    async def handler(request):
        await asyncio.sleep(0)
        raise GeneratorExit

    assert 500 == (await served.ask(GET % b"")).status
    await served.wait(lambda: served.server.stats.in_flight == 0)
    assert [(b"/", 500, "GeneratorExit")] == [(each[0], each[1], each[3]) for each in served.app.outcomes]
    assert b"GET /next b''" == (await served.ask(GET % b"next")).body
