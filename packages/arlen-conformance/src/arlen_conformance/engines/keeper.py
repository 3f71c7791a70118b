"""Keeper: a process that holds one engine for as long as somebody is connected to it. Run as a script.

Its arguments are a recipe (JSON) and the number of a socket, which is its first client. It leaves its parent, starts
the engine and listens on a Unix socket for more clients; each sends lines and gets a JSON document for each. A client
that dies, however it dies, has its connection closed by the system; when the last one is gone, the keeper stops the
engine and removes its folder.

Only the standard library is imported here: it starts in the time that Python takes.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["Keeper", "main", "mortal", "offspring"]

PATIENCE = 60.0  # seconds for an engine to start, or to stop before it is killed
PAUSE = 0.005  # seconds between two looks at an engine that starts or stops
PR_SET_PDEATHSIG = 1


class Keeper:
    """One engine and its clients.

    Args:
        recipe: `name`; `folder`; `prepare` (commands to run first); `start` (the command); `user` and `group` (ids, or
            null); `stop` (the signal that ends it); `address` (a path, or a host and a port); `say` and `hear` (hex:
            what to send, and what the answer begins with when it is ready).
    """

    def __init__(self, recipe: dict[str, Any]) -> None:
        self.recipe = recipe
        self.folder = Path(recipe["folder"])
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Run the commands that come first; `RuntimeError` when one fails."""
        with (self.folder / "log").open("ab") as log:
            for command in self.recipe["prepare"]:
                if status := subprocess.run(command, check=False, **self._how(log)).returncode:
                    raise RuntimeError(f"{command[0]} failed with {status}: {self.log()}")

    def start(self) -> None:
        """Start the engine and wait until it answers; `RuntimeError` when it does not."""
        if self.process is not None:
            return
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.recipe["start"], preexec_fn=mortal(signal.SIGINT), **self._how(log))  # noqa: PLW1509
        until = time.monotonic() + PATIENCE
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"{self.recipe['name']} does not start: {self.log()}")
            time.sleep(PAUSE)

    def stop(self) -> None:
        """End the engine in order; one that does not obey is killed."""
        if self.process is None:
            return
        self.resume()
        self.process.send_signal(self.recipe["stop"])
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
            self.process = None
            return
        self.kill()

    def kill(self) -> None:
        """End the engine, and the processes that it started, with SIGKILL."""
        if self.process is None:
            return
        everybody = self._signal(signal.SIGKILL)
        self.process.wait()
        self.process = None
        until = time.monotonic() + PATIENCE
        while any(map(_alive, everybody)) and time.monotonic() < until:
            time.sleep(PAUSE)

    def pause(self) -> None:
        """Stop the engine where it stands, with SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused engine go on."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop it in order, and start it again."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Return the last lines that the engine wrote."""
        return (self.folder / "log").read_text("utf-8", "replace")[-2000:]

    def close(self) -> None:
        """Stop the engine; remove its folder, and the one around it when no other engine is in it."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        around = self.folder.parent
        with suppress(OSError):
            (around / f"{self.recipe['name']}.json").unlink()
        with suppress(OSError):
            if not any(path.is_dir() for path in around.iterdir()):
                shutil.rmtree(around, ignore_errors=True)

    def serve(self, listener: socket.socket, first: socket.socket) -> None:
        """Answer clients until the last one has gone; it is closed only when everything is gone."""
        with selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(first, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is listener:
                        selector.register(listener.accept()[0], selectors.EVENT_READ)
                    elif not self.answer(client := _socket(key.fileobj)):
                        selector.unregister(client)
                        if len(selector.get_map()) == 1:
                            listener.close()  # who comes from now on starts another engine
                            self.close()
                            client.close()
                            return
                        client.close()

    def answer(self, client: socket.socket) -> bool:
        """Carry out one line of a client; false when it has gone."""
        try:
            line = client.recv(1024)
            if line in {b"", b"bye\n"}:
                return False
            client.sendall(_document(self.do(line.decode().strip())))
        except OSError:
            return False
        return True

    def do(self, action: str) -> dict[str, Any]:
        """Carry out what a client asks for, and return the document for it."""
        actions: dict[str, Callable[[], None]] = {
            "hello": lambda: None,
            "start": self.start,
            "stop": self.stop,
            "kill": self.kill,
            "pause": self.pause,
            "resume": self.resume,
            "restart": self.restart,
        }
        try:
            actions[action]()
        except Exception as error:  # noqa: BLE001 - the client raises it
            return {"error": f"{type(error).__name__}: {error}"}
        return {"pid": self.process.pid if self.process else None}

    def _signal(self, number: int) -> list[int]:
        if self.process is None:
            return []
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            _still(self.process.pid)
        children = offspring(self.process.pid)  # asked for when it cannot start more of them
        for pid in children:
            with suppress(OSError):
                os.kill(pid, number)
        if number == signal.SIGSTOP:
            for pid in children:
                _still(pid)
        return children

    def _how(self, log: Any) -> dict[str, Any]:
        how = {"cwd": self.folder, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        if self.recipe["user"] is not None:
            how |= {"user": self.recipe["user"], "group": self.recipe["group"], "extra_groups": []}
        return how

    def _ready(self) -> bool:
        address, hear = self.recipe["address"], bytes.fromhex(self.recipe["hear"])
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        with suppress(OSError), socket.socket(family) as probe:
            probe.settimeout(PATIENCE)
            probe.connect(address if isinstance(address, str) else tuple(address))
            probe.sendall(bytes.fromhex(self.recipe["say"]))
            return probe.recv(len(hear)) == hear
        return False


def main(recipe: str, number: str) -> None:
    """Leave the parent, keep an engine, and end with the last client."""
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keeper, first = Keeper(json.loads(recipe)), socket.socket(fileno=int(number))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(keeper.folder / "keeper.sock"))
        listener.listen(128)
        try:
            keeper.prepare()
            keeper.start()
        except Exception as error:  # noqa: BLE001 - the client raises it
            first.sendall(_document({"error": f"{type(error).__name__}: {error}"}))
            keeper.close()
        else:
            with suppress(OSError):
                first.sendall(_document(keeper.do("hello")))
            keeper.serve(listener, first)


def offspring(parent: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    pairs = _parents() if _PROC else _listed()
    found = [parent]
    for above in found:
        found += [pid for pid, ppid in pairs if ppid == above]
    return found[1:]


_PROC = Path("/proc/self/stat").exists()


def _still(pid: int) -> None:
    """Wait until a process that got SIGSTOP stands still: that takes a moment when it is running."""
    until = time.monotonic() + PATIENCE
    while _PROC and time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            return
        if state in b"TtZX":
            return
        time.sleep(PAUSE)


def _listed() -> list[tuple[int, int]]:
    with subprocess.Popen(["/bin/ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True) as ps:
        pairs = [tuple(map(int, line.split())) for line in ps.communicate()[0].splitlines()]
    return [(pid, ppid) for pid, ppid in pairs if pid != ps.pid]


def _parents() -> list[tuple[int, int]]:
    found = []
    for entry in os.scandir("/proc"):
        with suppress(OSError, ValueError):
            pid = int(entry.name)
            found.append((pid, int(Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[1])))
    return found


def _alive(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, 0)
        return not _PROC or Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[0] != "Z"
    return False


def mortal(number: int) -> Callable[[], None] | None:
    """Return a `preexec_fn` with which a child gets a signal when its parent dies: on Linux; elsewhere None."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, number)


def _document(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def _socket(found: Any) -> socket.socket:
    return found  # type: ignore[no-any-return]


if __name__ == "__main__":
    main(*sys.argv[1:])
