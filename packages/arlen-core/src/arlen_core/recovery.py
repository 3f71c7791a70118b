"""Recovery: what an exception becomes, by the application's own error handlers or as a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arlen_core.answers import answer
from arlen_core.errors import Disconnected, HTTPError
from arlen_core.problems import problem, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from arlen_core.app import App
    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["Recovery"]


class Recovery:
    """Makes responses of exceptions, and never raises.

    Args:
        app: whose log, hooks and renderer are used.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._handlers: dict[int | type[Exception], Callable[..., Any]] = {}

    def register(self, kind: int | type[Exception], function: Callable[..., Any]) -> None:
        """Answer a status or a type of exception with `function(ctx, error)`."""
        self._handlers[kind] = function

    async def __call__(self, request: Request, error: Exception) -> Response:
        """Return the response: of the handler of the nearest type, else of the status, else a problem."""
        if isinstance(error, Disconnected):
            error = HTTPError(400, "the client went away", code="client_disconnected")
        handler = self._handler(error)
        if handler is None and not isinstance(error, HTTPError):
            self._app.log.error("http.request.failed", method=request.method, path=request.path, exc_info=error)
        try:
            await self._app.hooks.run("error", request, error)
            if handler is not None:
                made = await answer(
                    await handler(self._app.context(request), error), wrap(error).status, self._app.http.formats
                )
                for name, value in wrap(error).headers.items():
                    made.headers.default(name, value)
                return made
        except Exception as failure:
            self._app.log.exception("http.error_handler.failed", path=request.path, exc_info=failure)
            error = failure
        return self._plain(request, error)

    def _handler(self, error: Exception) -> Callable[..., Any] | None:
        for kind in type(error).__mro__:
            if kind in self._handlers:
                return self._handlers[kind]
        return self._handlers.get(wrap(error).status)

    def _plain(self, request: Request, error: Exception) -> Response:
        if self._app.debug and not isinstance(error, HTTPError):
            from arlen_core.debug import report  # development only

            return report(request, error)
        return problem(request, wrap(error))
