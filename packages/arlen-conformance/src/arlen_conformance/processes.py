"""Processes: programs that a test starts, kills, stops at a failpoint and lets go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import IO, TypeVar, cast

from anyio import fail_after, to_thread

from arlen_conformance.engines.keeper import mortal
from arlen_core.failpoints import VARIABLE

__all__ = ["Process", "spawn"]

Value = TypeVar("Value")


class Process:
    """A program that runs.

    Attributes:
        popen: the process, as the standard library sees it.
        timeout: seconds that each wait may take; `TimeoutError` after them.
    """

    def __init__(self, popen: subprocess.Popen[str], timeout: float) -> None:
        self.popen, self.timeout = popen, timeout

    @property
    def pid(self) -> int:
        """The process id."""
        return self.popen.pid

    async def line(self) -> str:
        """Return the next line that it prints, without its end; `EOFError` when it prints no more."""
        line = await self._wait(cast("IO[str]", self.popen.stdout).readline)
        if not line:
            raise EOFError(f"the process has ended with {self.popen.poll()}")
        return line.rstrip("\n")

    async def say(self, line: str) -> None:
        """Write a line to its standard input."""
        stdin = cast("IO[str]", self.popen.stdin)
        stdin.write(f"{line}\n")
        stdin.flush()

    async def stopped(self) -> None:
        """Wait until it is stopped: by a failpoint with the action "stop", or by `stop`.

        Raises:
            ProcessLookupError: it ended instead.
        """
        found = await self._wait(partial(_changed, self.pid))
        if found != os.CLD_STOPPED:
            raise ProcessLookupError(f"process {self.pid} ended, and did not stop")

    async def ended(self) -> int:
        """Wait until it has ended, and return its exit status; negative for a signal."""
        return await self._wait(self.popen.wait)

    def kill(self) -> None:
        """SIGKILL: it cannot clean up."""
        self.popen.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        """SIGSTOP: it stands still, and does not know."""
        self.popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: it goes on, as a zombie if its lease has passed on."""
        self.popen.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM: it is asked to end."""
        self.popen.send_signal(signal.SIGTERM)

    async def _wait(self, call: Callable[[], Value]) -> Value:
        with fail_after(self.timeout):
            return await to_thread.run_sync(call, abandon_on_cancel=True)


@asynccontextmanager
async def spawn(
    *words: str, failpoint: str = "", environ: Mapping[str, str] | None = None, timeout: float = 30
) -> AsyncIterator[Process]:
    """Start a program, and kill it at the end when it still runs; on Linux also when the test run is killed.

    Args:
        words: the program and its arguments; after "python" come those of this Python.
        failpoint: what to arm in it, such as "jobs.settle.before_commit:stop".
        environ: more variables.
        timeout: seconds that each wait for it may take.

    ```python
    from arlen_conformance.processes import spawn

    code = "from arlen_core.failpoints import failpoint; print('on'); failpoint('a.b'); print('over')"
    async with spawn("python", "-uc", code, failpoint="a.b:stop") as process:
        await process.stopped()
        process.resume()
        assert await process.ended() == 0
        assert (await process.line(), await process.line()) == ("on", "over")
    ```
    """
    words = (sys.executable, *words[1:]) if words[0] == "python" else words
    more = {VARIABLE: failpoint, **(environ or {})}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "preexec_fn": mortal(signal.SIGKILL)}
    with subprocess.Popen(words, text=True, env={**os.environ, **more}, **pipes) as popen:  # type: ignore[call-overload] # noqa: ASYNC220 - it takes a millisecond
        try:
            yield Process(popen, timeout)
        finally:
            popen.kill()


def _changed(pid: int) -> int:
    found = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    return found.si_code if found else 0
