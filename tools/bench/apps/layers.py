"""The five middlewares as pure ASGI classes, outermost first."""

from collections.abc import Awaitable, Callable
from typing import Any

from tools.bench.apps import shared

__all__ = ["ALL", "App", "Named", "Secured", "Session", "Tagged", "Timed", "wrap"]

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]
SECURITY = [(name.encode(), value.encode()) for name, value in shared.SECURITY]


class Layer:
    """Passes on what is no HTTP request."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.http(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def http(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle a request."""
        raise NotImplementedError


class Named(Layer):
    """The request id."""

    async def http(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle a request."""
        name = shared.identity(_field(scope, b"x-request-id"))

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", name.encode())]
            await send(message)

        await self.app(scope, receive, answer)


class Timed(Layer):
    """Server-Timing."""

    async def http(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle a request."""
        start = shared.clock()

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"server-timing", shared.elapsed(start).encode())]
            await send(message)

        await self.app(scope, receive, answer)


class Secured(Layer):
    """The security headers."""

    async def http(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle a request."""

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SECURITY]
            await send(message)

        await self.app(scope, receive, answer)


class Session(Layer):
    """The session in a signed cookie."""

    async def http(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle a request."""
        session = scope["session"] = shared.load_session(_field(scope, b"cookie"))

        async def answer(message: Any) -> None:
            if session and message["type"] == "http.response.start":
                field = (b"set-cookie", shared.save_session(session).encode())
                message["headers"] = [*message["headers"], field]
            await send(message)

        await self.app(scope, receive, answer)


class Tagged(Layer):
    """The ETag; it holds the head back until the body is there."""

    async def http(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle a request."""
        start: Any = None
        body = b""

        async def answer(message: Any) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                start["headers"] = [*start["headers"], (b"etag", shared.tag(body).encode())]
                await send(start)
                await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, answer)


ALL: tuple[type[Layer], ...] = (Named, Timed, Secured, Session, Tagged)


def wrap(app: App) -> App:
    """Put all five around an application."""
    for layer in reversed(ALL):
        app = layer(app)
    return app


def _field(scope: Any, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return None
