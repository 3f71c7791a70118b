"""Streams: responses that are made while they are sent: chunked, sized, or until the connection closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from arlen_core.errors import ArlenError, Disconnected
from arlen_core.files import FileResponse
from arlen_core.requests import Request
from arlen_core.responses import Response
from arlen_server.replies import bodiless
from arlen_server.sendfile import can_send, send_file

if TYPE_CHECKING:
    from arlen_server.exchanges import Exchange

__all__ = ["LengthBroken", "send"]

_TURN = 1 << 20  # bytes after which a stream that never waits lets others have their turn


class LengthBroken(ArlenError):
    """A stream made more or fewer bytes than its Content-Length said; the connection was cut."""


async def send(exchange: Exchange, request: Request, response: Response) -> None:
    """Send a response that has a stream, and close the stream whatever happens.

    The stream is cancelled when the client goes away. When it fails, the connection is cut, so that the client
    can tell that something is missing (RFC 9112 §8).
    """
    source: AsyncIterator[bytes | str] = aiter(response.stream or _Empty())
    body = _Body(exchange)
    error: BaseException | None = None
    try:
        await _send(exchange, request, response, source, body)
    except asyncio.CancelledError as cancelled:
        error = Disconnected("the client went away before the end of the response") if exchange.gone else cancelled
    except Exception as failed:  # noqa: BLE001  # the application's log gets it
        error = failed
    error = await _close(source) or error
    if error is not None and not exchange.gone:
        exchange.transport.abort()
    exchange.done(request, response, body.sent, error)


async def _send(
    exchange: Exchange, request: Request, response: Response, source: AsyncIterator[bytes | str], body: _Body
) -> None:
    parts, own = exchange.server.writer.begin(response.status, response.raw)
    if own.get(b"connection", b"").lower() == b"close":
        exchange.keep, exchange.linger = False, True
    framing = body.frame(request, response, own.get(b"content-length"))
    framing += exchange.fate(request)
    exchange.started = True
    exchange.write(exchange.server.writer.end(parts, framing))
    if body.none:
        return
    if isinstance(response, FileResponse) and body.left is not None and can_send(exchange):
        await send_file(exchange, response, body.count)
    else:
        await _pour(exchange, source, body)


async def _pour(exchange: Exchange, source: AsyncIterator[bytes | str], body: _Body) -> None:
    turn = _TURN
    async for chunk in source:
        data = chunk.encode() if isinstance(chunk, str) else bytes(memoryview(chunk))
        if data:
            body.write(data)
        if exchange.paused or exchange.gone:
            await exchange.drain()
        turn -= len(data) + 64
        if turn < 0:
            turn = _TURN
            await asyncio.sleep(0)
    body.end()


async def _close(source: AsyncIterator[Any]) -> BaseException | None:
    """Close a stream, so that its `finally` runs now and not when it is collected."""
    close = getattr(source, "aclose", None)
    if close is not None:
        try:
            await close()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # the application's log gets it
            return error
    return None


class _Empty:
    async def __aiter__(self) -> AsyncIterator[bytes]:
        nothing: tuple[bytes, ...] = ()
        for each in nothing:
            yield each


class _Body:
    """A body on its way: how it is framed, how much of it was sent, and how much is left of what was promised."""

    __slots__ = ("_chunked", "_exchange", "left", "none", "sent")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._chunked = self.none = False
        self.left: int | None = None
        self.sent = 0

    def frame(self, request: Request, response: Response, declared: bytes | None) -> bytes:
        """Choose how the client finds the end of the body (RFC 9112 §6), and return the line that says so."""
        self.none = bodiless(response.status) or request.method == "HEAD"
        known = getattr(response, "length", -1)
        if declared is None and known >= 0:
            declared = b"%d" % known
        if declared is not None:
            self.left = int(declared)
            return b"" if bodiless(response.status) and response.status != 304 else b"content-length: %b\r\n" % declared
        if bodiless(response.status):
            return b""
        if request.version == "1.1":
            self._chunked = True
            return b"transfer-encoding: chunked\r\n"
        self._exchange.keep = False
        return b""

    def count(self, size: int) -> None:
        self.sent += size

    def write(self, data: bytes) -> None:
        if self.left is not None:
            self.left -= len(data)
            if self.left < 0:
                raise LengthBroken("a stream made more bytes than its Content-Length said")
        self.sent += len(data)
        if self._chunked:
            self._exchange.write(b"%x\r\n" % len(data))
            self._exchange.write(data)
            self._exchange.write(b"\r\n")
        else:
            self._exchange.write(data)

    def end(self) -> None:
        if self.left:
            raise LengthBroken("a stream made fewer bytes than its Content-Length said")
        if self._chunked:
            self._exchange.write(b"0\r\n\r\n")
