"""Tests of arlen_core.router."""

import functools

import pytest

from arlen_core.conditions import HeaderIs, HostIs
from arlen_core.errors import StartupError
from arlen_core.router import Router
from arlen_core.routes import Mount


async def handler():
    """Stand for a handler."""


class Callable:
    async def __call__(self): ...


def only(router):
    """Return the only route of a router."""
    (route,) = router.flat()
    return route


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "query"])
def test_each_method_has_a_decorator(method):
    """The decorators declare a route for their method and return the handler as it was."""
    router = Router()
    assert handler is getattr(router, method)("/x")(handler)
    assert frozenset({method.upper()}) == only(router).methods


def test_a_decorator_needs_a_path():
    """A decorator without parentheses gets the handler as its path: the error says how to write it."""
    with pytest.raises(StartupError, match="a route needs a path, not <function handler") as caught:
        Router().get(handler)
    assert 'write it so: @app.get("/path")' == caught.value.fix


def test_a_route_for_several_methods():
    """Methods are taken in any case."""
    router = Router()
    router.route("/x", methods=["get", "PROPFIND"])(handler)
    assert frozenset({"GET", "PROPFIND"}) == only(router).methods


@pytest.mark.parametrize("methods", [["G ET"], [""], [], ["GET\n"], ["É"]])
def test_a_wrong_method_is_refused(methods):
    """A method is a token (RFC 9110 §9.1), and a route has at least one."""
    with pytest.raises(StartupError, match="is no method"):
        Router().route("/x", methods=methods)(handler)


def test_a_websocket_route():
    """A WebSocket route is one for GET that says so."""
    router = Router()
    router.websocket("/ws")(handler)
    assert (frozenset({"GET"}), True) == (only(router).methods, only(router).websocket)


def test_what_is_said_about_a_route_is_kept():
    """Known options have their attributes; all others are in `options`."""
    router = Router()
    router.post("/x", name="x", status=201, formats=["json"], guards=[1], middleware=[2], max_body=10, summary="s")(
        handler
    )
    route = only(router)
    assert ("x", True, 201, ("json",), (1,), (2,)) == (
        route.name, route.named, route.status, route.formats, route.guards, route.middleware,
    )  # fmt: skip
    assert {"max_body": 10, "summary": "s"} == route.options


@pytest.mark.parametrize(
    ("thing", "name"), [(handler, "handler"), (Callable(), "Callable"), (functools.partial(handler), "partial")]
)
def test_a_route_is_called_like_its_handler(thing, name):
    """Without a name the route has that of the handler, and is not `named`."""
    router = Router()
    router.get("/x")(thing)
    assert (name, False) == (only(router).name, only(router).named)


def test_the_source_is_the_line_of_the_handler():
    """Through wrappers and partials, the source is where the handler was written."""

    @functools.wraps(handler)
    async def wrapper(): ...

    line = f"{__file__}:{handler.__code__.co_firstlineno}"
    for thing in (handler, wrapper, functools.partial(handler), functools.partial(wrapper)):
        router = Router()
        router.get("/x")(thing)
        assert line == only(router).source
    router = Router()
    router.get("/x")(Callable())
    assert f"{__file__}:{Callable.__call__.__code__.co_firstlineno}" == only(router).source


def test_a_builtin_has_no_source():
    """A handler without Python code is no error here."""
    router = Router()
    router.get("/x")(print)
    assert "" == only(router).source


def test_conditions_are_collected():
    """Host, headers and callables become conditions, in this order."""
    router = Router()
    router.get("/x", host="a.org", headers={"x-v": "2"}, when=[callable])(handler)
    assert (HostIs("a.org"), HeaderIs("x-v", "2"), callable) == only(router).conditions


def nested():
    """Make three routers, one in the other."""
    inner = Router("/{id:int}", guards=["g3"], middleware=["m3"], name="inner", tags=["t3"])
    inner.get("/x", guards=["g4"], middleware=["m4"], name="x", tags=("t4",))(handler)
    middle = Router("/b", guards=["g2"], middleware=["m2"], formats=["json"], name="middle", tags=["t2"])
    middle.include(inner, "/c", name="more")
    outer = Router("/a", guards=["g1"], middleware=["m1"], formats=["html"], host="a.org", name="outer", tags=["t1"])
    outer.include(middle)
    return outer


def test_routers_nest():
    """Prefixes and names are joined; guards, middleware, tags add up outer to inner; formats and host pass down."""
    route = only(nested())
    assert "/a/b/c/{id:int}/x" == route.template
    assert ("id",) == route.pattern.names
    assert "outer:middle:more:inner:x" == route.name
    assert ("g1", "g2", "g3", "g4") == route.guards
    assert ("m1", "m2", "m3", "m4") == route.middleware
    assert ("t1", "t2", "t3", "t4") == route.options["tags"]
    assert ("json",) == route.formats
    assert (HostIs("a.org"),) == route.conditions


def test_inner_formats_and_hosts_override():
    """What a route or an inner router says about formats and host wins."""
    inner = Router(host="b.org", formats=["txt"])
    inner.get("/x")(handler)
    inner.get("/y", host="c.org", formats=["csv"])(handler)
    outer = Router(host="a.org", formats=["html"])
    outer.include(inner)
    assert [("txt",), ("csv",)] == [route.formats for route in outer.flat()]
    assert [(HostIs("b.org"),), (HostIs("c.org"),)] == [route.conditions for route in outer.flat()]


def test_a_router_may_be_included_twice():
    """Two includes give two sets of routes that do not share anything."""
    inner = Router()
    inner.get("/x", tags=["t"])(handler)
    outer = Router()
    outer.include(inner, "/a", name="a")
    outer.include(inner, "/b", name="b")
    first, second = outer.flat()
    assert ["/a/x", "/b/x"] == [first.template, second.template]
    assert ["a:handler", "b:handler"] == [first.name, second.name]
    first.options["tags"] = ()
    assert ["t"] == list(second.options["tags"])


def test_routes_that_are_added_later_are_included():
    """Including is by reference: the order of import and include does not matter."""
    inner, outer = Router(), Router()
    outer.include(inner, "/a")
    inner.get("/x")(handler)
    assert ["/a/x"] == [route.template for route in outer.flat()]


def test_flat_keeps_the_order_of_declaration():
    """The first registered wins a tie, so order is kept, through includes too."""
    inner = Router()
    inner.get("/2")(handler)
    outer = Router()
    outer.get("/1")(handler)
    outer.include(inner)
    outer.get("/3")(handler)
    assert ["/1", "/2", "/3"] == [route.template for route in outer.flat()]


def test_flat_makes_new_routes_each_time():
    """What is done to flattened routes does not reach the router."""
    router = Router("/a")
    router.get("/x")(handler)
    first, second = only(router), only(router)
    assert first is not second


@pytest.mark.parametrize("path", ["/x//", "x", "/{", "/{a:(b+)+}", "/{a:itn}"])
def test_a_wrong_path_is_refused_where_it_is_written(path):
    """A bad template fails at registration, not later."""
    with pytest.raises(StartupError):
        Router().get(path)


def test_an_empty_path_is_the_prefix_itself():
    """The path "" is the prefix itself, "/" is the prefix with a slash; without a prefix "" is refused."""
    router = Router("/a")
    router.get("")(handler)
    router.get("/")(handler)
    assert ["/a", "/a/"] == [route.template for route in router.flat()]
    with pytest.raises(StartupError, match="begins with a slash"):
        Router().get("")


def test_an_empty_path_below_an_included_prefix():
    """A router without a prefix of its own writes "/" for the place where it is included."""
    inner, outer = Router(), Router()
    inner.get("/")(handler)
    outer.include(inner, "/a")
    assert "/a/" == only(outer).template


def test_a_name_twice_in_a_template_is_found_when_joined():
    """Two placeholders of the same name, from prefix and path, are refused when the application starts."""
    router = Router("/{id}")
    router.get("/x/{id}")(handler)
    with pytest.raises(StartupError, match="two placeholders called 'id'"):
        router.flat()


@pytest.mark.parametrize("prefix", ["a", "/a/", "/", "/a//b", "/{"])
def test_a_wrong_prefix_is_refused(prefix):
    """A prefix begins with a slash and ends without one."""
    with pytest.raises(StartupError):
        Router(prefix)
    with pytest.raises(StartupError):
        Router().include(Router(), prefix)


def test_routers_cannot_include_each_other():
    """A cycle is refused where it would be closed."""
    first, second, third = Router("/a"), Router("/b"), Router("/c")
    first.include(second)
    second.include(third)
    with pytest.raises(StartupError, match="would include itself"):
        third.include(first)
    with pytest.raises(StartupError, match="would include itself"):
        first.include(first)


def test_mounts_inherit_too():
    """A mount below a router is behind its prefix, guards, middleware and host."""
    target = object()
    inner = Router("/b", guards=["g2"], middleware=["m2"], name="in")
    inner.mount("/m", target, name="child")
    outer = Router("/a", guards=["g1"], middleware=["m1"], host="a.org")
    outer.include(inner)
    mount = only(outer)
    assert isinstance(mount, Mount)
    assert ("/a/b/m", "in:child", target) == (mount.prefix, mount.name, mount.target)
    assert (("g1", "g2"), ("m1", "m2")) == (mount.guards, mount.middleware)
    assert (HostIs("a.org"),) == mount.conditions
    assert __file__ == mount.source.rpartition(":")[0]


def test_a_mount_may_have_a_host():
    """A mount can be for one host only."""
    router = Router()
    router.mount("", object(), host="a.org")
    assert (HostIs("a.org"),) == only(router).conditions


def test_options_of_a_router_are_those_of_its_routes():
    """An option of a router holds for routes that do not say it; the inner one wins, and mappings are merged."""
    inner = Router("/b", options={"deadline": 2.0, "responses": {404: "inner", 409: "inner"}})
    inner.get("/x", responses={409: "own"}, summary="x")(handler)
    outer = Router("/a", options={"deadline": 1.0, "security": ["key"], "responses": {404: "outer", 403: "outer"}})
    outer.include(inner)
    expected = {
        "deadline": 2.0,
        "security": ["key"],
        "responses": {403: "outer", 404: "inner", 409: "own"},
        "summary": "x",
    }
    assert expected == only(outer).options


def test_options_are_not_shared():
    """What is changed in the options of one route is not changed in those of another, or of the router."""
    router = Router(options={"responses": {404: "gone"}})
    for path in ("/a", "/b"):
        router.get(path, responses={409: "taken"})(handler)
    first, second = router.flat()
    first.options["responses"][500] = "broken"
    assert {404: "gone", 409: "taken"} == second.options["responses"]
    assert {404: "gone", 409: "taken"} == router.flat()[0].options["responses"]
