"""ASGI: an application under any ASGI server (specification 3.0, HTTP, WebSocket and lifespan)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio

from arlen_core.bodies import Body
from arlen_core.errors import Disconnected
from arlen_core.heap import settle
from arlen_core.requests import Request
from arlen_core.responses import Response, Upgrade, discard
from arlen_core.sockets import SocketClosed

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, MutableMapping

    from arlen_core.app import App
    from arlen_core.headers import Raw

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

__all__ = ["Pull", "Socket", "bridge"]

_SAFE = "/!$&'()*+,;=:@-._~"
_GONE = 499  # what access logs call a request that ended without an answer
_SCHEMES = {"ws": "http", "wss": "https"}


async def bridge(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one ASGI connection with `app`."""
    if scope["type"] == "lifespan":
        await _lifespan(app, receive, send)
    elif scope["type"] == "http":
        pull = Pull(receive)
        await _http(app, _request(scope, pull), pull, send)
    elif scope["type"] == "websocket":
        await _websocket(app, scope, receive, send)
    else:
        raise ValueError(f"ASGI scope type {scope['type']!r} is not known here")


class Pull(Body):
    """A body that an ASGI server gives on request; it also notices when the client goes."""

    __slots__ = ("_ended", "_free", "_kept", "_left", "_receive", "_seen", "_turn")

    def __init__(self, receive: Receive) -> None:
        super().__init__()
        self.length = None
        self._receive = receive
        self._ended = self._left = False
        self._seen = 0
        self._kept: MutableMapping[str, Any] | None = None
        self._free: anyio.Event | None = None  # both are made when they are needed, which is seldom
        self._turn: anyio.Lock | None = None

    async def next(self) -> bytes:
        """Return the next chunk, or `b""` at the end; raises `PayloadTooLarge` or `Disconnected`."""
        if self.length is not None:
            self.check(self.length)
        while not self._ended:
            if self._kept is None and not self._left:
                await self._fetch()
            elif data := self._take():
                return data
        return b""

    async def read(self) -> bytes:
        """Return all that is left as one value, within `limit` bytes."""
        return b"".join([chunk async for chunk in self])

    async def gone(self) -> None:
        """Return when the client has gone. What it still sends is kept, one chunk at most, for who reads the body."""
        while not self._left:
            if self._kept is not None and self._kept.get("more_body"):
                self._free = anyio.Event()
                await self._free.wait()
            else:
                await self._fetch(last=True)

    async def _fetch(self, *, last: bool = False) -> None:
        """Ask the server, one at a time; `last` also when the last chunk waits for its reader."""
        if self._turn is None:
            self._turn = anyio.Lock(fast_acquire=True)
        async with self._turn:
            waits = self._kept is not None and (not last or self._kept.get("more_body"))
            if self._left or waits:
                return
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._left = True
            elif not self._ended and self._kept is None:
                self._kept = message

    def _take(self) -> bytes:
        message, self._kept = self._kept, None
        if self._free is not None:
            self._free.set()
        if message is None:
            raise Disconnected("the client went away in the middle of the body")
        self._ended = not message.get("more_body", False)
        data: bytes = message.get("body", b"")
        self._seen += len(data)
        self.check(self._seen)
        return data


class Socket:
    """A WebSocket of an ASGI server, as a `Transport`.

    Args:
        receive: of the server.
        send: of the server.
        raw: header fields of the answer, sent when the handshake is completed.
    """

    def __init__(self, receive: Receive, send: Send, raw: Raw | None = None) -> None:
        self._receive, self._send = receive, send
        self._raw = raw or []
        self.accepted = self.closed = False

    async def accept(self, protocol: str | None = None, headers: Raw | None = None) -> None:
        """Complete the handshake."""
        self.accepted = True
        fields = [*self._raw, *(headers or [])]
        await self._deliver({"type": "websocket.accept", "subprotocol": protocol, "headers": fields})

    async def receive(self) -> str | bytes:
        """Return the next message, or raise `SocketClosed`."""
        if self.closed:
            raise SocketClosed
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
        await self._deliver({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; a second call does nothing."""
        if not self.closed:
            self.closed = True
            await self._deliver({"type": "websocket.close", "code": code, "reason": reason})

    async def _deliver(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError:
            self.closed = True
            raise SocketClosed from None


async def _lifespan(app: App, receive: Receive, send: Send) -> None:
    await receive()
    try:
        await app.start()
    except Exception as error:  # noqa: BLE001  # the protocol wants it as a message
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    settle(app.env)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    try:
        await app.stop()
    except Exception as error:  # noqa: BLE001  # the protocol wants it as a message
        await send({"type": "lifespan.shutdown.failed", "message": str(error)})
        return
    await send({"type": "lifespan.shutdown.complete"})


def _request(scope: Scope, body: Body) -> Request:
    path = scope.get("root_path", "")
    root = quote(path.rstrip("/"), safe=_SAFE) if path else ""
    client, server = scope.get("client"), scope.get("server")
    scheme: str = scope.get("scheme", "http")
    fields = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
    request = Request(
        scope.get("method", "GET"),
        _target(scope, root.encode()),
        scope.get("query_string", b""),
        fields,
        body,
        tuple(client) if client else None,
        tuple(server) if server else None,
        _SCHEMES.get(scheme, scheme),
        scope.get("http_version", "1.1"),
        "websocket" if scope["type"] == "websocket" else "",
    )
    request.root = root
    for name, value in fields:
        if name == b"content-length" and body.length is None and value.isdigit() and len(value) < 19:
            body.length = int(value)
    return request


def _target(scope: Scope, root: bytes) -> bytes:
    """Return the raw path below the root. Without one, the decoded path is encoded again, percent signs included."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"], safe=_SAFE).encode()
    target = raw.partition(b"?")[0]
    if root and (target == root or target.startswith(root + b"/")):
        target = target[len(root) :] or b"/"
    return target


async def _http(app: App, request: Request, pull: Pull, send: Send) -> None:
    try:
        response = await app.handle(request)
    except BaseException as cancelled:  # that is its end, for those who count
        app.finish(request, Response(b"", _GONE), error=cancelled)
        raise
    if response.stream is None:
        await _whole(app, request, response, send)
        return
    count = _Count(send)
    error: BaseException | None = None
    try:
        await _reply(request, response, pull, count)
    except Disconnected as gone:
        error = gone
    except BaseException as failure:
        error = failure
        raise
    finally:
        app.finish(request, response, sent=count.sent, error=error)


async def _whole(app: App, request: Request, response: Response, send: Send) -> None:
    """Send a response that is all here, as most are."""
    body = b"" if request.method == "HEAD" or response.status in {204, 304} else response.body or b""
    sent = 0
    error: BaseException | None = None
    try:
        await send({"type": "http.response.start", "status": response.status, "headers": _head(response)})
        await send({"type": "http.response.body", "body": body, "more_body": False})
        sent = len(body)
    except OSError:
        error = Disconnected("the client went away in the middle of the answer")
    except BaseException as failure:
        error = failure
        raise
    finally:
        app.finish(request, response, sent=sent, error=error)


async def _reply(request: Request, response: Response, pull: Pull, count: _Count) -> None:
    try:
        await count.start(response.status, _head(response))
        if response.stream is not None and request.method != "HEAD" and response.status not in {204, 304}:
            await _stream(request, response.stream, pull, count)
        else:
            await count(b"", more=False)
    finally:
        with anyio.CancelScope(shield=True):
            await discard(response.stream)


class _Count:
    """Sends the messages of an answer and counts the bytes of its body; `Disconnected` when the client has gone."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.sent = 0

    async def start(self, status: int, raw: Raw) -> None:
        await self._deliver({"type": "http.response.start", "status": status, "headers": raw})

    async def __call__(self, data: bytes, *, more: bool) -> None:
        await self._deliver({"type": "http.response.body", "body": data, "more_body": more})
        self.sent += len(data)

    async def _deliver(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError:
            raise Disconnected("the client went away in the middle of the answer") from None


async def _stream(request: Request, stream: AsyncIterable[bytes | str], pull: Pull, count: _Count) -> None:
    gone = False
    failure: Exception | None = None

    async def watch(scope: anyio.CancelScope) -> None:
        nonlocal gone
        await pull.gone()
        gone = True
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        try:
            await _pour(stream, count)
        except Exception as error:  # noqa: BLE001  # raised below, out of the group
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if gone:
        raise Disconnected(f"the client left {request.path}")


async def _pour(stream: AsyncIterable[bytes | str], count: _Count) -> None:
    source = aiter(stream)
    try:
        async for chunk in source:
            await count(chunk.encode() if isinstance(chunk, str) else chunk, more=True)
    finally:
        with anyio.CancelScope(shield=True):
            await discard(source)
    await count(b"", more=False)


def _head(response: Response) -> Raw:
    raw, body = response.raw, response.body
    if body is None or response.status in {204, 304}:
        return raw
    for name, _ in raw:
        if name == b"content-length":
            return raw
    return [*raw, (b"content-length", str(len(body)).encode())]


async def _websocket(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    request = _request(scope, Body())
    try:
        response = await app.handle(request)
    except BaseException as ended:  # as in `_http`
        app.finish(request, Response(b"", _GONE), error=ended)
        raise
    error: BaseException | None = None
    try:
        if isinstance(response, Upgrade):
            await _talk(response, Socket(receive, send, response.raw))
        else:
            await _deny(scope, response, send)
    except Exception as failed:  # noqa: BLE001  # the client is told by 1011, the application's log by `finish`
        error = failed
    except BaseException as cancelled:
        error = cancelled
        raise
    finally:
        app.finish(request, response, sent=0, error=error)


async def _talk(response: Upgrade, socket: Socket) -> None:
    try:
        await response.run(socket)
    except SocketClosed:
        raise
    except Exception:
        await socket.close(1011, "internal error")
        raise
    await socket.close()


async def _deny(scope: Scope, response: Response, send: Send) -> None:
    try:
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        await send({"type": "websocket.http.response.start", "status": response.status, "headers": response.raw})
        if response.stream is not None:
            async for chunk in response.stream:
                data = chunk.encode() if isinstance(chunk, str) else chunk
                await send({"type": "websocket.http.response.body", "body": data, "more_body": True})
        await send({"type": "websocket.http.response.body", "body": response.body or b"", "more_body": False})
    finally:
        await discard(response.stream)
