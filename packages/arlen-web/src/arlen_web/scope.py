"""Scope: the request that a page is made for, as helpers see it, also inside macros that were imported."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from arlen_core.context import Context

__all__ = ["bound", "current", "entered", "maybe"]

_context: ContextVar[Context] = ContextVar("arlen_web.context")


def maybe() -> Context | None:
    """Return the context of the page that is being made, or `None` when it is made without a request."""
    return _context.get(None)


def current() -> Context:
    """Return the context of the page that is being made; `RuntimeError` when there is none."""
    found = maybe()
    if found is None:
        raise RuntimeError("this helper needs a request, and the template is rendered without one")
    return found


class entered:  # noqa: N801  # it reads as the function that it replaces, at a third of the price
    """Make `context` the current one inside the block."""

    __slots__ = ("_context", "_token")

    _token: Token[Context]

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token = _context.set(self._context)

    def __exit__(self, *_: object) -> None:
        _context.reset(self._token)


def bound(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls `function` with the current context before its own arguments."""

    def call(*args: Any, **options: Any) -> Any:
        return function(current(), *args, **options)

    return call
