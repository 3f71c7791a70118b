"""The host: with real processes, one of them killed, every scrape of every worker equals all that was counted."""

import http.client
import os
import re
import signal
import sys
import time

import pytest

pytest.importorskip("arlen_server", reason="the supervisor is another package")

from tools.load.runners import PATIENCE, Running

LAUNCH = """
import sys
from argparse import ArgumentParser
from arlen_server import commands
parser = ArgumentParser()
parser.add_argument("--json", action="store_true")
parser.add_argument("--app")
commands.propane.configure(parser)
sys.exit(commands.propane.run(parser.parse_args(sys.argv[1:])).exit)
"""

APP = """
import os
from arlen_core.app import App
from arlen_metrics import Metrics

app = App(__name__)
app.use(Metrics())
done = app.meters.counter("jobs.done", "Jobs that are done.")

@app.get("/")
async def home() -> str:
    return "here"

@app.get("/pid")
async def pid() -> int:
    return os.getpid()
"""

JOBS = """
import asyncio, signal
from app import app, done

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await app.start()
    done.add(7)
    await stop.wait()
    await app.stop()

asyncio.run(main())
"""

TOML = f"""
[log]
access = false

[server]
drain_delay = 0.0

[server.propane]
workers = 4

[[server.propane.commands]]
name = "jobs"
command = ["{sys.executable}", "jobs.py"]
"""

ROUTE = re.compile(r'http_server_request_duration_seconds_count\{[^}]*http_route="/",[^}]*\} (\d+)')


@pytest.fixture
def running(tmp_path):
    """Run four workers and a job worker."""
    root = tmp_path / "app"
    (root / "config").mkdir(parents=True)
    (root / "app.py").write_text(APP)
    (root / "jobs.py").write_text(JOBS)
    (root / "config" / "app.toml").write_text(TOML)
    command = [sys.executable, "-c", LAUNCH, "--json", "--port", "0"]
    with Running(command, root, tmp_path / "stderr") as made:
        made.wait("worker_ready", 4, name="web")
        yield made


def asked(connection: http.client.HTTPConnection, path: str) -> str:
    """Ask on a connection that is kept."""
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def connected(running: Running) -> dict[int, http.client.HTTPConnection]:
    """Return a connection to each of the workers."""
    found: dict[int, http.client.HTTPConnection] = {}
    deadline = time.monotonic() + PATIENCE
    while len(found) < 4:
        assert time.monotonic() < deadline, f"only {len(found)} workers answer"
        connection = http.client.HTTPConnection(running.address, timeout=PATIENCE)
        worker = int(asked(connection, "/pid"))
        if worker in found or worker not in running.workers:
            connection.close()
        else:
            found[worker] = connection
    return found


def seen(connection: http.client.HTTPConnection) -> tuple[int, int]:
    """Return the requests and the jobs that a worker's scrape shows."""
    text = asked(connection, "/metrics")
    return sum(map(int, ROUTE.findall(text))), int(re.search(r"^jobs_done_total (\d+)", text, re.MULTILINE)[1])


def test_every_scrape_is_the_whole_host_whatever_dies(running):
    """Four workers and a job worker, N requests, kill -9 of one worker in the middle: each scrape equals N."""
    workers = connected(running)
    for number in range(100):
        asked(list(workers.values())[number % 4], "/")
    agreed(workers, (100, 7))

    victim, connection = workers.popitem()
    os.kill(victim, signal.SIGKILL)
    connection.close()
    agreed(workers, (100, 7))
    running.wait("worker_ready", 5, name="web")
    for each in workers.values():
        each.close()

    workers = connected(running)
    for number in range(100):
        asked(list(workers.values())[number % 4], "/")
    agreed(workers, (200, 7))
    assert 'arlen_worker_restarts_total{pool="web",reason="killed"} 1' in asked(
        next(iter(workers.values())), "/metrics"
    )
    for each in workers.values():
        each.close()


def agreed(workers: dict[int, http.client.HTTPConnection], expected: tuple[int, int]) -> None:
    """Wait until all show what is expected: a worker counts a request just after the client has its answer."""
    deadline = time.monotonic() + PATIENCE
    while {expected} != (shown := {seen(each) for each in workers.values()}):
        assert time.monotonic() < deadline, f"expected {expected}, the workers say {shown}"
        assert max(shown) <= expected, f"counted twice: {shown}"
        time.sleep(0.01)
