"""Tests of arlen_core.search."""

import pytest

from arlen_core.paths import Path
from arlen_core.requests import Request
from arlen_core.routes import Mount, Route
from arlen_core.search import Search
from arlen_core.tree import Node


async def handler():
    """Stand for a handler."""


def route(template, *methods, **options):
    """Make a route."""
    return Route(methods=frozenset(methods or {"GET"}), template=template, endpoint=handler, **options)


def search(items, method="GET", **options):
    """Begin a search of these routes."""
    root = Node()
    for order, item in enumerate(items):
        root.place(item).add(item, order)
    root.close()
    return Search(root, method, Request(method, **options))


def found(looking, target, wanted=lambda item: True):
    """Return what a search finds."""
    best = looking.at(Path.read(target), wanted)
    return best and best[0]


def test_the_best_of_all_shapes_is_found():
    """Of all routes that match, the one with the best rank is taken, with its values."""
    items = [route("/{rest:path}"), route("/{x}"), route("/{n:int}")]
    item, (_, values, index) = search(items).at(Path.read(b"/7"), lambda item: True)
    assert (items[2], (7,), 2) == (item, values, index)


def test_a_route_that_is_not_wanted_gives_way():
    """The caller can rule routes out."""
    items = [route("/{rest:path}"), route("/{x}")]
    assert items[0] is found(search(items), b"/a", lambda item: item is not items[1])


def test_a_condition_that_fails_gives_way():
    """All conditions of a route must hold."""
    never = route("/{n:int}", conditions=(lambda request: True, lambda request: False))
    items = [never, route("/{x}")]
    assert items[1] is found(search(items), b"/7")


def test_methods_are_collected_over_several_paths():
    """What would have matched with another method is remembered, over all paths that were tried."""
    looking = search([route("/a", "POST"), route("/b", "PUT", "DELETE"), route("/c")], "PATCH")
    assert [None, None] == [found(looking, b"/a"), found(looking, b"/b")]
    assert {"POST", "PUT", "DELETE"} == looking.methods


def test_methods_of_routes_that_are_ruled_out_do_not_count():
    """A route that is not wanted, or whose condition fails, has no method for this request."""
    items = [route("/a", "POST"), route("/{x}", "PUT", conditions=(lambda request: False,))]
    looking = search(items)
    assert found(looking, b"/a", lambda item: item is not items[0]) is None
    assert set() == looking.methods


@pytest.mark.parametrize(
    ("upgrade", "method", "first"), [("websocket", "GET", 0), ("", "GET", 1), ("websocket", "POST", 2)]
)
def test_websocket_routes_are_tried_first(upgrade, method, first):
    """Only a GET that asks for a WebSocket tries their routes, and then the others."""
    items = [route("/{rest:path}", websocket=True), route("/a"), route("/a", "POST")]
    assert items[first] is found(search(items, method, upgrade=upgrade), b"/a")


def test_an_encoded_slash_in_a_rest():
    """The rest of a path that holds an encoded slash does not match; a mount gets it as it was sent."""
    rest, mount = route("/f/{rest:path}"), Mount(prefix="/m", target=None)
    assert [None, rest] == [found(search([rest]), each) for each in (b"/f/a%2Fb", b"/f/a%20b")]
    assert mount is found(search([mount]), b"/m/a%2Fb")
