"""ASGI: an application under any ASGI server (specification 3.0, HTTP, WebSocket and lifespan)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio

from arlen_core.bodies import Body
from arlen_core.errors import Disconnected
from arlen_core.requests import Request
from arlen_core.responses import Response, Upgrade
from arlen_core.sockets import SocketClosed

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, MutableMapping

    from arlen_core.app import App
    from arlen_core.headers import Raw

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

__all__ = ["Pull", "Socket", "bridge", "close"]

_SAFE = "/!$&'()*+,;=:@-._~%"


async def bridge(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one ASGI connection with `app`."""
    if scope["type"] == "lifespan":
        await _lifespan(app, receive, send)
    elif scope["type"] == "http":
        await _http(app, _request(scope, Pull(receive)), receive, send)
    elif scope["type"] == "websocket":
        await _websocket(app, scope, receive, send)
    else:
        raise ValueError(f"ASGI scope type {scope['type']!r} is not known here")


class Pull(Body):
    """A body that an ASGI server gives on request."""

    __slots__ = ("_ended", "_receive", "_seen")

    def __init__(self, receive: Receive) -> None:
        super().__init__()
        self.length = None
        self._receive = receive
        self._ended = False
        self._seen = 0

    async def next(self) -> bytes:
        """Return the next chunk, or `b""` at the end; raises `PayloadTooLarge` or `Disconnected`."""
        if self.length is not None:
            self.check(self.length)
        while not self._ended:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._ended = True
                raise Disconnected("the client went away in the middle of the body")
            self._ended = not message.get("more_body", False)
            data: bytes = message.get("body", b"")
            self._seen += len(data)
            self.check(self._seen)
            if data:
                return data
        return b""

    async def read(self) -> bytes:
        """Return all that is left as one value, within `limit` bytes."""
        return b"".join([chunk async for chunk in self])


class Socket:
    """A WebSocket of an ASGI server, as a `Transport`."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.accepted = self.closed = False

    async def accept(self, protocol: str | None = None, headers: Raw | None = None) -> None:
        """Complete the handshake."""
        self.accepted = True
        await self._send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers or []})

    async def receive(self) -> str | bytes:
        """Return the next message, or raise `SocketClosed`."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self.closed = True
            raise SocketClosed(message.get("code", 1005), message.get("reason") or "")
        text: str | None = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    async def send(self, message: str | bytes) -> None:
        """Send a message, or raise `SocketClosed`."""
        if self.closed:
            raise SocketClosed
        key = "text" if isinstance(message, str) else "bytes"
        try:
            await self._send({"type": "websocket.send", key: message})
        except OSError:
            self.closed = True
            raise SocketClosed from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; a second call does nothing."""
        if not self.closed:
            self.closed = True
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


async def _lifespan(app: App, receive: Receive, send: Send) -> None:
    await receive()
    try:
        await app.start()
    except Exception as error:  # noqa: BLE001  # the protocol wants it as a message
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    try:
        await app.stop()
    except Exception as error:  # noqa: BLE001  # the protocol wants it as a message
        await send({"type": "lifespan.shutdown.failed", "message": str(error)})
        return
    await send({"type": "lifespan.shutdown.complete"})


def _request(scope: Scope, body: Body) -> Request:
    root: str = scope.get("root_path", "")
    raw: bytes = scope.get("raw_path") or quote(scope["path"], safe=_SAFE).encode()
    target = raw.partition(b"?")[0]
    prefix = quote(root, safe=_SAFE).encode()
    if prefix and (target == prefix or target.startswith(prefix + b"/")):
        target = target[len(prefix) :] or b"/"
    client, server = scope.get("client"), scope.get("server")
    scheme: str = scope.get("scheme", "http")
    request = Request(
        scope.get("method", "GET"),
        target,
        scope.get("query_string", b""),
        [(bytes(name), bytes(value)) for name, value in scope["headers"]],
        body,
        client=tuple(client) if client else None,
        server=tuple(server) if server else None,
        scheme={"ws": "http", "wss": "https"}.get(scheme, scheme),
        version=scope.get("http_version", "1.1"),
        upgrade="websocket" if scope["type"] == "websocket" else "",
    )
    request.root = root
    length = request.headers.get("content-length") or ""
    body.length = int(length) if length.isascii() and length.isdigit() else None
    return request


async def _http(app: App, request: Request, receive: Receive, send: Send) -> None:
    response = await app.handle(request)
    count = _Count(send)
    error: Exception | None = None
    try:
        await send({"type": "http.response.start", "status": response.status, "headers": _head(response)})
        if response.stream is None or _bodiless(request, response):
            await close(response.stream)
            body = b"" if response.body is None or _bodiless(request, response) else response.body
            await count(body, more=False)
        else:
            await _stream(request, response.stream, receive, count)
    except (Disconnected, OSError) as gone:
        error = gone
    except Exception as failure:
        error = failure
        raise
    finally:
        app.finish(request, response, sent=count.sent, error=error)


class _Count:
    """Sends body messages and counts their bytes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.sent = 0

    async def __call__(self, data: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self.sent += len(data)


async def _stream(request: Request, stream: AsyncIterable[bytes | str], receive: Receive, count: _Count) -> None:
    gone = False

    async def watch(scope: anyio.CancelScope) -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(watch, group.cancel_scope)
            async for chunk in stream:
                await count(chunk.encode() if isinstance(chunk, str) else chunk, more=True)
            await count(b"", more=False)
            group.cancel_scope.cancel()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        with anyio.CancelScope(shield=True):
            await close(stream)
    if gone:
        raise Disconnected(f"the client left {request.path}")


async def close(stream: object) -> None:
    """Close an async generator, if it is one, so that its `finally` runs now."""
    end = getattr(stream, "aclose", None)
    if end is not None:
        await end()


def _bodiless(request: Request, response: Response) -> bool:
    return request.method == "HEAD" or response.status in {204, 304}


def _head(response: Response) -> Raw:
    if response.body is None or response.status in {204, 304} or "content-length" in response.headers:
        return response.raw
    return [*response.raw, (b"content-length", str(len(response.body)).encode())]


async def _websocket(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    request = _request(scope, Body())
    response = await app.handle(request)
    socket = Socket(receive, send)
    error: Exception | None = None
    try:
        if isinstance(response, Upgrade):
            await response.run(socket)
            await socket.close()
        else:
            await _deny(scope, response, send)
    except SocketClosed as gone:
        error = gone
    except Exception as failure:
        error = failure
        await socket.close(1011, "internal error")
        raise
    finally:
        app.finish(request, response, sent=0, error=error)


async def _deny(scope: Scope, response: Response, send: Send) -> None:
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    await send({"type": "websocket.http.response.start", "status": response.status, "headers": response.raw})
    await send({"type": "websocket.http.response.body", "body": response.body or b"", "more_body": False})
