"""Routes: what an application answers, one method and path template at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from msgspec import Struct, field

from arlen_core.errors import StartupError
from arlen_core.grammar import parse
from arlen_core.patterns import Pattern
from arlen_core.placeholders import PATH, TEXT, Kind, of_type

if TYPE_CHECKING:
    from pathlib import Path

    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["ANY", "Condition", "Mount", "Route", "bind_types", "origin", "table"]

ANY = "*"
"""The method of a route that takes every method."""

Condition = Callable[["Request"], bool]


class Route(Struct, kw_only=True, eq=False):
    """One handler and when it is called.

    Attributes:
        methods: in capitals, or `{"*"}` for every method.
        template: the whole path template, prefixes included.
        endpoint: the handler as it was written.
        name: for `url_for`, joined with the names of its routers: "admin:users".
        named: whether the name was given; if not, it is the handler's own.
        formats: the formats that were declared for it, or none: then the application's default ones.
        guards, middleware: outermost first.
        conditions: all of them must be true for the request.
        status: the status of a successful answer, or `None` for the usual one.
        options: everything else that was said about the route (`max_body`, `deadline`, `summary`, `tags`, ...).
        source: "file:line" of the handler.
        websocket: whether it is for WebSockets.
        call: what answers a request, composed when the application starts.
    """

    methods: frozenset[str]
    template: str
    endpoint: Callable[..., Any]
    name: str = ""
    named: bool = False
    formats: tuple[str, ...] = ()
    guards: tuple[Any, ...] = ()
    middleware: tuple[Any, ...] = ()
    conditions: tuple[Condition, ...] = ()
    status: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    websocket: bool = False
    call: Callable[[Request], Awaitable[Response]] | None = None
    pattern: Pattern = field(default_factory=lambda: parse("/"))

    def __post_init__(self) -> None:
        self.pattern = parse(self.template or "/")

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """The more specific route has the smaller rank."""
        return self.pattern.rank

    def splits(self, suffix: str) -> bool:
        """Say whether a suffix such as "json" at the end of the path is the format, not part of the last value."""
        return suffix in self.formats and self.pattern.segments[-1].rank > 1


class Mount(Struct, kw_only=True, eq=False):
    """Another application below a prefix.

    Attributes:
        prefix: without placeholders and without a slash at the end; "" mounts at the root, below every route.
        target: the application.
        name: for `url_for`, to reach the child's routes.
        guards, middleware: of the routers around it, outermost first.
        conditions: all of them must be true for the request.
        source: "file:line" of the call, for errors.
        call: what answers a request, composed when the application starts.
    """

    prefix: str
    target: Any
    name: str = ""
    guards: tuple[Any, ...] = ()
    middleware: tuple[Any, ...] = ()
    conditions: tuple[Condition, ...] = ()
    source: str = ""
    call: Callable[[Request], Awaitable[Response]] | None = None
    pattern: Pattern = field(default_factory=lambda: parse("/"))

    @property
    def template(self) -> str:
        """The path template of everything below the prefix."""
        return self.prefix + "/{rest:path}"

    def __post_init__(self) -> None:
        self.pattern = parse(self.prefix + "/{rest:path}")
        if len(self.pattern.names) > 1 or self.prefix.endswith("/"):
            raise StartupError(
                f"{self.prefix!r} is no prefix for a mount",
                fix="begin with a slash, end without one, and use no placeholders",
                code="mount_invalid",
            )

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """A mount owns its prefix: it comes after static routes, before all others; one at the root comes last."""
        return (1 if self.prefix else 4, 1 - len(self.pattern.segments), 0, 0)


def bind_types(route: Route, types: Mapping[str, Any]) -> None:
    """Give the placeholders of `route` that have no type, or a regular expression, that of the handler's annotation.

    Args:
        route: changed in place, before the application's `Matcher` is made.
        types: annotations by name: int, float, str, UUID, date, an Enum, a Literal; others leave it as it is.

    Raises:
        StartupError: the template gives another type than the handler.

    >>> async def show(id: int) -> None: ...
    >>> route = Route(methods=frozenset({"GET"}), template="/notes/{id}", endpoint=show)
    >>> bind_types(route, {"id": int})
    >>> route.pattern.shape
    ('=notes', '{int}')
    """
    kinds = {}
    for each in route.pattern.placeholders:
        if each.name in types:
            kind = _bound(route, each.name, each.kind, types[each.name])
            if kind is not each.kind:
                kinds[each.name] = kind
    if kinds:
        route.pattern = route.pattern.specialise(kinds)


def _bound(route: Route, name: str, kind: Kind, annotation: Any) -> Kind:
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    wanted = of_type(plain)
    if kind is TEXT:
        return wanted or kind
    if kind is not PATH and kind.type is str and wanted is not None:
        return _narrowed(kind, wanted)
    typed = all(isinstance(each, type) and each is not Any for each in (plain, kind.type))
    if typed and not issubclass(kind.type, plain):
        raise StartupError(
            f"{origin(route)}: {{{name}:{kind.name}}} in {route.template!r} is {kind.type.__name__}, "
            f"but the handler takes {plain.__name__}",
            fix=f"annotate {name} with {kind.type.__name__}, or leave the type out of the template",
            code="handler_invalid",
        )
    return kind


def _narrowed(kind: Kind, wanted: Kind) -> Kind:
    def read(segment: bytes) -> tuple[Any, ...] | None:
        return None if kind.read(segment) is None else wanted.read(segment)

    return Kind(kind.name, kind.pattern, read, wanted.write, wanted.type, f"{kind.name} {wanted.key or wanted.name}")


def origin(route: Route | Mount) -> str:
    """Return "GET /path (file:line)", for errors."""
    if isinstance(route, Mount):
        return f"mount {route.prefix or '/'} ({route.source})"
    return f"{','.join(sorted(route.methods))} {route.template} ({route.source})"


def table(routes: Sequence[Route | Mount], root: Path | None = None) -> list[dict[str, Any]]:
    """Return one row a route and method, sorted by path: what `arlen routes` prints.

    Args:
        routes: as from `Router.flat`.
        root: sources below this folder are shown relative to it, others to where Python found them.
    """
    rows = [row for route in routes for row in _rows(route, root)]
    return sorted(rows, key=lambda row: (row["path"], row["method"], row["name"], row["handler"]))


def _rows(route: Route | Mount, root: Path | None) -> list[dict[str, Any]]:
    source = _short(route.source, root)
    if isinstance(route, Mount):
        row = {"path": route.prefix or "/", "name": route.name, "handler": _named(type(route.target))}
        return [{"method": "MOUNT", **row, "guards": [], "formats": [], "source": source}]
    row = {"path": route.template, "name": route.name, "handler": _named(route.endpoint)}
    rest = {"guards": [_named(each) for each in route.guards], "formats": list(route.formats), "source": source}
    methods = ["WEBSOCKET"] if route.websocket else sorted(route.methods)
    return [{"method": method, **row, **rest} for method in methods]


def _short(source: str, root: Path | None) -> str:
    folders = [str(root)] if root else []
    for folder in [*folders, *sorted((each for each in sys.path if each), key=len, reverse=True)]:
        if source.startswith(folder + os.sep):
            return source[len(folder) + 1 :]
    return source


def _named(thing: Any) -> str:
    thing = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{thing.__module__}:{thing.__qualname__}"
