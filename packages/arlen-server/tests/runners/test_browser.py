"""Browser: a page that is open in a real browser follows what is saved."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import pytest

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
