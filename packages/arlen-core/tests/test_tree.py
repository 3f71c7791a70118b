"""Tests of arlen_core.tree."""

import pytest

from arlen_core.routes import Mount, Route
from arlen_core.tree import WEBSOCKET, Leaf, Node, methods_of


async def handler():
    """Stand for a handler."""


def route(template="/", *methods, **options):
    """Make a route."""
    return Route(methods=frozenset(methods or {"GET"}), template=template, endpoint=handler, **options)


def tree(*items):
    """Make a tree of routes."""
    root = Node()
    for order, item in enumerate(items):
        root.place(item).add(item, order)
    root.close()
    return root


def find(root, target):
    """Return the templates and values of all hits, sorted."""
    hits = []
    root.find(target.split(b"/"), 1, (), hits)
    return sorted((leaf.entries[0][1].pattern.template, values) for leaf, values, _ in hits)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (b"/", [("/{rest:path}", ())][:0]),
        (b"/a", [("/a", ()), ("/{rest:path}", ())]),
        (b"/a/", [("/{rest:path}", ())]),
        (b"/a/7", [("/a/{n:int}", (7,)), ("/a/{x}", ("7",)), ("/{rest:path}", ()), ("/{y}/{z}", ("a", "7"))]),
        (b"/a/x/c", [("/a/{x}/c", ("x",)), ("/{rest:path}", ())]),
        (b"/b/x/c", [("/{rest:path}", ())]),
        (b"/b/q", [("/{rest:path}", ()), ("/{y}/{z}", ("b", "q"))]),
    ],
)
def test_every_shape_that_matches_is_found(target, found):
    """The search goes back until all matching shapes are found, each with its values."""
    paths = ("/a", "/a/{n:int}", "/a/{x}", "/a/{x}/c", "/{y}/{z}", "/{rest:path}")
    assert found == find(tree(*map(route, paths)), target)


def test_a_deep_match_behind_a_static_dead_end_is_found():
    """A static segment that leads nowhere does not hide a placeholder at the same place."""
    assert [("/{x}/b/c/d", ("a",))] == find(tree(route("/a/b/c"), route("/{x}/b/c/d")), b"/a/b/c/d")


def test_an_empty_segment_is_no_value():
    """Neither a plain placeholder nor the rest of a path begins with an empty segment."""
    assert [] == find(tree(route("/{x}"), route("/{rest:path}")), b"/")
    assert [] == find(tree(route("/a/{rest:path}")), b"/a//b")


@pytest.mark.parametrize(
    ("target", "count"), [(b"/p", 1), (b"/p/", 1), (b"/p/x", 1), (b"/p//x", 1), (b"/px", 0), (b"/", 0)]
)
def test_a_mount_takes_its_prefix_and_below(target, count):
    """A mount is found at its prefix and for everything below, not for paths that only begin alike."""
    assert count == len(find(tree(Mount(prefix="/p", target=None)), target))


def test_the_search_is_bounded_by_the_number_of_nodes():
    """A tree in which every segment has two ways visits each node at most once."""
    visited = 0

    def counting(segment):
        nonlocal visited
        visited += 1
        return (segment,)

    depth = 8
    root = tree(
        *[
            route("/" + "/".join("a" if n >> bit & 1 else f"{{x{bit}:int}}" for bit in range(depth)))
            for n in range(2**depth)
        ]
    )

    def count(node):
        node.typed = {key: (counting, child) for key, (_, child) in node.typed.items()}
        return 1 + sum(count(child) for child in node._children())

    nodes = count(root)
    root.find([b"", *[b"a"] * depth], 1, (), hits := [])
    assert 2**depth == len(hits)
    assert visited < nodes


def leaf(*items):
    """Make a leaf of routes."""
    made = Leaf()
    for order, item in enumerate(items):
        made.add(item, order)
    made.close()
    return made


def test_a_named_method_goes_before_any():
    """A route for the very method is taken before one for every method, whatever came first."""
    any_, get = route("/", "*"), route("/", "GET")
    made = leaf(any_, get)
    assert [get, any_] == [item for _, item in made.candidates("GET")]
    assert [any_] == [item for _, item in made.candidates("PUT")]


def test_head_falls_back_to_get():
    """HEAD is answered by a route for it, then one for GET, then one for every method (RFC 9110 §9.3.2)."""
    any_, get, head = route("/", "*"), route("/", "GET"), route("/", "HEAD")
    assert [head, get, any_] == [item for _, item in leaf(any_, get, head).candidates("HEAD")]


def test_a_route_with_more_conditions_goes_first():
    """A route that asks for more is tried before one that asks for less, or it would never be reached."""
    free, strict = route(), route(conditions=(callable,))
    assert [strict, free] == [item for _, item in leaf(free, strict).candidates("GET")]


def test_websocket_routes_stand_apart():
    """A route for WebSockets answers no plain GET, and a route for every method answers no WebSocket."""
    socket, any_ = route(websocket=True), route("/", "*")
    made = leaf(any_, socket)
    assert [socket] == [item for _, item in made.candidates(WEBSOCKET)]
    assert [any_] == [item for _, item in made.candidates("GET")]
    assert [] == leaf(any_).candidates(WEBSOCKET)


def test_quick_holds_only_what_needs_no_second_look():
    """Routes with conditions, with a format to split off, or for WebSockets are left to the full search."""
    assert {"GET", "HEAD"} == set(leaf(route("/{x}")).quick)
    assert {"GET", "HEAD"} == set(leaf(route("/{x:int}", formats=("json",))).quick)
    for item in (
        route("/{x}", conditions=(callable,)),
        route("/{x}", formats=("json",)),
        route("/x", websocket=True),
    ):
        assert {} == leaf(item).quick


def test_the_methods_of_an_item():
    """A mount takes everything; a WebSocket route has a method of its own."""
    assert frozenset({"*", WEBSOCKET}) == methods_of(Mount(prefix="/x", target=None))
    assert frozenset({WEBSOCKET}) == methods_of(route(websocket=True))
    assert frozenset({"GET", "PUT"}) == methods_of(route("/", "GET", "PUT"))
