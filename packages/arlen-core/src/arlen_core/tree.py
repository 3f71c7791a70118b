"""Tree: the compiled routes; one dict look-up a segment, and every pattern that matches a path is found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from arlen_core.placeholders import Read
from arlen_core.routes import ANY, Mount, Route

__all__ = ["WEBSOCKET", "Entry", "Hit", "Leaf", "Node", "Quick", "methods_of"]

WEBSOCKET = "WEBSOCKET"
"""Stands in the tables for a GET that asks for a WebSocket."""

Entry = tuple[tuple[int, ...], "Route | Mount"]
Hit = tuple["Leaf", tuple[Any, ...], int]
Quick = dict[str, tuple[Route, tuple[str, ...]]]


class Leaf:
    """The routes of one shape, by method; in each list the first whose conditions hold is taken.

    Attributes:
        quick: the route and the names of its placeholders, by method, where nothing else has to be looked at.
        open: whether it takes the rest of the path.
        rank: of its routes; the smaller goes first.
    """

    __slots__ = ("any", "entries", "open", "quick", "rank", "table")

    def __init__(self, *, open: bool = False) -> None:
        self.open = open
        self.entries: list[Entry] = []
        self.table: dict[str, list[Entry]] = {}
        self.any: list[Entry] = []
        self.quick: Quick = {}
        self.rank: tuple[int, ...] = ()

    def add(self, item: Route | Mount, order: int) -> None:
        """Add a route; `order` is its place among all routes."""
        rank, ties = item.rank, (-len(item.conditions), order)
        self.rank = rank
        methods = methods_of(item)
        self.entries.append(((*rank, 0, *ties), item))
        for method in methods - {ANY}:
            self.table.setdefault(method, []).append(((*rank, 0, *ties), item))
        if "GET" in methods and "HEAD" not in methods:
            self.table.setdefault("HEAD", []).append(((*rank, 1, *ties), item))
        if ANY in methods:
            self.any.append(((*rank, 2, *ties), item))

    def close(self) -> None:
        """Sort every list, once all routes are there."""
        for method, entries in self.table.items():
            entries.extend(self.any if method != WEBSOCKET else [])
            entries.sort()
            item = entries[0][1]
            if method != WEBSOCKET and not self.open and isinstance(item, Route) and not _looks(item):
                self.quick[method] = item, item.pattern.names
        self.any.sort()

    def candidates(self, method: str) -> list[Entry]:
        """Return the routes for `method`, the best first."""
        return self.table.get(method, [] if method == WEBSOCKET else self.any)


class Node:
    """One segment of the paths that begin alike."""

    __slots__ = ("leaf", "mount", "only", "plain", "read", "rest", "statics", "straight", "typed")

    def __init__(self) -> None:
        self.straight = False  # no two shapes can match a segment that is none of the static ones
        self.read: Read | None = None
        self.only: Node | None = None  # where such a segment leads, when `read` takes it or there is none
        self.statics: dict[bytes, Node] = {}
        self.typed: dict[str, tuple[Read, Node]] = {}
        self.plain: Node | None = None
        self.rest: Leaf | None = None
        self.mount: Leaf | None = None
        self.leaf: Leaf | None = None

    def place(self, item: Route | Mount) -> Leaf:
        """Return the leaf for a route, made when it is new."""
        node = self
        for segment in item.pattern.segments:
            rank = segment.rank
            if rank == 0:
                node = node.statics.setdefault(segment.text.encode(), Node())
            elif rank == 1:
                node = node.typed.setdefault(segment.key, (segment.read, Node()))[1]
            elif rank == 2:
                node.plain = node = node.plain or Node()
            elif isinstance(item, Mount):
                node.mount = node.mount or Leaf(open=True)
                return node.mount
            else:
                node.rest = node.rest or Leaf(open=True)
                return node.rest
        node.leaf = node.leaf or Leaf()
        return node.leaf

    def close(self) -> None:
        """Sort the routes of every leaf, once all are there."""
        for leaf in (self.leaf, self.rest, self.mount):
            if leaf is not None:
                leaf.close()
        ways = list(self.typed.values()) if self.plain is None else [*self.typed.values(), (None, self.plain)]
        self.straight = len(ways) < 2 and self.rest is None and self.mount is None
        if self.straight and ways:
            self.read, self.only = ways[0]
        for child in self._children():
            child.close()

    def _children(self) -> Iterator[Node]:
        yield from self.statics.values()
        yield from (child for _, child in self.typed.values())
        if self.plain is not None:
            yield self.plain

    def walk(self, segments: list[bytes]) -> tuple[Leaf, list[Any]] | None:
        """Return the only shape that can match, with its values; `None` when `find` has to look.

        Most paths never come to a place where two shapes go on, and this costs a fraction of `find`.
        """
        node, values = self, []
        for segment in segments[1:]:
            only, read = node.only, node.read
            if only is None:
                following = node.statics.get(segment)
                if following is None or not node.straight:
                    return None
                node = following
            elif not segment or segment in node.statics:
                return None
            elif read is None:
                values.append(segment.decode())
                node = only
            elif (found := read(segment)) is None:
                return None
            else:
                values += found
                node = only
        leaf = node.leaf
        return (leaf, values) if leaf is not None and node.mount is None else None

    def find(self, segments: list[bytes], index: int, values: tuple[Any, ...], hits: list[Hit]) -> None:
        """Add every shape that matches `segments[index:]` to `hits`, each with its values and where its rest begins.

        The cost is bounded by the number of nodes: each is visited at most once a request.
        """
        node, end = self, len(segments)
        while index < end:
            segment = segments[index]
            if node.mount is not None:
                hits.append((node.mount, values, index))
            if node.rest is not None and segment:
                hits.append((node.rest, values, index))
            for read, child in node.typed.values():
                found = read(segment)
                if found is not None:
                    child.find(segments, index + 1, values + found, hits)
            if node.plain is not None and segment:
                node.plain.find(segments, index + 1, (*values, segment.decode()), hits)
            following = node.statics.get(segment)
            if following is None:
                return
            node, index = following, index + 1
        if node.leaf is not None:
            hits.append((node.leaf, values, index))
        if node.mount is not None:
            hits.append((node.mount, values, index))


def methods_of(item: Route | Mount) -> frozenset[str]:
    """Return the methods by which a route is found: `WEBSOCKET` for one that is for WebSockets."""
    if isinstance(item, Mount):
        return frozenset({ANY, WEBSOCKET})
    return frozenset({WEBSOCKET}) if item.websocket else item.methods


def _looks(route: Route) -> bool:
    return bool(route.conditions) or (bool(route.formats) and route.pattern.segments[-1].rank > 1)
