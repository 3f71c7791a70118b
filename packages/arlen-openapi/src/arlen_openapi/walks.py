"""Walks: every route of an application and of those mounted in it, with what stands around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from arlen_core.routes import Mount, Route, bind_types

if TYPE_CHECKING:
    from arlen_core.app import App
    from arlen_core.binding import Parameter, Plan

__all__ = ["BODIES", "Step", "walk"]

BODIES = frozenset({"POST", "PUT", "PATCH", "DELETE", "QUERY", "*"})
"""Methods whose handlers may read a body."""


class Step(Struct, frozen=True):
    """One route on the way.

    Attributes:
        app: the application that it belongs to.
        route: the route, with the types of its placeholders as the handler says them.
        taken: the parameters of its handler.
        prefix: of the mounts around its application.
        names: of these mounts, outermost first.
        guards, middleware: all around it, outermost first.
    """

    app: Any
    route: Route
    taken: tuple[Parameter, ...]
    prefix: str = ""
    names: tuple[str, ...] = ()
    guards: tuple[Any, ...] = ()
    middleware: tuple[Any, ...] = ()

    @property
    def template(self) -> str:
        """The template of the route, below its mounts: what requests have in `Request.template`."""
        return self.prefix + self.route.template

    @property
    def options(self) -> Mapping[str, Any]:
        """What was said about the route."""
        return self.route.options

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of the route."""
        return self.route.formats or tuple(self.app.http.formats)


def walk(app: App, around: Step | None = None) -> Iterator[Step]:
    """Yield the routes of an application that documents show, depth first, in the order of declaration.

    Routes for WebSockets are left out, and those with the option `openapi=False`. Mounted applications are looked
    through when they are Arlen's own.

    Raises `StartupError` for a handler that cannot be bound, and for plugins that do not fit.
    """
    app.plugins.settle()  # it may be that nothing has started yet
    binder = app.binder()
    for item in app.flat():
        if isinstance(item, Mount):
            if hasattr(item.target, "flat") and hasattr(item.target, "binder"):
                yield from walk(item.target, _below(app, item, around))
        elif not item.websocket and item.options.get("openapi", True):
            yield _step(app, item, around, binder.plan(*_signature(item), body=bool(item.methods & BODIES)))


def _signature(route: Route) -> tuple[Any, set[str]]:
    return route.endpoint, {each.name for each in route.pattern.placeholders}


def _step(app: App, route: Route, around: Step | None, plan: Plan) -> Step:
    bind_types(route, {each.wire: each.kind for each in plan.parameters if each.source == "path"})
    outer = around or Step(app, route, ())
    guards, middleware = outer.guards + route.guards, outer.middleware + route.middleware
    return Step(app, route, plan.parameters, outer.prefix, outer.names, guards, middleware)


def _below(app: App, mount: Mount, around: Step | None) -> Step:
    outer = around or Step(app, Route(methods=frozenset(), template="", endpoint=walk), ())
    name = mount.name or mount.prefix.strip("/").replace("/", "_")
    return Step(
        app, outer.route, (), outer.prefix + mount.prefix, (*outer.names, name), outer.guards + mount.guards,
        outer.middleware + mount.middleware,
    )  # fmt: skip
