"""Chromium: a headless browser for tests, driven over a pipe by its DevTools protocol."""

import json
import os
import shutil
import signal
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from time import monotonic
from typing import Any

__all__ = ["Browser", "Tab", "browser", "find"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0
"""Seconds that one command may take on a busy machine."""

EXEC = """
import fcntl, os, sys
for place, pipe in enumerate([fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]], 3):
    os.dup2(pipe, place)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""Puts the pipes where the browser looks for them: it reads commands from descriptor 3, and answers to 4."""

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
    "--no-default-browser-check", "--disable-extensions", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--disable-default-apps", "--mute-audio", "--remote-debugging-pipe",
)  # fmt: skip


def find() -> str | None:
    """Return the browser that CHROME names, else the first on PATH, else `None`."""
    named = os.environ.get("CHROME")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browser(program: str, folder: Path) -> Iterator["Browser"]:
    """Run a browser with a profile of its own in `folder`."""
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    pipes = [sys.executable, "-c", EXEC, str(theirs_in), str(theirs_out)]
    command = [*pipes, program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(
        command,
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        made = Browser(ours_out, ours_in)
        yield made
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # and what it started; it is still there, since nobody waited for it
        process.wait()
        os.close(ours_out)
        os.close(ours_in)


class Browser:
    """The connection: commands out, answers and events in, JSON with a NUL behind each."""

    def __init__(self, out: int, into: int) -> None:
        self._out, self._in = out, into
        self._count, self._rest = 0, b""
        self._tab: Tab | None = None
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; `RuntimeError` when the browser refuses it."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._out, json.dumps(message).encode() + b"\0")
        answer = self._wait(method, lambda each: each.get("id") == message["id"])
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def until(self, event: str) -> dict[str, Any]:
        """Wait for an event, one that came before included."""
        found = next((each for each in self.events if each.get("method") == event), None)
        return found or self._wait(event, lambda each: each.get("method") == event)

    def tab(self, *, width: int = 1280, height: int = 900, dark: bool = False, phone: bool = False) -> "Tab":
        """Return the page, with that size and colour scheme; there is only one, which is used again and again."""
        if self._tab is None:
            self._tab = Tab(self, self._session())
        tab = self._tab
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.call("Emulation.setEmulatedMedia", media="", features=[scheme])
        tab.call("Emulation.setScriptExecutionDisabled", value=False)
        return tab

    def _session(self) -> str:
        (first,) = [each for each in self.call("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        session: str = self.call("Target.attachToTarget", targetId=first["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable", session)
        return session

    def _wait(self, what: str, fits: Any) -> dict[str, Any]:
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            came = self._read(deadline - monotonic())
            self.events += [each for each in came if "method" in each]
            if found := next((each for each in came if fits(each)), None):
                return found
        raise TimeoutError(f"the browser does not answer: {what}; {self.events}")

    def _read(self, seconds: float) -> list[dict[str, Any]]:
        if not select([self._in], [], [], max(0.0, seconds))[0]:
            return []
        data = os.read(self._in, 1 << 20)
        if not data:
            raise RuntimeError("the browser has ended")
        *whole, self._rest = (self._rest + data).split(b"\0")
        return [json.loads(each) for each in whole]


class Tab:
    """One page."""

    def __init__(self, owner: Browser, session: str) -> None:
        self._owner, self._session = owner, session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to this page."""
        return self._owner.call(method, self._session, **params)

    def open(self, url: str) -> "Tab":
        """Go to an address and wait until the page has loaded."""
        self.forget()
        self.call("Page.navigate", url=url)
        self.loaded()
        return self

    def forget(self) -> None:
        """Forget what has happened so far, so that `loaded` waits for what comes."""
        self._owner.events.clear()

    def loaded(self) -> None:
        """Wait until a page has loaded."""
        self._owner.until("Page.loadEventFired")

    def run(self, script: str) -> Any:
        """Return the value of a script."""
        made = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in made:
            raise RuntimeError(made["exceptionDetails"])
        return made["result"].get("value")

    def press(self, key: str, **more: Any) -> None:
        """Press a key."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, **more)

    def picture(self, *, whole: bool = False, format: str = "png", **options: Any) -> bytes:
        """Return a screenshot, of the whole page if asked for."""
        return b64decode(
            self.call("Page.captureScreenshot", format=format, captureBeyondViewport=whole, **options)["data"]
        )

    def complaints(self) -> list[str]:
        """Return what the browser logged since the page was opened: errors of scripts, policies and requests."""
        found = []
        for each in self._owner.events:
            params = each.get("params", {})
            if each["method"] == "Log.entryAdded":
                found.append(params["entry"]["text"])
            if each["method"] == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"]["text"])
            if each["method"] == "Network.loadingFailed":
                found.append(params["errorText"])
        return found
