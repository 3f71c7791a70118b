"""Scopes: the services of one request, opened when they are asked for and closed in reverse."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from arlen_core.deadlines import TooSlow, within
from arlen_core.errors import ArlenError, StartupError
from arlen_core.lifecycle import StopError
from arlen_core.providers import Provider

if TYPE_CHECKING:
    from arlen_core.requests import Request
    from arlen_core.services import Services

__all__ = ["RequestScope", "failure"]


class RequestScope:
    """The services of one request.

    Args:
        services: the application's.
        request: the request they belong to.

    They are closed behind a shield. So a factory must not keep a task group or a cancel scope open across its `yield`;
    a service of the application may, and can lend its task group.
    """

    __slots__ = ("_lock", "_open", "_request", "_services", "_values")

    def __init__(self, services: Services, request: Request) -> None:
        self._services = services
        self._request = request
        self._values: dict[Any, Any] = {}
        self._open: list[tuple[Provider, AsyncExitStack]] = []
        self._lock: anyio.Lock | None = None

    async def get(self, kind: Any) -> Any:
        """Return the service; the first call opens it and what it needs.

        Raises `MissingService` when there is none, `TooSlow` past its timeout, and what its factory raises.
        """
        if kind in self._values:
            return self._values[kind]
        self._lock = self._lock or anyio.Lock()
        async with self._lock:
            for each in self._services.chain(kind):
                if each.type not in self._values:
                    await self._make(each)
        return self._values[kind]

    async def close(self, error: BaseException | None = None) -> None:
        """Close what was opened, last first, also when the caller is cancelled.

        Args:
            error: what the request failed with. Generators get it at their `yield`, so that they can roll back.

        `StopError` holds every failure; one that fails never keeps the others open.
        """
        failures: list[Exception] = []
        with anyio.CancelScope(shield=True):
            while self._open:
                each, stack = self._open.pop()
                await _close(each, stack, error, failures)
        self._values.clear()
        if failures:
            raise StopError("services of the request failed to close", failures)

    async def _make(self, each: Provider) -> None:
        stack = AsyncExitStack()
        values = {need.name: self._value(need.type) for need in each.needs if not need.optional or self._has(need.type)}
        opened = partial(each.open, stack, values)
        self._values[each.type] = await within(each.timeout, opened, f"{each} was not ready")
        self._open.append((each, stack))

    def _has(self, kind: Any) -> bool:
        return kind in self._values or self._services.knows(kind)

    def _value(self, kind: Any) -> Any:
        return self._values[kind] if kind in self._values else self._services.given(kind, self._request)


def failure(each: Provider, verb: str, error: BaseException) -> ArlenError:
    """Return an error that names the service, what it failed to do, and why."""
    if isinstance(error, TooSlow):
        return error
    # without the fix, which goes on beside it
    reason = error.reason if isinstance(error, StartupError) and verb == "start" else error
    made = ArlenError(f"{each} failed to {verb}: {type(error).__name__}: {reason}")
    made.__cause__ = error
    return made


async def _close(each: Provider, stack: AsyncExitStack, error: BaseException | None, failures: list[Exception]) -> None:
    raised = (type(error), error, error.__traceback__) if error is not None else (None, None, None)
    try:
        await within(each.timeout, lambda: stack.__aexit__(*raised), f"{each} did not close")
    except Exception as problem:  # noqa: BLE001  # the others are closed all the same
        if problem is not error:
            failures.append(failure(each, "close", problem))
