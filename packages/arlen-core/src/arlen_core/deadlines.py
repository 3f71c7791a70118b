"""Deadlines: run something within so many seconds, and say by name what was too slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arlen_core.errors import ArlenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["TooSlow", "named", "within"]


class TooSlow(ArlenError):
    """Something took longer than it may; says what, and how long it had."""


async def within(seconds: float | None, call: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Await `call()` and return what it gives; raise `TooSlow` after that many seconds, when it is cancelled.

    Args:
        seconds: the time it has; `None` is no limit.
        call: a coroutine function without arguments. It may enter a task group or a cancel scope and leave it open.
        what: a sentence's beginning for the error, such as "service Pool did not start".

    >>> import anyio
    >>> anyio.run(within, 0.01, anyio.sleep_forever, "the nap did not end")
    Traceback (most recent call last):
        ...
    arlen_core.deadlines.TooSlow: the nap did not end within 0.01 s
    """
    import asyncio  # 6 MB, which every event loop has already, but not every import

    try:
        # not a cancel scope: those have to be left in the order in which they were entered
        async with asyncio.timeout(seconds) as limit:
            return await call()
    except TimeoutError:
        if limit.expired():
            raise TooSlow(f"{what} within {seconds:g} s") from None
        raise


def named(thing: object) -> str:
    """Return `module.name` of a function or a class, for errors; for other things of their class.

    >>> named(within)
    'arlen_core.deadlines.within'
    """
    inner = getattr(thing, "func", thing)  # functools.partial
    inner = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{inner.__module__}.{inner.__qualname__}"
