"""What the tests of the runners share: real processes on real sockets, watched by their lifecycle lines."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Condition, Thread

import pytest

LAUNCH = """
import sys
from argparse import ArgumentParser
from arlen_core.commands import CommandError
from arlen_server import commands
command = getattr(commands, sys.argv[1])
parser = ArgumentParser()
parser.add_argument("--json", action="store_true")
parser.add_argument("--app")
command.configure(parser)
try:
    sys.exit(command.run(parser.parse_args(sys.argv[2:])).exit)
except CommandError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit)
"""

APP = """
import asyncio, os, time
from pathlib import Path
from arlen_core.app import App
app = App(__name__)

@app.get("/")
async def home() -> str:
    return "one"

@app.get("/pid")
async def pid() -> str:
    return str(os.getpid())

@app.get("/block")
async def block() -> str:
    Path("blocked").touch()
    time.sleep(600)
    return "never"

@app.get("/slow")
async def slow(seconds: float = 0.5) -> str:
    Path("slow").write_text("entered")
    await asyncio.sleep(seconds)
    return "slow"
"""

PATIENCE = 30.0  # seconds that anything may take on a busy machine


class Running:
    """A runner in a process of its own.

    Args:
        runner: "propane" or "boomhauer".
        root: the application's folder.
        options: of the command.
        variables: more environment.
    """

    def __init__(self, runner, root, *options, **variables):
        self.root = root
        self.events = []
        self.errors = root.parent / f"{root.name}.stderr"
        self._news = Condition()
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("ARLEN_", "PYTEST_"))}
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, runner, "--json", "--port", "0", *options],
                cwd=root,
                env=environ | variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                process_group=0,
            )
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            with self._news:
                self.events.append(event)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self.errors.read_text()[-3000:]

    def count(self, event, **fields):
        """How often an event with these fields was told."""
        return len(self.all(event, **fields))

    def all(self, event, **fields):
        """Every event of that name with these fields."""
        return [each for each in list(self.events) if each["event"] == event and fields.items() <= each.items()]

    def wait(self, event, count=1, **fields):
        """The `count`th event of that name with these fields, as soon as it is told."""
        with self._news:
            told = self._news.wait_for(lambda: self.count(event, **fields) >= count, PATIENCE)
        names = [each["event"] for each in self.events]
        assert told, f"no {event} {fields} within {PATIENCE} s, only {names}\n{self.log}"
        return self.all(event, **fields)[count - 1]

    @property
    def address(self):
        """Where it listens, as `127.0.0.1:4711`."""
        name = "manager_started" if self.process.args[3] == "propane" else "started"
        return self.wait(name)["addresses"][-1].removeprefix("http://")

    def get(self, path="/", headers=None, method="GET"):
        """Ask once on a new connection: the status, the body and the header fields."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, headers={"Connection": "close"} | (headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            connection.close()

    def connect(self):
        """A bare connection."""
        host, _, port = self.address.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=PATIENCE)

    def signal(self, number):
        self.process.send_signal(number)

    def join(self):
        """Wait for its end; the exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def stop(self):
        """Stop gracefully; the exit code."""
        self.signal(signal.SIGTERM)
        return self.join()

    def close(self):
        """End it, however it is, and all that it started."""
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGCONT)
                self.process.send_signal(signal.SIGINT)
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for event in self.events:
            if pid := event.get("worker_pid"):
                kill_if_ours(pid)
        self._reader.join(PATIENCE)
        self.process.stdout.close()


def kill_if_ours(pid):
    """End a process that a runner left, when it is one; its number may be another's by now."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"arlen_server.worker" in command:
            os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


class Load:
    """Requests from another process, until `finish`: enough of them, but not the whole machine's."""

    def __init__(self, address, *, clients=8, path="/", pause=0.004):
        script = Path(__file__).with_name("load.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), address, str(clients), path, str(pause)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def finish(self):
        """Stop sending; the totals."""
        output, _ = self.process.communicate(timeout=PATIENCE)
        return json.loads(output)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def root(tmp_path):
    """The folder of a small application."""
    folder = tmp_path / "app"
    (folder / "config").mkdir(parents=True)
    (folder / "app.py").write_text(APP)
    (folder / "config" / "app.toml").write_text("[log]\naccess = false\n\n[server]\ndrain_delay = 0.0\n")
    return folder


@pytest.fixture
def run(root):
    """Starts runners, and ends them after the test."""
    started = []

    def start(runner, *options, **variables):
        started.append(Running(runner, root, *options, **variables))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def load():
    """Starts load, and ends it after the test."""
    started = []

    def start(*arguments, **options):
        started.append(Load(*arguments, **options))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def until():
    """Waits until a condition holds, looking again and again, for what has no event."""

    def wait(condition, what="the condition"):
        deadline = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what} did not come true within {PATIENCE} s"
            time.sleep(0.01)
        return found

    return wait


@pytest.fixture
def alive():
    """Whether a process runs; a zombie does not."""

    def check(pid):
        try:
            os.kill(pid, 0)
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (ProcessLookupError, FileNotFoundError):
            return False

    return check
