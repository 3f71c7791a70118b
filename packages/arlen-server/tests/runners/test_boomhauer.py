"""Boomhauer: restarts on change, survives broken code, and tells browsers, with real processes and real requests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading

import pytest

from arlen_server.boomhauer import Reloader
from arlen_server.settings import Settings
from arlen_server.tuning import Boomhauer
from arlen_server.watching import Watcher

FAST = {"ARLEN_SERVER__BOOMHAUER__DEBOUNCE": "0.05", "ARLEN_SERVER__BOOMHAUER__POLL": "0.05"}
STATE = "/api/dev/build-error"
HTML = {"Accept": "text/html"}


@pytest.fixture
def dev(run, root):
    """Starts a development server whose application is ready."""
    (root / "templates").mkdir()
    (root / "templates" / "home.html").write_text("<p>one</p>")
    (root / "page.css").write_text("p { color: red }")

    def start(*, ready=True, **variables):
        boomhauer = run("boomhauer", **{**FAST, **variables})
        if ready:
            boomhauer.wait("ready")
        return boomhauer

    return start


def change(root, old, new, name="app.py"):
    """Edit a file."""
    path = root / name
    path.write_text(path.read_text().replace(old, new))


class Listener:
    """A browser's event stream."""

    def __init__(self, boomhauer):
        self.socket = boomhauer.connect()
        self.socket.sendall(b"GET /__arlen__/events HTTP/1.1\r\nHost: x\r\n\r\n")
        self.file = self.socket.makefile("r")

    def next(self):
        """The name and the data of the next event."""
        name = ""
        for line in self.file:
            if line.startswith("event: "):
                name = line.removeprefix("event: ").strip()
            if line.startswith("data: "):
                return name, line.removeprefix("data: ").strip()
        return None

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def listen():
    """Opens event streams."""
    opened = []

    def start(boomhauer):
        opened.append(Listener(boomhauer))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


# serving


def test_serves_and_tells(dev):
    """It serves the application in development, tells its address and its routes, and stops with 0."""
    boomhauer = dev()
    assert (200, "one") == boomhauer.get()[:2]
    assert (200, '{"status":"ok","error":null}\n') == boomhauer.get(STATE)[:2]
    routes = boomhauer.wait("routes")["routes"]
    assert {"method": "GET", "path": "/slow", "name": "slow", "handler": "app:slow"} in routes
    assert 0 == boomhauer.stop()
    assert 1 == boomhauer.count("stopped")


@pytest.mark.parametrize("watcher", ["auto", "poll"])
def test_change_restarts(dev, root, watcher):
    """A saved change is served, by a new process, with either watcher."""
    boomhauer = dev(ARLEN_SERVER__BOOMHAUER__WATCHER=watcher)
    change(root, '"one"', '"two"')
    boomhauer.wait("ready", 2)
    assert (200, "two") == boomhauer.get()[:2]
    assert {"app.py"} == {file for event in boomhauer.all("changed") for file in event["files"]}


def test_same_length_within_a_second(dev, root):
    """Changes that Python's compiled files cannot tell apart, of one second and one length, are served all the same."""
    boomhauer = dev()
    status = (root / "app.py").stat()
    for count, word in enumerate(["two", "six"], start=2):
        text = (root / "app.py").read_text()
        (root / "app.py").write_text(text.replace(text.split('return "')[1][:3], word, 1))
        os.utime(root / "app.py", (status.st_atime, int(status.st_mtime) + count / 100))
        boomhauer.wait("ready", count)
        assert (200, word) == boomhauer.get()[:2]


def test_two_quick_saves_are_one_restart(dev, root):
    """Saves in quick succession restart once."""
    boomhauer = dev(ARLEN_SERVER__BOOMHAUER__DEBOUNCE="0.4")
    change(root, '"one"', '"two"')
    (root / "other.py").write_text("x = 1\n")
    change(root, '"two"', '"three"')
    boomhauer.wait("ready", 2)
    assert (200, "three") == boomhauer.get()[:2]
    boomhauer.stop()
    assert (1, 2) == (boomhauer.count("changed"), boomhauer.count("ready"))


def test_no_connection_is_refused_while_it_restarts(dev, root, load):
    """A request that comes while the application restarts waits, and is answered."""
    boomhauer = dev()
    client = load(boomhauer.address, clients=4)
    for count in range(2, 4):
        (root / "other.py").write_text(f"x = {count}\n")
        boomhauer.wait("ready", count)
    totals = client.finish()
    assert {} == totals["failures"]
    assert totals["requests"] > 10


def test_never_two_processes(dev, root, until):
    """The old process has ended before the new one starts, also when changes come while it starts."""
    (root / "app.py").write_text(
        "import os, time\n"
        "from pathlib import Path\n"
        "Path('pids').open('a').write(f'{os.getpid()} {os.getppid()}\\n')\n"
        "others = [int(line.split()[0]) for line in Path('pids').read_text().splitlines()][:-1]\n"
        "if any(Path(f'/proc/{pid}').exists() for pid in others): Path('overlap').write_text('yes')\n"
        + (root / "app.py").read_text()
    )
    boomhauer = dev()
    for count in range(2, 5):
        (root / "other.py").write_text(f"x = {count}\n")
        until(lambda wanted=count: len((root / "pids").read_text().splitlines()) >= wanted, "another process")
    boomhauer.wait("ready", 2)
    boomhauer.stop()
    assert not (root / "overlap").exists()


def test_request_in_flight_is_answered_across_a_restart(dev, root, until):
    """A request that is being answered when a file is saved is answered."""
    boomhauer = dev(ARLEN_SERVER__BOOMHAUER__DRAIN="5")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(boomhauer.get("/slow?seconds=0.3")[:2]))
    asking.start()
    until((root / "slow").exists)
    change(root, '"one"', '"two"')
    boomhauer.wait("ready", 2)
    asking.join()
    assert [(200, "slow")] == answers


# broken code


BROKEN = [
    ("from arlen_core.app import App\ndef broken(:\n", "load", "SyntaxError", 2),
    ("import os\n\nimport nothing_like_this\n", "load", "ModuleNotFoundError", 3),
    ("x = 1\nraise SystemExit(3)\n", "load", "SystemExit", 2),
    ("from arlen_core.app import App\napp = App(__name__)\n@app.get('/{')\nasync def f() -> str: ...\n", "load", "", 3),
]


def test_broken_code_gives_a_page_and_recovers(dev, root):
    """Whatever is broken, requests are answered with what is wrong and where, until a save corrects it."""
    boomhauer = dev()
    good = (root / "app.py").read_text()
    for count, (source, stage, kind, line) in enumerate(BROKEN, start=1):
        (root / "app.py").write_text(source)
        boomhauer.wait("broken", count)
        status, body, _ = boomhauer.get("/", HTML)
        assert 503 == status
        assert f"app.py:{line}" in body
        problem = json.loads(boomhauer.get(STATE)[1])
        assert ("dev_build_failed", stage, line) == (problem["code"], problem["stage"], problem["line"])
        assert kind in problem["kind"]
        assert problem["snippet"].splitlines()[min(line, 4) - 1].startswith(f"> {line} | ")
    (root / "app.py").write_text(good.replace('"one"', '"again"'))
    boomhauer.wait("ready", 2)
    assert (200, "again") == boomhauer.get()[:2]
    assert '{"status":"ok","error":null}\n' == boomhauer.get(STATE)[1]


def test_broken_from_the_start(dev, root):
    """An application that is broken when boomhauer starts is told as well, and recovers."""
    good = (root / "app.py").read_text()
    (root / "app.py").write_text("app = 1 +\n")
    boomhauer = dev(ready=False)
    boomhauer.wait("broken")
    assert "SyntaxError" == json.loads(boomhauer.get("/", {"Accept": "application/json"})[1])["kind"]
    (root / "app.py").write_text(good)
    boomhauer.wait("ready")
    assert (200, "one") == boomhauer.get()[:2]


def test_start_that_fails_recovers_by_itself(dev, root):
    """A start that fails for a reason outside the code, such as a service, is tried again without a save."""
    with (root / "app.py").open("a") as file:
        file.write(
            "\n@app.hook('will_start')\nasync def check(app) -> None:\n"
            "    print('\\x1b[31mlooking\\x1b[0m')\n"
            "    if not Path('service').exists():\n        raise ConnectionError('the service is away')\n"
        )
    boomhauer = dev(ready=False, ARLEN_SERVER__BOOMHAUER__RETRY="0.2")
    boomhauer.wait("broken")
    problem = json.loads(boomhauer.get(STATE)[1])
    assert ("start", "ConnectionError", "app.py") == (problem["stage"], problem["kind"], problem["file"])
    assert "looking\n" in problem["output"]
    assert "\x1b" not in problem["output"]
    (root / "service").touch()
    boomhauer.wait("ready")
    assert (200, "one") == boomhauer.get()[:2]
    assert 1 == boomhauer.count("broken")


def test_wrong_configuration_gives_a_page_and_recovers(dev, root):
    """A configuration that is wrong, or no TOML at all, is shown with its file and line, also from the start."""
    config = root / "config" / "app.toml"
    good = config.read_text()
    config.write_text("[server\n")
    boomhauer = dev(ready=False, ARLEN_SERVER__PORT="0")  # as `--port 0`, which counts before any file can be read
    boomhauer.wait("broken")
    assert not boomhauer.address.endswith(":3000")
    assert "config/app.toml" == json.loads(boomhauer.get(STATE)[1])["file"]
    config.write_text(good + "max_bdy = 3\n")
    boomhauer.wait("broken", 2)
    problem = json.loads(boomhauer.get(STATE)[1])
    assert ("config/app.toml", 6) == (problem["file"], problem["line"])
    assert "max_bdy" in problem["message"]
    config.write_text(good)
    boomhauer.wait("ready")


def test_process_that_dies_is_started_again(dev, root):
    """An application process that is killed is told, and started again by itself."""
    boomhauer = dev(ARLEN_SERVER__BOOMHAUER__RETRY="0.1")
    os.kill(boomhauer.wait("ready")["worker_pid"], signal.SIGKILL)
    assert ("exit", -9) == (boomhauer.wait("broken")["stage"], boomhauer.wait("broken")["exit_code"])
    boomhauer.wait("ready", 2)
    assert (200, "one") == boomhauer.get()[:2]


def test_address_moves_with_the_configuration(dev, root, tmp_path):
    """A change of the address in the configuration is followed; one that cannot be had leaves the old one."""
    boomhauer = dev()
    config, path = root / "config" / "app.toml", tmp_path / "s"
    before = config.read_text()
    config.write_text(before + f'bind = ["unix:{path}"]\n')
    assert [f"unix:{path}"] == boomhauer.wait("moved")["addresses"]
    boomhauer.wait("ready", 2)
    config.write_text(before + f'bind = ["unix:{path}", "127.0.0.1:0"]\n')
    boomhauer.wait("ready", 3)
    assert 2 == len(boomhauer.wait("moved", 2)["addresses"])
    config.write_text(before + 'bind = ["unix:/nowhere/at/all"]\n')
    assert "/nowhere/at/all" in boomhauer.wait("configuration_kept")["reason"]
    boomhauer.wait("ready", 4)
    assert path.is_socket()
    assert 0 == boomhauer.stop()
    assert not path.exists()


def test_system_that_cannot_watch_so_many_files(root, monkeypatch):
    """When the system's notifications fail, boomhauer says so and looks at the files itself."""
    watchfiles = pytest.importorskip("watchfiles")

    async def refuse(*folders, **options):
        raise OSError("OS file watch limit reached")
        yield

    monkeypatch.setattr(watchfiles, "awatch", refuse)
    events = []

    async def main():
        reloader = Reloader(
            Settings, root=root, environ={}, emit=lambda event, **fields: events.append((event, fields))
        )
        reloader._events = asyncio.Queue()
        reloader._watcher = Watcher(root, Boomhauer(watcher="watchfiles", poll=0.02, debounce=0.02))
        watching = asyncio.create_task(reloader._watch())
        async with asyncio.timeout(20):
            while reloader._events.empty():
                (root / "app.py").write_text(f"# {asyncio.get_running_loop().time()}\n")
                await asyncio.sleep(0.05)
        watching.cancel()
        await asyncio.wait([watching])
        return await reloader._events.get()

    assert [root / "app.py"] == asyncio.run(main())
    assert [("watch_failed", "OS file watch limit reached")] == [(event, fields["reason"]) for event, fields in events]


# browsers


def test_page_hears_of_a_template_and_of_a_style(dev, root, listen):
    """A template refreshes the page and a style sheet only the styles, both without a restart."""
    boomhauer = dev()
    browser = listen(boomhauer)
    kind, first = browser.next()
    assert "version" == kind
    change(root, "red", "blue", "page.css")
    kind, second = browser.next()
    assert ("css", first.partition(".")[0]) == (kind, second.partition(".")[0])
    change(root, "one", "two", "templates/home.html")
    kind, third = browser.next()
    assert ("version", 3) == (kind, len({first, second, third}))
    assert 1 == boomhauer.count("ready")


def test_page_hears_of_a_restart(dev, root, listen):
    """A restart ends the stream; the next one tells another version."""
    boomhauer = dev()
    browser = listen(boomhauer)
    _, first = browser.next()
    change(root, '"one"', '"two"')
    assert browser.next() is None
    assert first != listen(boomhauer).next()[1]


def test_error_page_hears_of_recovery(dev, root, listen):
    """The error page's stream ends when the application is back."""
    boomhauer = dev()
    good = (root / "app.py").read_text()
    (root / "app.py").write_text("def broken(:\n")
    boomhauer.wait("broken")
    browser = listen(boomhauer)
    assert "version" == browser.next()[0]
    (root / "app.py").write_text(good)
    assert browser.next() is None
    boomhauer.wait("ready", 2)


def test_script_is_in_pages(dev, root):
    """Pages carry the script from their own origin, which the default policy allows; other answers do not."""
    with (root / "app.py").open("a") as file:
        file.write(
            "\nfrom arlen_core.responses import html\n@app.get('/page')\nasync def page():\n"
            "    return html('<body><p>hi</p></body>')\n"
        )
    boomhauer = dev()
    status, body, headers = boomhauer.get("/page", HTML)
    assert 200 == status
    assert '<p>hi</p><script src="/__arlen__/refresh.js?v=' in body
    assert "default-src 'self'" == {name.lower(): value for name, value in headers.items()}["content-security-policy"]
    assert (200, True) == (
        boomhauer.get("/__arlen__/refresh.js")[0],
        "EventSource" in boomhauer.get("/__arlen__/refresh.js")[1],
    )
    assert "<script" not in boomhauer.get("/page")[1]


# the end


@pytest.mark.parametrize("path", ["/slow?seconds=60", "/__arlen__/events"])
def test_stops_at_once(dev, path, alive):
    """Ctrl-C stops without waiting for requests in flight or open pages."""
    boomhauer = dev()
    with boomhauer.connect() as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        os.killpg(boomhauer.pid, signal.SIGINT)  # as a terminal does: to both processes
        assert 0 == boomhauer.join()
    assert not alive(boomhauer.wait("ready")["worker_pid"])
    assert "Traceback" not in boomhauer.log


def test_stops_while_broken(dev, root):
    """Ctrl-C stops the error page too."""
    (root / "app.py").write_text("def broken(:\n")
    boomhauer = dev(ready=False)
    boomhauer.wait("broken")
    os.killpg(boomhauer.pid, signal.SIGINT)
    assert 0 == boomhauer.join()


def test_stops_while_the_application_hangs(dev, root):
    """Ctrl-C stops an application that is stuck while it is imported."""
    (root / "app.py").write_text("from pathlib import Path\nimport time\nPath('in').touch()\ntime.sleep(600)\n")
    boomhauer = dev(ready=False)
    boomhauer.wait("started")
    os.killpg(boomhauer.pid, signal.SIGINT)
    assert 0 == boomhauer.join()


def test_no_orphan(dev, until, alive):
    """When boomhauer is killed the application's process ends."""
    boomhauer = dev()
    pid = boomhauer.wait("ready")["worker_pid"]
    boomhauer.signal(signal.SIGKILL)
    boomhauer.join()
    until(lambda: not alive(pid), "the end of the application's process")


def test_address_in_use(dev, run):
    """An address that is taken is an error, with exit code 1."""
    boomhauer = dev()
    second = run("boomhauer", "--port", boomhauer.address.rpartition(":")[2])
    assert 1 == second.join()
    assert "cannot listen on" in second.log


def test_folder_that_is_missing(dev):
    """A folder to watch that does not exist is an error, with exit code 1."""
    boomhauer = dev(ready=False, ARLEN_SERVER__BOOMHAUER__WATCH='["absent"]')
    assert 1 == boomhauer.join()
    assert "absent is no folder" in boomhauer.log
