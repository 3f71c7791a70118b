"""WebSocket: the handler's side of an upgraded connection; the engine is the server's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from arlen_core.errors import ArlenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from arlen_core.headers import Raw
    from arlen_core.requests import Request

__all__ = ["SocketClosed", "Transport", "WebSocket"]

_encode = msgspec.json.Encoder().encode
_CODES = frozenset(range(1000, 1015)) - {1004, 1005, 1006}


class SocketClosed(ArlenError):
    """The WebSocket is closed: `code` and `reason` as in RFC 6455 §7.1.5 (1005 none given, 1006 no close frame)."""

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(f"the WebSocket is closed ({code}{': ' + reason if reason else ''})")
        self.code = code
        self.reason = reason


class Transport(Protocol):
    """What a server gives for one WebSocket."""

    async def accept(self, protocol: str | None = None, headers: Raw | None = None) -> None:
        """Complete the handshake."""

    async def receive(self) -> str | bytes:
        """Return the next whole message; raise `SocketClosed`."""

    async def send(self, message: str | bytes) -> None:
        """Send a message, waiting while the write buffer is full; raise `SocketClosed`."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; a second call does nothing."""


class WebSocket:
    """One WebSocket, iterable over its messages; accepted on first use.

    Args:
        request: the request that asked for it.
        transport: the server's side.
        protocol: the subprotocol that was agreed, or `None`.
    """

    def __init__(self, request: Request, transport: Transport, protocol: str | None = None) -> None:
        self.request = request
        self.protocol = protocol
        self._transport = transport
        self._accepted = False

    async def accept(self) -> None:
        """Complete the handshake; a second call does nothing."""
        if not self._accepted:
            self._accepted = True
            await self._transport.accept(self.protocol)

    async def receive(self) -> str | bytes:
        """Return the next message, text or bytes; raises `SocketClosed`."""
        await self.accept()
        return await self._transport.receive()

    async def send(self, message: str | bytes) -> None:
        """Send a message; waits while the client reads too slowly; raises `SocketClosed`."""
        await self.accept()
        await self._transport.send(message)

    async def send_json(self, data: Any) -> None:
        """Send `data` as one JSON text message."""
        await self.send(_encode(data).decode())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a code of RFC 6455 §7.4; `reason` at most 123 bytes of UTF-8.

        Raises `ValueError` for a code that must not be sent (1000 to 1014 but 1004 to 1006, and 3000 to 4999 may be)
        and for a reason that is too long.
        """
        if not (code in _CODES or 3000 <= code <= 4999):
            raise ValueError(f"{code} is not a close code that may be sent (RFC 6455 §7.4)")
        if len(reason.encode()) > 123:
            raise ValueError("the reason of a close is at most 123 bytes of UTF-8 (RFC 6455 §5.5)")
        await self.accept()
        await self._transport.close(code, reason)

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except SocketClosed:
            raise StopAsyncIteration from None
