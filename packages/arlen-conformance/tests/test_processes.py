"""Tests of the control of processes: failpoints, signals, output."""

import os
import signal
import sys

import pytest

from arlen_conformance.processes import spawn

pytestmark = pytest.mark.anyio

CODE = """
from arlen_core.failpoints import failpoint
print("before", flush=True)
try:
    failpoint("jobs.settle.before_commit")
finally:
    print("finally", flush=True)
print("after", flush=True)
print(input(), flush=True)
"""


async def test_killed_at_a_failpoint():
    """SIGKILL: nothing after the failpoint runs, not even what cleans up."""
    async with spawn("python", "-c", CODE, failpoint="jobs.settle.before_commit:kill") as process:
        assert await process.line() == "before"
        assert await process.ended() == -signal.SIGKILL
        with pytest.raises(EOFError, match="-9"):
            await process.line()


async def test_stopped_at_a_failpoint():
    """SIGSTOP: it stands there until it is let go."""
    async with spawn("python", "-c", CODE, failpoint="jobs.settle.before_commit:stop") as process:
        await process.stopped()
        process.resume()
        assert [await process.line() for _ in range(3)] == ["before", "finally", "after"]
        await process.say("hello")
        assert await process.line() == "hello"
        assert await process.ended() == 0


@pytest.mark.parametrize(("action", "status"), [("exit", 70), ("raise", 1)])
async def test_ended_at_a_failpoint(action, status):
    """The others unwind, so that what cleans up runs."""
    async with spawn("python", "-c", CODE, failpoint=f"jobs.settle.before_commit:{action}") as process:
        assert [await process.line() for _ in range(2)] == ["before", "finally"]
        assert await process.ended() == status


async def test_stopped_and_killed_by_hand():
    """A process is stopped, let go, asked to end and killed from outside."""
    async with spawn("cat") as process:
        process.stop()
        await process.stopped()
        process.resume()
        process.terminate()
        assert await process.ended() == -signal.SIGTERM
    async with spawn("cat") as process:
        process.kill()
        assert await process.ended() == -signal.SIGKILL


async def test_it_ends_instead():
    """Who waits for a stop hears that it has ended."""
    async with spawn("true") as process:
        with pytest.raises(ProcessLookupError):
            await process.stopped()


async def test_a_bound():
    """Each wait has one."""
    async with spawn("cat", timeout=0.01) as process:
        with pytest.raises(TimeoutError):
            await process.line()


async def test_nothing_is_left():
    """Leaving the block kills it, stopped or not."""
    async with spawn("cat", environ={"A": "b"}) as process:
        process.stop()
        await process.stopped()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


PARENT = """
import anyio
from arlen_conformance.processes import spawn

async def main():
    async with spawn("cat") as process:
        process.stop()
        await process.stopped()
        print(process.pid, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
async def test_a_test_run_that_is_killed():
    """What it has started dies with it, even when it was stopped."""
    async with spawn("python", "-c", PARENT) as parent:
        pid = await parent.line()
        parent.kill()
        await parent.ended()
    code = f"import os, time\nwhile os.path.exists('/proc/{pid}'): time.sleep(0.01)"
    async with spawn("python", "-c", code) as watcher:
        assert await watcher.ended() == 0


async def test_variables():
    """More variables are given to it; those of this process are there too."""
    async with spawn(
        "python", "-c", "import os; print(os.environ['A'], 'PATH' in os.environ)", environ={"A": "b"}
    ) as it:
        assert await it.line() == "b True"
