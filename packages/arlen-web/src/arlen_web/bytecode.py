"""Bytecode: compiled templates kept between starts, one file a template, in a folder that nobody else can write to."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import FileSystemBytecodeCache

from arlen_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Bytecode"]

_PREFIX = "arlen-"


class Bytecode(FileSystemBytecodeCache):
    """A folder of compiled templates.

    What is in it is run, so the folder must belong to this user, and no group or other may write to it.

    Args:
        folder: made when it is missing, for this user alone.

    Raises `ConfigError` when the folder is not safe.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check(folder)
        super().__init__(str(folder), f"{_PREFIX}%s.bin")

    def prune(self, names: Iterable[tuple[str, str]]) -> int:
        """Delete what belongs to none of these `(name, file)` templates, and return how many files that were."""
        kept = {f"{_PREFIX}{self.get_cache_key(name, file)}.bin" for name, file in names}
        stale = [each for each in Path(self.directory).glob(f"{_PREFIX}*") if each.name not in kept]
        for each in stale:
            each.unlink(missing_ok=True)
        return len(stale)


def _check(folder: Path) -> None:
    found = folder.stat()
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        fix = "name a folder of the user that runs the application"
        raise ConfigError(f"[web] bytecode: {folder} belongs to another user", fix=fix)
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise ConfigError(f"[web] bytecode: others may write to {folder}", fix=f"run: chmod 700 {folder}")
