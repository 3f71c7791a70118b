"""Hosts: a context manager that lives in a task of its own."""

from contextlib import asynccontextmanager
from contextvars import ContextVar

import anyio
import pytest

from arlen_core.errors import ArlenError
from arlen_core.hosts import Host

pytestmark = pytest.mark.anyio

flavour: ContextVar[str] = ContextVar("flavour", default="none")


def hosting(manager, failed=None):
    """Make a host for a context manager."""
    return Host("test", lambda stack: stack.enter_async_context(manager), failed)


async def test_start_gives_what_entering_gives_and_stop_leaves():
    """The value comes out, and the clean-up runs at the stop, not before."""
    seen = []

    @asynccontextmanager
    async def manager():
        yield "value"
        seen.append("left")

    host = hosting(manager())
    assert await host.start() == "value"
    assert [] == seen
    await host.stop()
    assert ["left"] == seen


async def test_started_in_one_task_and_stopped_in_another():
    """A task group inside the service is entered and left in the same task, whoever calls."""
    seen = []

    @asynccontextmanager
    async def manager():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield group
            group.cancel_scope.cancel()
        seen.append("left")

    host = hosting(manager())
    async with anyio.create_task_group() as group:
        group.start_soon(host.start)
    async with anyio.create_task_group() as group:
        group.start_soon(host.stop)
    assert ["left"] == seen


async def test_what_entering_raises_comes_out_of_start():
    """The original exception, not a wrapper."""

    @asynccontextmanager
    async def manager():
        raise LookupError("no such host")
        yield

    with pytest.raises(LookupError, match="no such host"):
        await hosting(manager()).start()


async def test_what_leaving_raises_comes_out_of_stop():
    """The original exception, not a wrapper."""

    @asynccontextmanager
    async def manager():
        yield
        raise LookupError("already gone")

    host = hosting(manager())
    await host.start()
    with pytest.raises(LookupError, match="already gone"):
        await host.stop()


async def test_a_cancelled_start_leaves_nothing_behind():
    """The task is cancelled and waited for, so its clean-up has run."""
    seen, entering = [], anyio.Event()

    @asynccontextmanager
    async def manager():
        try:
            entering.set()
            await anyio.sleep_forever()
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            seen.append("cleaned up")

    async with anyio.create_task_group() as group:
        group.start_soon(hosting(manager()).start)
        await entering.wait()
        group.cancel_scope.cancel()
    assert ["cleaned up"] == seen


async def test_a_service_that_fails_in_between_is_reported_at_once():
    """A crash in the service's own task group reaches the callback, and comes out of stop once more."""
    seen, go, told = [], anyio.Event(), anyio.Event()

    async def crash():
        await go.wait()
        raise LookupError("lost the connection")

    @asynccontextmanager
    async def manager():
        async with anyio.create_task_group() as group:
            group.start_soon(crash)
            yield

    def failed(error):
        seen.append(type(error.exceptions[0]).__name__)
        told.set()

    host = hosting(manager(), failed)
    await host.start()
    go.set()
    await told.wait()
    assert ["LookupError"] == seen
    with pytest.raises(ExceptionGroup):
        await host.stop()


async def test_a_host_that_is_cancelled_does_not_look_like_a_cancelled_caller():
    """Stop after a cancellation from outside is an ordinary error."""

    @asynccontextmanager
    async def manager():
        yield

    host = hosting(manager())
    await host.start()
    await host.cancel()
    with pytest.raises(ArlenError, match="cancelled from outside"):
        await host.stop()


async def test_entering_that_cancels_itself_is_an_error():
    """A factory that raises the cancellation exception itself does not cancel the application's start."""

    @asynccontextmanager
    async def manager():
        raise anyio.get_cancelled_exc_class()
        yield

    with pytest.raises(ArlenError, match="cancelled from outside"):
        await hosting(manager()).start()


async def test_a_service_that_ignores_cancellation_is_given_up():
    """Cancel waits for its grace and no longer."""
    go = anyio.Event()

    @asynccontextmanager
    async def manager():
        yield
        while not go.is_set():
            with anyio.CancelScope(shield=True):
                try:
                    await go.wait()
                except anyio.get_cancelled_exc_class():
                    continue

    host = hosting(manager())
    await host.start()
    with anyio.move_on_after(0.01):
        await host.stop()
    await host.cancel(grace=0.01)
    go.set()
    await host.stop()
    assert await host.cancel() is None


async def test_stop_and_cancel_before_a_start_do_nothing():
    """There is nothing to leave."""
    host = Host("test", lambda stack: stack.enter_async_context(None))
    assert await host.cancel() is None
    assert await host.stop() is None


async def test_the_service_sees_the_context_of_its_start():
    """Context variables of the caller are there while it is entered and while it is left."""
    seen = []

    @asynccontextmanager
    async def manager():
        seen.append(flavour.get())
        yield
        seen.append(flavour.get())

    flavour.set("start")
    host = hosting(manager())
    await host.start()
    flavour.set("stop")
    await host.stop()
    assert ["start", "start"] == seen
