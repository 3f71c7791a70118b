"""Router: routes that are declared together and share a prefix, guards, middleware and formats."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from arlen_core.conditions import HeaderIs, HostIs
from arlen_core.errors import StartupError
from arlen_core.grammar import parse
from arlen_core.routes import Condition, Mount, Route

__all__ = ["Router"]

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Router:
    """A group of routes. Routers nest: prefixes and names are joined, guards and middleware add up from outer to inner.

    Args:
        prefix: begins with a slash and ends without one; may hold placeholders.
        guards: called before the handler, outermost first.
        middleware: around the handler, outermost first.
        formats: of every route that declares none; an inner router overrides an outer one.
        host: of every route that declares none, such as "*.example.org"; an inner router overrides an outer one.
        name: joined with the names of its routes: "admin:users".
        tags: added to the tags of every route.
        options: of every route that does not say them itself, such as `deadline`, `max_body` or `security`; an inner
            router overrides an outer one, and mappings, such as `responses`, are merged key by key.

    >>> admin = Router("/admin", name="admin")
    >>> @admin.get("/users/{id:int}")
    ... async def user(id: int) -> dict[str, int]:
    ...     return {"id": id}
    >>> [(route.template, route.name) for route in admin.flat()]
    [('/admin/users/{id:int}', 'admin:user')]
    """

    def __init__(
        self,
        prefix: str = "",
        *,
        guards: Sequence[Any] = (),
        middleware: Sequence[Any] = (),
        formats: Sequence[str] | None = None,
        host: str | None = None,
        name: str = "",
        tags: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.prefix = _prefix(prefix)
        self.guards, self.around, self.tags = tuple(guards), tuple(middleware), tuple(tags)
        self.formats = None if formats is None else tuple(formats)
        self.host, self.name, self._usual = host, name, dict(options or {})
        self._items: list[tuple[str, str, Route | Mount | Router]] = []

    def route(
        self,
        path: str,
        *,
        methods: Iterable[str] = ("GET",),
        name: str = "",
        status: int | None = None,
        formats: Sequence[str] | None = None,
        guards: Sequence[Any] = (),
        middleware: Sequence[Any] = (),
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
        when: Sequence[Condition] = (),
        websocket: bool = False,
        **options: Any,
    ) -> Callable[[Handler], Handler]:
        """Declare a route.

        Args:
            path: a template that begins with a slash, or "" for the router's prefix itself.
            methods: in any case; `["*"]` takes every method.
            name: for `url_for`; the handler's own name by default.
            status: of a successful answer.
            formats: that the route answers with, such as `("html", "json")`; the first is the default.
            guards: after those of the router.
            middleware: inside that of the router.
            host: only for that host; a leading `*.` stands for one label.
            headers: only for requests with these header values.
            when: more conditions: callables that take the request and return whether the route is for it.
            websocket: for WebSockets.
            **options: kept in `Route.options`: `max_body`, `deadline`, `summary`, `tags`, ...

        Raises:
            StartupError: the template or a method is wrong.
        """
        if not isinstance(path, str):
            raise StartupError(f"a route needs a path, not {path!r}", fix='write it so: @app.get("/path")')
        parse(path if path or not self.prefix else self.prefix)
        conditions = tuple([HostIs(host)] if host else []) + tuple(
            HeaderIs(key, value) for key, value in (headers or {}).items()
        )

        def declare(handler: Handler) -> Handler:
            route = Route(
                methods=_methods(methods, path),
                template=path,
                endpoint=handler,
                name=name or getattr(handler, "__name__", type(handler).__name__),
                named=bool(name),
                formats=tuple(formats or ()),
                guards=tuple(guards),
                middleware=tuple(middleware),
                conditions=conditions + tuple(when),
                status=status,
                options=options,
                source=_source(handler),
                websocket=websocket,
            )
            self._declare("", "", route)
            return handler

        return declare

    def get(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a route for GET, and so for HEAD."""
        return self.route(path, methods=("GET",), **options)

    def post(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a route for POST."""
        return self.route(path, methods=("POST",), **options)

    def put(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a route for PUT."""
        return self.route(path, methods=("PUT",), **options)

    def patch(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a route for PATCH (RFC 5789)."""
        return self.route(path, methods=("PATCH",), **options)

    def delete(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a route for DELETE."""
        return self.route(path, methods=("DELETE",), **options)

    def options(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a route for OPTIONS, instead of the automatic answer."""
        return self.route(path, methods=("OPTIONS",), **options)

    def query(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a route for QUERY: safe like GET, with a body (RFC 10008)."""
        return self.route(path, methods=("QUERY",), **options)

    def websocket(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a route for WebSockets (RFC 6455)."""
        return self.route(path, methods=("GET",), websocket=True, **options)

    def guard(self, function: Handler) -> Handler:
        """Decorate a function that decides before every handler of this router: see `arlen_core.pipeline`."""
        self.guards += (function,)
        return function

    def middleware(self, function: Handler) -> Handler:
        """Decorate `async def function(request, next)`, which goes around every handler of this router."""
        self.around += (function,)
        return function

    def include(self, router: Router, prefix: str = "", *, name: str = "") -> None:
        """Add the routes of another router below `prefix`, also those that it gets later.

        A router may be included twice, under different prefixes and names.

        Raises:
            StartupError: the prefix is wrong, or the routers include each other.
        """
        if router.holds(self):
            raise StartupError(
                f"the router {router.name or router.prefix!r} would include itself",
                fix="remove one of the includes",
                code="router_cycle",
            )
        self._declare(_prefix(prefix), name, router)

    def mount(self, prefix: str, target: Any, *, name: str = "", host: str | None = None) -> None:
        """Put another application below `prefix`, which has no placeholders; "" puts it below every route."""
        frame = sys._getframe(1)  # noqa: SLF001  # the public way reads every source line of the stack
        source = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        conditions = (HostIs(host),) if host else ()
        self._declare("", "", Mount(prefix=prefix, target=target, name=name, conditions=conditions, source=source))

    def flat(self) -> list[Route | Mount]:
        """Return all routes and mounts, with everything inherited, in the order of declaration.

        Raises:
            StartupError: a template is wrong after joining.
        """
        made = []
        for prefix, name, item in self._items:
            inner = item.flat() if isinstance(item, Router) else [item]
            made += [self._inherit(each, prefix, name) for each in inner]
        return made

    def holds(self, router: Router) -> bool:
        """Say whether `router` is this one, or included in it."""
        inner = (item for _, _, item in self._items if isinstance(item, Router))
        return router is self or any(each.holds(router) for each in inner)

    def _declare(self, prefix: str, name: str, item: Route | Mount | Router) -> None:
        self._items.append((prefix, name, item))

    def _inherit(self, item: Route | Mount, prefix: str, name: str) -> Route | Mount:
        shared: dict[str, Any] = {
            "name": ":".join(part for part in (self.name, name, item.name) if part),
            "guards": self.guards + item.guards,
            "middleware": self.around + item.middleware,
            "conditions": self._conditions(item.conditions),
        }
        if isinstance(item, Mount):
            return replace(item, prefix=self.prefix + prefix + item.prefix, **shared)
        template = self.prefix + prefix + item.template or "/"
        options = _merged(self._usual, item.options)
        if self.tags:
            options["tags"] = (*self.tags, *options.get("tags", ()))
        formats = item.formats or self.formats or ()
        return replace(item, template=template, formats=formats, options=options, **shared)

    def _conditions(self, inner: tuple[Condition, ...]) -> tuple[Condition, ...]:
        if self.host is None or any(isinstance(each, HostIs) for each in inner):
            return inner
        return (HostIs(self.host), *inner)


def _merged(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    both = [name for name in outer if isinstance(outer[name], Mapping) and isinstance(inner.get(name), Mapping)]
    return {**outer, **inner, **{name: {**outer[name], **inner[name]} for name in both}}


def _prefix(prefix: str) -> str:
    if prefix.endswith("/") or (prefix and not prefix.startswith("/")):
        raise StartupError(
            f"{prefix!r} is no prefix for a router",
            fix=f"write {'/' + prefix.strip('/') if prefix.strip('/') else ''!r}",
            code="template_invalid",
        )
    if prefix:
        parse(prefix)
    return prefix


def _methods(methods: Iterable[str], path: str) -> frozenset[str]:
    made = frozenset(each.upper() for each in methods)
    wrong = sorted(each for each in made if not re.fullmatch(r"\*|[!#$%&'+\-.^_`|~0-9A-Z]+", each))
    if wrong or not made:
        raise StartupError(
            f"route {path!r}: {wrong[0] if wrong else 'an empty list'!r} is no method",
            fix="use names such as GET, or * for every method",
            code="method_invalid",
        )
    return made


def _source(handler: Any) -> str:
    while True:
        inner = getattr(handler, "__wrapped__", None) or getattr(handler, "func", None)
        if inner is None:
            break
        handler = inner
    code = getattr(handler, "__code__", None) or getattr(type(handler).__call__, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else ""
