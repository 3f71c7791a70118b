"""Solo: one process at a time, heard and ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess

import pytest

from arlen_server import solo as module
from arlen_server.channel import Channel, Ready, Retire
from arlen_server.children import Child, Plan
from arlen_server.solo import Solo

SOON = 20.0


class Stage:
    """A solo whose processes are shell scripts, what it tells, and the other ends of their channels."""

    def __init__(self, monkeypatch):
        self.script = "exec sleep 60"
        self.told = asyncio.Queue()
        self.ends = []
        self.children = []
        monkeypatch.setattr(module, "spawn_worker", self.spawn)

    def spawn(self, plan, environ, *, interactive):
        mine, its = Channel.pair()
        self.ends.append(its)
        self.children.append(Child(subprocess.Popen(["sh", "-c", self.script]), mine))
        return self.children[-1]

    def play(self, act, **options):
        """Run a test with a solo, and end everything."""

        async def main():
            async with asyncio.timeout(SOON):
                solo = Solo({}, self.told.put_nowait, **options)
                asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, solo.reap)
                try:
                    await act(solo)
                finally:
                    solo.kill()
                    await solo.end()
                    asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

        asyncio.run(main())
        for end in self.ends:
            end.close()


@pytest.fixture
def stage(monkeypatch):
    """A stage to play on."""
    return Stage(monkeypatch)


def test_messages_are_told_with_their_process(stage):
    """What a process says is told together with the process that said it."""

    async def act(solo):
        child = await solo.start(Plan())
        stage.ends[0].send(Ready())
        assert (child, Ready()) == await stage.told.get()

    stage.play(act)


def test_end_that_nobody_asked_for_is_told(stage):
    """A process that ends by itself is told with its exit code, after its last words, and is no longer there."""

    async def act(solo):
        stage.script = "sleep 0.05; exit 3"
        child = await solo.start(Plan())
        stage.ends[0].send(Ready())
        assert [(child, Ready()), (child, 3)] == [await stage.told.get(), await stage.told.get()]
        assert solo.child is None

    stage.play(act)


def test_end_that_was_asked_for_is_not_told(stage):
    """A process that was asked to end is not told about."""

    async def act(solo):
        child = await solo.start(Plan())
        await solo.end()
        assert -signal.SIGTERM == child.poll()
        assert stage.told.empty()
        assert solo.child is None

    stage.play(act)


def test_start_ends_the_one_before(stage):
    """Starting another process waits until the one before is gone."""

    async def act(solo):
        first = await solo.start(Plan())
        second = await solo.start(Plan())
        assert first.poll() is not None
        assert second.poll() is None
        assert second is solo.child

    stage.play(act)


def test_gentle_end_asks_a_ready_process_to_retire(stage):
    """A process that serves is asked over the channel; one that starts gets TERM."""
    stage.script = "sleep 0.05"

    async def act(solo):
        child = await solo.start(Plan())
        child.state = "ready"
        await solo.end(gently=True)
        assert [Retire()] == list(stage.ends[0].receive())
        assert 0 == child.poll()
        stage.script = "exec sleep 60"
        other = await solo.start(Plan())
        await solo.end(gently=True)
        assert -signal.SIGTERM == other.poll()

    stage.play(act)


def test_process_that_does_not_react_is_killed(stage):
    """After its time a process is killed."""

    async def act(solo):
        child = await solo.start(Plan())
        child.signal(signal.SIGSTOP)  # TERM waits until it goes on, KILL does not
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        await solo.end()
        assert -signal.SIGKILL == child.poll()

    stage.play(act, patience=0.05)


def test_nothing_to_end(stage):
    """Ending, killing and reaping without a process is nothing."""

    async def act(solo):
        await solo.end()
        solo.kill()
        solo.reap()
        assert stage.told.empty()

    stage.play(act)
