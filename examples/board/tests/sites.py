"""Sites: the board as a process that listens on a port, for tests over real sockets."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from select import select
from time import monotonic
from typing import IO, Any
from urllib.parse import urlsplit

from drafts import BOARD

__all__ = ["Site", "served"]

PATIENCE = 90.0
"""Seconds for a start on a busy machine."""


class Site:
    """A running board.

    Attributes:
        events: what its runner said so far.
    """

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self._process, self._errors = process, errors
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def until(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until the runner has said `event` that often; `AssertionError` with what it said when it does not."""
        deadline = monotonic() + PATIENCE
        while len(found := [each for each in self.events if each.get("event") == event]) < count:
            assert monotonic() < deadline, f"no {event!r}: {self.events} {self._errors.read_text()}"
            self._listen(deadline - monotonic())
        return found

    def _listen(self, seconds: float) -> None:
        out: IO[bytes] = self._process.stdout  # type: ignore[assignment]
        if not select([out], [], [], max(0.0, seconds))[0]:
            return
        data = os.read(out.fileno(), 65_536)
        assert data, f"the runner has ended: {self.events} {self._errors.read_text()}"
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.events += [json.loads(line) for line in lines if line]

    @property
    def address(self) -> str:
        """Where it listens."""
        first = next(each for each in self.events if "addresses" in each)
        return str(first["addresses"][0])

    def connect(self) -> HTTPConnection:
        """Open a connection."""
        parts = urlsplit(self.address)
        return HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)

    def call(self, method: str, path: str, sent: Any = None, **headers: str) -> tuple[HTTPResponse, bytes]:
        """Send a request on a connection of its own; return the answer and its body."""
        connection = self.connect()
        try:
            given = {"accept": "application/json"} | headers
            if sent is not None and not isinstance(sent, bytes):
                sent, given = json.dumps(sent).encode(), {"content-type": "application/json"} | given
            connection.request(method, path, sent, given)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def kill(self) -> None:
        """End it, and all that it started, at once: SIGKILL, nobody can prepare for it."""
        if self._process.poll() is None:  # its number may belong to somebody else by now
            with suppress(AssertionError):  # it may be ending by itself
                self._listen(0)
            ended = {each["worker_pid"] for each in self.events if each.get("event") == "worker_exited"}
            begun = {each["worker_pid"] for each in self.events if each.get("event") == "worker_started"}
            for pid in (self._process.pid, *(begun - ended)):  # each worker leads a group of its own
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self._process.terminate()
        return self._process.wait(PATIENCE)


@contextmanager
def served(folder: Path, url: str, *command: str, **words: str) -> Iterator[Site]:
    """Run the board with a command of `arlen`, on the database of a URL, until the test is done with it."""
    own = {"ARLEN_DATABASE__URL": url, "ARLEN_WEB__SECRET": "0" * 40, "PYTHONUNBUFFERED": "1"}
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ARLEN_", "PYTEST_"))}
    errors = folder / "errors.txt"
    with errors.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "arlen_cli", "--json", *command, "--port", "0"],
            cwd=BOARD,
            env=environ | own | words,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    site = Site(process, errors)
    try:
        yield site
    finally:
        site.kill()
        process.stdout.close()  # type: ignore[union-attr]
