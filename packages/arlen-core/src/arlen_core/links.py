"""Links: from the name of a route and its parameters to a URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote, urlencode

from arlen_core.errors import ArlenError
from arlen_core.paths import quoted
from arlen_core.patterns import Placeholder, Segment
from arlen_core.routes import Mount, Route, origin

__all__ = ["LinkError", "Links"]


_REST = 3


class LinkError(ArlenError, ValueError):
    """No URL can be made: the name is unknown, or a parameter is missing, unknown or does not match."""


class Links:
    """The named routes of an application.

    Args:
        routes: as from `Router.flat`.

    >>> from arlen_core.router import Router
    >>> router = Router()
    >>> @router.get("/notes/{id:int}", name="note")
    ... async def show(id: int) -> None: ...
    >>> Links(router.flat()).url_for("note", id=7, _query={"page": 2, "tag": ["a", "b"]})
    '/notes/7?page=2&tag=a&tag=b'
    """

    def __init__(self, routes: Sequence[Route | Mount]) -> None:
        self._routes: dict[str, list[Route]] = {}
        self._mounts = [item for item in routes if isinstance(item, Mount) and item.name]
        for route in routes:
            if isinstance(route, Route):
                self._routes.setdefault(route.name, []).append(route)

    def url_for(
        self,
        name: str,
        /,
        *,
        _root: str = "",
        _query: Mapping[str, Any] | None = None,
        _fragment: str = "",
        _external: str = "",
        _format: str = "",
        **params: Any,
    ) -> str:
        """Return the URL of a route; the same application matches it to the same route and values again.

        Args:
            name: of the route, with the names of its routers, "admin:users", or with the name of the mounted
                application that has it, "blog:post".
            _root: the prefix at which the application is mounted.
            _query: added as the query; a list gives a key for each item, `None` is left out, booleans are
                true and false.
            _fragment: added after "#".
            _external: scheme and host, such as "https://example.org", for an absolute URL.
            _format: added as the suffix: "json".
            **params: a value for each placeholder.

        Raises:
            LinkError: the name is unknown or ambiguous; a parameter is missing, unknown, or would not match.
        """
        tail = {"_query": _query, "_fragment": _fragment, "_external": _external, "_format": _format}
        for mount in self._mounts:
            if name.startswith(mount.name + ":") and hasattr(mount.target, "url_for"):
                root = _root + quoted(mount.prefix, slash=True)
                return str(mount.target.url_for(name[len(mount.name) + 1 :], _root=root, **tail, **params))
        route = self._named(name)
        path = "".join("/" + _text(segment, route, params) for segment in route.pattern.segments)
        _all_used(route, params)
        ending = _ending(route, path, _format)
        query = _encoded(_query or {})
        fragment = "#" + quote(_fragment, safe="!$&'()*+,;=:@/?") if _fragment else ""
        return _external.rstrip("/") + _root + path + "." * bool(ending) + ending + "?" * bool(query) + query + fragment

    def _named(self, name: str) -> Route:
        routes = self._routes.get(name)
        if not routes:
            raise LinkError(f"there is no route called {name!r}{_near(name, self._routes)}")
        named = [route for route in routes if route.named] or routes
        if len({route.template for route in named}) > 1:
            which = " and ".join(origin(route) for route in named)
            raise LinkError(f"{name!r} could be {which}: give one of them a name")
        return named[0]


def _text(segment: Segment, route: Route, params: Mapping[str, Any]) -> str:
    written = {each.name: _written(each, route, params) for each in segment.placeholders}
    text = "".join(written[part.name] if isinstance(part, Placeholder) else part for part in segment.parts)
    if segment.key:
        _readable(segment, route, text, written)
    return quoted(text, slash=segment.rank == _REST)


def _written(each: Placeholder, route: Route, params: Mapping[str, Any]) -> str:
    value = params.get(each.name)
    if value is None:
        wanted = ", ".join(route.pattern.names)
        raise LinkError(f"{route.template}: the parameter {each.name!r} is missing (it takes {wanted})")
    try:
        return each.kind.write(value)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise LinkError(f"{route.template}: {each.name}={value!r} is no {each.kind.name}: {error}") from error


def _readable(segment: Segment, route: Route, text: str, written: Mapping[str, str]) -> None:
    pieces = text.split("/") if segment.rank == _REST else [text]
    # a surrogate cannot be encoded, a NUL and dot segments are refused by the matcher
    unfit = not text.isprintable() and any(each == "\0" or "\ud800" <= each <= "\udfff" for each in text)
    unfit = unfit or "." in pieces or ".." in pieces or not pieces[0]
    values = None if unfit else segment.read(text.encode())
    if values is None:
        raise LinkError(f"{route.template}: {text!r} does not match {_shown(segment)}")
    again = [each.kind.write(value) for each, value in zip(segment.placeholders, values, strict=True)]
    if again != list(written.values()):
        raise LinkError(f"{route.template}: {text!r} would be read as {', '.join(again)}")


def _all_used(route: Route, params: Mapping[str, Any]) -> None:
    unknown = sorted(set(params) - set(route.pattern.names))
    if unknown:
        wanted = ", ".join(route.pattern.names) or "none"
        raise LinkError(f"{route.template}: there is no parameter {unknown[0]!r} (it takes {wanted})")


def _ending(route: Route, path: str, wanted: str) -> str:
    # a value that ends like a format would lose its ending to the format: say the format as well
    base, _, last = path.rpartition("/")[2].rpartition(".")
    if not wanted:
        return route.formats[0] if base and route.splits(last) else ""
    segment = route.pattern.segments[-1]
    swallowed = segment.rank > 1 and not route.splits(wanted)
    if swallowed or path.endswith("/") or (route.formats and wanted not in route.formats):
        raise LinkError(f"{route.template}: {wanted!r} is no format of this route (declare it with formats=)")
    return wanted


def _encoded(query: Mapping[str, Any]) -> str:
    pairs = ((key, each) for key, value in query.items() for each in (value if _many(value) else [value]))
    return urlencode([(key, _plain(each)) for key, each in pairs if each is not None])


def _many(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(segment: Segment) -> str:
    return "".join("{" + f"{p.name}:{p.kind.name}" + "}" if isinstance(p, Placeholder) else p for p in segment.parts)


def _near(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, names, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
