"""Diaries: parts that write down when they start and stop, and fail, wait or take too long when they are told to."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Protocol, Self

import anyio
from anyio.abc import TaskGroup

__all__ = ["BOUND", "Broken", "Diary", "Owner", "Step", "told"]

BOUND = 10.0
"""Seconds after which something that must end by itself has failed; nothing that is right takes nearly as long."""

Step = Callable[[], Coroutine[Any, Any, object]]


class Broken(Exception):
    """What a part raises that was told to fail."""


class Owner(Protocol):
    """What starts and stops parts, as the contract of lifecycles asks for it: your adapter is a few lines around it."""

    @property
    def state(self) -> str:
        """Return "created", "starting", "started", "stopping" or "stopped"."""

    def part(self, name: str, start: Step, stop: Step, *, timeout: float | None = None) -> None:
        """Add a part, to start after those before it.

        Args:
            name: what errors call it.
            start: a coroutine function without arguments.
            stop: another one.
            timeout: seconds that either may take; only with the capability "timeouts".
        """

    def mount(self, name: str) -> Owner:
        """Add another owner, which starts and stops as a part of this one; only with the capability "mounts"."""

    async def start(self) -> None:
        """Start the parts in order."""

    async def stop(self) -> None:
        """Stop the parts in reverse order."""


class Diary:
    """What happened, in order: `"a up"` when the part `a` started, `"a down"` when it stopped.

    Args:
        owner: what the parts are added to.

    Attributes:
        seen: what happened.
    """

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.seen: list[str] = []
        self.entered = anyio.Event()
        self.gate = anyio.Event()

    def add(self, *names: str, **options: Any) -> Self:
        """Add parts that start and stop at once."""
        for name in names:
            self.owner.part(name, self.step(f"{name} up"), self.step(f"{name} down"), **options)
        return self

    def broken(self, name: str, *when: str) -> Self:
        """Add a part that fails `when` it goes "up" or "down"."""
        steps = [self.fail(f"{name} {way}") if way in when else self.step(f"{name} {way}") for way in ("up", "down")]
        self.owner.part(name, *steps)
        return self

    def slow(self, name: str, *when: str, **options: Any) -> Self:
        """Add a part that waits `when` it goes "up" or "down", until `gate` is set; `entered` says that it waits."""
        steps = [self.wait(f"{name} {way}") if way in when else self.step(f"{name} {way}") for way in ("up", "down")]
        self.owner.part(name, *steps, **options)
        return self

    def step(self, what: str) -> Step:
        """Return a step that writes this down."""

        async def step() -> None:
            self.seen.append(what)

        return step

    def fail(self, what: str) -> Step:
        """Return a step that fails."""

        async def step() -> None:
            raise Broken(f"no {what} today")

        return step

    def wait(self, what: str) -> Step:
        """Return a step that waits for the gate, and then writes this down."""

        async def step() -> None:
            self.entered.set()
            await self.gate.wait()
            self.seen.append(what)

        return step

    @asynccontextmanager
    async def during(self, *calls: Step) -> AsyncIterator[TaskGroup]:
        """Make calls; the block is for the time when the slow part waits. Its end lets it go on, and waits for all."""
        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as group:
                for call in calls:
                    group.start_soon(call)
                await self.entered.wait()
                await anyio.wait_all_tasks_blocked()
                try:
                    yield group
                finally:
                    self.gate.set()

    def take(self) -> list[str]:
        """Return what happened, and forget it."""
        seen, self.seen = self.seen, []
        return seen


def told(error: BaseException) -> str:
    """Return everything that an error says: its own words, its notes, its causes, and the errors that it groups."""
    return "".join(traceback.format_exception(error))
