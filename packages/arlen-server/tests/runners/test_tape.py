"""Tape: what is printed is remembered and printed."""

from __future__ import annotations

import sys

import pytest

from arlen_server.tape import LIMIT, Tape


def test_both_streams_are_remembered_in_order(capsys):
    """Output and errors are kept in the order in which they were written, and reach their streams."""
    with Tape() as tape:
        sys.stdout.write("one\n")
        sys.stderr.write("two\n")
    assert "one\ntwo\n" == tape.text
    assert ("one\n", "two\n") == capsys.readouterr()


def test_streams_are_restored():
    """After the block the streams are the old ones, also after an error."""
    before = sys.stdout, sys.stderr
    with pytest.raises(KeyError), Tape():
        raise KeyError
    assert before == (sys.stdout, sys.stderr)


def test_only_the_end_is_kept():
    """A program that prints without end does not fill the memory."""
    tape = Tape()
    for _ in range(100):
        tape.keep("x" * 1000)
    tape.keep("end")
    assert LIMIT == len(tape.text)
    assert tape.text.endswith("end")


def test_the_rest_of_the_stream_is_there(capsys):
    """Whatever a stream can do beside writing still works."""
    with Tape():
        sys.stdout.flush()
        assert sys.stdout.isatty() is False
        sys.stdout.writelines(["a", "b"])
    assert "ab" == capsys.readouterr().out
