"""Pidfile: a file that says which process is the manager, and keeps a second one from starting."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from arlen_core.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["pidfile"]


@contextmanager
def pidfile(path: Path) -> Iterator[None]:
    """Hold this process's id in a file; remove it at the end if it is still ours.

    A file left by a process that is dead is replaced.

    Raises:
        StartupError: the process that the file names is alive, or the file cannot be written.
    """
    owner = _owner(path)
    if owner and owner != os.getpid() and _alive(owner):
        raise StartupError(f"{path} says that process {owner} runs already", fix="stop it, or choose another pidfile")
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        fresh.write_text(f"{os.getpid()}\n", encoding="ascii")
        fresh.replace(path)  # never half a file for a reader
    except OSError as error:
        raise StartupError(f"cannot write the pidfile {path}: {error.strerror}", fix="choose another path") from error
    try:
        yield
    finally:
        if _owner(path) == os.getpid():
            path.unlink(missing_ok=True)


def _owner(path: Path) -> int:
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return pid > 0
