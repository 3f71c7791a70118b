"""Foreign: an ASGI application inside this one, with its lifespan, its streams and its WebSockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import anyio

from arlen_core.errors import Disconnected, HTTPError, StartupError
from arlen_core.responses import Response, Stream, Upgrade
from arlen_core.sockets import SocketClosed
from arlen_core.wsgi import LEFT

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Coroutine, MutableMapping

    from arlen_core.requests import Request
    from arlen_core.sockets import Transport

    Failed = Callable[[str, BaseException], object]

__all__ = ["Foreign"]

Message = dict[str, Any]


class Foreign:
    """An ASGI application as a part of this one.

    Args:
        target: the application.
        name: for errors.
        failed: called with the name and an error when it fails where nobody waits for it.
        threads: it runs in threads, which cannot be cancelled: when the client has gone, its answer is thrown away
            until it has ended.
    """

    def __init__(
        self, target: Any, name: str = "the mounted application", *, failed: Failed | None = None, threads: bool = False
    ) -> None:
        self._target, self._name, self._failed, self._threads = target, name, failed, threads
        self._calls: dict[asyncio.Task[None], _Call] = {}
        self._lifespan: _Lifespan | None = None
        self._life: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the startup of its lifespan; an application without one is fine. `StartupError` when that fails."""
        self._lifespan = _Lifespan(self._target, self._name)
        self._life = _spawn(self._lifespan.run())
        try:
            await self._lifespan.started()
        except BaseException:
            await self._ended()
            raise

    async def stop(self) -> None:
        """End what still answers, then run the shutdown of its lifespan; `RuntimeError` when that fails."""
        for task, call in list(self._calls.items()):
            call.close()
            if not self._threads:
                task.cancel()
        await _over(*self._calls)
        try:
            if self._lifespan is not None:
                await self._lifespan.stop()
        finally:
            await self._ended()

    async def handle(self, request: Request) -> Response:
        """Answer a request; the child runs on while its body is sent, and is told when the client has gone."""
        if request.upgrade:
            return Upgrade(lambda transport: self._socket(request, transport))
        call = _Call(request, self._scope(request, "http"), quiet=self._threads, failed=self._late)
        task = _spawn(call.run(self._target))
        self._calls[task] = call
        task.add_done_callback(self._calls.pop)
        try:
            return await call.response()
        except BaseException:
            call.close()
            raise

    async def _socket(self, request: Request, transport: Transport) -> None:
        bridge = _Bridge(transport)
        await self._target(self._scope(request, "websocket"), bridge.receive, bridge.send)

    def _scope(self, request: Request, kind: str) -> Message:
        state = {} if self._lifespan is None else self._lifespan.state
        return _scope(request, kind) | {"state": dict(state)}

    def _late(self, error: BaseException) -> None:
        if self._failed is not None:
            self._failed(self._name, error)

    async def _ended(self) -> None:
        task, self._life = self._life, None
        if task is not None:
            task.cancel()
            await _over(task)


def _spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    import asyncio  # 6 MB, which every event loop has already, but not every import

    return asyncio.get_running_loop().create_task(work)


async def _over(*tasks: asyncio.Task[None]) -> None:
    if tasks:
        import asyncio

        await asyncio.wait(tasks)


class _Call:
    """One request to an ASGI application; its messages wait until the client has read the ones before."""

    def __init__(
        self, request: Request, scope: Message, *, quiet: bool, failed: Callable[[BaseException], object]
    ) -> None:
        self._body, self._bodiless = request.body, request.method == "HEAD"
        self._quiet, self._failed = quiet, failed
        self._scope = scope | {LEFT: self.left}
        self._send, self._messages = anyio.create_memory_object_stream[Message](0)
        self._gone = anyio.Event()
        self._failure: Exception | None = None
        self._refused: HTTPError | None = None
        self._read = False

    def left(self) -> bool:
        """Return true when nobody reads any more."""
        return self._gone.is_set()

    async def run(self, target: Any) -> None:
        async with self._send:
            try:
                await target(self._scope, self._receive, self._deliver)
            except Exception as error:  # noqa: BLE001  # raised where the answer is awaited
                self._failure = error
                if self.left() and not isinstance(error, OSError):
                    self._failed(error)

    async def response(self) -> Response:
        head = await self.next()
        if self._refused is not None:  # whatever it made of that
            raise self._refused
        if head is None or head["type"] != "http.response.start":
            raise self._failure or RuntimeError("the mounted application ended without an answer")
        raw = [(bytes(name).lower(), bytes(value)) for name, value in head.get("headers", ())]
        status = head["status"]
        if any(name == b"content-length" for name, _ in raw) or status in {204, 304} or self._bodiless:
            made = await self._whole(status)
        else:
            made = Stream(_Rest(self), status, media="")
        made.raw.extend(raw)
        return made

    async def _whole(self, status: int) -> Response:
        first = await self.next()
        if first is None:
            raise self._failure or RuntimeError("the mounted application ended without a body")
        if first.get("more_body"):
            return Stream(_Rest(self, first), status, media="")
        self.close()
        return Response(first.get("body", b""), status, media="")

    async def next(self) -> Message | None:
        """Return its next message, or `None` when it has ended."""
        try:
            return await self._messages.receive()
        except anyio.EndOfStream:
            return None

    def broken(self) -> Exception:
        """Return why its answer is not complete."""
        return self._failure or RuntimeError("the mounted application ended in the middle of its answer")

    def close(self) -> None:
        """Say that the answer is complete, or that nobody reads it."""
        self._gone.set()
        self._messages.close()

    async def _receive(self) -> Message:
        if not self._read:
            try:
                data = await self._body.next()
            except Disconnected:
                return {"type": "http.disconnect"}
            except HTTPError as error:
                self._refused = error
                raise
            self._read = not data
            return {"type": "http.request", "body": data, "more_body": bool(data)}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _deliver(self, message: MutableMapping[str, Any]) -> None:
        try:
            await self._send.send(dict(message))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            if not self._quiet:
                raise OSError("the client went away") from None


class _Rest:
    """The body of an answer as it comes; closing it tells the application that the client has gone."""

    __slots__ = ("_call", "_ended", "_message")

    def __init__(self, call: _Call, first: Message | None = None) -> None:
        self._call, self._message, self._ended = call, first, False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        message, self._message = self._message or await self._call.next(), None
        if message is None:
            await self.aclose()
            raise self._call.broken()
        if not message.get("more_body"):
            await self.aclose()
        data: bytes = message.get("body", b"")
        return data

    async def aclose(self) -> None:
        self._ended = True
        self._call.close()


class _Lifespan:
    def __init__(self, target: Any, name: str) -> None:
        self._target, self._name = target, name
        self._up, self._down, self._stop = anyio.Event(), anyio.Event(), anyio.Event()
        self._asked = False
        self._failure = ""
        self.state: dict[str, Any] = {}

    async def run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._target(scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001  # raised by `started` and `stop`
            # before it said anything: an application that knows no lifespan
            if self._up.is_set() and not self._failure:
                self._failure = f"{type(error).__name__}: {error}"
        finally:
            self._up.set()
            self._down.set()

    async def started(self) -> None:
        await self._up.wait()
        if self._failure:
            raise StartupError(f"{self._name} did not start: {self._failure}", code="start_failed")

    async def stop(self) -> None:
        self._stop.set()
        await self._down.wait()
        if self._failure:
            raise RuntimeError(f"{self._name} did not stop: {self._failure}")

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        await self._stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"].endswith(".failed"):
            self._failure = message.get("message") or "no reason given"
        (self._up if message["type"].startswith("lifespan.startup") else self._down).set()


class _Bridge:
    """An ASGI application's WebSocket messages over a `Transport`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._connected = self._accepted = self._refused = False

    async def receive(self) -> Message:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        if self._refused:
            return {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        try:
            message = await self._transport.receive()
        except SocketClosed as gone:
            return {"type": "websocket.disconnect", "code": gone.code, "reason": gone.reason}
        return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "websocket.accept":
            self._accepted = True
            await self._transport.accept(message.get("subprotocol"), list(message.get("headers") or []))
        elif message["type"] == "websocket.send":
            text = message.get("text")
            await self._transport.send(text if text is not None else message["bytes"])
        elif not self._accepted:  # whoever ends without having accepted has refused
            self._refused = True
        elif message["type"] == "websocket.close":
            await self._transport.close(message.get("code", 1000), message.get("reason") or "")


def _scope(request: Request, kind: str) -> Message:
    root = unquote(request.root)
    scheme = request.scheme if kind == "http" else {"http": "ws", "https": "wss"}[request.scheme]
    scope: Message = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request.version,
        "scheme": scheme,
        "path": root + unquote(request.target.decode("latin-1")),
        "raw_path": request.root.encode() + request.target,
        "root_path": root,
        "query_string": request.query_string,
        "headers": list(request.raw),
        "client": request.client,
        "server": request.server,
    }
    if kind == "http":
        return {**scope, "method": request.method}
    asked = (request.headers.get("sec-websocket-protocol") or "").split(",")
    return {**scope, "subprotocols": [each.strip() for each in asked if each.strip()]}
