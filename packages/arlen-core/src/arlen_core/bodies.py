"""Bodies: the request body as a bounded, pausable flow of chunks."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio

from arlen_core.errors import Disconnected, PayloadTooLarge
from arlen_core.native import mypyc_attr

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["NOTHING", "Body", "Feed"]


@mypyc_attr(allow_interpreted_subclasses=True)
class Body:
    """A body that is all here already; `Feed` is the one that still arrives.

    Args:
        data: the whole body.

    Attributes:
        limit: most bytes that may be read; `PayloadTooLarge` (413) past it. `None` is no limit.
        length: the size that was declared, if it was.
    """

    __slots__ = ("_data", "length", "limit")

    def __init__(self, data: bytes = b"", *, limit: int | None = None) -> None:
        self._data = data
        self.length: int | None = len(data)
        self.limit = limit

    async def next(self) -> bytes:
        """Return the next chunk, or `b""` at the end; raises `PayloadTooLarge` or `Disconnected`."""
        return self.take()

    async def read(self) -> bytes:
        """Return all that is left as one value, within `limit` bytes."""
        return self.take()

    def take(self) -> bytes:
        """Return all that is left, at once; raises `PayloadTooLarge`."""
        data = self._data
        if self.limit is not None and len(data) > self.limit:
            raise PayloadTooLarge(self.limit)
        self._data = b""
        return data

    def check(self, size: int) -> None:
        """Raise `PayloadTooLarge` when `size` bytes are more than `limit`."""
        if self.limit is not None and size > self.limit:
            raise PayloadTooLarge(self.limit)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self  # no generator: leaving a loop early leaves nothing to close

    async def __anext__(self) -> bytes:
        chunk = await self.next()
        if not chunk:
            raise StopAsyncIteration
        return chunk


NOTHING = Body()
"""The body of every request that has none; its limit means nothing."""


class Feed(Body):
    """A body that a server feeds while the handler reads: neither side waits in memory past `high` bytes.

    Args:
        length: the declared size in bytes, or `None` (chunked).
        high: bytes held before `pause` is called; `resume` follows when a reader has emptied half of it.
        pause, resume: called to stop and restart the transport's reading.
        begin: called once, when somebody first reads (the moment for `100 Continue`, RFC 9110 §10.1.1).
    """

    __slots__ = (
        "_begin",
        "_chunks",
        "_done",
        "_error",
        "_held",
        "_high",
        "_pause",
        "_paused",
        "_resume",
        "_seen",
        "_wake",
    )

    def __init__(
        self,
        length: int | None = None,
        *,
        limit: int | None = None,
        high: int = 65536,
        pause: Callable[[], object] | None = None,
        resume: Callable[[], object] | None = None,
        begin: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(limit=limit)
        self.length = length
        self._chunks: deque[bytes] = deque()
        self._held = self._seen = 0
        self._high, self._pause, self._resume, self._begin = high, pause, resume, begin
        self._paused = self._done = False
        self._error: Exception | None = None
        self._wake: anyio.Event | None = None

    @property
    def done(self) -> bool:
        """True when the last byte has arrived (read or not)."""
        return self._done

    def feed(self, data: bytes) -> None:
        """Take a chunk from the network; an empty one is nothing."""
        if not data:
            return
        self._chunks.append(data)
        self._held += len(data)
        if self._held > self._high and not self._paused and self._pause is not None:
            self._paused = True
            self._pause()
        self._notify()

    def close(self) -> None:
        """Say that the body is complete."""
        self._done = True
        self._notify()

    def abort(self, error: Exception | None = None) -> None:
        """End the body with an error: the reader gets `error` (`Disconnected` by default)."""
        self._error = error or Disconnected("the client went away in the middle of the body")
        self._notify()

    async def next(self) -> bytes:
        """Return the next chunk, or `b""` at the end; raises `PayloadTooLarge` or `Disconnected`."""
        if self.length is not None:
            self.check(self.length)
        self._start()
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._done:
                return b""
            self._wake = self._wake or anyio.Event()
            await self._wake.wait()
        return self._take()

    async def read(self) -> bytes:
        """Return all that is left as one value, within `limit` bytes."""
        parts = [chunk async for chunk in self]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take(self) -> bytes:
        data = self._chunks.popleft()
        self._held -= len(data)
        self._seen += len(data)
        if self._paused and self._held <= self._high // 2 and self._resume is not None:
            self._paused = False
            self._resume()
        self.check(self._seen)
        return data

    def _start(self) -> None:
        begin, self._begin = self._begin, None
        if begin is not None and not self._done:
            begin()

    def _notify(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            wake.set()
