"""Matcher: from a method and a path to the route that answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from arlen_core.conflicts import check
from arlen_core.native import Frozen
from arlen_core.paths import BadPath, Path, quoted
from arlen_core.routes import ANY, Mount, Route
from arlen_core.search import Item, Search
from arlen_core.tree import WEBSOCKET, Hit, Node, Quick, methods_of

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["RESERVED", "SUFFIXES", "Match", "Matcher", "Miss"]

RESERVED = ("/healthz", "/readyz", "/livez", "/metrics", "/clusterz")
"""Paths that no route, mount or middleware can shadow, exact and with a format suffix."""

SUFFIXES = ("html", "json", "txt", "csv", "xml")
"""The suffixes that can say a format."""

_NO_VALUES: Sequence[Any] = ()
Reserved = dict[bytes, tuple["Route | None", str]]


class Match(Struct):
    """The route that answers.

    Attributes:
        route: a route, or a mount.
        params: the values of its placeholders.
        format: the format that the path's suffix asks for, such as "json", or "".
        target: for a mount, the rest of the raw path; it begins with a slash.
    """

    route: Route | Mount
    params: dict[str, Any]
    format: str = ""
    target: bytes = b""


class Miss(Frozen, frozen=True):
    """No route answers: what to answer instead.

    Attributes:
        status: 404; 405, and 204 for an automatic answer to OPTIONS, with `allow`; 308 with `location`; 400 for a path
            that is wrong; 426 for one that is only for WebSockets.
        allow: the methods, sorted.
        location: where to redirect to, mount prefix and query included.
        detail: a sentence for the client.
    """

    status: int
    allow: tuple[str, ...] = ()
    location: str = ""
    detail: str = ""


class Matcher:
    """All routes, compiled.

    Args:
        routes: as from `Router.flat`.
        reserved: routes that are matched before all others; their paths, and those of `RESERVED`, cannot be shadowed.
        slash: what to do with a path that only matches when a slash at its end is added or taken away: "redirect" to
            the declared form (308), "strict" answers 404, "ignore" takes it as if it were the declared form.
        suffixes: what can be a format suffix.
        formats: of routes that declare none.

    Raises:
        StartupError: two routes conflict, share a name, or are declared on a reserved path.

    Attributes:
        static: routes without placeholders by raw path and method, where nothing else has to be looked at.

    >>> from arlen_core.requests import Request
    >>> from arlen_core.router import Router
    >>> router = Router()
    >>> @router.get("/notes/{id:int}")
    ... async def note(id: int) -> None: ...
    >>> match = Matcher(router.flat()).match("GET", b"/notes/7.json", Request())
    >>> match.route.template, match.params, match.format
    ('/notes/{id:int}', {'id': 7}, 'json')
    """

    def __init__(
        self,
        routes: Sequence[Item],
        *,
        reserved: Iterable[Route] = (),
        slash: Literal["redirect", "strict", "ignore"] = "redirect",
        suffixes: Iterable[str] = SUFFIXES,
        formats: Sequence[str] = ("html", "json"),
    ) -> None:
        self._slash, self._formats = slash, tuple(formats)
        self._suffixes = {each.encode(): each for each in suffixes}
        self._reserved = _reserve(reserved, self._suffixes.values())
        check(routes, self._reserved)
        self._root = Node()
        leaves = [(item, self._root.place(item)) for item in routes]
        for order, (item, leaf) in enumerate(leaves):
            leaf.add(item, order)
        self._root.close()
        # a path that needs no percent sign: one look-up finds it
        plain = [(item.pattern.path, leaf) for item, leaf in leaves if item.pattern.path]
        self.static = {path: leaf.quick for path, leaf in plain if path == quoted(path, slash=True).encode()}
        self._allow = _allowed({method for item in routes for method in methods_of(item)})

    def match(self, method: str, target: bytes, request: Request) -> Match | Miss:
        """Find the route for a request.

        Args:
            method: in capitals.
            target: the raw path, still percent-encoded, without query; it begins with a slash.
            request: read by conditions, and for the query and the mount prefix of a redirect.

        Returns:
            A `Match`, or a `Miss` that says what to answer.
        """
        table, values, suffix = self.static.get(target), _NO_VALUES, ""
        if table is None and target not in self._reserved:
            table, values, suffix = self._quickly(target)
        found = None if table is None or request.upgrade else table.get(method)
        if found is None or (suffix and suffix not in (found[0].formats or self._formats)):
            return self._slowly(method, target, request)
        return Match(found[0], dict(zip(found[1], values)), suffix)  # noqa: B905  # as long as each other

    def _quickly(self, target: bytes) -> tuple[Quick | None, Sequence[Any], str]:
        """Return what a path finds when nothing has to be decoded or compared; the methods may still not fit."""
        if not target.isascii() or target.find(b"%") >= 0 or target.find(b"/.") >= 0 or target.find(b"\0") >= 0:
            return None, _NO_VALUES, ""
        segments = target.split(b"/")
        if segments[0]:
            return None, _NO_VALUES, ""
        walked = self._root.walk(segments)
        if walked is not None:
            return walked[0].quick, walked[1], ""
        hits: list[Hit] = []
        suffix = ""
        self._root.find(segments, 1, (), hits)
        if not hits:
            base, _, ending = segments[-1].rpartition(b".")
            suffix = self._suffixes.get(ending, "") if base else ""
            if suffix:
                segments[-1] = base
                self._root.find(segments, 1, (), hits)
        if len(hits) > 1:
            hits.sort(key=_leaf_rank)
            if hits[0][0].rank == hits[1][0].rank:
                return None, (), ""
        return (hits[0][0].quick, hits[0][1], suffix) if hits else (None, (), "")

    def _slowly(self, method: str, target: bytes, request: Request) -> Match | Miss:
        if target == b"*" and method == "OPTIONS":
            return Miss(204, self._allow)
        try:
            path = Path.read(target)
        except BadPath as error:
            return Miss(400, detail=str(error))
        if path.text in self._reserved:
            return _fixed(method, *self._reserved[path.text])
        found = self._at(method, path, request)
        if self._slash == "strict" or isinstance(found, Match) or found.status != 404:
            return found
        return self._turned(method, path.turned(), request)

    def _turned(self, method: str, path: Path, request: Request) -> Match | Miss:
        found = self._at(method, path, request)
        if self._slash == "ignore" or isinstance(found, Miss):
            return found
        query = request.query_string
        location = request.root + quoted(b"/".join(path.raw), slash=True, percent=True)
        return Miss(308, location=location + ("?" + quoted(query, slash=True, percent=True) if query else ""))

    def _at(self, method: str, path: Path, request: Request) -> Match | Miss:
        base, _, ending = path.segments[-1].rpartition(b".")
        suffix = self._suffixes.get(ending, "") if base else ""
        search = Search(self._root, method, request)
        found = search.at(path, lambda item: not (suffix and isinstance(item, Route) and item.splits(suffix)))
        if found is not None:
            return _matched(*found, path)
        if suffix:
            short = Path(path.raw, [*path.segments[:-1], base])
            found = search.at(short, lambda item: isinstance(item, Route) and suffix in (item.formats or self._formats))
        return _matched(*found, short, suffix) if found is not None else _refused(method, search.methods)


def _leaf_rank(hit: Hit) -> tuple[int, ...]:
    return hit[0].rank


def _matched(item: Item, hit: Hit, path: Path, suffix: str = "") -> Match:
    leaf, values, index = hit
    if isinstance(item, Mount):
        return Match(item, {}, "", b"/" + b"/".join(path.raw[index:]))
    if leaf.open:
        values = (*values, b"/".join(path.segments[index:]).decode())
    return Match(item, dict(zip(item.pattern.names, values, strict=True)), suffix)


def _fixed(method: str, route: Route | None, suffix: str) -> Match | Miss:
    if route is None:
        return Miss(404)
    methods = route.methods | ({"HEAD"} if "GET" in route.methods else set())
    return Match(route, {}, suffix) if method in methods else _refused(method, set(methods))


def _refused(method: str, methods: set[str]) -> Miss:
    if not methods:
        return Miss(404)
    if method == "OPTIONS":
        return Miss(204, _allowed(methods))
    if method == "GET" and WEBSOCKET in methods:
        return Miss(426, detail="this path is for WebSockets")
    return Miss(405, _allowed(methods), detail=f"{method} is not allowed here")


def _allowed(methods: set[str]) -> tuple[str, ...]:
    more = {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()) | ({"GET"} if WEBSOCKET in methods else set())
    return tuple(sorted((methods | more) - {WEBSOCKET, ANY}))


def _reserve(routes: Iterable[Route], suffixes: Iterable[str]) -> Reserved:
    fixed: dict[str, Route | None] = dict.fromkeys(RESERVED)
    fixed.update({route.template: route for route in routes})
    endings = ["", *suffixes]
    return {(path + "." * bool(end) + end).encode(): (fixed[path], end) for path in fixed for end in endings}
