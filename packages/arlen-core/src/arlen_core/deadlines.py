"""Deadlines: run something within so many seconds, and say by name what was too slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from arlen_core.errors import ArlenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["TooSlow", "named", "within"]


class TooSlow(ArlenError):
    """Something took longer than it may; says what, and how long it had."""


async def within(seconds: float | None, call: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Await `call()` and return what it gives; `TooSlow` after that many seconds, when it is cancelled.

    Args:
        seconds: the time it has; `None` is no limit.
        call: a coroutine function without arguments.
        what: a sentence's beginning for the error, such as "service Pool did not start".

    ```python
    import anyio
    from arlen_core.deadlines import TooSlow, within


    async def main() -> str:
        try:
            await within(0.01, anyio.sleep_forever, "the nap did not end")
        except TooSlow as error:
            return str(error)


    assert anyio.run(main) == "the nap did not end within 0.01 s"
    ```
    """
    with anyio.move_on_after(seconds):
        return await call()
    raise TooSlow(f"{what} within {seconds:g} s")


def named(thing: object) -> str:
    """Return `module.name` of a function or a class, for errors; for other things of their class.

    >>> named(within)
    'arlen_core.deadlines.within'
    """
    inner = getattr(thing, "func", thing)  # functools.partial
    inner = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{inner.__module__}.{inner.__qualname__}"
