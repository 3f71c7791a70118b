"""Browser: a page that is open in a real browser follows what is saved."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from contextlib import ExitStack, closing

import pytest
from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROME = os.environ.get("CHROME") or next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = (
    *("--headless=new", "--no-first-run", "--disable-gpu", "--disable-extensions", "--disable-background-networking"),
    *("--disable-sync", "--disable-component-update", "--disable-dev-shm-usage", "--remote-debugging-port=0"),
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROME is None, reason="there is no Chromium here"),
]

APP = """
from pathlib import Path
from arlen_core.app import App
from arlen_core.responses import Response, html

app = App(__name__)
WORD = "code-1"

@app.get("/page")
async def page():
    return html(Path("page.html").read_text().replace("WORD", WORD))

@app.get("/page.css")
async def style():
    return Response(Path("page.css").read_text(), media="text/css")

@app.get("/look.js")
async def look():
    return Response(Path("look.js").read_text(), media="text/javascript")

@app.get("/seen/{what}")
async def seen(what: str) -> str:
    with Path("seen").open("a") as file:
        file.write(what + "\\n")
    return "ok"
"""

PAGE = """<!doctype html><html><head><link rel="stylesheet" href="/page.css">
<script src="/look.js" defer></script></head><body><p>WORD html-1</p></body></html>"""

LOOK = """
const load = Math.random().toString().slice(2, 8);
let told = "";
setInterval(() => {
  const paragraph = document.querySelector("p");
  const now = [load, paragraph.textContent.trim().replace(" ", "_"), getComputedStyle(paragraph).width].join("_");
  if (now !== told) fetch("/seen/" + (told = now));
}, 50);
"""


@pytest.fixture
def open_page(tmp_path):
    """Opens a page in a browser, and closes the browser after the test."""
    started = []

    def start(url):
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        started.append(
            subprocess.Popen(
                [CHROME, *FLAGS, *sandbox, f"--user-data-dir={tmp_path}/profile", url],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        )

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_open_page_follows_every_change(run, root, until, open_page):
    """Templates, styles, code, and code that is broken for a while: the page shows what was saved, with no help.

    The page has the default Content-Security-Policy of the framework.
    """
    (root / "app.py").write_text(APP)
    (root / "page.html").write_text(PAGE)
    (root / "page.css").write_text("p { width: 101px }")
    (root / "look.js").write_text(LOOK)
    boomhauer = run("boomhauer")
    boomhauer.wait("ready")
    open_page(f"http://{boomhauer.address}/page")

    def sees(*words):
        def look():
            lines = (root / "seen").read_text().splitlines() if (root / "seen").exists() else []
            return next((line for line in lines if all(word in line for word in words)), None)

        return until(look, f"a page with {words}").partition("_")[0]

    first = sees("code-1", "html-1", "101px")
    (root / "page.css").write_text("p { width: 102px }")
    assert first == sees("html-1", "102px"), "a change of style loads no page"
    (root / "page.html").write_text(PAGE.replace("html-1", "html-2"))
    second = sees("code-1", "html-2", "102px")
    (root / "app.py").write_text(APP.replace("code-1", "code-2"))
    third = sees("code-2", "html-2")
    (root / "app.py").write_text("def broken(:\n")
    boomhauer.wait("broken")
    (root / "app.py").write_text(APP.replace("code-1", "code-3"))
    assert 4 == len({first, second, third, sees("code-3", "html-2")})


class Tab:
    """The page that a browser has open, driven by the DevTools protocol."""

    def __init__(self, socket):
        self.socket, self.count, self.logged = socket, 0, []
        for domain in ("Log", "Runtime", "Page"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """The result of a command; what the browser says meanwhile is kept."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv(30))).get("id") != self.count:
            if answer["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}:
                self.logged.append(answer["params"])
        assert "error" not in answer, answer
        return answer["result"]

    def ask(self, code):
        """The value of an expression in the page."""
        return self.call("Runtime.evaluate", expression=code, returnByValue=True)["result"].get("value")

    def press(self, key, text=""):
        """Press and let go of a key, as a hand does."""
        codes = {"Enter": 13, "Escape": 27}
        how = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key.upper()[0]))}
        self.call("Input.dispatchKeyEvent", type="keyDown", **how, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **how)


@pytest.fixture
def open_tab(open_page, tmp_path, until):
    """Opens a page in a browser, and drives it."""
    stack = ExitStack()

    def start(url):
        open_page(url)
        port = tmp_path / "profile" / "DevToolsActivePort"
        where = until(lambda: port.exists() and port.read_text().split(), "the browser").pop(0)

        def pages():
            with closing(urllib.request.urlopen(f"http://127.0.0.1:{where}/json/list")) as answer:
                return [each for each in json.load(answer) if each["type"] == "page" and each["url"] == url]

        return Tab(stack.enter_context(connect(until(pages, "the page")[0]["webSocketDebuggerUrl"], max_size=None)))

    with stack:
        yield start


def test_viewer_of_requests_obeys_the_keyboard(run, root, until, open_tab):
    """The page of recent requests follows what comes and is used with keys alone, under its strict policy, offline."""
    boomhauer = run("boomhauer")
    boomhauer.wait("ready")
    boomhauer.get("/pid")
    home = f"http://{boomhauer.address}/__arlen__/requests"
    tab = open_tab(home)
    assert home == boomhauer.wait("ready")["viewer"]
    until(lambda: tab.ask("document.querySelectorAll('#list a').length") == 1, "the first request")
    boomhauer.get("/slow?seconds=0")
    until(lambda: tab.ask("document.querySelectorAll('#list a').length") == 2, "the second one, by itself")
    tab.press("j", "j")
    tab.press("j", "j")
    assert "GET /pid" == tab.ask("document.activeElement.textContent")
    tab.press("k", "k")
    assert "GET /slow?seconds=0" == tab.ask("document.activeElement.textContent")
    tab.press("/", "/")
    tab.press("p", "p")
    tab.press("i", "i")
    until(lambda: tab.ask("document.querySelectorAll('#list a').length") == 1, "the filter")
    tab.press("Escape")
    tab.press("j", "j")
    tab.press("Enter", "\r")
    until(lambda: tab.ask("document.readyState + document.querySelectorAll('.stage.row').length") == "complete3", "one")
    assert "GET /pid 200" == tab.ask("document.querySelector('h1').textContent")
    assert "rgb(0, 0, 0)" != tab.ask("getComputedStyle(document.querySelector('rect')).fill")
    loaded = tab.ask("performance.getEntriesByType('resource').map((each) => each.name)")
    assert sorted([f"{home}.css", f"{home}.js"]) == sorted(each for each in loaded if not each.startswith("data:"))
    tab.press("Escape")
    until(lambda: tab.ask("location.pathname + document.querySelectorAll('#list').length").endswith("requests1"), "all")
    assert [] == tab.logged
