"""Worker: what the process does when its manager, which is the test here, says or does something."""

from __future__ import annotations

import os
import signal
import socket
import threading

import pytest

from arlen_server.channel import Beat, Failed, Ready, Retire
from arlen_server.children import Plan, spawn_worker
from arlen_server.worker import resident

REFUSES = """
from arlen_core.app import App
app = App(__name__)
@app.hook("will_start")
async def no(app):
    raise OSError("no")
"""


class Manager:
    """One worker on one listening socket."""

    def __init__(self, root, until, variables, **plan):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.until = until
        self.said = []
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ARLEN_")}
        plan = Plan(root=str(root), sockets=(self.listener.fileno(),), **plan)
        self.child = spawn_worker(plan, environ | {"ARLEN_ENV": "test"} | variables)

    def hear(self, kind):
        """The first message of that kind."""

        def look():
            self.said += self.child.receive()
            return [message for message in self.said if isinstance(message, kind)]

        return self.until(look, f"a {kind.__name__}")[0]

    def get(self, path="/"):
        """The whole answer to one request on a new connection."""
        with socket.create_connection(self.listener.getsockname(), timeout=30) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: client.recv(65536), b""))

    def ask(self, path):
        """Ask without waiting; the thread and where its answer will be."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.get(path)))
        thread.start()
        return thread, answers

    def wait(self):
        return self.child.process.wait(30)

    def close(self):
        self.child.kill()
        self.child.process.wait()
        self.child.close()
        self.listener.close()


@pytest.fixture
def worker(root, until):
    """Starts workers, and ends them."""
    started = []

    def start(*, ready=True, variables=None, **plan):
        started.append(Manager(root, until, variables or {}, **plan))
        if ready:
            started[-1].hear(Ready)
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_tells_that_it_serves_and_beats(worker):
    """It says when it is ready, serves the sockets it was given, and reports what it does."""
    manager = worker()
    assert manager.get().endswith(b"one")
    manager.said.clear()
    beat = manager.hear(Beat)
    assert beat.memory > 1_000_000


def test_routes_are_told_in_development_only(worker):
    """A development worker sends its route table, a production worker need not."""
    routes = worker(development=True).hear(Ready).routes
    assert {"method": "GET", "path": "/pid", "name": "pid", "handler": "app:pid"} in routes
    assert [] == worker().hear(Ready).routes


def test_last_requests_are_shown_in_development(worker):
    """A development worker keeps what it was asked, and says where that is shown."""
    manager = worker(development=True, variables={"ARLEN_ENV": "development"})
    assert "/__arlen__/requests" == manager.hear(Ready).viewer
    manager.get("/pid")
    answer = manager.get("/__arlen__/requests")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"path":"/pid"' in answer
    assert b"/__arlen__" not in answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("development", "variables"),
    [
        (True, {"ARLEN_ENV": "production"}),
        (True, {"ARLEN_ENV": "test"}),
        (False, {"ARLEN_ENV": "development"}),
        (True, {"ARLEN_ENV": "development", "ARLEN_SERVER__BOOMHAUER__REQUESTS": "0"}),
    ],
)
def test_last_requests_are_shown_nowhere_else(worker, development, variables):
    """Without boomhauer, in another environment, and where it is turned off, the page does not exist."""
    manager = worker(development=development, variables=variables)
    assert "" == manager.hear(Ready).viewer
    for path in ("/__arlen__/requests", "/__arlen__/requests.js"):
        assert manager.get(path).startswith(b"HTTP/1.1 404 ")


def test_retires_without_failing_readiness(worker, until, root):
    """Asked to retire it answers what is in flight, accepts nothing new, and exits with 0."""
    manager = worker()
    thread, answers = manager.ask("/slow?seconds=0.2")
    until((root / "slow").exists)
    manager.child.channel.send(Retire())
    thread.join()
    assert answers[0].endswith(b"slow")
    assert 0 == manager.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_shuts_down_with_readiness_first(worker, number):
    """TERM and INT fail readiness at once and serve on for `drain_delay`."""
    manager = worker(variables={"ARLEN_SERVER__DRAIN_DELAY": "0.5"})
    assert b" 200 " in manager.get("/readyz")
    manager.child.signal(number)
    manager.until(lambda: b" 503 " in manager.get("/readyz"), "readiness to fail")
    assert manager.get().endswith(b"one")
    assert 0 == manager.wait()


def test_manager_that_goes(worker, until, root):
    """When the manager is gone it answers what is in flight and exits with 0."""
    manager = worker()
    thread, answers = manager.ask("/slow?seconds=0.2")
    until((root / "slow").exists)
    manager.child.channel.close()
    thread.join()
    assert answers[0].endswith(b"slow")
    assert 0 == manager.wait()


def test_manager_that_goes_while_the_loop_is_blocked(worker, until, root):
    """When the manager is gone and the event loop is stuck, the process exits with 1 all the same."""
    manager = worker()
    with socket.create_connection(manager.listener.getsockname()) as client:
        client.sendall(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        until((root / "blocked").exists)
        manager.child.channel.close()
        assert 1 == manager.wait()


def test_stop_while_it_starts(worker, root, until):
    """TERM during a start that waits cancels the start and exits with 0."""
    with (root / "app.py").open("a") as file:
        file.write(
            "\n@app.hook('will_start')\nasync def wait(app):\n    Path('in').touch()\n    await asyncio.sleep(600)\n"
        )
    manager = worker(ready=False, variables={"ARLEN_HTTP__START_TIMEOUT": "1000"})
    until((root / "in").exists)
    manager.child.signal(signal.SIGTERM)
    assert 0 == manager.wait()


@pytest.mark.parametrize(
    ("source", "stage", "kind"),
    [
        ("import nothing_like_this", "load", "ModuleNotFoundError"),
        ("raise SystemExit('bye')", "load", "SystemExit"),
        ("x = 1", "load", "LoadError"),
        ("app = object()", "load", "LoadError"),
        (REFUSES, "start", "OSError"),
    ],
)
@pytest.mark.parametrize("development", [True, False])
def test_failure_is_told_by_stage(worker, root, source, stage, kind, development, capfd):
    """Whatever goes wrong before it serves is told with its stage; in production the traceback is printed too."""
    (root / "app.py").write_text(source + "\n")
    manager = worker(ready=False, development=development)
    failure = manager.hear(Failed).failure
    assert 1 == manager.wait()
    assert (stage, kind) == (failure.stage, failure.kind)
    assert development is not ("Traceback" in capfd.readouterr().err)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("trusted_proxies = ['10.0.0.1/8']", "trusted_proxies: 10.0.0.1/8 has host bits set"),
        ("tls = {certificate = 'nowhere.pem'}", "the certificate nowhere.pem or its key cannot be used"),
    ],
)
@pytest.mark.parametrize("development", [True, False])
def test_wrong_setting_is_told_in_a_sentence(worker, root, setting, reason, development, capfd):
    """A setting that only the server can check is told with its name and a fix, without a traceback."""
    (root / "config").mkdir(exist_ok=True)
    (root / "config" / "app.toml").write_text(f"[server]\n{setting}\n")
    manager = worker(ready=False, development=development)
    failure = manager.hear(Failed).failure
    assert 1 == manager.wait()
    assert ("serve", "ConfigError") == (failure.stage, failure.kind)
    assert failure.message.startswith(reason)
    assert failure.hint
    printed = capfd.readouterr().err
    assert "Traceback" not in printed
    assert development is not (reason in printed)


def test_output_of_the_start_is_told(worker, root):
    """What the application printed before it failed is part of the report."""
    (root / "app.py").write_text("print('hello from', __name__)\nraise OSError('no')\n")
    failure = worker(ready=False, development=True).hear(Failed).failure
    assert failure.output.startswith("hello from app\nTraceback")


def test_descriptors_are_not_inherited_by_what_the_application_starts(worker, root):
    """A program that the application starts keeps neither the port nor the channel open."""
    with (root / "app.py").open("a") as file:
        file.write(
            "\n@app.get('/fds')\nasync def fds() -> str:\n"
            "    numbers = [int(name) for name in os.listdir('/dev/fd')]\n"
            "    there = [n for n in numbers if n > 2 and Path(f'/dev/fd/{n}').exists()]\n"
            "    return f'{[n for n in there if os.get_inheritable(n)]} of {len(there) > 2}'\n"
        )
    assert worker().get("/fds").endswith(b"[] of True")


def test_resident_memory_is_plausible():
    """The resident memory of this process is some megabytes, in bytes."""
    assert 5_000_000 < resident() < 4_000_000_000
