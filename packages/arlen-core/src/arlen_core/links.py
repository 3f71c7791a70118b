"""Links: from the name of a route and its parameters to a URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

from arlen_core.errors import ArlenError
from arlen_core.paths import quoted
from arlen_core.patterns import Placeholder, Segment
from arlen_core.routes import Mount, Route, origin

__all__ = ["LinkError", "Links"]


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
        self._made: dict[str, _Link] = {}
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
        for mount in self._mounts:
            if name.startswith(mount.name + ":") and hasattr(mount.target, "url_for"):
                tail = {"_query": _query, "_fragment": _fragment, "_external": _external, "_format": _format}
                root = _root + quoted(mount.prefix, slash=True)
                return str(mount.target.url_for(name[len(mount.name) + 1 :], _root=root, **tail, **params))
        link = self._made.get(name) or self._make(name)
        path = link.path(params)
        if _format or link.route.formats:
            path += _ending(link.route, path, _format)
        if _query:
            path += "?" * bool(query := _encoded(_query)) + query
        if _fragment:
            path += "#" + quote(_fragment, safe="!$&'()*+,;=:@/?")
        return _external.rstrip("/") + _root + path

    def _make(self, name: str) -> _Link:
        routes = self._routes.get(name)
        if not routes:
            raise LinkError(f"there is no route called {name!r}{_near(name, self._routes)}")
        named = [route for route in routes if route.named] or routes
        if len({route.template for route in named}) > 1:
            which = " and ".join(origin(route) for route in named)
            raise LinkError(f"{name!r} could be {which}: give one of them a name")
        return self._made.setdefault(name, _Link(named[0]))


class _Link:
    """One route, taken apart once."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.names = route.pattern.names
        self.pieces = [
            _Piece(segment, route) if segment.key else "/" + quoted(segment.text) for segment in route.pattern.segments
        ]

    def path(self, params: Mapping[str, Any]) -> str:
        if len(params) != len(self.names) or any(name not in params for name in self.names):
            raise LinkError(
                f"{self.route.template}: {self._fault(params)} (it takes {', '.join(self.names) or 'none'})"
            )
        return "".join([piece if isinstance(piece, str) else piece.text(params) for piece in self.pieces])

    def _fault(self, params: Mapping[str, Any]) -> str:
        missing = [name for name in self.names if name not in params]
        if missing:
            return f"the parameter {missing[0]!r} is missing"
        return f"there is no parameter {min(set(params) - set(self.names))!r}"


class _Piece:
    """One segment with placeholders."""

    def __init__(self, segment: Segment, route: Route) -> None:
        self.parts, self.read, self.template = segment.parts, segment.read, route.template
        self.placeholders, self.rest = segment.placeholders, segment.rank == 3

    def text(self, params: Mapping[str, Any]) -> str:
        written = [self.written(each, params[each.name]) for each in self.placeholders]
        texts = iter(written)
        text = "".join([part if isinstance(part, str) else next(texts) for part in self.parts])
        values = self.read(text.encode()) if _fit(text, rest=self.rest) else None
        if values is None:
            raise self.error(f"{text!r} does not match {self.shown()}")
        again = [each.kind.write(value) for each, value in zip(self.placeholders, values, strict=True)]
        if again != written:
            raise self.error(f"{text!r} would be read as {', '.join(again)}")
        return "/" + quoted(text, slash=self.rest)

    def written(self, each: Placeholder, value: Any) -> str:
        if value is None:
            raise self.error(f"the parameter {each.name!r} is missing: it is None")
        try:
            return each.kind.write(value)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise self.error(f"{each.name}={value!r} is no {each.kind.name}: {error}") from error

    def shown(self) -> str:
        return "".join(p if isinstance(p, str) else "{" + f"{p.name}:{p.kind.name}" + "}" for p in self.parts)

    def error(self, reason: str) -> LinkError:
        return LinkError(f"{self.template}: {reason}")


def _fit(text: str, *, rest: bool) -> bool:
    # what the matcher refuses: NUL, dot segments, an empty beginning; and half of a surrogate pair has no encoding
    if not text.isprintable() and any(each == "\0" or "\ud800" <= each <= "\udfff" for each in text):
        return False
    pieces = text.split("/") if rest else (text,)
    return bool(pieces[0]) and "." not in pieces and ".." not in pieces


def _ending(route: Route, path: str, wanted: str) -> str:
    # a value that ends like a format would lose its ending to the format: say the format as well
    text = path.rpartition("/")[2]
    if not wanted:
        base, _, last = text.rpartition(".")
        return "." + route.formats[0] if base and route.splits(last) else ""
    swallowed = route.pattern.segments[-1].read(unquote_to_bytes(f"{text}.{wanted}")) and not route.splits(wanted)
    if swallowed or path.endswith("/") or (route.formats and wanted not in route.formats):
        raise LinkError(f"{route.template}: {wanted!r} is no format of this route (declare it with formats=)")
    return "." + wanted


def _encoded(query: Mapping[str, Any]) -> str:
    pairs = ((key, each) for key, value in query.items() for each in (value if _many(value) else [value]))
    return urlencode([(key, _plain(each)) for key, each in pairs if each is not None])


def _many(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _near(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, names, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
