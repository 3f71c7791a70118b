"""Lifecycle: lines that people read and supervisors parse."""

from __future__ import annotations

import io
import json
import os
import shlex

import pytest

from arlen_server.lifecycle import Lifecycle


def test_line_is_key_value():
    """A line names the runner, the event and the manager, then the fields in order."""
    stream = io.StringIO()
    Lifecycle("propane", stream=stream)("worker_ready", worker_pid=7, seconds=0.25)
    assert (
        f"propane:lifecycle event=worker_ready manager_pid={os.getpid()} worker_pid=7 seconds=0.25\n"
        == stream.getvalue()
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (["http://127.0.0.1:1", "unix:/s"], "http://127.0.0.1:1,unix:/s"),
        (True, "true"),
        (False, "false"),
        (-9, "-9"),
        (2.0, "2"),
        (0.12345, "0.123"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("two words", '"two words"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("a\nb", '"a\\nb"'),
        ("a=b", '"a=b"'),
        ("", '""'),
        ("naïve", '"na\\u00efve"'),
        ("\x1b[31m", '"\\u001b[31m"'),
    ],
)
def test_value_never_breaks_a_line(value, shown):
    """A value that is no plain word is a JSON string, so that a line is one line and splits at spaces."""
    stream = io.StringIO()
    Lifecycle("propane", stream=stream)("e", k=value)
    assert stream.getvalue().endswith(f" k={shown}\n")
    assert 1 == stream.getvalue().count("\n")
    assert 4 == len(shlex.split(stream.getvalue()))


def test_absent_fields_are_left_out():
    """A field that is `None` is not written."""
    stream = io.StringIO()
    Lifecycle("propane", stream=stream)("e", place=None)
    assert "place" not in stream.getvalue()


def test_json_lines():
    """With `json` each event is one object in one line, with a timestamp."""
    stream = io.StringIO()
    emit = Lifecycle("propane", json=True, stream=stream)
    emit("manager_started", workers=4)
    emit("manager_stopped")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert ("propane", "manager_started", 4, os.getpid()) == (
        first["runner"],
        first["event"],
        first["workers"],
        first["manager_pid"],
    )
    assert second["timestamp"].endswith("+00:00")


def test_copy_gets_each_line_and_may_be_rotated(tmp_path):
    """The copy is opened for each line, so a file that was moved away is made anew."""
    copy = tmp_path / "lifecycle.log"
    emit = Lifecycle("propane", stream=io.StringIO(), copy=str(copy))
    emit("one")
    copy.rename(tmp_path / "old.log")
    emit("two")
    assert "event=one" in (tmp_path / "old.log").read_text()
    assert "event=two" in copy.read_text()


def test_copy_that_cannot_be_written_is_told_once(tmp_path):
    """A copy that fails is reported in the stream, and not tried again."""
    stream = io.StringIO()
    emit = Lifecycle("propane", stream=stream, copy=str(tmp_path / "absent" / "x.log"))
    emit("one")
    emit("two")
    assert ["one", "lifecycle_log_failed", "two"] == [
        line.split("event=")[1].split()[0] for line in stream.getvalue().splitlines()
    ]


def test_closed_stream_stops_nothing():
    """A stream that is gone raises nothing."""
    stream = io.StringIO()
    stream.close()
    Lifecycle("propane", stream=stream)("e")
