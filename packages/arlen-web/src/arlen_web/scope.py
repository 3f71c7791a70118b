"""Scope: the request that a page is made for, as helpers see it, also inside macros that were imported."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@contextmanager
def entered(context: Context) -> Iterator[None]:
    """Make `context` the current one inside the block."""
    token = _context.set(context)
    try:
        yield
    finally:
        _context.reset(token)


def bound(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls `function` with the current context before its own arguments."""

    def call(*args: Any, **options: Any) -> Any:
        return function(current(), *args, **options)

    return call
