"""Failures: what is kept of an exception until it is exported: its words, and not the objects on its stack."""

from __future__ import annotations

from traceback import TracebackException
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from arlen_core.lines import hide
from arlen_core.spans import Span

__all__ = ["Failure", "settled"]

MESSAGE = 1024
"""Most characters of a message that are kept."""

STACK = 16384
"""Most characters of a stack trace that are exported: its last ones."""

_FRAMES = 40


class Failure(Struct, frozen=True):
    """An exception that happened in a span.

    Attributes:
        name: its class, with the module unless it is one of Python's own.
        message: its text, with the passwords of URLs masked.
        trace: where it came from, without the values of variables; the source lines are read when it is exported.
    """

    name: str
    message: str
    trace: TracebackException

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Return what is kept of an exception."""
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        trace = TracebackException(kind, error, error.__traceback__, limit=-_FRAMES, lookup_lines=False, compact=True)
        return cls(name, _said(error), trace)

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of the span event "exception"."""
        stack = hide("", "".join(self.trace.format()))[-STACK:]
        return {"exception.type": self.name, "exception.message": self.message, "exception.stacktrace": stack}


def settled(span: Span) -> Span:
    """Return a span that holds nothing alive: with a `Failure` in the place of its exception.

    >>> span = Span(name="a", trace_id="1" * 32, span_id="2" * 16, start=0, error=KeyError("lost"))
    >>> settled(span).error.message, span.error
    ("'lost'", KeyError('lost'))
    """
    error = span.error
    return replace(span, error=Failure.of(error)) if isinstance(error, BaseException) else span


def _said(error: BaseException) -> str:
    try:
        return str(hide("", str(error)))[:MESSAGE]
    except Exception:  # noqa: BLE001  # an exception that cannot be told is no reason for another one
        return ""
