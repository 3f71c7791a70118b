"""Engine: a real server for tests, held by a keeper; one for a run of tests, or a private one."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from msgspec import Struct

from arlen_conformance.engines import keeper
from arlen_conformance.engines.errors import EngineError

__all__ = ["Engine", "External", "Recipe", "Server", "attach", "place"]

LONGEST = 70  # characters of a folder in which sockets are made: the system allows about 104 for a whole path


class Recipe(Struct):
    """How to run an engine; what each field means is with the keeper."""

    name: str
    folder: str
    start: list[str]
    address: str | tuple[str, int]
    prepare: list[list[str]] = []
    user: int | None = None
    group: int | None = None
    stop: int = 15
    say: str = ""
    hear: str = ""


class Engine:
    """A running engine. `close` it, or use it as a context manager; the last one who closes it ends it.

    Attributes:
        pid: of the engine, or None while it is stopped.
        address: the path of its Unix socket, or its host and port: what a `FaultProxy` stands before.
        folder: where its files are; it goes with the engine.
        private: whether nobody else uses it, so that it may be stopped.
    """

    def __init__(self, wire: socket.socket, recipe: Recipe, *, private: bool) -> None:
        self._wire, self._recipe = wire, recipe
        self.private = private
        self.address = recipe.address
        self.folder = Path(recipe.folder)
        self.pid: int | None = None
        _wires.add(wire)
        try:
            self._hear()
        except BaseException:
            wire.close()
            raise

    def start(self) -> None:
        """Start it again after `stop` or `kill`."""
        self._do("start")

    def stop(self) -> None:
        """Stop it in order: connections end, data is written."""
        self._do("stop")

    def restart(self) -> None:
        """Stop it in order and start it again, on the same address, with the same data."""
        self._do("restart")

    def kill(self) -> None:
        """End it and its processes with SIGKILL."""
        self._do("kill")

    def pause(self) -> None:
        """Stop it where it stands (SIGSTOP): connections stay open and nothing answers."""
        self._do("pause")

    def resume(self) -> None:
        """Let a paused engine go on."""
        self._do("resume")

    def close(self) -> None:
        """Leave it; when nobody else is connected, it ends, and this returns when it has."""
        with suppress(OSError):
            self._wire.sendall(b"bye\n")
            while self._wire.recv(1024):
                pass
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, action: str) -> None:
        if not self.private:
            reason = f"this {self._recipe.name} is shared with other workers of the run, which would notice {action}"
            raise EngineError("engine_shared", reason, f"use the fixture {self._recipe.name}_engine: a private one")
        with suppress(OSError):  # the keeper is gone, which the next line says
            self._wire.sendall(f"{action}\n".encode())
        self._hear()

    def _hear(self) -> None:
        line = b""
        while not line.endswith(b"\n"):
            more = b""
            with suppress(OSError):
                more = self._wire.recv(65536)
            if not more:
                raise EngineError("engine_gone", f"the keeper of {self._recipe.name} has ended", "run the tests again")
            line += more
        answer = json.loads(line)
        if "error" in answer:
            raise EngineError("engine_failed", answer["error"], "read what it wrote")
        self.pid = answer["pid"]


class External:
    """An engine that somebody else runs, named by an `ARLEN_TEST_..._URL`: it cannot be stopped."""

    pid: int | None = None
    private = False

    def __init__(self, variable: str) -> None:
        self.variable = variable

    @property
    def address(self) -> str | tuple[str, int]:
        """Its host and port, or the path of its socket."""
        parts = urlsplit(os.environ[self.variable])
        if "unix" in parts.scheme:
            return parts.path
        return parts.hostname or "127.0.0.1", parts.port or {"redis": 6379, "nats": 4222}.get(parts.scheme, 5432)

    def refuse(self) -> None:
        """Raise `EngineError`: what is asked needs an engine of our own."""
        reason = f"{self.variable} names an engine that somebody else runs"
        raise EngineError("engine_external", reason, f"unset {self.variable}")

    start = stop = restart = kill = pause = resume = refuse


class Server:
    """What a test holds: an engine, and where clients find it.

    Args:
        engine: what runs it.
        base: the URL that it has.
    """

    def __init__(self, engine: Engine | External, base: str) -> None:
        self.engine, self.base = engine, base

    @property
    def pid(self) -> int | None:
        """The process id; None when it is stopped, or somebody else's."""
        return self.engine.pid

    @property
    def address(self) -> str | tuple[str, int]:
        """Where a `FaultProxy` connects to: the path of a Unix socket, or a host and a port."""
        return self.engine.address

    def start(self) -> None:
        """Start it again after `stop` or `kill`; `EngineError` for all of these when others use it too."""
        self.engine.start()

    def stop(self) -> None:
        """Stop it in order: connections end, data is written."""
        self.engine.stop()

    def restart(self) -> None:
        """Stop it in order and start it again, at the same address, with the same data."""
        self.engine.restart()

    def kill(self) -> None:
        """End it and its processes with SIGKILL."""
        self.engine.kill()

    def pause(self) -> None:
        """Stop it where it stands (SIGSTOP): connections stay open and nothing answers."""
        self.engine.pause()

    def resume(self) -> None:
        """Let it go on."""
        self.engine.resume()


def attach(make: Callable[[Path], Recipe], name: str, share: str = "") -> Engine:
    """Return an engine: a private one, or the one that this run of tests shares.

    Args:
        make: returns the recipe for a folder.
        name: of the kind of engine.
        share: a text that is the same in all processes of the run; empty for a private engine.

    Raises:
        EngineError: it does not start.
    """
    around = place(share or secrets.token_hex(6))
    if not share:
        return _begin(make, name, around, private=True)
    with _locked(around):
        return _join(around / f"{name}.json") or _begin(make, name, around, private=False)


def place(key: str) -> Path:
    """Return a folder of our own with a path that is short enough for sockets; others may look a file up in it."""
    base = tempfile.gettempdir()
    path = Path(base if len(base) <= LONGEST else "/tmp", f"arlen-{key[:16]}")  # noqa: S108 - the name is not guessable
    path.mkdir(mode=0o711, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.geteuid():
        raise EngineError("folder_taken", f"{path} belongs to somebody else", "remove it, or set TMPDIR")
    return path


def _begin(make: Callable[[Path], Recipe], name: str, around: Path, *, private: bool) -> Engine:
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=around))
    mine, other = socket.socketpair()
    try:
        recipe = make(folder)
        words = [sys.executable, "-I", keeper.__file__, _text(recipe), str(other.fileno())]
        subprocess.run(words, check=True, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL)
    except BaseException:
        mine.close()
        shutil.rmtree(folder, ignore_errors=True)  # a keeper that has begun does the same
        with suppress(OSError):
            around.rmdir()
        raise
    finally:
        other.close()
    engine = Engine(mine, recipe, private=private)
    if not private:
        (around / f"{name}.json").write_text(_text(recipe), "utf-8")
    return engine


def _join(pointer: Path) -> Engine | None:
    wire = socket.socket(socket.AF_UNIX)
    try:
        recipe = Recipe(**json.loads(pointer.read_text("utf-8")))
        wire.connect(f"{recipe.folder}/keeper.sock")
        wire.sendall(b"hello\n")
        return Engine(wire, recipe, private=False)
    except (OSError, EngineError):  # there is none, or it has just ended
        wire.close()
        return None


@contextmanager
def _locked(around: Path) -> Iterator[None]:
    """Hold the lock of a folder, which a keeper that ends may remove at any time."""
    while True:
        around.mkdir(mode=0o711, exist_ok=True)
        with suppress(FileNotFoundError), (around / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_ino == (around / "lock").stat().st_ino:
                yield
                return


def _text(recipe: Recipe) -> str:
    return json.dumps({name: getattr(recipe, name) for name in recipe.__struct_fields__})


def _forget() -> None:
    # A child that was forked is no user: the engine ends with the process that asked for it.
    for wire in list(_wires):
        wire.close()


_wires: weakref.WeakSet[Any] = weakref.WeakSet()
os.register_at_fork(after_in_child=_forget)
