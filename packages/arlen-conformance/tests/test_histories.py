"""Tests of histories: what is written survives its writer, and is read in the order of time."""

import os
import signal

import msgspec
import pytest

from arlen_conformance.histories import Event, History, Operation, events, operations
from arlen_conformance.processes import spawn

WRITER = """
import sys
from pathlib import Path
from arlen_conformance.histories import History
from arlen_core.failpoints import failpoint
with History(Path(sys.argv[1]), node=sys.argv[2]) as history:
    for number in range(500):
        history.record("sent", sys.argv[2], number)
        failpoint("writer.sent")
"""


@pytest.mark.anyio
async def test_several_processes(tmp_path):
    """Lines of several processes in one file stay whole."""
    path = tmp_path / "history.jsonl"
    words = ("python", "-c", WRITER, str(path))
    async with spawn(*words, "a") as one, spawn(*words, "b") as two:
        assert (await one.ended(), await two.ended()) == (0, 0)
    found = events([path])
    assert len(found) == 1000
    assert [event.value for event in found if event.node == "b"] == list(range(500))


@pytest.mark.anyio
async def test_a_killed_writer(tmp_path):
    """What was recorded before a SIGKILL is there."""
    path = tmp_path / "history.jsonl"
    async with spawn("python", "-c", WRITER, str(path), "a", failpoint="writer.sent:kill@20") as process:
        assert await process.ended() == -signal.SIGKILL
    assert [event.value for event in events([path])] == list(range(20))


def test_a_torn_line(tmp_path):
    """A last line without its end is left out; another one that is broken is an error."""
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.record("sent", "a", 1)
    path.write_bytes(path.read_bytes() + b'{"at": 1, "no')
    assert len(events([path])) == 1
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(msgspec.MsgspecError):
        events([path])


def test_fields(tmp_path):
    """A line has a node, an operation, a key, a value and a token."""
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.record("held", "lease", {"by": "me"}, token=3)
    event = events([path])[0]
    assert event == Event(event.at, str(os.getpid()), "held", "lease", {"by": "me"}, 3, None, "ok")


def test_the_order_of_time(tmp_path):
    """Files are merged by time."""
    with History(tmp_path / "a", node="a") as one, History(tmp_path / "b", node="b") as two:
        one.record("x", value=1)
        two.record("x", value=2)
        one.record("x", value=3)
    assert [event.value for event in events([tmp_path / "b", tmp_path / "a"])] == [1, 2, 3]


def test_operations(tmp_path):
    """What takes time has a start, an end, and what came of it."""
    path = tmp_path / "history.jsonl"
    with History(path, node="a") as history:
        with history.call("read", "x") as outer:
            with history.call("write", "x", 5) as inner:
                inner.result = "ok"
            outer.value, outer.result = 5, "ok"
        history.record("other")
    read, write = operations(events([path]))
    assert (read.op, read.value, write.op, write.value) == ("read", 5, "write", 5)
    assert read.start <= write.start <= write.end <= read.end


def test_an_operation_without_an_end(tmp_path):
    """After an exception, or a crash, nobody knows what came of it."""
    path = tmp_path / "history.jsonl"
    with History(path, node="a") as history, pytest.raises(OSError, match="gone"), history.call("write", "x", 5):
        raise OSError("gone")
    found = operations(events([path]))
    assert found == [Operation("a", "write", "x", 5, found[0].start)]
