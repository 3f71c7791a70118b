"""WSGI: an application of that interface (PEP 3333) as an ASGI application, in threads of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import to_thread

from arlen_core.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["LEFT", "THREADS", "Wsgi"]

LEFT = "arlen.left"
"""The key of the scope for a function that says whether the client has gone."""

THREADS = 10
"""Requests to one WSGI application that run at the same time."""


class Wsgi:
    """A WSGI application in the clothes of ASGI. Its threads live from the startup of its lifespan to the shutdown.

    Args:
        target: the application: `target(environ, start_response)`.

    Raises `StartupError` when `arlen-core[wsgi]` is not installed.
    """

    def __init__(self, target: Callable[..., Iterable[bytes]]) -> None:
        try:
            from a2wsgi import WSGIMiddleware  # an extra
        except ImportError:
            raise StartupError("a WSGI application needs a bridge", fix="pip install 'arlen-core[wsgi]'") from None
        self._make, self._target = WSGIMiddleware, target
        self._bridge: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection, or the lifespan."""
        if scope["type"] != "lifespan":
            await self._bridge(scope, receive, send)
            return
        await receive()
        self._bridge = self._make(self._run, workers=THREADS)  # type: ignore[arg-type]  # its own names for dict
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await to_thread.run_sync(self._bridge.executor.shutdown, abandon_on_cancel=True)
        await send({"type": "lifespan.shutdown.complete"})

    def _run(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        # a thread cannot be cancelled: it is asked between two chunks
        left = environ["asgi.scope"][LEFT]
        chunks = self._target(environ, start_response)
        try:
            for chunk in chunks:
                if left():
                    break
                yield chunk
        finally:
            end = getattr(chunks, "close", None)
            if end is not None:
                end()
