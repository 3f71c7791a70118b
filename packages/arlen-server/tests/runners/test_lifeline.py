"""Lifeline: a process whose manager is gone ends, whatever its event loop does."""

from __future__ import annotations

import socket
from threading import Event

import pytest

from arlen_server.lifeline import Lifeline

SOON = 10.0


class Scene:
    """A lifeline, the manager's end of it, and what it did."""

    def __init__(self, **options):
        self.manager, self.mine = socket.socketpair()
        self.lost, self.left = Event(), Event()
        self.codes = []
        self.line = Lifeline(self.mine.fileno(), self.lost.set, exit=self.exit, **options)
        self.line.start()

    def exit(self, code):
        self.codes.append(code)
        self.left.set()

    def close(self):
        self.line.release()
        self.manager.close()
        self.line._thread.join(SOON)
        self.mine.close()


@pytest.fixture
def scene():
    """Makes scenes and ends them."""
    made = []

    def make(**options):
        made.append(Scene(**options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_silent_loop_is_ended(scene):
    """When the event loop does not answer in time, the process exits with 1."""
    stage = scene(answer=0.01)
    stage.manager.close()
    assert stage.lost.wait(SOON)
    assert stage.left.wait(SOON)
    assert [1] == stage.codes


def test_slow_shutdown_is_ended(scene):
    """When the shutdown does not end in time, the process exits with 1."""
    stage = scene(answer=SOON, finish=0.01)
    stage.line.acknowledge()
    stage.manager.close()
    assert stage.left.wait(SOON)


def test_shutdown_in_time_is_left_alone(scene):
    """A process that shuts down in time is not ended."""
    stage = scene(answer=SOON, finish=SOON)
    stage.manager.close()
    assert stage.lost.wait(SOON)
    stage.line.acknowledge()
    stage.line.release()
    stage.line._thread.join(SOON)
    assert [] == stage.codes


def test_messages_are_not_taken(scene):
    """What the manager says is left for the event loop to read, and is no sign of its end."""
    stage = scene(answer=0.01)
    stage.manager.send(b"hello\n")
    assert b"hello\n" == stage.mine.recv(100)
    assert not stage.lost.is_set()


def test_manager_that_goes_after_the_end(scene):
    """Once the shutdown is complete nothing happens any more."""
    stage = scene(answer=0.01)
    stage.line.release()
    stage.manager.close()
    stage.line._thread.join(SOON)
    assert (False, []) == (stage.lost.is_set(), stage.codes)
