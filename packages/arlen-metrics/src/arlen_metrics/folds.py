"""Folds: what the dead have counted, in one file, however many there were.

The base names the files whose counts it holds. A fold writes a new base beside the old one, puts it in its place in one
step, and then removes the files: after a crash between the two, their names in the base say that they count no more.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct, field

from arlen_core.failpoints import failpoint
from arlen_core.meters import Declaration
from arlen_metrics.totals import Totals, Values, sound

__all__ = ["BASE", "Base", "Kept", "folding", "read_base", "same", "write_base"]

BASE = "base"
"""The name of the file."""

_LOCK = "fold.lock"


class Kept(Struct, frozen=True):
    """One metric and its series."""

    declaration: Declaration
    rows: list[tuple[Values, list[float]]]


class Base(Struct, frozen=True):
    """The counts of the dead.

    Attributes:
        folded: names of files whose counts are in here, and that may still be there.
        families: the counters and histograms.
    """

    folded: frozenset[str] = frozenset()
    families: list[Kept] = field(default_factory=list)

    def add(self, totals: Totals) -> None:
        """Add the series to `totals`."""
        for each in self.families:
            totals.add(each.declaration, [(values, list(cells)) for values, cells in each.rows])

    @property
    def sound(self) -> bool:
        """Whether somebody can have counted all of it."""
        return all(sound(each.declaration, *row) for each in self.families for row in each.rows)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Base).decode


def read_base(folder: Path) -> tuple[Base, int]:
    """Return the base and a descriptor of it, which the caller closes; -1 when there is none.

    One that is damaged, as a disk may leave it that lost its power, holds nothing: counters begin again. As
    long as the descriptor is open, no other base gets its inode: see `same`.
    """
    try:
        descriptor = os.open(folder / BASE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return Base(), -1
    try:
        with open(descriptor, "rb", closefd=False) as file:
            found = _decode(file.read())
        return found if found.sound else Base(), descriptor
    except msgspec.MsgspecError:
        return Base(), descriptor
    except BaseException:
        os.close(descriptor)
        raise


def same(folder: Path, descriptor: int) -> bool:
    """Say whether the base is still the one that was read."""
    try:
        now = (folder / BASE).stat()
    except FileNotFoundError:
        return descriptor < 0
    return descriptor >= 0 and os.path.samestat(now, os.fstat(descriptor))


def write_base(folder: Path, folded: frozenset[str], families: list[Kept]) -> None:
    """Put a new base in the place of the old one."""
    fresh = folder / f"{BASE}.new"  # one folds at a time
    fresh.unlink(missing_ok=True)
    try:
        fresh.write_bytes(_encode(Base(folded, families)))
        failpoint("metrics.fold.written")
        fresh.replace(folder / BASE)
    except OSError:
        fresh.unlink(missing_ok=True)  # the disk is full: a part of it is in the way of others
        raise
    failpoint("metrics.fold.replaced")


@contextmanager
def folding(folder: Path) -> Iterator[bool]:
    """Hold the right to fold; gives `False` when another process has it."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
