"""Tests of arlen_core.conflicts."""

import pytest

from arlen_core.conditions import HeaderIs, HostIs
from arlen_core.conflicts import check
from arlen_core.errors import StartupError
from arlen_core.routes import Mount, Route


async def handler():
    """Stand for a handler."""


def route(template, *methods, line=1, **options):
    """Make a route that was declared on that line."""
    methods = frozenset(methods or {"GET"})
    return Route(methods=methods, template=template, endpoint=handler, source=f"app.py:{line}", **options)


def mount(prefix, line=1, **options):
    """Make a mount that was declared on that line."""
    return Mount(prefix=prefix, target=None, source=f"app.py:{line}", **options)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (route("/x"), route("/x", line=2)),
        (route("/x/{a}"), route("/x/{b}", line=2)),
        (route("/x/{a:int}"), route("/x/{b:int}", line=2)),
        (route("/{a:[a-z]}"), route("/{b:[a-z]}", line=2)),
        (route("/{a}.{b}"), route("/{c}.{d}", line=2)),
        (route("/{a:path}"), route("/{b:path}", line=2)),
        (route("/x", "GET", "POST"), route("/x", "POST", "PUT", line=2)),
        (route("/x", "*"), route("/x", "*", line=2)),
        (route("/x", websocket=True), route("/x", websocket=True, line=2)),
        (route("/x", conditions=(HostIs("a"),)), route("/x", conditions=(HostIs("a"),), line=2)),
        (
            route("/x", conditions=(HostIs("a"), HeaderIs("b"))),
            route("/x", conditions=(HeaderIs("b"), HostIs("a")), line=2),
        ),
        (route("/x", formats=("html",)), route("/x", formats=("json",), line=2)),
        (mount("/x"), mount("/x", line=2)),
    ],
)
def test_a_route_that_could_never_be_reached_is_refused(first, second):
    """The same methods, shape and conditions: the error names both with their lines, and the fix."""
    with pytest.raises(StartupError) as error:
        check([first, second], ())
    assert "(app.py:2) can never be reached: " in error.value.reason
    assert "(app.py:1) has the same methods, shape and conditions" in error.value.reason
    assert "remove one of them" in error.value.fix
    assert "route_conflict" == error.value.code


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (route("/x"), route("/x", "POST")),
        (route("/x"), route("/x", "*")),
        (route("/x"), route("/x", "HEAD")),
        (route("/x"), route("/x", websocket=True)),
        (route("/x"), route("/x/")),
        (route("/x/{a}"), route("/x/{a:int}")),
        (route("/x/{a}"), route("/x/{a:path}")),
        (route("/x/{a:int}"), route("/x/{a:uuid}")),
        (route("/x"), route("/x", conditions=(HostIs("a"),))),
        (route("/x", conditions=(HostIs("b"),)), route("/x", conditions=(HostIs("a"),))),
        (mount("/x"), route("/x")),
        (mount("/x"), route("/x/{rest:path}")),
        (mount("/x"), mount("/x/y")),
        (mount("/x"), mount("/x", conditions=(HostIs("a"),))),
    ],
)
def test_routes_that_differ_are_accepted(first, second):
    """Another method, shape or condition makes another route."""
    assert check([first, second], ()) is None


def test_a_name_is_given_once():
    """Two routes that were given the same name are refused, with both places."""
    with pytest.raises(StartupError) as error:
        check([route("/x", name="a", named=True), route("/y", name="a", named=True, line=2)], ())
    assert "GET /y (app.py:2) and GET /x (app.py:1) share the name 'a'" == error.value.reason
    assert "route_name_taken" == error.value.code


def test_handlers_may_have_the_same_name():
    """Names that come from the handlers are no conflict; `url_for` asks for a name when it has to choose."""
    assert check([route("/x", name="index"), route("/y", name="index")], ()) is None


def test_mounts_have_names_too():
    """A mount and a route cannot share a name."""
    with pytest.raises(StartupError, match="share the name 'a'"):
        check([route("/x", name="a", named=True), mount("/y", name="a")], ())


@pytest.mark.parametrize("item", [route("/healthz"), route("/healthz.json", "*"), mount("/healthz")])
def test_reserved_paths_are_refused(item):
    """Neither a route nor a mount can be declared on a reserved path."""
    with pytest.raises(StartupError) as error:
        check([item], {b"/healthz", b"/healthz.json"})
    assert "is a reserved path" in error.value.reason
    assert "app.py:1" in error.value.reason
    assert "path_reserved" == error.value.code


@pytest.mark.parametrize(
    "item", [route("/healthz/x"), route("/{x}"), mount(""), route("/healthz/"), route("/a/healthz")]
)
def test_paths_beside_a_reserved_one_are_free(item):
    """Only the path itself is reserved; wildcards are free, as reserved paths are matched before them."""
    assert check([item], {b"/healthz"}) is None
