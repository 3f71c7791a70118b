"""Failures: what is kept of an exception until it is exported: its words, and not the objects on its stack."""

from __future__ import annotations

from traceback import TracebackException
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from arlen_core.errors import error_type
from arlen_core.lines import hide
from arlen_core.spans import Span

__all__ = ["LENGTH", "Failure", "settled"]

LENGTH = 8192
"""Most characters of a message that are kept, and of a stack trace that are exported: its last ones."""

_FRAMES = 40
_CHAIN = 8  # exceptions that led to one, or that are its parts
_NOTES = 8


class Failure(Struct, frozen=True):
    """An exception that happened in a span.

    Attributes:
        name: its class, with the module unless it is one of Python's own.
        message: its text, with the passwords of URLs masked.
        trace: where it came from, without the values of variables; the source lines are read when it is exported.
        length: most characters of the message, and of the stack trace.
    """

    name: str
    message: str
    trace: TracebackException
    length: int = LENGTH

    @classmethod
    def of(cls, error: BaseException, length: int = LENGTH) -> Failure:
        """Return what is kept of an exception: of its texts, and those of its causes, so many characters each."""
        kind = type(error)
        trace = TracebackException(kind, error, error.__traceback__, limit=-_FRAMES, lookup_lines=False, compact=True)
        _bound(trace, length)
        return cls(error_type(error), _said(error)[:length], trace, length)

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of the span event "exception"."""
        stack = hide("", "".join(self.trace.format()))[-self.length :]
        return {"exception.type": self.name, "exception.message": self.message, "exception.stacktrace": stack}


def settled(span: Span, length: int = LENGTH) -> Span:
    """Return a span that holds nothing alive: with a `Failure` in the place of its exception.

    Args:
        span: it is not changed.
        length: most characters of the exception's texts.

    >>> span = Span(name="a", trace_id="1" * 32, span_id="2" * 16, start=0, error=KeyError("lost"))
    >>> settled(span).error.message, span.error
    ("'lost'", KeyError('lost'))
    """
    error = span.error
    return replace(span, error=Failure.of(error, length)) if isinstance(error, BaseException) else span


def _said(error: BaseException) -> str:
    try:
        return str(hide("", str(error)))
    except Exception:  # noqa: BLE001  # an exception that cannot be told is no reason for another one
        return ""


def _bound(trace: TracebackException, length: int) -> None:
    """Cut the texts that a stack trace holds, and the chain of what led to it: both are as long as somebody likes."""
    found = [trace]
    for each in found:
        for name, value in [*vars(each).items()]:
            if value.__class__ is str and len(value) > length:
                setattr(each, name, hide("", value)[:length])  # masked first: half a URL is no URL
        if (notes := getattr(each, "__notes__", None)) is not None:
            kept = [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []
            setattr(each, "__notes__", [hide("", note)[:length] for note in kept[:_NOTES]])  # noqa: B010  # not in stubs
        for name in ("__cause__", "__context__"):
            if (cause := getattr(each, name)) is not None:
                setattr(each, name, cause if len(found) < _CHAIN else None)
                found += [cause][: _CHAIN - len(found)]
        if each.exceptions:
            each.exceptions = each.exceptions[: _CHAIN - len(found)]
            found += each.exceptions
