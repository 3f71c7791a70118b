"""Runfolder: a private folder for as long as a manager lives, where its processes leave what concerns them all."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["MANAGER", "RUN", "WORKER", "RunFolder", "parent"]

RUN = "ARLEN_RUN"
"""Variable that tells a process of the folder."""

WORKER = "ARLEN_WORKER"
"""Variable that tells a process its pool and slot, as `web.0`. While it is replaced, two processes have the same."""

MANAGER = "manager.json"
"""File in the folder in which the manager keeps what it knows of its processes; only ever whole."""

_PREFIX = "arlen-run-"
_SHARED = Path("/dev/shm")  # noqa: S108  # the folder in it is made by mkdtemp


class RunFolder:
    """Makes the folder, removes it at the end, and removes those of managers that were killed.

    Who lives holds a lock on its folder (flock(2)), which the kernel takes away with the process: a process id may be
    another's by now, or count in another container. Nothing here raises for want of a folder: that is told, `path` is
    `None` then, and propane serves without.

    Args:
        where: the folder to make it in.
        emit: called with an event's name and its fields.

    Attributes:
        path: the folder, mode 0700, or `None`.
    """

    def __init__(self, where: Path, emit: Callable[..., None]) -> None:
        self.path: Path | None = None
        self._where = where
        self._emit = emit
        self._lock = -1
        self._told = False
        self._kept: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            _sweep(self._where)
            self.path, self._lock = _make(self._where)
        except OSError as error:
            fix = "name a folder that this user may write to as `[server.propane] run`"
            self._emit("run_failed", path=str(self._where), reason=error.strerror or str(error), fix=fix)
        return self

    def __exit__(self, *_: object) -> None:
        if self.path:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment of the processes: `ARLEN_RUN` names this folder, or nothing when there is none."""
        others = {name: value for name, value in environ.items() if name not in {RUN, WORKER}}
        return others | {RUN: str(self.path)} if self.path else others

    def keep(self, facts: Mapping[str, Any]) -> None:
        """Write what the manager knows, when it has changed; a reader never sees a part of it."""
        if self.path is None or facts == self._kept:
            return
        self._kept = facts
        fresh = self.path / f"{MANAGER}.new"
        try:
            fresh.write_bytes(msgspec.json.encode(facts))
            fresh.replace(self.path / MANAGER)
        except OSError as error:  # a full disk, or somebody tidied up: tried again with the next change
            if not self._told:
                self._emit("run_stale", path=str(self.path), reason=error.strerror or str(error))
            self._told = True


def parent(run: str, root: Path, environ: Mapping[str, str]) -> Path:
    """The folder to make it in: what the setting says, else systemd's `RUNTIME_DIRECTORY`, `/dev/shm`, or `/tmp`.

    Args:
        run: the setting; a relative path begins at `root`.
        root: the application's folder.
        environ: the manager's environment.

    >>> parent("run", Path("/srv/board"), {}).as_posix()
    '/srv/board/run'
    >>> parent("", Path("/srv/board"), {"RUNTIME_DIRECTORY": "/run/board"}).as_posix()
    '/run/board'
    """
    if run:
        return root / run
    if given := environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]:
        return Path(given)
    return _SHARED if os.access(_SHARED, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _make(where: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where))
        lock = _open(path)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(lock)):
                return path, lock
        os.close(lock)  # another manager swept it before it was locked


def _sweep(where: Path) -> None:
    """Remove the folders whose managers are dead; those of other users are theirs."""
    for path in _folders(where):
        with suppress(OSError):
            lock = _open(path)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid():
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)


def _folders(where: Path) -> Iterator[Path]:
    with os.scandir(where) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
