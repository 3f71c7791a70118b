"""Store: the numbers of all processes that share a folder, each counted exactly once."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import time

from arlen_metrics.files import SUFFIX, Cells, File, Memory, alive, look
from arlen_metrics.folds import BASE, Base, Kept, folding, read_base, same, write_base
from arlen_metrics.layouts import DAMAGED, Layout
from arlen_metrics.totals import Totals

__all__ = ["Alone", "Shared"]

_TRIES = 100
_AGED = 60.0
_READ_ONLY = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Alone:
    """The numbers of one process, which no other sees.

    Attributes:
        cells: where they stand.
        unreadable: nothing; see `Shared`.
    """

    def __init__(self) -> None:
        self.cells: Cells = Memory()
        self.unreadable: set[str] = set()

    def add(self, totals: Totals) -> None:
        """Add everything to `totals`."""
        if isinstance(self.cells, Memory):
            self.cells.add(totals)

    def fold(self, limit: int = 0) -> int:
        """Do nothing: nobody else can die."""
        return 0

    def living(self) -> int:
        """Return 1: this one."""
        return 1

    def forked(self) -> None:
        """Begin again in a forked process."""
        self.cells = Memory()

    def close(self) -> None:
        """Do nothing."""


class Shared:
    """The numbers of all processes that share a folder.

    Args:
        folder: private to the user; made when it is not there.
        limit: bytes that the file of this process may grow to.

    Raises `OSError` when the folder cannot be used, and `PermissionError` when everybody may write to it.

    Attributes:
        folder: the folder.
        cells: where the numbers of this process stand.
        unreadable: names of files that are damaged, or that another version wrote.

    >>> from tempfile import mkdtemp
    >>> from arlen_core.meters import Declaration
    >>> def send(store):
    ...     number = store.cells.declare(Declaration("counter", "mail.sent", "Mails that left."))
    ...     cells, at = store.cells.take(number, (), 1)
    ...     cells[at] += 2
    >>> folder = Path(mkdtemp())
    >>> one, other = Shared(folder), Shared(folder)
    >>> send(one), send(other)
    (None, None)
    >>> other.close()
    >>> totals = Totals()
    >>> one.add(totals)
    >>> totals.families["mail.sent"].series
    {(): [4.0]}
    >>> one.close()
    """

    def __init__(self, folder: Path, *, limit: int = 32 << 20) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & stat.S_IWOTH:
            raise PermissionError(errno.EPERM, "everybody may write to it", str(folder))
        self.folder, self._limit = folder, limit
        self.unreadable: set[str] = set()
        self._layouts: dict[str, Layout] = {}
        self._file = File(folder, limit)
        self.cells: Cells = self._file

    def add(self, totals: Totals) -> None:
        """Add the numbers of all processes, the living and the dead, to `totals`.

        A process may die, and another one fold its counts, while this reads: then it reads again. So `totals` gets
        each exactly once. Raises `OSError` when the folder cannot be read.
        """
        with self._still() as (base, files):
            base.add(totals)
            for name, descriptor in files:
                if name not in base.folded:
                    self._read(name, descriptor, totals, alive=alive(descriptor))

    def fold(self, limit: int = 0) -> int:
        """Put the counts of the dead together in one file; returns how many files went.

        Does nothing while another process does it.

        Args:
            limit: most series of a metric that are kept; the counts of others go to its overflow. 0 for no bound.
        """
        if not self._dead():
            return 0
        with folding(self.folder) as mine:
            return self._fold(limit) if mine else 0

    def living(self) -> int:
        """Return how many processes share this folder just now."""
        with self._opened() as files:
            return sum(alive(descriptor) for _, descriptor in files)

    def forked(self) -> None:
        """Begin again in a forked process, with a file of its own."""
        self._file.close()
        self._layouts.clear()
        self._file = File(self.folder, self._limit)
        self.cells = self._file

    def close(self) -> None:
        """Leave: the counts stay, the gauges go. Whoever has cells of this process may still write to them."""
        self._file.close()
        self.cells = Memory()

    def _dead(self) -> list[str]:
        with self._opened() as files:
            return [name for name, descriptor in files if not alive(descriptor)]

    def _fold(self, limit: int) -> int:
        base, descriptor = read_base(self.folder)
        if descriptor >= 0:
            os.close(descriptor)
        totals = Totals(limit=limit, apart=True)  # two versions of an application may count differently
        base.add(totals)
        gone: list[str] = []
        with self._opened() as files:
            for name, descriptor in files:
                known = name in base.folded
                if not alive(descriptor) and (known or self._read(name, descriptor, totals, alive=False)):
                    gone.append(name)
        if set(gone) - base.folded:
            kept = [Kept(each.declaration, list(each.series.items())) for each in totals.families.values()]
            write_base(self.folder, frozenset(gone), kept)
        for name in gone:
            (self.folder / name).unlink(missing_ok=True)
            self._layouts.pop(name, None)
        self._sweep()
        return len(gone)

    def _read(self, name: str, descriptor: int, totals: Totals, *, alive: bool) -> bool:
        layout = self._layouts.setdefault(name, Layout())
        try:
            with look(descriptor, layout) as data:
                if data is not None:
                    layout.add(data, totals, alive=alive)
                    return True
        except DAMAGED:
            self._layouts[name] = Layout()
        self.unreadable.add(name)
        return False

    @contextmanager
    def _still(self) -> Iterator[tuple[Base, list[tuple[str, int]]]]:
        """Give the base and the open files of one moment: nobody has folded between the two."""
        for _ in range(_TRIES):
            base, descriptor = read_base(self.folder)
            try:
                with self._opened() as files:
                    if same(self.folder, descriptor):
                        self._here(files)
                        self._layouts = {name: self._layouts[name] for name, _ in files if name in self._layouts}
                        yield base, files
                        return
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
        raise OSError(f"{self.folder / BASE} changes all the time")

    def _here(self, files: list[tuple[str, int]]) -> None:
        """Raise `FileNotFoundError` when somebody has removed the file of this process: numbers would be missing."""
        if self._file.open and all(name != self._file.name for name, _ in files):
            raise FileNotFoundError(errno.ENOENT, "somebody has removed it", str(self.folder / self._file.name))

    @contextmanager
    def _opened(self) -> Iterator[list[tuple[str, int]]]:
        files: list[tuple[str, int]] = []
        try:
            for path in sorted(self.folder.glob(f"*{SUFFIX}")):
                descriptor = self._open(path)
                if descriptor is not None:
                    files.append((path.name, descriptor))
            yield files
        finally:
            for _, descriptor in files:
                os.close(descriptor)

    def _open(self, path: Path) -> int | None:
        """Open a file for reading; `None` when it is gone, or no file at all."""
        try:
            descriptor = os.open(path, _READ_ONLY)
        except FileNotFoundError:  # somebody has folded it
            return None
        except OSError as error:
            if error.errno != errno.ELOOP:  # without a descriptor for it, numbers would be missing
                raise
            self.unreadable.add(path.name)  # a link
            return None
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        self.unreadable.add(path.name)
        return None

    def _sweep(self) -> None:
        """Remove what a process left that died while it made its file."""
        for path in self.folder.glob(f"*{SUFFIX}.new"):
            with suppress(FileNotFoundError), closing(os.fdopen(os.open(path, _READ_ONLY), "rb")) as file:
                # its age first: `alive` takes the lock for a moment, which a process that begins just now needs
                if time() - path.stat().st_mtime > _AGED and not alive(file.fileno()):
                    path.unlink()
