"""What the tests of the runners share: real processes on real sockets, watched by their lifecycle lines."""

from __future__ import annotations

import sys
import time

import pytest

from tools.load.runners import PATIENCE, Load, Running, ended

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


def running(runner, root, *options, **variables):
    """Start a runner as `arlen` would, which may not be installed here."""
    command = [sys.executable, "-c", LAUNCH, runner, "--json", "--port", "0", *options]
    first = "manager_started" if runner == "propane" else "started"
    return Running(command, root, root.parent / f"{root.name}.stderr", first=first, **variables)


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
        started.append(running(runner, root, *options, **variables))
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
    return lambda pid: not ended(pid)
