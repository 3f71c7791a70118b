"""Connections: how the file is opened, for reading and for writing, and where a database in memory is."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from arlen_data.errors import ConnectionFailed, DatabaseError, LockTimeout, Unsupported
from arlen_sqlite.errors import translate
from arlen_sqlite.settings import Settings

__all__ = ["Home", "connect", "patiently", "supported"]

T = TypeVar("T")

OLDEST = (3, 39, 0)
_BUSY = 0.1
_ROOM = 256 * 1024 * 1024
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it


class Home:
    """Where the file is. A database in memory is a file of our own that is gone at the end, in RAM where that is known.

    It behaves as every other does: readers do not wait for a writer. No database that is only in memory does so.
    """

    def __init__(self, path: str) -> None:
        self.memory = path == ":memory:"
        self._path, self._users = path, 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def enter(self) -> str:
        """Return the absolute path of the file, for somebody more."""
        if not self.memory:
            return str(Path(self._path).absolute())
        self._users += 1
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="arlen-", dir=_roomy(), ignore_cleanup_errors=True)
        return str(Path(self._folder.name) / "memory.db")

    def leave(self) -> None:
        """Tell that somebody needs it no more; the last one takes the file away."""
        if self.memory:
            self._users -= 1
            if not self._users and self._folder is not None:
                self._folder.cleanup()
                self._folder = None


def _roomy() -> str | None:
    try:
        roomy = shutil.disk_usage(_SHARED_MEMORY).free >= _ROOM
        return str(_SHARED_MEMORY) if roomy and (_SHARED_MEMORY.stat().st_mode & 0o1777) == 0o1777 else None
    except OSError:
        return None


def supported(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Raise `Unsupported` for a SQLite that is too old.

    >>> supported((3, 39, 0))
    """
    if version < OLDEST:
        found, oldest = (".".join(map(str, each)) for each in (version, OLDEST))
        fix = "use a Python that is built with a newer one"
        raise Unsupported(f"SQLite is {found}; arlen-sqlite needs {oldest} or newer", fix=fix)


def connect(settings: Settings, path: str, *, reads: bool, busy: float = _BUSY) -> sqlite3.Connection:
    """Open the file; the thread that asks is the only one that will use it, but for interrupts.

    Args:
        settings: of the database.
        path: of the file, absolute.
        reads: the connection writes nothing, whatever it is told.
        busy: seconds that SQLite itself waits for a lock; who asks tries again.

    Raises:
        ConnectionFailed: it cannot be opened, or is no database.
    """
    try:
        made = sqlite3.connect(
            f"{Path(path).as_uri()}?mode={'rw' if reads else 'rwc'}",
            uri=True,
            timeout=min(busy, settings.lock_timeout),
            isolation_level=None,
            check_same_thread=False,
            cached_statements=settings.statement_cache,
            detect_types=sqlite3.PARSE_DECLTYPES,
        )
    except sqlite3.Error as error:
        raise _failed(path, error) from error
    try:
        patiently(lambda: _prepare(made, settings), settings.lock_timeout)
        if reads:
            made.execute("pragma query_only = on")
    except BaseException as error:
        made.close()
        if isinstance(error, sqlite3.Error | DatabaseError):
            raise _failed(path, error) from error
        raise
    return made


def patiently(work: Callable[[], T], patience: float, unwanted: Callable[[], bool] = bool) -> T:
    """Do something, and again while another process is in the way.

    Args:
        work: it has no effect when it fails.
        patience: seconds.
        unwanted: tells that it is of no use to go on.

    Raises:
        LockTimeout: it was in the way all the time.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return work()
        except (sqlite3.OperationalError, LockTimeout) as error:
            code = getattr(error if isinstance(error, sqlite3.Error) else error.__cause__, "sqlite_errorcode", 0)
            if code & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise
            if unwanted() or time.monotonic() >= deadline:
                raise translate(error) from error
        time.sleep(0.002)  # SQLite has waited itself, but for the cases in which it does not


def _prepare(made: sqlite3.Connection, settings: Settings) -> None:
    if sys.version_info >= (3, 12):  # a text in double quotes is no string
        made.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DML, False)
        made.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DDL, False)
    made.execute("pragma trusted_schema = off")
    (mode,) = made.execute("pragma journal_mode = wal").fetchone()
    if mode != "wal":
        fix = "put it on a local disk"
        raise ConnectionFailed(f"the file cannot have a write-ahead log; its journal is {mode}", fix=fix)
    synchronous = "off" if settings.path == ":memory:" else settings.synchronous
    made.execute(f"pragma synchronous = {synchronous}")
    made.execute(f"pragma foreign_keys = {'on' if settings.foreign_keys else 'off'}")
    for name, value in settings.pragmas.items():
        made.execute(f"pragma {name} = {value}").fetchall()
    if settings.extensions:
        made.enable_load_extension(True)
        for each in settings.extensions:
            made.load_extension(each)
        made.enable_load_extension(False)
    if settings.setup is not None:
        settings.setup(made)


def _failed(path: str, error: Exception) -> DatabaseError:
    known = translate(error)
    if isinstance(known, LockTimeout):
        return known
    fix = known.fix
    if not Path(path).parent.is_dir():
        fix = f"make the folder {Path(path).parent}"
    reason = str(known).partition(" (fix: ")[0]
    return ConnectionFailed(f"cannot open the database {path}: {reason}", sqlstate="08001", fix=fix)
