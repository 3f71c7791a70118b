"""Folders: files below a folder, and nothing else, whatever the path and whatever changes meanwhile."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

__all__ = ["Folder", "segments"]

_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BAD = frozenset('/\\:<>"|?*') | {chr(code) for code in (*range(32), 127)}
_LONGEST = 255


def segments(target: bytes) -> list[str] | None:
    """Split and decode a raw path below a mount; `None` when any part of it could mean something else than a name.

    Refused are empty, dot and hidden segments, NUL and other control characters, slashes and backslashes however they
    are written, what Windows gives a meaning to (drives, streams, wild cards, trailing dots), broken percent signs,
    text that is no UTF-8, and names over 255 bytes. A slash at the end gives an empty last segment.

    >>> segments(b"/css/caf%C3%A9.css"), segments(b"/docs/"), segments(b"/..%2fsecret"), segments(b"/.env")
    (['css', 'café.css'], ['docs', ''], None, None)
    """
    raw = target.removeprefix(b"/").split(b"/")
    names = [_name(part) for part in raw[:-1]]
    names.append("" if not raw[-1] else _name(raw[-1]))
    return None if None in names else [name for name in names if name is not None]


class Folder:
    """A folder whose files may be opened by a path that a stranger gave.

    Every step of the path is opened relative to the one before, and never through a symbolic link, so nothing outside
    can be reached, not even when somebody exchanges a folder for a link between two steps. The folder's own path may
    go through links: it is resolved once.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._steps = os.open in os.supports_dir_fd and _NOFOLLOW != 0

    def open(self, names: list[str], flags: int = os.O_RDONLY) -> int:
        """Open a file and return its descriptor; `OSError` when a step is missing, a link, or no folder."""
        if not self._steps:
            return os.open(self._resolved(names), flags)
        at = os.open(self.path, _DIRECTORY & ~_NOFOLLOW)
        try:
            for name in names[:-1]:
                below = os.open(name, _DIRECTORY, dir_fd=at)
                os.close(at)
                at = below
            return os.open(names[-1], flags | _NOFOLLOW, dir_fd=at)
        finally:
            os.close(at)

    def is_directory(self, names: list[str]) -> bool:
        """Say whether the path is a folder, reached without links."""
        try:
            found = self.open(names, _DIRECTORY) if names else os.open(self.path, _DIRECTORY & ~_NOFOLLOW)
        except OSError:
            return False
        os.close(found)
        return True

    def files(self) -> list[str]:
        """Return the paths of all files that could be asked for, with slashes, sorted."""
        found: list[str] = []
        for root, folders, names in os.walk(self.path):
            folders[:] = [each for each in folders if not each.startswith(".") and not Path(root, each).is_symlink()]
            below = Path(root).relative_to(self.path)
            found += [(below / each).as_posix() for each in names if not each.startswith(".")]
        return sorted(found)

    def _resolved(self, names: list[str]) -> Path:
        """Find the file where steps cannot be opened one by one: no link on the way, and inside the folder."""
        wanted = self.path.joinpath(*names)
        if os.path.realpath(wanted, strict=True) != str(wanted):
            raise OSError(errno.ELOOP, "a link or another spelling on the way", str(wanted))
        return wanted


def _name(part: bytes) -> str | None:
    if part.count(b"%") != sum(_hex(part[at + 1 : at + 3]) for at in range(len(part)) if part[at] == 0x25):
        return None
    try:
        name = unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return None
    if not name or name[0] == "." or name[-1] in ". " or not _BAD.isdisjoint(name) or len(name.encode()) > _LONGEST:
        return None
    return name


def _hex(pair: bytes) -> bool:
    return len(pair) == 2 and all(each in b"0123456789abcdefABCDEF" for each in pair)
