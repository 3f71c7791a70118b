"""Recovery: what an exception becomes, by the application's own error handlers or as a problem."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from arlen_core.answers import answer
from arlen_core.errors import Disconnected, HTTPError, StartupError
from arlen_core.problems import problem, wrap
from arlen_core.signatures import place, target

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
        """Answer a status or a type of exception with `function(ctx, error)`, a coroutine function.

        A second one for the same takes the place of the first. Raises `StartupError` when either is none.
        """
        if not _known(kind):
            raise StartupError(f"{kind!r} is no error", fix="name a status from 400 to 599 or a type of exception")
        if not iscoroutinefunction(target(function)):
            raise StartupError(f"the error handler {place(function)} is no coroutine function", fix="write `async def`")
        self._handlers[kind] = function

    async def __call__(self, request: Request, error: Exception) -> Response:
        """Return the response: of the handler of the nearest type, else of the status, else a problem."""
        if isinstance(error, Disconnected):
            error = HTTPError(400, "the client went away", code="client_disconnected")
        handler, foreseen = self._handler(error)
        if not foreseen and not isinstance(error, HTTPError):
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

    def _handler(self, error: Exception) -> tuple[Callable[..., Any] | None, bool]:
        """Return the handler, and whether it is for this type: one for a status or for `Exception` foresees nothing."""
        for kind in type(error).__mro__:
            if kind in self._handlers:
                return self._handlers[kind], kind is not Exception
        return self._handlers.get(wrap(error).status), False

    def _plain(self, request: Request, error: Exception) -> Response:
        try:
            if self._app.debug and not isinstance(error, HTTPError):
                from arlen_core.debug import report  # development only

                return report(request, error)
            return problem(request, wrap(error))
        except Exception as failure:  # such as an HTTPError with a header that HTTP forbids
            self._app.log.exception("http.error_handler.failed", path=request.path, exc_info=failure)
            return problem(request, wrap(failure))


def _known(kind: object) -> bool:
    if isinstance(kind, int):
        return 400 <= kind <= 599
    return isinstance(kind, type) and issubclass(kind, Exception)
