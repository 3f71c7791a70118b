"""Context: one request together with what the application offers to its handler."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from arlen_core.answers import View
from arlen_core.errors import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable

    from arlen_core.app import App
    from arlen_core.queries import Query
    from arlen_core.requests import Request

__all__ = ["Context", "Helpers"]

T = TypeVar("T")


class Helpers:
    """The application's helpers, called by name; those that want the context get it first.

    `ctx.helpers.excerpt(text)` calls what `app.helper("excerpt", ...)` registered; `AttributeError` if none is.
    """

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found = self._context.app.helpers.get(name)
        if found is None:
            raise AttributeError(f"there is no helper {name!r}; `app.helper({name!r}, function)` adds one")
        function, wants = found
        if not wants:
            return function
        return lambda *args, **options: function(self._context, *args, **options)


class Context:
    """What a handler takes when it needs more than its parameters: `async def show(ctx: Context)`.

    Args:
        app: the application that answers.
        request: the request.
    """

    __slots__ = ("app", "request")

    def __init__(self, app: App, request: Request) -> None:
        self.app = app
        self.request = request

    @property
    def params(self) -> dict[str, Any]:
        """The path parameters."""
        return self.request.params

    @property
    def query(self) -> Query:
        """The query parameters."""
        return self.request.query

    @property
    def log(self) -> Any:
        """The application's logger; its lines carry the request id."""
        return self.app.log

    @property
    def helpers(self) -> Helpers:
        """The helpers that the application and its plugins registered."""
        return Helpers(self)

    def render(
        self,
        template: str,
        /,
        *,
        status: int | None = None,
        data: Any = None,
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> View:
        """Answer with a page, or with JSON when the client prefers it (by suffix, then by Accept).

        Args:
            template: its name below the templates folder, without suffix: "notes/show".
            status: of the answer, in place of the route's.
            data: what JSON shows, in place of the values.
            headers: more header fields.
            **values: what the template sees.
        """
        return View(self, template, values, data=data, status=status, headers=headers)

    def url_for(self, name: str, /, **params: Any) -> str:
        """Return the path of a named route, right under a mount prefix; see `App.url_for`."""
        return self.app.url_for(name, _root=self.request.root, **params)

    def flash(self, message: str, kind: str = "info") -> None:
        """Leave a message for the next page that this client sees; needs `arlen-web`."""
        self.request.state.setdefault("flash", []).append({"kind": kind, "message": message})

    def background(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> None:
        """Run `function` when the response has been sent; a failure is logged, a full queue refuses (503)."""
        if self.app.background.full:
            self.app.background.refused()
            raise HTTPError(503, "too much work waits here", code="background_full", headers={"retry-after": "1"})
        self.request.state.setdefault("background", []).append((copy_context(), function, args, options))

    async def service(self, kind: type[T]) -> T:
        """Return the service of that type, as a parameter of that type would be."""
        return await self.app.service(kind, self.request)

    def __repr__(self) -> str:
        return f"<Context {self.request!r}>"
