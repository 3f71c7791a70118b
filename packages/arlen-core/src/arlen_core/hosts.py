"""Hosts: a context manager that is entered and left in one task of its own, whoever starts and stops it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import anyio

from arlen_core.errors import ArlenError

if TYPE_CHECKING:
    import asyncio

__all__ = ["Host"]

Open = Callable[[AsyncExitStack], Awaitable[Any]]


class Host:
    """Keeps what `open` puts on the stack open in a task until `stop`.

    Task groups and cancel scopes must be entered and left in one task, in the right order. Services start side by
    side and stop one by one, so each that has something to leave gets a task. For asyncio, and its uvloop.

    Args:
        name: of the task.
        open: opens and returns the service.
        failed: called with the error when the service fails between start and stop, in a task group of its own.

    ```python
    import anyio
    from collections.abc import AsyncIterator
    from contextlib import asynccontextmanager
    from arlen_core.hosts import Host


    @asynccontextmanager
    async def greeter() -> AsyncIterator[str]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield "hello"
            group.cancel_scope.cancel()


    async def main() -> str:
        host = Host("greeter", lambda stack: stack.enter_async_context(greeter()))
        greeting = await host.start()
        await host.stop()
        return greeting


    assert anyio.run(main) == "hello"
    ```
    """

    def __init__(self, name: str, open: Open, failed: Callable[[BaseException], object] | None = None) -> None:
        self._name = name
        self._open = open
        self._failed = failed
        self._leave = anyio.Event()
        self._ready: asyncio.Future[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> Any:
        """Enter and return the service; raises what entering raises. A cancelled start leaves nothing behind."""
        import asyncio  # 6 MB, which every event loop has already, but not every import

        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        self._task = loop.create_task(self._live(self._ready), name=self._name)
        try:
            await _done(self._ready)
        except BaseException:
            await self.cancel()
            raise
        return _result(self._ready)

    async def stop(self) -> None:
        """Leave; raises what leaving raises, or what the service failed with before."""
        self._leave.set()
        if self._task is not None:
            await _done(self._task)
            _result(self._task)

    async def cancel(self, grace: float = 5.0) -> None:
        """Cancel the task and wait for it, at most `grace` seconds."""
        if self._task is None or self._ready is None:
            return
        self._task.cancel()
        with anyio.move_on_after(grace, shield=True):
            await _done(self._task)
        for each in (self._task, self._ready):
            if each.done() and not each.cancelled():
                each.exception()  # or asyncio complains that nobody looked

    async def _live(self, ready: asyncio.Future[Any]) -> None:
        try:
            async with AsyncExitStack() as stack:
                ready.set_result(await self._open(stack))
                await self._leave.wait()
        except BaseException as error:
            if not ready.done():
                _settle(ready, error)
                return
            if not self._leave.is_set() and self._failed is not None:
                self._failed(error)
            raise


async def _done(future: asyncio.Future[Any]) -> None:
    import asyncio

    await asyncio.wait([future])


def _settle(ready: asyncio.Future[Any], error: BaseException) -> None:
    if isinstance(error, anyio.get_cancelled_exc_class()):
        ready.cancel()
    else:
        ready.set_exception(error)


def _result(future: asyncio.Future[Any]) -> Any:
    # a cancelled host must not look as if the caller were cancelled
    if future.cancelled():
        raise ArlenError("it was cancelled from outside")
    return future.result()
