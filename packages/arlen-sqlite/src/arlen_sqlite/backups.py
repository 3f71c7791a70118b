"""Backups: a copy of the database as it is at one moment."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from arlen_data.errors import ConnectionFailed, QueryCanceled
from arlen_sqlite.errors import translate
from arlen_sqlite.work import script

if TYPE_CHECKING:
    from arlen_sqlite.threads import Worker

__all__ = ["copy"]

_PAGES = 256


def copy(worker: Worker, path: Path) -> None:
    """Copy the database into a file; blocks. A copy that is not whole leaves nothing behind."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        _fill(worker, part)
        part.replace(path)
    except sqlite3.Error as error:
        known = translate(error)
        raise ConnectionFailed(f"cannot write the backup {path}: {known}", sqlstate=known.sqlstate) from error
    except OSError as error:
        raise ConnectionFailed(f"cannot write the backup {path}: {error.strerror}", sqlstate="58030") from error
    finally:
        part.unlink(missing_ok=True)


def _fill(worker: Worker, part: Path) -> None:
    def wanted(status: int, remaining: int, total: int) -> None:  # noqa: ARG001  # as SQLite calls it
        if worker.unwanted:
            raise QueryCanceled("the backup was stopped", sqlstate="57014")

    with closing(sqlite3.connect(part, isolation_level=None)) as target:
        script(worker, "begin", "select 1 from sqlite_master")  # it sees this moment to its end
        try:
            worker.connection.backup(target, pages=_PAGES, progress=wanted)
            target.execute("pragma journal_mode = delete")  # one file, whole by itself
        finally:
            script(worker, "rollback")
