"""Tests of arlen_core.links."""

from datetime import date
from uuid import UUID

import pytest

from arlen_core.errors import ArlenError
from arlen_core.links import LinkError, Links
from arlen_core.router import Router


async def handler():
    """Stand for a handler."""


def links(*templates, **options):
    """Make the links of routes called r0, r1, ..."""
    router = Router()
    for number, template in enumerate(templates):
        router.get(template, name=f"r{number}", **options)(handler)
    return Links(router.flat())


def url(template, /, *, formats=None, **params):
    """Make a URL of one route."""
    return links(template, formats=formats).url_for("r0", **params)


@pytest.mark.parametrize(
    ("template", "params", "wanted"),
    [
        ("/", {}, "/"),
        ("/a/b/", {}, "/a/b/"),
        ("/é", {}, "/%C3%A9"),
        ("/{{x}}", {}, "/%7Bx%7D"),
        ("/{id:int}", {"id": 7}, "/7"),
        ("/{id:int}", {"id": "7"}, "/7"),
        ("/{id}", {"id": 7}, "/7"),
        ("/{x}", {"x": "a b/c?d#e%f"}, "/a%20b%2Fc%3Fd%23e%25f"),
        ("/{x}", {"x": "é"}, "/%C3%A9"),
        ("/{x}", {"x": "..."}, "/..."),
        ("/{x}.{y}", {"x": "a.b", "y": "c"}, "/a.b.c"),
        ("/v{n:int}", {"n": 2}, "/v2"),
        ("/{d:date}", {"d": date(2024, 1, 31)}, "/2024-01-31"),
        ("/{u:uuid}", {"u": UUID(int=1)}, "/00000000-0000-0000-0000-000000000001"),
        ("/{f:float}", {"f": 1e20}, "/100000000000000000000"),
        ("/f/{rest:path}", {"rest": "a b/c/"}, "/f/a%20b/c/"),
        ("/{code:[A-Z]{3}}", {"code": "ABC"}, "/ABC"),
        ("/{name}", {"name": "x"}, "/x"),
    ],
)
def test_a_url_is_made(template, params, wanted):
    """Values are written by their types and percent-encoded (RFC 3986 §3.3)."""
    assert wanted == url(template, **params)


@pytest.mark.parametrize(
    ("template", "params", "part"),
    [
        ("/{id:int}", {}, "/{id:int}: the parameter 'id' is missing (it takes id)"),
        ("/{id:int}", {"id": None}, "'id' is missing: it is None"),
        ("/{a}/{b}", {"a": 1, "b": 2, "c": 3}, "there is no parameter 'c' (it takes a, b)"),
        ("/", {"c": 3}, "there is no parameter 'c' (it takes none)"),
        ("/{id:int}", {"id": "x"}, "id='x' is no int"),
        ("/{id:int}", {"id": 2**63}, "'9223372036854775808' does not match {id:int}"),
        ("/{id:int}", {"id": 1.5}, "not a whole number"),
        ("/{f:float}", {"f": float("nan")}, "does not match"),
        ("/{f:float}", {"f": float("inf")}, "does not match"),
        ("/{x}", {"x": ""}, "'' does not match {x:str}"),
        ("/{x}", {"x": "."}, "does not match"),
        ("/{x}", {"x": ".."}, "does not match"),
        ("/{x}", {"x": "a\0b"}, "does not match"),
        ("/{x}", {"x": "\ud800"}, "does not match"),
        ("/{code:[A-Z]{3}}", {"code": "abc"}, "'abc' does not match {code:[A-Z]{3}}"),
        ("/{x}.{y}", {"x": "a", "y": "b.c"}, "'a.b.c' would be read as a.b, c"),
        ("/{x}-{y}", {"x": "", "y": "b"}, "does not match {x:str}-{y:str}"),
        ("/f/{rest:path}", {"rest": ""}, "does not match"),
        ("/f/{rest:path}", {"rest": "/a"}, "does not match"),
        ("/f/{rest:path}", {"rest": "a/../b"}, "does not match"),
        ("/{rest:path}", {"rest": "/evil.example"}, "does not match"),
    ],
)
def test_a_url_that_would_not_match_is_refused(template, params, part):
    """The error names the template, the parameter and the reason."""
    with pytest.raises(LinkError) as error:
        url(template, **params)
    assert part in str(error.value)
    assert template in str(error.value)


def test_the_error_is_one_of_arlen_and_a_value_error():
    """Callers may catch it as either."""
    assert issubclass(LinkError, ArlenError)
    assert issubclass(LinkError, ValueError)


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ({"_query": {"a": 1, "b": "x y&z"}}, "/x?a=1&b=x+y%26z"),
        ({"_query": {"a": [1, 2], "b": (), "c": None, "d": [None, 3]}}, "/x?a=1&a=2&d=3"),
        ({"_query": {"a": True, "b": False}}, "/x?a=true&b=false"),
        ({"_query": {}}, "/x"),
        ({"_fragment": "a b/c?"}, "/x#a%20b/c?"),
        ({"_root": "/mounted"}, "/mounted/x"),
        ({"_external": "https://example.org"}, "https://example.org/x"),
        ({"_external": "https://example.org/"}, "https://example.org/x"),
        ({"_format": "json"}, "/x.json"),
        (
            {"_external": "https://e.org", "_root": "/m", "_format": "json", "_query": {"q": 1}, "_fragment": "f"},
            "https://e.org/m/x.json?q=1#f",
        ),
    ],
)
def test_what_goes_around_the_path(extra, wanted):
    """Query, fragment, mount prefix, scheme and host, and format are added."""
    assert wanted == url("/x", **extra)


def test_a_value_that_ends_like_a_format_is_protected():
    """On a route with formats, ".json" at the end of a value would be split off: the default format is said as well."""
    assert "/a.json.html" == url("/{x}", formats=["html", "json"], x="a.json")
    assert "/f/a/b.json.html" == url("/f/{x:path}", formats=["html", "json"], x="a/b.json")
    assert "/a.json" == url("/{x}", formats=["html"], x="a.json")
    assert "/.json" == url("/{x}", formats=["html", "json"], x=".json")
    assert "/a.json" == url("/{x}", x="a.json")


@pytest.mark.parametrize(
    ("template", "formats", "params"), [("/{x}", None, {"x": 1}), ("/x/", None, {}), ("/x", ["html"], {})]
)
def test_a_format_that_would_not_come_back_is_refused(template, formats, params):
    """A format that the route does not declare, or that a plain value would swallow, is an error."""
    with pytest.raises(LinkError, match="'json' is no format of this route"):
        url(template, formats=formats, _format="json", **params)


def test_an_unknown_name_suggests_the_nearest():
    """A misspelt name is answered with the right one."""
    router = Router()
    router.get("/notes", name="notes")(handler)
    with pytest.raises(LinkError, match="there is no route called 'notse'; did you mean 'notes'"):
        Links(router.flat()).url_for("notse")
    with pytest.raises(LinkError, match=r"there is no route called 'zzzz'$"):
        links("/x").url_for("zzzz")


def test_names_of_routers_are_joined():
    """A route in a router has the router's name before its own."""
    inner, outer = Router("/users", name="users"), Router("/admin", name="admin")
    inner.get("/{id:int}", name="show")(handler)
    outer.include(inner)
    assert "/admin/users/7" == Links(outer.flat()).url_for("admin:users:show", id=7)


def test_handlers_of_the_same_name_are_told_apart():
    """A name that only comes from the handlers is ambiguous when their templates differ."""
    router = Router()
    router.get("/a")(handler)
    router.post("/a")(handler)
    assert "/a" == Links(router.flat()).url_for("handler")
    router.get("/b")(handler)
    with pytest.raises(LinkError, match=r"'handler' could be GET /a .* and GET /b .*: give one of them a name"):
        Links(router.flat()).url_for("handler")


def test_a_given_name_goes_before_a_handlers():
    """A route that was called so wins over one whose handler happens to be."""
    router = Router()
    router.get("/a")(handler)
    router.get("/b", name="handler")(handler)
    assert "/b" == Links(router.flat()).url_for("handler")


class Child:
    """Stands for an application that has its own links."""

    def __init__(self, *templates):
        self._links = links(*templates)

    def url_for(self, name, /, **params):
        return self._links.url_for(name, **params)


def test_a_mounted_application_has_its_links_below_its_prefix():
    """The name of the mount and a colon reach the child's routes, with every prefix on the way."""
    router = Router()
    router.mount("/blög", Child("/posts/{id:int}"), name="blog")
    found = Links(router.flat()).url_for("blog:r0", id=7, _root="/top", _query={"a": 1}, _external="https://e.org")
    assert "https://e.org/top/bl%C3%B6g/posts/7?a=1" == found


def test_a_mounted_application_without_links():
    """A mounted ASGI application has no routes that we know."""
    router = Router()
    router.mount("/x", object(), name="x")
    with pytest.raises(LinkError, match="no route called 'x:y'"):
        Links(router.flat()).url_for("x:y")
