"""Solo: at most one application process, as the event loop of the development server sees it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from arlen_server.channel import Message
from arlen_server.children import Child, Plan, spawn_worker

__all__ = ["Solo"]


class Solo:
    """Starts a process, tells what it says and when it ends, and never starts a second one before that.

    Args:
        environ: the environment of the process.
        tell: called with the process and each `Message` of it, and its exit code when it ends unasked.
        patience: seconds that a process may take to end before it is killed; may be changed at any time.

    Attributes:
        child: the process, or `None`.
    """

    def __init__(
        self, environ: Mapping[str, str], tell: Callable[[tuple[Child, Message | int]], None], *, patience: float = 3.0
    ) -> None:
        self.child: Child | None = None
        self._environ = environ
        self._tell = tell
        self.patience = patience
        self._ended = asyncio.Event()

    async def start(self, plan: Plan) -> Child:
        """Start a process, after the one before has ended."""
        await self.end()
        self._ended = asyncio.Event()
        self.child = child = spawn_worker(plan, self._environ, interactive=True)
        child.started_at = time.monotonic()
        asyncio.get_running_loop().add_reader(_channel(child), self._hear, child)
        return child

    async def end(self, *, gently: bool = False) -> None:
        """Stop the process, if there is one, and wait until it is gone.

        Args:
            gently: let requests in flight finish first, for the time that the configuration says.
        """
        child, self.child = self.child, None
        if child is None:
            return
        self._forget(child)
        if gently and child.state == "ready":
            child.retire()
        else:
            child.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self.patience):
                await self._gone(child)
        except TimeoutError:
            child.kill()
            await self._gone(child)
        child.close()

    def reap(self) -> None:
        """Look whether the process has ended: to be called for SIGCHLD."""
        self._ended.set()
        child = self.child
        if child is None or (code := child.poll()) is None:
            return
        self._hear(child)  # its last words
        self._forget(child)
        child.close()
        self.child = None
        self._tell((child, code))

    def kill(self) -> None:
        """End the process now."""
        if self.child:
            self.child.kill()

    def _hear(self, child: Child) -> None:
        for message in child.receive():
            self._tell((child, message))
        if not _channel(child).open:
            self._forget(child)

    async def _gone(self, child: Child) -> None:
        while child.poll() is None:
            self._ended.clear()
            await self._ended.wait()

    @staticmethod
    def _forget(child: Child) -> None:
        if (fd := _channel(child).fileno()) >= 0:
            asyncio.get_running_loop().remove_reader(fd)


def _channel(child: Child) -> Any:
    return child.channel
