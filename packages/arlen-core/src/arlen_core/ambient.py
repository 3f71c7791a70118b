"""Ambient: the innermost span in which the code that runs now runs, whoever made it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Protocol

__all__ = ["Bridge", "active", "bridge", "inside"]

active: ContextVar[Any] = ContextVar("arlen_span", default=None)
"""The innermost span of `Tracer.span` that has not ended; `None` directly below a request."""


class Bridge(Protocol):
    """Makes the spans of this application and those of another library for traces parents of each other."""

    def inside(self) -> str:
        """Return the `traceparent` of the innermost span, of either kind; "" outside of all."""

    def enter(self, span: Any) -> object:
        """Make a span of ours the innermost one for the other library; what this returns goes to `leave`."""

    def leave(self, token: Any) -> None:
        """Undo that."""


_bridge: Bridge | None = None


def bridge(other: Bridge | None = None) -> Bridge | None:
    """Return the bridge to another library, `None` for none; with an argument, build that one first.

    There is one in a process, for such libraries keep one context in a process.
    """
    global _bridge  # noqa: PLW0603  # one in a process
    if other is not None:
        _bridge = other
    return _bridge


def inside() -> str:
    """Return the `traceparent` of the innermost span; "" outside of spans, and directly below a request.

    >>> inside()
    ''
    """
    if _bridge is not None and (found := _bridge.inside()):
        return found
    span = active.get()
    return span.traceparent if span is not None else ""
