"""Search: the whole tree for one request, with conditions and precedence, and the methods that there would be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from arlen_core.paths import Path
from arlen_core.routes import Mount, Route
from arlen_core.tree import WEBSOCKET, Hit, Node, methods_of

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["Item", "Search"]

Item = Route | Mount
Wanted = Callable[[Item], bool]


class Search:
    """One request that looks for its route.

    Args:
        root: of the tree.
        method: of the request; for a WebSocket its routes are tried first, then those for GET.
        request: for the conditions.

    Attributes:
        methods: of all routes that matched the paths tried so far, but not the method.
    """

    def __init__(self, root: Node, method: str, request: Request) -> None:
        self.methods: set[str] = set()
        self._root, self._request = root, request
        self._tries = (WEBSOCKET, method) if request.upgrade == "websocket" and method == "GET" else (method,)

    def at(self, path: Path, wanted: Wanted) -> tuple[Item, Hit] | None:
        """Return the best route for a path whose conditions hold, with its hit; only routes that are `wanted` count."""
        found: list[Hit] = []
        self._root.find(path.segments, 1, (), found)
        hits = [hit for hit in found if not _blurred(hit, path)]
        for method in self._tries:
            best = next(self._picked(hits, method, wanted), None)
            if best is not None:
                return best
        for leaf, _, _ in hits:
            fitting = (item for _, item in leaf.entries if wanted(item) and self._holds(item))
            self.methods.update(*(methods_of(item) for item in fitting))
        return None

    def _picked(self, hits: list[Hit], method: str, wanted: Wanted) -> Iterator[tuple[Item, Hit]]:
        ranked = [(rank, item, hit) for hit in hits for rank, item in hit[0].candidates(method)]
        ranked.sort(key=_rank)
        return ((item, hit) for _, item, hit in ranked if wanted(item) and self._holds(item))

    def _holds(self, item: Item) -> bool:
        return all(condition(self._request) for condition in item.conditions)


def _rank(row: tuple[tuple[int, ...], Item, Hit]) -> tuple[int, ...]:
    return row[0]


def _blurred(hit: Hit, path: Path) -> bool:
    # in the rest of a path an encoded slash could not be told from a real one
    leaf, _, index = hit
    rest = leaf.open and path.segments is not path.raw and not isinstance(leaf.entries[0][1], Mount)
    return rest and any(b"/" in segment for segment in path.segments[index:])
