"""Assets: addresses that change with the content of a file, so that browsers may keep it for a year."""

from __future__ import annotations

import os
import re
import stat
from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arlen_web.folders import Folder

__all__ = ["Fingerprints", "marked", "unmarked"]

_KEPT = 4096
_CHUNK = 1_048_576
_mark = re.compile(r"(.+)\.([0-9a-f]{16})(\.[^.]+)").fullmatch


def marked(name: str, fingerprint: str) -> str:
    """Put a fingerprint into a file name.

    >>> marked("css/app.css", "0123456789abcdef")
    'css/app.0123456789abcdef.css'
    """
    stem, dot, extension = name.rpartition(".")
    return f"{stem}.{fingerprint}{dot}{extension}"


def unmarked(name: str) -> tuple[str, str] | None:
    """Take a fingerprint out of a file name and return both, or `None` when there is none.

    >>> unmarked("app.0123456789abcdef.css"), unmarked("app.min.css")
    (('app.css', '0123456789abcdef'), None)
    """
    found = _mark(name)
    return None if found is None else (found[1] + found[3], found[2])


class Fingerprints:
    """The fingerprints of a folder's files: 64 bits of a hash of the bytes, remembered while the file stays the same.

    Args:
        folder: where the files are.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._known: OrderedDict[str, tuple[tuple[int, ...], str]] = OrderedDict()
        self._lock = Lock()

    def of(self, names: list[str]) -> str:
        """Return the fingerprint of a file; `OSError` when there is none. Reads it when it is new or was changed."""
        key = "/".join(names)
        file = self._folder.open(names, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            seen = _identity(file, key)
            with self._lock:
                known = self._known.get(key)
            if known is not None and known[0] == seen:
                return known[1]
            made = _digest(file)
        finally:
            os.close(file)
        self._keep(key, seen, made)
        return made

    def _keep(self, key: str, seen: tuple[int, ...], made: str) -> None:
        with self._lock:
            self._known[key] = (seen, made)
            self._known.move_to_end(key)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)


def _identity(file: int, name: str) -> tuple[int, ...]:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):  # a device could be read without end
        raise FileNotFoundError(name)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _digest(file: int) -> str:
    made = blake2b(digest_size=8)
    while data := os.read(file, _CHUNK):
        made.update(data)
    return made.hexdigest()
