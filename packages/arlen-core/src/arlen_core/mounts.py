"""Mounts: other applications below a prefix, be they Arlen's, ASGI or WSGI."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import anyio

from arlen_core.errors import Disconnected, StartupError
from arlen_core.lifecycle import Unit
from arlen_core.responses import Response, Stream, Upgrade
from arlen_core.sockets import SocketClosed

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping

    from arlen_core.requests import Request
    from arlen_core.sockets import Transport

__all__ = ["Foreign", "adopt"]

Message = dict[str, Any]


def adopt(prefix: str, target: Any) -> tuple[Callable[[Request], Awaitable[Response]], Unit | None]:
    """Return how to call a mounted application, and the unit of its lifecycle if it has one.

    Args:
        prefix: where it is mounted.
        target: an `App`, an ASGI application (three parameters) or a WSGI application (two).

    Raises `StartupError` when it is none of these, or when `arlen-core[wsgi]` is not installed for a WSGI application.
    """
    name = f"mounted application {getattr(target, 'name', type(target).__name__)!r}"
    if hasattr(target, "handle") and hasattr(target, "start"):
        return _below(prefix, target.handle), Unit(name, target.start, target.stop)
    if _parameters(target) == 2:
        return _below(prefix, Foreign(_wsgi(target)).handle), None
    if _parameters(target) != 3:
        raise StartupError(f"{target!r} cannot be mounted", fix="mount an App, an ASGI or a WSGI application")
    foreign = Foreign(target)
    return _below(prefix, foreign.handle), Unit(name, foreign.start, foreign.stop)


def _below(prefix: str, handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def call(request: Request) -> Response:
        child = request.below(prefix, request.state.pop("mounted"))
        response = await handle(child)
        response.headers.default("x-arlen-mount-prefix", prefix)
        request.template = child.template or request.template
        return response

    return call


class Foreign:
    """An ASGI application as a part of this one, lifespan and streams included.

    Args:
        target: the application.
    """

    def __init__(self, target: Any) -> None:
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self._lifespan: _Lifespan | None = None

    async def start(self) -> None:
        """Run the startup of its lifespan; an application without one is fine."""
        self._lifespan = _Lifespan(self._target)
        self._spawn(self._lifespan.run())
        await self._lifespan.started()

    async def stop(self) -> None:
        """Run the shutdown of its lifespan, and cancel what still answers."""
        if self._lifespan is not None:
            await self._lifespan.stop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            import asyncio

            await asyncio.wait(self._tasks)

    async def handle(self, request: Request) -> Response:
        """Answer a request; the child runs on while its body is sent, and is told when the client has gone."""
        if request.upgrade:
            return Upgrade(lambda transport: self._socket(request, transport))
        call = _Call(request)
        self._spawn(call.run(self._target))
        return await call.response()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        import asyncio  # 6 MB, which every event loop has already, but not every import

        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _socket(self, request: Request, transport: Transport) -> None:
        bridge = _Bridge(transport)
        await self._target(_scope(request, "websocket"), bridge.receive, bridge.send)


class _Call:
    """One request to an ASGI application; its messages wait until the client has read the ones before."""

    def __init__(self, request: Request) -> None:
        self._scope = _scope(request, "http")
        self._body = request.body
        self._send, self._messages = anyio.create_memory_object_stream[Message](0)
        self._gone = anyio.Event()
        self._failure: Exception | None = None
        self._read = False

    async def run(self, target: Any) -> None:
        async with self._send:
            try:
                await target(self._scope, self._receive, self._deliver)
            except Exception as error:  # noqa: BLE001  # raised where the answer is awaited
                if self._gone.is_set():
                    return
                self._failure = error

    async def response(self) -> Response:
        head = await self._next()
        if head is None or head["type"] != "http.response.start":
            raise self._failure or RuntimeError("the mounted application ended without an answer")
        first = await self._next() or {}
        if not first.get("more_body"):
            self._close()
            made = Response(first.get("body", b""), head["status"], media="")
        else:
            made = Stream(self._rest(first), head["status"], media="")
        made.raw.extend((bytes(name).lower(), bytes(value)) for name, value in head.get("headers", ()))
        return made

    async def _rest(self, message: Message) -> AsyncIterator[bytes]:
        try:
            yield message.get("body", b"")
            while message.get("more_body"):
                found = await self._next()
                if found is None:
                    raise self._failure or RuntimeError("the mounted application ended in the middle of its answer")
                message = found
                yield message.get("body", b"")
        finally:
            self._close()

    async def _next(self) -> Message | None:
        try:
            return await self._messages.receive()
        except anyio.EndOfStream:
            return None

    def _close(self) -> None:
        self._gone.set()
        self._messages.close()

    async def _receive(self) -> Message:
        if not self._read:
            try:
                data = await self._body.next()
            except Disconnected:
                return {"type": "http.disconnect"}
            self._read = not data
            return {"type": "http.request", "body": data, "more_body": bool(data)}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _deliver(self, message: MutableMapping[str, Any]) -> None:
        try:
            await self._send.send(dict(message))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise OSError("the client went away") from None


class _Lifespan:
    def __init__(self, target: Any) -> None:
        self._target = target
        self._up, self._down, self._stop = anyio.Event(), anyio.Event(), anyio.Event()
        self._asked = False
        self._supported = True
        self._failure = ""

    async def run(self) -> None:
        try:
            await self._target(
                {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}},
                self._receive,
                self._send,
            )
        except Exception as error:  # noqa: BLE001  # raised by `started` and `stop`
            if self._up.is_set():
                self._failure = f"{type(error).__name__}: {error}"
            self._supported = False
        finally:
            self._up.set()
            self._down.set()

    async def started(self) -> None:
        await self._up.wait()
        if self._failure:
            raise StartupError(f"the mounted application did not start: {self._failure}")

    async def stop(self) -> None:
        self._stop.set()
        await self._down.wait()
        if self._failure:
            raise RuntimeError(f"the mounted application did not stop: {self._failure}")

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
        self._connected = False

    async def receive(self) -> Message:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        try:
            message = await self._transport.receive()
        except SocketClosed as gone:
            return {"type": "websocket.disconnect", "code": gone.code, "reason": gone.reason}
        return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "websocket.accept":
            await self._transport.accept(message.get("subprotocol"), list(message.get("headers") or []))
        elif message["type"] == "websocket.send":
            text = message.get("text")
            await self._transport.send(text if text is not None else message["bytes"])
        elif message["type"] == "websocket.close":
            await self._transport.close(message.get("code", 1000), message.get("reason") or "")


def _scope(request: Request, kind: str) -> Message:
    path = request.root + unquote(request.target.decode("latin-1"))
    scheme = request.scheme if kind == "http" else {"http": "ws", "https": "wss"}[request.scheme]
    scope: Message = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request.version,
        "scheme": scheme,
        "path": path,
        "raw_path": request.root.encode() + request.target,
        "root_path": request.root,
        "query_string": request.query_string,
        "headers": request.raw,
        "client": request.client,
        "server": request.server,
    }
    if kind == "http":
        return {**scope, "method": request.method}
    asked = (request.headers.get("sec-websocket-protocol") or "").split(",")
    return {**scope, "subprotocols": [each.strip() for each in asked if each.strip()]}


def _parameters(target: Any) -> int:
    call = target if inspect.isroutine(target) else getattr(target, "__call__", None)  # noqa: B004
    try:
        signature = inspect.signature(call)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 0
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return sum(each.kind in kinds for each in signature.parameters.values())


def _wsgi(target: Any) -> Any:
    try:
        from a2wsgi import WSGIMiddleware  # an extra
    except ImportError:
        raise StartupError("a WSGI application needs a bridge", fix="pip install 'arlen-core[wsgi]'") from None
    return WSGIMiddleware(target)
