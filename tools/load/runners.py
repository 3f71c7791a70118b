"""Runners: propane, boomhauer and other servers as processes of their own, and clients that ask them without pause.

Everything that is started here is a context manager and is ended with all that it has started, whatever happens. On
Linux the system ends it, too, when this process is killed.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import IO, Any, Self, cast

from tools.bench.processes import launched
from tools.load.probes import until

__all__ = ["PATIENCE", "SITE", "Load", "Running", "ended", "environ", "propane"]

PATIENCE = 30.0
"""Seconds that anything may take on a busy machine."""

SITE = Path(__file__).with_name("site")
"""The folder of the application that is put under load."""

Event = dict[str, Any]


class Running:
    """A runner in a process of its own, watched by the lifecycle lines that it prints as JSON.

    Args:
        command: the runner, with `--json`.
        root: the application's folder.
        log: a file that gets what it prints to standard error.
        first: the event that tells its address.
        variables: more environment.
    """

    def __init__(
        self, command: Sequence[str], root: Path, log: Path, *, first: str = "manager_started", **variables: str
    ) -> None:
        self.root, self.errors, self._first = root, log, first
        self.events: list[Event] = []
        self._news, self._over = Condition(), False
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                launched(command, None, signal.SIGTERM),
                cwd=root,
                env=environ() | variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                process_group=0,
            )
        self._output = cast("IO[bytes]", self.process.stdout)
        self._reader = Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        for line in self._output:
            with suppress(ValueError), self._news:
                event = json.loads(line)
                self.events += [event] if "event" in event else []
                self._news.notify_all()
        with self._news:
            self._over = True
            self._news.notify_all()

    @property
    def pid(self) -> int:
        """The process id of the runner."""
        return self.process.pid

    @property
    def log(self) -> str:
        """The end of what it has printed to standard error."""
        return self.errors.read_text()[-3000:]

    def count(self, event: str, **fields: Any) -> int:
        """How often an event with these fields was told."""
        return len(self.all(event, **fields))

    def all(self, event: str, **fields: Any) -> list[Event]:
        """Every event of that name with these fields."""
        return [each for each in list(self.events) if each["event"] == event and fields.items() <= each.items()]

    def wait(self, event: str, count: int = 1, **fields: Any) -> Event:
        """The `count`th event of that name with these fields, as soon as it is told.

        Raises:
            AssertionError: it was not told in time, or the runner has ended before.
        """
        with self._news:
            self._news.wait_for(lambda: self._over or self.count(event, **fields) >= count, PATIENCE)
        if self.count(event, **fields) < count:
            names = [each["event"] for each in self.events]
            raise AssertionError(f"no {event} {fields} within {PATIENCE} s, only {names}\n{self.log}")
        return self.all(event, **fields)[count - 1]

    @property
    def address(self) -> str:
        """Where it listens, as `127.0.0.1:4711`."""
        return str(self.wait(self._first)["addresses"][-1]).removeprefix("http://")

    @property
    def place(self) -> tuple[str, int]:
        """Where it listens, for a socket."""
        host, _, port = self.address.rpartition(":")
        return host, int(port)

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers that serve."""
        gone = {each["worker_pid"] for each in self.all("worker_exited") + self.all("worker_stopping")}
        return [each["worker_pid"] for each in self.all("worker_ready") if each["worker_pid"] not in gone]

    def get(
        self, path: str = "/", headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, str, dict[str, str]]:
        """Ask once on a new connection: the status, the body and the header fields."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, headers={"Connection": "close"} | (headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(self.place, timeout=PATIENCE)

    def signal(self, number: int) -> None:
        """Send the runner a signal, and wait until it has it: of two that wait, the lower number comes first."""
        self.process.send_signal(number)
        until(lambda: not _waits(self.process.pid, number), patience=1.0)

    def join(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def stop(self) -> int:
        """Stop gracefully; the exit code."""
        self.signal(signal.SIGTERM)
        return self.join()

    def close(self) -> None:
        """End it, however it is, and all that it started."""
        try:
            if self.process.poll() is None:
                for number in (signal.SIGCONT, signal.SIGINT, signal.SIGQUIT):
                    self.process.send_signal(number)
                self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for event in self.events:
            if pid := event.get("worker_pid"):
                _kill_if_ours(pid)
        self._reader.join(PATIENCE)
        self._output.close()


class Load:
    """Requests from another process, until `finish`; see `tools.load.clients`.

    Args:
        address: of the server.
        clients: how many ask at the same time.
        path: what they ask for.
        pause: seconds after each answer: enough requests, but not the whole machine's.
        kept: whether all of them keep their connections, instead of half.
    """

    def __init__(
        self, address: str, *, clients: int = 8, path: str = "/", pause: float = 0.004, kept: bool = False
    ) -> None:
        script = str(Path(__file__).with_name("clients.py"))
        words = [address, str(clients), path, str(pause), *(["kept"] if kept else [])]
        self.process = subprocess.Popen(
            launched([sys.executable, "-P", script, *words], None),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def finish(self) -> dict[str, Any]:
        """Stop sending; the totals."""
        output, _ = self.process.communicate(timeout=PATIENCE)
        totals: dict[str, Any] = json.loads(output)
        return totals

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            cast("IO[bytes]", pipe).close()


def propane(folder: Path, *options: str, root: Path = SITE, **variables: str) -> Running:
    """Start `arlen propane` on a port that the system chooses, in the application's folder, as anybody would.

    Args:
        folder: for its log.
        options: of the command, such as `--workers`, `2`.
        root: the application's folder.
        variables: settings, such as `ARLEN_SERVER__MAX_CONNECTIONS`.
    """
    command = [sys.executable, "-m", "arlen_cli", "propane", "--json", "--port", "0", *options]
    return Running(command, root, folder / "propane.log", **variables)


def environ() -> dict[str, str]:
    """The environment without what configures an application or a test run."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("ARLEN_", "PYTEST_"))}


def ended(pid: int) -> bool:
    """Whether a process does not run any more; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


def _kill_if_ours(pid: int) -> None:
    """End a process that a runner left, when it is one; its number may be another's by now."""
    with suppress(OSError):
        if b"arlen_server.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


def _waits(pid: int, number: int) -> bool:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:  # it is gone, or the system does not tell
        return False
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd:", "ShdPnd:"))]
    return any(mask >> number - 1 & 1 for mask in masks)
