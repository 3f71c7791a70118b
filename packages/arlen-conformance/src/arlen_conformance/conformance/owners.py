"""Owners: a small owner of parts that is right about everything; saboteurs differ from it in one thing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import anyio
from msgspec import Struct

from arlen_conformance.conformance.diaries import Step

__all__ = ["Errors", "Model", "Part"]

Errors = list[Exception]
"""What went wrong when parts were stopped."""


class Part(Struct):
    """One part of an owner."""

    name: str
    start: Step
    stop: Step
    timeout: float | None = None

    async def up(self) -> None:
        """Start it, within its time."""
        with anyio.fail_after(self.timeout):
            await self.start()

    async def down(self) -> None:
        """Stop it, within its time."""
        with anyio.fail_after(self.timeout):
            await self.stop()


class Model:
    """An owner in sixty lines that keeps the whole contract.

    >>> async def main():
    ...     model, seen = Model(), []
    ...
    ...     async def up():
    ...         seen.append("up")
    ...
    ...     async def down():
    ...         seen.append("down")
    ...
    ...     model.part("a", up, down)
    ...     await model.start()
    ...     await model.stop()
    ...     return seen
    >>> anyio.run(main)
    ['up', 'down']
    """

    def __init__(self, _: Any = None) -> None:
        self.state = "created"
        self.parts: list[Part] = []
        self.running: list[Part] = []
        self.lock = anyio.Lock()

    def part(self, name: str, start: Step, stop: Step, *, timeout: float | None = None) -> None:
        """Add a part; `RuntimeError` when it runs."""
        if self.state not in {"created", "stopped"}:
            raise RuntimeError(f"{name} is too late")
        self.parts.append(Part(name, start, stop, timeout))

    def mount(self, name: str) -> Self:
        """Add another owner of this kind."""
        inner = type(self)()
        self.part(name, inner.start, inner.stop)
        return inner

    async def start(self) -> None:
        """Start all, or nothing."""
        async with self.lock:
            if self.state != "started":
                await self.begin()

    async def stop(self) -> None:
        """Stop all."""
        async with self.lock:
            if self.state == "started":
                with anyio.CancelScope(shield=True):
                    errors = await self.fall(reversed(self.running))
                self.complain(errors)

    async def begin(self) -> None:
        """Start the parts; when one fails, stop what had started."""
        self.state, self.running = "starting", []
        try:
            await self.rise()
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                self.tell(error, await self.back(error))
            raise
        self.state = "started"

    async def rise(self) -> None:
        """Start each part."""
        for part in self.parts:
            await self.up(part)

    async def back(self, error: BaseException) -> Errors:
        """Roll back; return what went wrong."""
        return await self.fall(reversed(self.running))

    async def up(self, part: Part) -> None:
        """Start a part; the error names it."""
        try:
            await part.up()
        except Exception as error:
            raise RuntimeError(f"{part.name} failed to start") from error
        self.running.append(part)

    async def fall(self, parts: Iterable[Part]) -> Errors:
        """Stop these parts; return what went wrong."""
        self.state, errors = "stopping", Errors()
        for part in list(parts):
            await self.down(part, errors)
        self.state = "stopped"
        return errors

    async def down(self, part: Part, errors: Errors) -> None:
        """Stop a part."""
        try:
            await part.down()
        except Exception as error:  # noqa: BLE001 - the others stop all the same
            error.add_note(f"{part.name} failed to stop")
            errors.append(error)

    def tell(self, error: BaseException, errors: Errors) -> None:
        """Note beside the error of a start what the rollback failed at."""
        for each in errors:
            error.add_note(f"{each} {getattr(each, '__notes__', '')}")

    def complain(self, errors: Errors) -> None:
        """Raise what went wrong."""
        if errors:
            raise ExceptionGroup("it did not stop cleanly", errors)
