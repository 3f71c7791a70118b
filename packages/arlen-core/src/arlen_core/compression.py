"""Compression: smaller bodies for clients that take them (RFC 9110 §8.4, §12.5.3)."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

from anyio import to_thread
from msgspec import Struct

from arlen_core.codecs import Codec, available, codec
from arlen_core.media import compressible
from arlen_core.negotiation import encoding
from arlen_core.responses import Response, discard

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from arlen_core.headers import Headers
    from arlen_core.requests import Request

__all__ = ["Compression", "compress"]

_EVENTS = "text/event-stream"
_BODILESS = frozenset({204, 205, 206, 304})
_ENCODED = frozenset({b"content-encoding", b"content-range"})
_VARY = (b"vary", b"accept-encoding")


class Compression(Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of compression.

    Attributes:
        enabled: compress at all.
        minimum: bodies under so many bytes are sent as they are; a packet is no smaller for it.
        offload: bodies and chunks over so many bytes are compressed in a worker thread.
        events: compress `text/event-stream` too, by gzip. Each open stream then holds about 40 KiB for it.
        codings: what may be used, the preferred first; those that are not installed are passed over.
    """

    enabled: bool = True
    minimum: int = 1024
    offload: int = 65_536
    events: bool = False
    codings: tuple[str, ...] = ("zstd", "br", "gzip")


_DEFAULT = Compression()


async def compress(request: Request, response: Response, settings: Compression = _DEFAULT) -> Response:
    """Compress the body in the best coding that the client takes.

    Untouched: small bodies, types that do not shrink, what is encoded already, ranges, 204 and 304, upgrades, and
    anything with `Cache-Control: no-transform`. A stream is compressed chunk by chunk, each one flushed, so that what
    was sent arrives. Content-Length and Accept-Ranges go, and the ETag becomes weak, because the bytes differ.
    Whatever could have been compressed says `Vary: accept-encoding`.

    Returns the response itself, or a plain one with the same headers and the compressed body.

    >>> import anyio, gzip
    >>> from arlen_core.requests import Request
    >>> from arlen_core.responses import text
    >>> request = Request(headers=[(b"accept-encoding", b"gzip")])
    >>> answer = anyio.run(compress, request, text("so long " * 1000))
    >>> answer.headers["content-encoding"], len(answer.body) < 100
    ('gzip', True)
    """
    if not settings.enabled or not _eligible(response, settings):
        return response
    _vary(response)
    for name, _ in request.raw:
        if name == b"accept-encoding":
            break
    else:
        return response
    events = response.media == _EVENTS
    usable = [name for name in settings.codings if name in available() and (name == "gzip" or not events)]
    coding = encoding(", ".join(request.headers.all("accept-encoding")), usable)
    if coding is None:
        return response
    made = await _encoded(response, codec(coding, small=events), settings.offload)
    _relabel(made.headers, coding)
    return made


def _eligible(response: Response, settings: Compression) -> bool:
    if response.status < 200 or response.status in _BODILESS or _size(response) < settings.minimum:
        return False
    media = b""
    for name, value in response.raw:
        if name == b"content-type":
            media = value
        elif name == b"cache-control":
            if b"no-transform" in value.lower():
                return False
        elif name in _ENCODED:
            return False
    return _shrinks(media, events=settings.events)


@lru_cache(256)  # applications have few media types
def _shrinks(media: bytes, *, events: bool) -> bool:
    name = media.decode("latin-1").partition(";")[0].strip().lower()
    return compressible(name) and (events or name != _EVENTS)


def _vary(response: Response) -> None:
    for name, _ in response.raw:
        if name == b"vary":
            response.headers.vary("accept-encoding")
            return
    response.raw.append(_VARY)


def _size(response: Response) -> float:
    if response.stream is None:
        return len(response.body or b"")
    length = response.headers.get("content-length") or ""
    return int(length) if length.isdigit() else inf


async def _encoded(response: Response, flow: Codec, offload: int) -> Response:
    # a plain response: a server would send a FileResponse's file past our stream
    made = Response(b"", response.status, media="")
    made.raw = response.raw
    if response.stream is not None:
        made.body, made.stream = None, _Compressed(response.stream, flow, offload)
    elif len(body := response.body or b"") > offload:
        made.body = await to_thread.run_sync(flow.finish, body)
    else:
        made.body = flow.finish(body)
    return made


def _relabel(headers: Headers, coding: str) -> None:
    headers.set("content-encoding", coding)
    headers.remove("content-length")
    headers.remove("accept-ranges")
    tag = headers.get("etag")
    if tag is not None and not tag.startswith("W/"):
        headers.set("etag", f"W/{tag}")


class _Compressed:
    """A stream that is compressed while it is sent; closing it closes the source, begun or not."""

    __slots__ = ("_ended", "_flow", "_iterator", "_offload")

    def __init__(self, source: AsyncIterable[bytes | str], flow: Codec, offload: int) -> None:
        self._iterator = aiter(source)
        self._flow, self._offload = flow, offload
        self._ended = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            async for chunk in self._iterator:
                data = chunk.encode() if isinstance(chunk, str) else chunk
                if data:
                    return await self._feed(data)
        except BaseException:
            await self.aclose()
            raise
        self._ended = True
        return self._flow.finish()

    async def aclose(self) -> None:
        """Close the source."""
        self._ended = True
        await discard(self._iterator)

    async def _feed(self, data: bytes) -> bytes:
        if len(data) > self._offload:
            return await to_thread.run_sync(self._flow.feed, data)
        return self._flow.feed(data)
