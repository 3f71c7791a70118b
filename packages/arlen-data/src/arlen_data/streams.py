"""Streams: the rows of a statement one after another, without holding them all."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from types import TracebackType

    from arlen_data.lanes import Chunk
    from arlen_data.rows import Row

__all__ = ["Stream"]

T = TypeVar("T")
Read: TypeAlias = "Callable[[Sequence[Any]], T]"


class Stream(Generic[T]):
    """Rows that arrive while they are read; made by `stream()`.

    Use it as `async with db.stream(...) as rows: async for row in rows`. Then the statement stops, and its connection
    is free, as soon as the block is left. Without the block that is after the last row, or after `aclose()`; a stream
    that is dropped before that warns with `ResourceWarning`, and its connection is free when the event loop gets to it.
    """

    def __init__(
        self, chunks: AsyncGenerator[Chunk, None], into: Callable[[Row], Callable[[Sequence[Any]], T]]
    ) -> None:
        self._chunks, self._into = chunks, into
        self._rows: list[Row] = []
        self._read: Read[T] | None = None
        self._begun = False

    def __del__(self) -> None:
        if self._begun:
            warnings.warn("a stream was not read to its end and not closed", ResourceWarning, stacklevel=2, source=self)

    async def __aenter__(self) -> Stream[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):  # who is cancelled gives the connection back too
            await self.aclose()

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        if not self._rows:
            await self._fill()
        row = self._rows.pop()
        if self._read is None:
            self._read = self._into(row)
        return self._read(row)

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Yield lists of rows in place of rows: the fastest way to read many."""
        while True:
            if self._rows:
                rows, self._rows = self._rows[::-1], []
                yield rows
            try:
                chunk = await self._next()
            except StopAsyncIteration:
                return
            yield chunk

    async def aclose(self) -> None:
        """Stop the statement and give its connection back; harmless when that has happened."""
        self._rows, self._begun = [], False
        await self._chunks.aclose()

    async def _fill(self) -> None:
        while not self._rows:  # an empty chunk is allowed
            self._rows = (await self._next())[::-1]

    async def _next(self) -> Chunk:
        self._begun = True
        try:
            return await anext(self._chunks)
        except BaseException:  # then it has ended
            self._begun = False
            raise
