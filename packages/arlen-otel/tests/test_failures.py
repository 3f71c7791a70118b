"""Failures: what is kept of an exception."""

from __future__ import annotations

import gc
import weakref
from traceback import TracebackException

import pytest

from arlen_core.spans import Span
from arlen_otel.failures import LENGTH, Failure, settled


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
    assert (LENGTH, LENGTH) == (len(made["exception.message"]), len(made["exception.stacktrace"]))
    assert made["exception.stacktrace"].endswith("x\n")


def held(trace):
    """All texts that a stack trace holds, and how many exceptions."""
    found = [trace]
    for each in found:
        found += [one for one in (each.__cause__, each.__context__) if one is not None]
        found += each.exceptions or ()
    texts = [value for each in found for value in vars(each).values() if isinstance(value, str)]
    notes = [note for each in found for note in each.__notes__ or ()]
    return [*texts, *notes], len(found)


def chained():
    """An exception with a long chain of others."""
    made = None
    for number in range(100):
        try:
            raise ValueError(f"{number}" + "x" * 1000) from made
        except ValueError as error:
            made = error
    return made


def nested():
    """A group of many exceptions with long texts."""
    return ExceptionGroup("x" * 1000, [KeyError("x" * 1000) for _ in range(100)])


def noted():
    """An exception with many long notes."""
    made = LookupError("gone")
    for _ in range(100):
        made.add_note("x" * 1000)
    return made


def unreadable():
    """A syntax error of a long line."""
    try:
        compile("(" + "x" * 1000, "f", "exec")
    except SyntaxError as error:
        return error


@pytest.mark.parametrize("make", [chained, nested, noted, unreadable])
def test_what_waits_is_bounded(make):
    """Texts and numbers of causes, parts and notes: a span that waits holds so much and no more."""
    kept = Failure.of(raised(make()), 100)
    texts, count = held(kept.trace)
    assert (True, True) == (max(map(len, texts)) <= 100, count <= 8)
    assert sum(map(len, texts)) <= 8 * 1000
    assert 100 >= len(kept.attributes["exception.stacktrace"])


def test_odd_notes_are_left_out():
    """Notes can be anything that somebody has set."""
    error = LookupError("gone")
    error.__notes__ = 7
    assert "gone" in Failure.of(error).attributes["exception.stacktrace"]
    error.__notes__ = [7, "lost in the post"]
    assert "lost in the post" in Failure.of(error).attributes["exception.stacktrace"]


def test_a_password_is_masked_before_it_is_cut():
    """Half a URL is not known as one."""
    error = raised(OSError("x" * 80 + " postgres://me:hunter2@db/x"))
    for each in (Failure.of(error, 105), Failure.of(raised(ValueError("y")), 105)):
        assert "hunter" not in f"{each.attributes} {held(each.trace)}"
    assert "hunter2" in "".join(TracebackException.from_exception(error).format())


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
