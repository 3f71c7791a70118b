"""Replies: what a test client gets back, whole or chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from arlen_core.responses import discard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from arlen_core.headers import Headers
    from arlen_core.pages import Page
    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["Reply", "Streamed"]


class Reply:
    """What came back.

    Attributes:
        status: the status code.
        headers: the header fields.
        body: the whole body.
        url: the path that answered, after redirects.
        request: the request, as the application saw it.
    """

    def __init__(self, status: int, headers: Headers, body: bytes, url: str, request: Request) -> None:
        self.status, self.headers, self.body, self.url, self.request = status, headers, body, url, request

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode()

    @property
    def media(self) -> str:
        """The media type, without parameters."""
        return (self.headers.get("content-type") or "").partition(";")[0]

    def json(self, kind: Any = Any) -> Any:
        """The body read as JSON, into a type when one is given."""
        return msgspec.json.decode(self.body, type=kind)

    @property
    def page(self) -> Page:
        """The body as an HTML page, to be searched with CSS selectors; needs `arlen-core[testing]`."""
        from arlen_core.pages import Page  # an extra

        return Page(self.text, self.url)

    def __repr__(self) -> str:
        return f"<Reply {self.status} {self.url} {len(self.body)} bytes>"


class Streamed(Reply):
    """An answer that is read while it is made; iterate over its chunks, once.

    Attributes:
        sent: the bytes that were read so far.
    """

    def __init__(self, request: Request, response: Response, url: str) -> None:
        super().__init__(response.status, response.headers, b"", url, request)
        bodiless = request.method == "HEAD" or response.status in {204, 304}
        self._stream = response.stream
        self._source = None if bodiless or response.stream is None else aiter(response.stream)
        self._whole = b"" if bodiless else response.body or b""
        self.sent = 0

    async def read(self) -> bytes:
        """Read all that is left into `body`."""
        self.body += b"".join([chunk async for chunk in self])
        return self.body

    async def end(self) -> None:
        """Leave: what is not read is not made."""
        await discard(self._source)
        await discard(self._stream)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk: str | bytes
        if self._source is not None:
            chunk = await anext(self._source)
        elif self._whole:
            chunk, self._whole = self._whole, b""
        else:
            raise StopAsyncIteration
        data = chunk.encode() if isinstance(chunk, str) else chunk
        self.sent += len(data)
        return data
