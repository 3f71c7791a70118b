"""Uploads: a file that a client sent, in memory while it is small, else in a temporary file without a name."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING

from anyio import to_thread

from arlen_core.filenames import safe_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Spool", "Upload"]

_CHUNK = 262_144


class Spool:
    """Bytes that move from memory to disk when they are more than `memory`.

    The temporary file has no name in the file system (or loses it at once), so nothing is left behind, not even when
    the process is killed. It is closed for certain: a task may be cancelled while its worker thread is still writing.

    Args:
        memory: most bytes held in memory; further ones go to disk in pieces of about that size.
        directory: where; the system's folder for temporary files by default.
    """

    __slots__ = ("_closed", "_directory", "_file", "_held", "_lock", "_memory", "_waiting", "size")

    def __init__(self, memory: int = 65_536, directory: str | None = None) -> None:
        self._memory, self._directory = memory, directory
        self._held: list[bytes] = []
        self._waiting = self.size = 0
        self._file: IO[bytes] | None = None
        self._lock, self._closed = Lock(), False

    @property
    def on_disk(self) -> bool:
        """True when there is a temporary file."""
        return self._file is not None

    async def write(self, data: bytes) -> None:
        """Append `data`; raises `OSError` when the disk refuses it."""
        self._held.append(data)
        self._waiting += len(data)
        self.size += len(data)
        if self._waiting > self._memory:
            held, self._held, self._waiting = b"".join(self._held), [], 0
            await to_thread.run_sync(self._store, held)

    async def finish(self) -> None:
        """Bring everything to one place; call it once, after the last `write`."""
        held, self._held, self._waiting = b"".join(self._held), [], 0
        if self._file is not None and held:
            await to_thread.run_sync(self._store, held)
        elif held:
            self._held = [held]

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; blocks when they are on disk."""
        if self._closed:
            raise ValueError("the upload is closed: read or save it before the response is sent")
        if self._file is None:
            return b"".join(self._held)[offset : offset + size]
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def close(self) -> None:
        """Forget the bytes; a second call does nothing."""
        self._closed, self._held = True, []
        with self._lock:
            if self._file is not None:
                self._file.close()

    def _store(self, data: bytes) -> None:
        with self._lock:
            if self._closed:
                return
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115  # close() closes it
            self._file.seek(0, os.SEEK_END)
            self._file.write(data)


class Upload:
    """A file from a multipart form (RFC 7578). It is gone when the response has been sent: save what shall stay.

    Args:
        spool: its bytes.
        filename: the name, exactly as the client sent it. Never use it as a path: use `safe_name`.
        media: the media type that the client claims. It proves nothing.

    Attributes:
        size: in bytes.

    >>> import anyio
    >>> upload = Upload.of(b"hello", "../notes.txt", "text/plain")
    >>> upload.safe_name, upload.size, anyio.run(upload.read)
    ('notes.txt', 5, b'hello')
    """

    __slots__ = ("_at", "_spool", "filename", "media")

    def __init__(self, spool: Spool, filename: str = "", media: str = "application/octet-stream") -> None:
        self._spool, self._at = spool, 0
        self.filename = filename
        self.media = media

    @classmethod
    def of(cls, data: bytes, filename: str = "", media: str = "application/octet-stream") -> Upload:
        """Make an upload out of bytes; for tests."""
        spool = Spool(memory=len(data))
        spool._held, spool.size = [data], len(data)  # noqa: SLF001  # of this module
        return cls(spool, filename, media)

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self._spool.size

    @property
    def safe_name(self) -> str:
        """A name that is safe as one file name: see `arlen_core.filenames.safe_name`."""
        return safe_name(self.filename)

    @property
    def on_disk(self) -> bool:
        """True when it was too large for memory."""
        return self._spool.on_disk

    async def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, all that are left by default; `b""` at the end."""
        left = max(self.size - self._at, 0)
        want = left if size < 0 else min(size, left)
        data = await self._read(self._at, want)
        self._at += len(data)
        return data

    def seek(self, offset: int) -> None:
        """Go on reading at `offset` bytes from the start."""
        self._at = max(offset, 0)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield all of it in chunks, from the start; `read` does not notice."""
        at = 0
        while at < self.size:
            data = await self._read(at, min(_CHUNK, self.size - at))
            at += len(data)
            yield data

    async def save(self, path: Path | str, *, replace: bool = False) -> Path:
        """Write it to `path`, whole or not at all, and return the path.

        Args:
            path: of the file to make; its folder must exist.
            replace: put it in the place of a file that is there.

        Raises `FileExistsError` unless `replace`, and `OSError` when the disk refuses.
        """
        target = Path(path)
        await to_thread.run_sync(self._save, target, replace)
        return target

    def close(self) -> None:
        """Delete it; a second call does nothing. The application does this after the response."""
        self._spool.close()

    async def _read(self, offset: int, size: int) -> bytes:
        if self.on_disk:
            return await to_thread.run_sync(self._spool.read, offset, size)
        return self._spool.read(offset, size)

    def _save(self, target: Path, replace: bool) -> None:  # noqa: FBT001  # a thread takes positions only
        part = target.with_name(f".{os.urandom(8).hex()}.part")
        try:
            with part.open("xb") as file:
                for at in range(0, self.size, _CHUNK):
                    file.write(self._spool.read(at, _CHUNK))
            if not replace:
                _claim(part, target)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def __repr__(self) -> str:
        return f"<Upload {self.filename!r}, {self.size} bytes>"


def _claim(part: Path, target: Path) -> None:
    """Make `target`, or raise `FileExistsError`: as another name of `part`, or empty where there are no hard links."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:
        target.open("xb").close()
