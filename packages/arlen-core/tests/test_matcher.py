"""Tests of arlen_core.matcher."""

import sys

import pytest

from arlen_core.errors import StartupError
from arlen_core.matcher import RESERVED, Match, Matcher, Miss
from arlen_core.requests import Request
from arlen_core.router import Router
from arlen_core.routes import Route, bind_types


async def handler():
    """Stand for a handler."""


def router(*declared):
    """Make a router of routes written as "METHODS /template", called so."""
    made = Router()
    for each in declared:
        method, _, template = each.rpartition(" ")
        if method == "WS":
            made.websocket(template)(handler)
        else:
            made.route(template, methods=(method or "GET").split(","), name=each)(handler)
    return made


def matcher(*declared, **options):
    """Make a matcher of such routes."""
    return Matcher(router(*declared).flat(), **options)


def match(made, target, method="GET", **options):
    """Return the name, values and format of the match, or the status of the miss."""
    found = made.match(method, target.encode("latin-1"), Request(method, target.encode("latin-1"), **options))
    if isinstance(found, Miss):
        return found.status
    return found.route.name, found.params, found.format


def named(made, target, method="GET", **options):
    """Return only the name of the match, or the status."""
    found = match(made, target, method, **options)
    return found if isinstance(found, int) else found[0]


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("/", ("/", {}, "")),
        ("/a", ("/a", {}, "")),
        ("/caf%C3%A9", ("/café", {}, "")),
        ("/caf%c3%a9", ("/café", {}, "")),
        ("/%61", ("/a", {}, "")),
        ("/u/7", ("/u/{id:int}", {"id": 7}, "")),
        ("/u/%37", ("/u/{id:int}", {"id": 7}, "")),
        ("/u/x", ("/u/{name}", {"name": "x"}, "")),
        ("/u/a%2Fb", ("/u/{name}", {"name": "a/b"}, "")),
        ("/u/a%252Fb", ("/u/{name}", {"name": "a%2Fb"}, "")),
        ("/u/a+b", ("/u/{name}", {"name": "a+b"}, "")),
        ("/u/a;b=c", ("/u/{name}", {"name": "a;b=c"}, "")),
        ("/f/a/b%20c/", ("/f/{rest:path}", {"rest": "a/b c/"}, "")),
        ("/f/a//b", ("/f/{rest:path}", {"rest": "a//b"}, "")),
        ("/f/x.tar.gz", ("/f/{rest:path}", {"rest": "x.tar.gz"}, "")),
        ("/u", 404),
        ("/u%2F7", 404),
        ("/A", 404),
        ("/f", 404),
        ("/f//a", 404),
        ("//a", 404),
        ("/u//x", 404),
    ],
)
def test_a_path_finds_its_route(target, wanted):
    """Segments are split first and decoded after; the values of placeholders come decoded and converted."""
    made = matcher("/", "/a", "/café", "/u/{id:int}", "/u/{name}", "/f/{rest:path}", slash="strict")
    assert wanted == match(made, target)


@pytest.mark.parametrize("target", ["/u/a%2Fb", "/f/a%2Fb", "/f/a/b%2fc"])
def test_an_encoded_slash_is_no_part_of_a_rest(target):
    """In the rest of a path an encoded slash could not be told from a real one, so it does not match."""
    assert 404 == match(matcher("/f/{rest:path}"), target)


def test_an_encoded_slash_before_the_rest_is_fine():
    """Only the rest itself must be free of encoded slashes."""
    assert {"who": "a/b", "rest": "c/d"} == match(matcher("/{who}/{rest:path}"), "/a%2Fb/c/d")[1]


@pytest.mark.parametrize(
    "target",
    [
        "/%",
        "/%zz",
        "/%ff",
        "/\xff",
        "/a%00",
        "/a\0b",
        "/.",
        "/..",
        "/a/../b",
        "/%2e%2e/a",
        "/a/%2E",
        "",
        "a",
        "http://x/",
    ],
)
def test_a_path_that_cannot_be_read_is_a_bad_request(target):
    """Wrong encodings and dot segments are 400 with a sentence, whatever the routes."""
    made = matcher("/{rest:path}", "/{a}", "/")
    found = made.match("GET", target.encode("latin-1"), Request())
    assert 400 == found.status
    assert "path" in found.detail


@pytest.mark.parametrize(
    ("declared", "target", "wanted"),
    [
        (["/x/{rest:path}", "/x/{p}", "/x/{n:int}", "/x/5"], "/x/5", "/x/5"),
        (["/x/{rest:path}", "/x/{p}", "/x/{n:int}", "/x/5"], "/x/6", "/x/{n:int}"),
        (["/x/{rest:path}", "/x/{p}", "/x/{n:int}", "/x/5"], "/x/y", "/x/{p}"),
        (["/x/{rest:path}", "/x/{p}", "/x/{n:int}", "/x/5"], "/x/y/z", "/x/{rest:path}"),
        (["/x/{p}", "/x/v{p}"], "/x/v1", "/x/v{p}"),
        (["/a/{y}/{z}", "/{x}/b/c"], "/a/b/c", "/{x}/b/c"),
        (["/{x}/b", "/a/{y}"], "/a/b", "/{x}/b"),
        (["/a/{y}", "/{x}/b"], "/a/b", "/a/{y}"),
        (["/{x:slug}", "/{y:int}"], "/5", "/{x:slug}"),
        (["/{y:int}", "/{x:slug}"], "/5", "/{y:int}"),
        (["/{x:slug}/{y}", "/a/{y}"], "/a/b", "/a/{y}"),
        (["/{rest:path}", "/a/{rest:path}", "/a/b/{rest:path}"], "/a/b/c", "/a/b/{rest:path}"),
        (["/a/{rest:path}", "/{x}/{y}"], "/a/b", "/{x}/{y}"),
        (["/a/b/c", "/{x}/b/d"], "/a/b/d", "/{x}/b/d"),
        (["/a/{x}/c", "/a/{rest:path}"], "/a/b/d", "/a/{rest:path}"),
    ],
)
def test_the_most_specific_route_wins(declared, target, wanted):
    """Static, typed, plain, rest of the path; then more static segments; then the first registered."""
    assert wanted == named(matcher(*declared), target)


@pytest.mark.parametrize(
    ("method", "target", "wanted"),
    [
        ("GET", "/a", "GET /a"),
        ("HEAD", "/a", "GET /a"),
        ("POST", "/a", "POST /a"),
        ("PUT", "/a", "* /a"),
        ("HEAD", "/h", "HEAD /h"),
        ("QUERY", "/h", "QUERY /h"),
        ("DELETE", "/a/x", "DELETE /{y}/x"),
        ("HEAD", "/%61", "GET /a"),
    ],
)
def test_the_method_chooses_among_equals(method, target, wanted):
    """A route for the method goes before one for every method; HEAD falls back to GET; other routes are tried."""
    made = matcher("* /a", "GET /a", "POST /a", "GET /h", "HEAD /h", "QUERY /h", "GET /a/x", "DELETE /{y}/x")
    assert wanted == named(made, target, method)


@pytest.mark.parametrize(
    ("method", "target", "status", "allow"),
    [
        ("PUT", "/a", 405, ("GET", "HEAD", "OPTIONS", "POST")),
        ("OPTIONS", "/a", 204, ("GET", "HEAD", "OPTIONS", "POST")),
        ("GET", "/p", 405, ("OPTIONS", "POST")),
        ("HEAD", "/p", 405, ("OPTIONS", "POST")),
        ("GET", "/m/x", 405, ("DELETE", "OPTIONS", "PATCH")),
        ("OPTIONS", "/nothing", 404, ()),
        ("OPTIONS", "*", 204, ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST")),
        ("GET", "*", 400, ()),
        ("TRACE", "/p", 405, ("OPTIONS", "POST")),
    ],
)
def test_other_methods_are_refused_with_the_list(method, target, status, allow):
    """405 and the automatic answer to OPTIONS name every method of every route for the path (RFC 9110 §15.5.6)."""
    made = matcher("GET /a", "POST /a", "POST /p", "PATCH /m/{x}", "DELETE /{m}/x")
    found = made.match(method, target.encode(), Request())
    assert (status, allow) == (found.status, found.allow)


def test_options_can_be_declared():
    """A route for OPTIONS replaces the automatic answer."""
    assert "OPTIONS /a" == named(matcher("GET /a", "OPTIONS /a"), "/a", "OPTIONS")


@pytest.mark.parametrize(
    ("slash", "target", "wanted"),
    [
        ("redirect", "/a/", 308),
        ("redirect", "/b", 308),
        ("redirect", "/u/7/", 308),
        ("redirect", "/u/7//", 404),
        ("redirect", "/x/", 404),
        ("redirect", "/", 404),
        ("strict", "/a/", 404),
        ("strict", "/b", 404),
        ("ignore", "/a/", "/a"),
        ("ignore", "/b", "/b/"),
        ("ignore", "/u/7/", "/u/{id:int}"),
        ("ignore", "/a", "/a"),
        ("ignore", "/x/", 404),
    ],
)
def test_a_slash_at_the_end(slash, target, wanted):
    """The policy says what happens to a path that differs from the declared one by a slash at its end."""
    assert wanted == named(matcher("/a", "/b/", "/u/{id:int}", slash=slash), target)


@pytest.mark.parametrize(
    ("target", "query", "root", "location"),
    [
        (b"/a/", b"", "", "/a"),
        (b"/a/", b"x=1&y=%20", "", "/a?x=1&y=%20"),
        (b"/b", b"", "/mounted", "/mounted/b/"),
        (b"/caf%C3%A9/", b"", "", "/caf%C3%A9"),
        ("/café/".encode(), b"", "", "/caf%C3%A9"),
        (b"/u/a%2Fb/", b"", "", "/u/a%2Fb"),
        (b"/a/", b'x="<\r\n>', "", "/a?x=%22%3C%0D%0A%3E"),
    ],
)
def test_a_redirect_keeps_prefix_encoding_and_query(target, query, root, location):
    """308 goes to the declared form, with everything else as it was."""
    request = Request("POST", target, query)
    request.root = root
    made = matcher("GET,POST /a", "POST /b/", "POST /café", "POST /u/{x}")
    assert Miss(308, location=location) == made.match("POST", target, request)


@pytest.mark.parametrize("target", ["//evil.example/", "//evil.example", "///", "//"])
def test_no_redirect_leaves_the_site(target):
    """A location never begins with two slashes, which would name another host."""
    made = matcher("/", "/{a}", "/{a}/{b}", "/{rest:path}")
    found = made.match("GET", target.encode(), Request())
    assert not getattr(found, "location", "").startswith("//")


def test_the_wrong_method_on_the_other_form_is_405():
    """There is no redirect to a path that does not take the method."""
    found = matcher("POST /a").match("GET", b"/a/", Request())
    assert (405, ("OPTIONS", "POST")) == (found.status, found.allow)


def formatted(template, formats=None, **options):
    """Make a matcher of one route with formats."""
    made = Router()
    made.get(template, formats=formats, name=template)(handler)
    return Matcher(made.flat(), **options)


@pytest.mark.parametrize(
    ("template", "formats", "target", "wanted"),
    [
        ("/u/{id:int}", None, "/u/5.json", ("/u/{id:int}", {"id": 5}, "json")),
        ("/u/{id:int}", None, "/u/5.html", ("/u/{id:int}", {"id": 5}, "html")),
        ("/u/{id:int}", None, "/u/5.csv", 404),
        ("/u/{id:int}", ["csv"], "/u/5.csv", ("/u/{id:int}", {"id": 5}, "csv")),
        ("/u/{id:int}", ["csv"], "/u/5.json", 404),
        ("/u/{id:int}", None, "/u/5.exe", 404),
        ("/u", None, "/u.json", ("/u", {}, "json")),
        ("/u", None, "/u%2Ejson", ("/u", {}, "json")),
        ("/u", None, "/u.json/", 308),
        ("/u", None, "/.json", 404),
        ("/{x}", None, "/a.json", ("/{x}", {"x": "a.json"}, "")),
        ("/{x}", ["html", "json"], "/a.json", ("/{x}", {"x": "a"}, "json")),
        ("/{x}", ["html", "json"], "/a.b.json", ("/{x}", {"x": "a.b"}, "json")),
        ("/{x}", ["html", "json"], "/a.json.json", ("/{x}", {"x": "a.json"}, "json")),
        ("/{x}", ["html"], "/a.json", ("/{x}", {"x": "a.json"}, "")),
        ("/{x}", ["html", "json"], "/.json", ("/{x}", {"x": ".json"}, "")),
        ("/f/{x:path}", ["html", "json"], "/f/a/b.json", ("/f/{x:path}", {"x": "a/b"}, "json")),
        ("/{x}.{y}", ["json"], "/a.json", ("/{x}.{y}", {"x": "a", "y": "json"}, "")),
        ("/{x:slug}", None, "/a.json", ("/{x:slug}", {"x": "a"}, "json")),
        ("/{x:[a-z.]+}", None, "/a.json", ("/{x:[a-z.]+}", {"x": "a.json"}, "")),
        ("/", None, "/.json", 404),
    ],
)
def test_a_suffix_says_the_format(template, formats, target, wanted):
    """A path that matches nothing as it stands is tried without its suffix, on routes that have the format."""
    assert wanted == match(formatted(template, formats), target)


def test_a_route_as_it_stands_goes_before_a_suffix():
    """A declared "/feed.json" is not a format of "/feed"."""
    made = matcher("/feed", "/feed.json")
    assert ("/feed.json", {}, "") == match(made, "/feed.json")
    assert ("/feed", {}, "html") == match(made, "/feed.html")


def test_suffixes_and_default_formats_can_be_set():
    """The tables are the application's."""
    made = formatted("/x", suffixes=["atom", "json"], formats=["atom"])
    assert [("/x", {}, "atom"), 404] == [match(made, "/x.atom"), match(made, "/x.json")]


def test_the_wrong_method_with_a_suffix_is_405():
    """The routes behind a suffix count for Allow."""
    found = matcher("POST /u/{id:int}").match("GET", b"/u/5.json", Request())
    assert (405, ("OPTIONS", "POST")) == (found.status, found.allow)


def test_a_suffix_keeps_the_precedence():
    """Without its suffix the path is matched as any other."""
    assert ("/x/{n:int}", {"n": 5}, "json") == match(matcher("/x/{n:int}", "/x/{s:slug}"), "/x/5.json")


def conditional():
    """Make a matcher of routes with conditions."""
    made = Router()
    made.get("/x", name="plain")(handler)
    made.get("/x", name="host", host="a.org")(handler)
    made.get("/x", name="version", headers={"x-version": "2"})(handler)
    made.post("/x", name="post", host="a.org")(handler)
    made.get("/{y}", name="other")(handler)
    made.get("/only", name="only", when=[lambda request: request.scheme == "https"])(handler)
    made.put("/lone", name="lone", host="a.org")(handler)
    return Matcher(made.flat())


@pytest.mark.parametrize(
    ("target", "method", "options", "wanted"),
    [
        ("/x", "GET", {}, "plain"),
        ("/x", "GET", {"headers": [(b"host", b"a.org")]}, "host"),
        ("/x", "GET", {"headers": [(b"x-version", b"2")]}, "version"),
        ("/x", "POST", {"headers": [(b"host", b"a.org")]}, "post"),
        ("/x", "POST", {}, 405),
        ("/only", "GET", {"scheme": "https"}, "only"),
        ("/only", "GET", {}, "other"),
        ("/lone", "PUT", {"headers": [(b"host", b"a.org")]}, "lone"),
        ("/lone", "PUT", {}, 405),
    ],
)
def test_a_condition_that_fails_gives_way(target, method, options, wanted):
    """A route whose condition fails is skipped, and the next in precedence gets the request."""
    assert wanted == named(conditional(), target, method, **options)


def test_allow_counts_only_routes_whose_conditions_hold():
    """A method that another host has is not allowed on this one."""
    assert ("GET", "HEAD", "OPTIONS") == conditional().match("POST", b"/x", Request()).allow


@pytest.mark.parametrize(
    ("target", "upgrade", "wanted"),
    [
        ("/ws", "websocket", True),
        ("/ws", "", 426),
        ("/both", "websocket", True),
        ("/both", "", False),
        ("/page", "websocket", False),
        ("/nothing", "websocket", 404),
        ("/ws/5", "websocket", True),
    ],
)
def test_websockets_have_routes_of_their_own(target, upgrade, wanted):
    """A GET that asks for a WebSocket gets its route, or the page at that path; others are told to upgrade."""
    made = matcher("WS /ws", "WS /both", "WS /ws/{n:int}", "GET /both", "GET /page")
    found = made.match("GET", target.encode(), Request(upgrade=upgrade))
    assert wanted == (found.route.websocket if isinstance(found, Match) else found.status)


def test_other_methods_on_a_websocket_path():
    """A WebSocket is asked for with GET."""
    found = matcher("WS /ws").match("POST", b"/ws", Request())
    assert (405, ("GET", "OPTIONS")) == (found.status, found.allow)


def mounted(*prefixes, routes=()):
    """Make a matcher of mounts beside routes."""
    made = router(*routes)
    for prefix in prefixes:
        made.mount(prefix, object(), name=prefix or "root")
    return Matcher(made.flat())


@pytest.mark.parametrize(
    ("target", "prefix", "child"),
    [
        (b"/p", "/p", b"/"),
        (b"/p/", "/p", b"/"),
        (b"/p/x", "/p", b"/x"),
        (b"/p/x/", "/p", b"/x/"),
        (b"/p//x", "/p", b"//x"),
        (b"/p/a%2Fb%20", "/p", b"/a%2Fb%20"),
        (b"/%70/x", "/p", b"/x"),
        (b"/p/q", "/p/q", b"/"),
        (b"/p/q/r", "/p/q", b"/r"),
        (b"/p/qr", "/p", b"/qr"),
        (b"/px", "root", b"/px"),
        (b"/", "root", b"/"),
    ],
)
def test_a_mount_gets_the_rest_of_the_raw_path(target, prefix, child):
    """The longest prefix wins; what is below it is passed on as it was sent."""
    for method in ("GET", "POST", "OPTIONS", "BREW"):
        found = mounted("/p", "/p/q", "").match(method, target, Request())
        assert (prefix, child, {}) == (found.route.name, found.target, found.params)


def test_a_mount_takes_websockets():
    """A request for a WebSocket goes to the child too."""
    assert "/p" == mounted("/p").match("GET", b"/p/ws", Request(upgrade="websocket")).route.name


def test_a_path_that_only_begins_like_a_prefix():
    """A prefix ends where a segment ends."""
    assert 404 == match(mounted("/p"), "/px")


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("/p/x", "/p/x"),
        ("/p/y", "/p"),
        ("/p", "/p"),
        ("/p/", "/p"),
        ("/p/y/z", "/p"),
        ("/q", "/{x}"),
        ("/q/r", "/{x}/{y}"),
        ("/q/r/s", "/{rest:path}"),
        ("/", "root"),
        ("/q/r/", "/{rest:path}"),
    ],
)
def test_a_mount_owns_its_prefix(target, wanted):
    """Only static routes of the parent reach below a mount's prefix; a mount at the root comes after everything."""
    routes = ["/p/x", "/p/{y:int}", "/{x}", "/{x}/{y}", "/p/{rest:path}", "/{rest:path}"]
    assert wanted == named(mounted("", "/p", routes=routes), target)


def reserved(*paths):
    """Make reserved routes."""
    return [Route(methods=frozenset({"GET"}), template=path, endpoint=handler, name=path) for path in paths]


@pytest.mark.parametrize("path", RESERVED)
@pytest.mark.parametrize("suffix", ["", ".json", ".txt"])
def test_reserved_paths_cannot_be_shadowed(path, suffix):
    """No placeholder, wildcard or mount gets a reserved path, in any spelling, answered or not."""
    made = router("* /{x}", "* /{rest:path}", "* /{x}.{y}")
    made.mount("", object())
    encoded = path.replace("e", "%65").replace("m", "%6D")
    for spelling in (path + suffix, encoded + suffix):
        assert 404 == match(Matcher(made.flat()), spelling)
        found = match(Matcher(made.flat(), reserved=reserved(path)), spelling)
        assert (path, {}, suffix[1:]) == found
        assert (path, {}, suffix[1:]) == match(Matcher(made.flat(), reserved=reserved(path)), spelling, "HEAD")


@pytest.mark.parametrize(("method", "status"), [("POST", 405), ("OPTIONS", 204)])
def test_other_methods_on_reserved_paths_do_not_fall_through(method, status):
    """A reserved path belongs to the platform for every method."""
    made = Matcher(router("* /{x}").flat(), reserved=reserved("/healthz"))
    found = made.match(method, b"/healthz", Request())
    assert (status, ("GET", "HEAD", "OPTIONS")) == (found.status, found.allow)


def test_a_websocket_cannot_shadow_a_reserved_path():
    """The upgrade header does not lead around the reserved paths."""
    made = Matcher(router("WS /{x}").flat(), reserved=reserved("/healthz"))
    assert "/healthz" == named(made, "/healthz", upgrade="websocket")


def test_more_paths_can_be_reserved():
    """A plugin reserves paths of its own."""
    made = Matcher(router("/{rest:path}").flat(), reserved=reserved("/api/dev/build-error"))
    assert "/api/dev/build-error" == named(made, "/api/dev/build-error")
    with pytest.raises(StartupError, match="reserved path"):
        Matcher(router("/api/dev/build-error").flat(), reserved=reserved("/api/dev/build-error"))


def test_conflicts_are_found_when_compiling():
    """An application with routes that conflict does not start."""
    with pytest.raises(StartupError, match="can never be reached"):
        matcher("/x/{a}", "/x/{b}")


def test_values_are_given_to_the_names_of_the_matched_route():
    """Routes of one shape may call their placeholders differently."""
    made = matcher("GET /x/{id}", "POST /x/{name}")
    assert [{"id": "7"}, {"name": "7"}] == [match(made, "/x/7")[1], match(made, "/x/7", "POST")[1]]


def test_bound_types_decide_what_matches():
    """After binding, `{id}` of a handler that takes an int matches integers only."""
    routes = router("/x/{id}", "/x/{slug}/y").flat()
    bind_types(routes[0], {"id": int})
    made = Matcher(routes)
    assert [{"id": 7}, 404] == [match(made, "/x/7")[1], match(made, "/x/seven")]


def test_params_are_not_shared_between_requests():
    """What a handler does to its parameters does not reach the next request."""
    made = matcher("/a")
    made.match("GET", b"/a", Request()).params["x"] = 1
    assert {} == made.match("GET", b"/a", Request()).params


def test_no_routes_at_all():
    """An application without routes answers 404."""
    assert [404, 404] == [match(matcher(), "/"), match(matcher(), "/a/b")]


def steps(made, target):
    """Count the lines that run for one match."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    request, before = Request(), sys.gettrace()
    sys.settrace(trace)
    try:
        made.match("GET", target, request)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    ("template", "tail"), [("list", "list"), ("{id:int}", "7"), ("{x}/y", "x/y"), ("{x:[a-z]}", "a")]
)
def test_the_number_of_routes_does_not_matter(template, tail):
    """The last of 1,000 routes is found in as many steps as the last of 10."""
    few, many = (matcher(*[f"/api/r{n}/{template}" for n in range(count)]) for count in (10, 1000))
    assert steps(few, f"/api/r9/{tail}".encode()) == steps(many, f"/api/r999/{tail}".encode())
