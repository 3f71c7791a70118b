"""Failures: what is kept of an exception."""

from __future__ import annotations

import gc
import weakref

from arlen_core.spans import Span
from arlen_otel.failures import MESSAGE, STACK, Failure, settled


class Thing:
    """Something on a stack."""


class OddError(Exception):
    """An exception without a text."""

    def __str__(self):
        raise ValueError


def raised(error):
    """An exception that was raised."""
    try:
        raise error
    except type(error) as caught:
        return caught


def span(error):
    """A span that failed."""
    return Span(name="a", trace_id="1" * 32, span_id="2" * 16, start=1, error=error)


def test_nothing_on_the_stack_is_kept_alive():
    """While a span waits for the collector, the objects of the request that failed can go."""

    def fails():
        thing = Thing()
        fails.seen = weakref.ref(thing)
        raise LookupError

    try:
        fails()
    except LookupError as error:
        kept = settled(span(error))
    gc.collect()
    assert fails.seen() is None
    assert "fails.seen = weakref" not in kept.error.attributes["exception.stacktrace"]
    assert "raise LookupError" in kept.error.attributes["exception.stacktrace"]


def test_the_span_of_others_stays_as_it_is():
    """Other listeners have the same span."""
    mine = span(raised(KeyError("a")))
    settled(mine)
    assert isinstance(mine.error, KeyError)


def test_words_and_successes_are_not_touched():
    """What holds nothing alive is the same span."""
    for error in ("503", None):
        mine = span(error)
        assert settled(mine) is mine


def test_names_have_their_module():
    """As OpenTelemetry wants it: all but Python's own."""
    assert ("KeyError", f"{__name__}.OddError") == (Failure.of(KeyError()).name, Failure.of(OddError()).name)


def test_a_password_in_a_url_is_masked():
    """In the text and in the stack."""
    made = Failure.of(raised(OSError("cannot reach postgres://me:hunter2@db/x"))).attributes
    assert "cannot reach postgres://me:********@db/x" == made["exception.message"]
    assert "hunter2@" not in made["exception.stacktrace"]


def test_an_exception_without_a_text():
    """One whose `__str__` fails has an empty text."""
    made = Failure.of(raised(OddError())).attributes
    assert "" == made["exception.message"]
    assert "OddError" in made["exception.stacktrace"]


def test_texts_and_stacks_are_bounded():
    """A huge text, and a deep stack, of which the innermost part counts."""

    def deep(number):
        if number:
            deep(number - 1)
        raise ValueError("x" * 100_000)

    try:
        deep(300)
    except ValueError as error:
        made = Failure.of(error).attributes
    assert (MESSAGE, STACK) == (len(made["exception.message"]), len(made["exception.stacktrace"]))
    assert made["exception.stacktrace"].endswith("x\n")


def test_causes_are_told():
    """The stack names the exception that another one came from."""
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError as error:
        stack = Failure.of(error).attributes["exception.stacktrace"]
    assert stack.index("first") < stack.index("second")
