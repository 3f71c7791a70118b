"""Files: a response that sends a file, whole or in part, without holding it in memory."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from threading import Lock
from time import time
from typing import TYPE_CHECKING, BinaryIO

from anyio import to_thread

from arlen_core.conditional import conditional
from arlen_core.dates import format_date
from arlen_core.errors import ArlenError, HTTPError, NotFound
from arlen_core.filenames import disposition
from arlen_core.media import guess
from arlen_core.ranges import Unsatisfiable, select
from arlen_core.responses import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from arlen_core.requests import Request

__all__ = ["CHUNK", "INLINE", "FileChanged", "FileResponse"]

CHUNK = 262_144
"""Bytes that one trip to a worker thread reads."""

INLINE = 65_536
"""Files up to so many bytes are read at once, on the trip that looks at them."""

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.ELOOP, errno.ENAMETOOLONG}
_YOUNG = 2.0  # seconds; some file systems keep times no finer


class FileChanged(ArlenError):
    """The file was changed while it was sent, so what was promised cannot be kept: the connection must break."""


class FileResponse(Response):
    """Send a file: with ETag and Last-Modified, `304 Not Modified`, and one range of it when asked (RFC 9110 §13, §14).

    The ETag is made of size, time of change in nanoseconds and inode, because a strong tag is what `If-Range` needs to
    resume a download. It is weak while the change is younger than 2 seconds, when another one could hide behind
    the same time. Servers on several machines see other inodes: give `etag` there to let clients resume anywhere.

    Args:
        path: the file. The caller vouches for it: never join a client's text to a folder yourself, use a static mount.
        status: 200, or another one; only 200 is cut into ranges.
        media: its Content-Type; by default by its extension (`arlen_core.media`).
        filename: a name to save under, as Content-Disposition (RFC 6266); `None` sends no such header.
        inline: with `filename`, show it in the browser when that is possible.
        etag: the tag with its quotes, in place of the one made.
        cache: the Cache-Control header.
        headers: more header fields.
        opener: opens the file, called with path and flags as `os.open` is; for folders with rules of their own.

    Attributes:
        path: the file.
        offset: first byte to send, after `prepare`.
        length: bytes to send, after `prepare`.
        stream: the bytes; read in worker threads.

    The app calls `prepare`; a server may send `length` bytes from `offset` of `open()` by `sendfile`.

    >>> FileResponse("report.pdf", filename="May.pdf").headers["content-disposition"]
    'attachment; filename="May.pdf"'
    """

    __slots__ = ("_opener", "_seen", "_tag", "length", "offset", "path")

    def __init__(
        self,
        path: Path | str,
        status: int = 200,
        *,
        media: str | None = None,
        filename: str | None = None,
        inline: bool = False,
        etag: str | None = None,
        cache: str | None = None,
        headers: Mapping[str, str] | None = None,
        opener: Callable[[str, int], int] = os.open,
    ) -> None:
        self.path = Path(path)
        self._opener = opener
        super().__init__(b"", status, media=guess(self.path.name) if media is None else media, headers=headers)
        self.body = None
        self.stream = _Chunks(self)
        self.offset, self.length = 0, -1
        self._tag = etag
        self._seen: tuple[int, ...] | None = None
        # a browser must not take a stranger's text file for a script
        self.headers.default("x-content-type-options", "nosniff")
        if filename is not None:
            self.headers.set("content-disposition", disposition(filename, inline=inline))
        if cache is not None:
            self.headers.set("cache-control", cache)

    async def prepare(self, request: Request) -> Response:
        """Look at the file, in a worker thread, and at the request's conditions and range.

        Returns this response made ready, or a 304 or 412 in its place. Raises `NotFound` when there is no such regular
        file, `HTTPError` 416 when the range is outside it, `PermissionError` when it may not be read.
        """
        want = INLINE if request.method == "GET" else -1
        found, data = await to_thread.run_sync(_look, str(self.path), want, self._opener)
        self._describe(found)
        answer = conditional(request, self)
        if answer is self:
            self._cut(request, found, data)
        return answer

    def open(self) -> BinaryIO:
        """Open the file at `offset`; the caller closes it. Raises `FileChanged` when it is not the one prepared."""
        file = open(self.path, "rb", opener=lambda path, flags: self._opener(path, flags | _FLAGS))  # noqa: SIM115
        try:
            if self._seen is not None and _identity(os.fstat(file.fileno())) != self._seen:
                raise FileChanged(f"{self.path} was changed while it was being sent")
            file.seek(self.offset)
        except BaseException:
            file.close()
            raise
        return file

    def _describe(self, found: os.stat_result) -> None:
        self._seen = _identity(found)
        self.length = found.st_size
        self.headers.default("etag", self._tag or _etag(found))
        self.headers.default("last-modified", format_date(min(found.st_mtime, time())))
        self.headers.default("accept-ranges", "bytes")

    def _cut(self, request: Request, found: os.stat_result, data: bytes | None) -> None:
        size = found.st_size
        part = self._part(request, found) if self.status == 200 else None
        if part is not None:
            self.offset, self.length = part
            self.status = 206
            self.headers.set("content-range", f"bytes {self.offset}-{self.offset + self.length - 1}/{size}")
        self.headers.set("content-length", str(self.length))
        if data is not None:
            self.stream, self.body = None, data[self.offset : self.offset + self.length]

    def _part(self, request: Request, found: os.stat_result) -> tuple[int, int] | None:
        size = found.st_size
        try:
            return select(request, size, self.headers["etag"], found.st_mtime)
        except Unsatisfiable:
            whole = {"Content-Range": f"bytes */{size}"}
            raise HTTPError(416, f"there are {size} bytes", code="range_not_satisfiable", headers=whole) from None


class _Chunks:
    """The bytes of a prepared file. Nothing is open before the first byte is asked for, nor after the last."""

    __slots__ = ("_response",)

    def __init__(self, response: FileResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        response, opened = self._response, _Opened()
        left = response.length
        try:
            file = await to_thread.run_sync(opened.open, response)
            while left and (data := await to_thread.run_sync(file.read, CHUNK if left < 0 else min(CHUNK, left))):
                left -= len(data) if left > 0 else 0
                yield data
        finally:
            opened.close()
        if left > 0:
            raise FileChanged(f"{response.path} became shorter while it was being sent")


class _Opened:
    """One open file that is closed for certain: a task may be cancelled while its thread is still opening."""

    __slots__ = ("_closed", "_file", "_lock")

    def __init__(self) -> None:
        self._lock, self._closed = Lock(), False
        self._file: BinaryIO | None = None

    def open(self, response: FileResponse) -> BinaryIO:
        file = response.open()
        with self._lock:
            self._file = file
            if self._closed:
                file.close()
        return file

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()


def _look(path: str, limit: int, opener: Callable[[str, int], int]) -> tuple[os.stat_result, bytes | None]:
    """Stat the file that opening it gives, and read it when it has at most `limit` bytes."""
    try:
        file = opener(path, _FLAGS)  # never waits for a FIFO's writer, thanks to O_NONBLOCK
    except ValueError:  # a NUL in the path
        raise NotFound from None
    except OSError as error:
        if error.errno in _ABSENT:
            raise NotFound from None
        raise
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise NotFound
        data = os.read(file, limit) if 0 <= found.st_size <= limit else None
        return found, data if data is None or len(data) == found.st_size else None
    finally:
        os.close(file)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _etag(found: os.stat_result) -> str:
    from hashlib import blake2b  # brings OpenSSL, 3 MB

    made = blake2b(f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}".encode(), digest_size=12).hexdigest()
    return f'W/"{made}"' if time() - found.st_mtime < _YOUNG else f'"{made}"'
