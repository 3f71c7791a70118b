"""Properties of routing as a whole: the matcher against a brute-force one, and links against the matcher."""

import re
from itertools import pairwise
from urllib.parse import unquote_to_bytes

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from arlen_core.errors import StartupError
from arlen_core.links import LinkError, Links
from arlen_core.matcher import Match, Matcher
from arlen_core.requests import Request
from arlen_core.router import Router

SUFFIXES = {"html", "json", "txt", "csv", "xml"}
DEFAULT = ("html", "json")


async def handler():
    """Stand for a handler."""


# -- a matcher that tries every route on every request, written without a look at the real one -------------------------

TYPES = {"int": r"-?[0-9]{1,19}", "slug": r"[A-Za-z0-9_-]+", "": r"[\s\S]+", "path": r"[^/][\s\S]*"}


def brute_segments(template):
    """Read a template of the few kinds that the tests use: a regular expression and a kind for each segment."""
    made = []
    for segment in template[1:].split("/"):
        pieces = re.split(r"\{\w+:?(\w*)\}", segment)
        regex = "".join(re.escape(piece) if n % 2 == 0 else f"({TYPES[piece]})" for n, piece in enumerate(pieces))
        typed = len(pieces) > 1 and (
            len(segment) > len(re.findall(r"\{.*?\}", segment)[0]) or pieces[1] not in {"", "path"}
        )
        kind = "static" if len(pieces) == 1 else "typed" if typed else "rest" if pieces[1] == "path" else "plain"
        made.append((regex, kind, pieces[1::2]))
    return made


def brute_values(template, segments):
    """Return the values of a match, or None."""
    wanted = brute_segments(template)
    values = []
    for n, (regex, kind, types) in enumerate(wanted):
        if n >= len(segments):
            return None
        text = "/".join(segments[n:]) if kind == "rest" else segments[n]
        found = re.fullmatch(regex, text)
        if found is None or (kind == "rest" and any("/" in each for each in segments[n:])):
            return None
        values += [int(each) if type_ == "int" else each for each, type_ in zip(found.groups(), types, strict=True)]
        if kind == "rest":
            return values
    return values if len(segments) == len(wanted) else None


def brute_rank(template, order):
    """Static routes, then placeholders, then a rest; more static, more typed, more plain first."""
    kinds = [kind for _, kind, _ in brute_segments(template)]
    worst = 2 if "rest" in kinds else 1 if set(kinds) != {"static"} else 0
    return worst, -kinds.count("static"), -kinds.count("typed"), -kinds.count("plain"), order


def brute_pick(routes, method, segments, wanted):
    """Return the best route with its values, and all methods that there are."""
    best, methods = None, set()
    for order, (methods_, template, formats) in enumerate(routes):
        values = brute_values(template, segments)
        if values is None or not wanted(template, formats):
            continue
        methods |= methods_
        penalty = (
            0 if method in methods_ else 1 if method == "HEAD" and "GET" in methods_ else 2 if "*" in methods_ else 9
        )
        rank = (*brute_rank(template, order)[:4], penalty, order)
        if penalty < 9 and (best is None or rank < best[0]):
            best = rank, order, values
    return best and best[1:], methods


def brute_path(routes, method, segments):
    """Try the path as it stands, then without its suffix."""
    base, _, ending = segments[-1].rpartition(".")
    suffix = ending if base and ending in SUFFIXES else ""

    def whole(template, formats):
        return not (suffix in formats and brute_segments(template)[-1][1] in {"plain", "rest"})

    found, methods = brute_pick(routes, method, segments, whole)
    if found or not suffix:
        return (*found, "") if found else methods
    short = [*segments[:-1], base]
    found, more = brute_pick(routes, method, short, lambda template, formats: suffix in (formats or DEFAULT))
    return (*found, suffix) if found else methods | more


def brute(routes, method, target):
    """Return what the matcher should: a route with values and format, or a status."""
    segments = [unquote_to_bytes(each).decode() for each in target[1:].split("/")]
    if {".", ".."} & set(segments):
        return 400
    found = brute_path(routes, method, segments)
    if found == set():
        other = segments[:-1] if segments[-1] == "" and len(segments) > 1 else [*segments, ""]
        turned = brute_path(routes, method, other)
        found = 308 if isinstance(turned, tuple) else turned
    if isinstance(found, set):
        return (204 if method == "OPTIONS" else 405) if found else 404
    return found


# -- random routes and requests ---------------------------------------------------------------------------------------

part = st.sampled_from(["a", "b", "v1", "a.json", "{x}", "{x:int}", "{x:slug}", "v{x:int}", "{x}.{y}", "{x:int}-{y}"])
tail = st.sampled_from(["", "/", "/{rest:path}"])
methods = st.sampled_from([{"GET"}, {"POST"}, {"GET", "POST"}, {"HEAD"}, {"*"}, {"OPTIONS"}])
formats = st.sampled_from([(), (), ("html", "json"), ("json",), ("csv",)])


@st.composite
def templates(draw):
    """Draw a template; placeholders get names of their own."""
    parts = draw(st.lists(part, max_size=4))
    numbered = [each.replace("{x", f"{{x{n}").replace("{y", f"{{y{n}") for n, each in enumerate(parts)]
    return ("".join("/" + each for each in numbered) + draw(tail)) or "/"


@st.composite
def tables(draw):
    """Draw routes that do not conflict."""
    routes, router = [], Router()
    for row in draw(st.lists(st.tuples(methods, templates(), formats), max_size=12)):
        trial = Router()
        for methods_, template, formats_ in [*routes, row]:
            trial.route(template, methods=methods_, formats=formats_)(handler)
        try:
            Matcher(trial.flat())
        except StartupError:
            continue
        routes.append(row)
        router = trial
    return routes, router.flat()


piece = st.sampled_from(["a", "b", "1", "-7", "v1", "v2", "x", "a.b", "1-2", "a.json", "1.json", "v1.csv", ".json",
                         "x.html", "%61", "a%2Fb", "1%2Ejson", "é".encode().hex(), "%C3%A9", ""])  # fmt: skip
paths = st.lists(piece, min_size=1, max_size=5).map(lambda pieces: "/" + "/".join(pieces))
asked = st.sampled_from(["GET", "GET", "HEAD", "POST", "PUT", "OPTIONS"])


@settings(max_examples=300)
@given(tables(), st.lists(st.tuples(asked, paths), min_size=1, max_size=12))
def test_the_matcher_agrees_with_trying_every_route(table, requests):
    """Whatever the routes and the path, the tree finds what a search of all routes by the written rules finds."""
    rows, routes = table
    matcher = Matcher(routes)
    for method, target in requests:
        found = matcher.match(method, target.encode(), Request(method, target.encode()))
        if isinstance(found, Match):
            got = routes.index(found.route), list(found.params.values()), found.format
        else:
            got = found.status
        assert (method, target, brute(rows, method, target)) == (method, target, got)


@settings(max_examples=50)
@given(tables(), st.randoms(use_true_random=False), st.lists(paths, min_size=1, max_size=8))
def test_only_ties_depend_on_the_order_of_declaration(table, random, targets):
    """With the order changed, a path finds a route of the same rank."""
    _, routes = table
    mixed = random.sample(routes, len(routes))
    for target in targets:
        first, second = (
            Matcher(each).match("GET", target.encode(), Request("GET", target.encode())) for each in (routes, mixed)
        )
        assert type(first) is type(second)
        if isinstance(first, Match):
            assert (first.route.rank, first.format) == (second.route.rank, second.format)


@given(st.lists(templates(), min_size=2, max_size=6))
def test_ranks_order_templates(found):
    """Ranks of templates are totally ordered, and a static template goes before all others of its length."""
    ranked = sorted(found, key=lambda template: brute_rank(template, 0))
    router = Router()
    for template in ranked:
        router.get(template)(handler)
    ranks = [route.rank[1:] for route in router.flat() if route.rank[0] == 2]
    assert all(first <= second for first, second in pairwise(ranks))


# -- links ------------------------------------------------------------------------------------------------------------

VALUES = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "slug": st.text("abzAZ09_-", min_size=1, max_size=8),
    "": st.one_of(st.text(min_size=1, max_size=8), st.text("a./%.é?#&=+ json", min_size=1, max_size=8)),
    "path": st.one_of(st.text(min_size=1, max_size=8), st.text("a./%.é?#&=+ json", min_size=1, max_size=8)),
}


def filled(template, data):
    """Draw a value for each placeholder of a template."""
    return {name: data.draw(VALUES[type_]) for name, type_ in re.findall(r"\{(\w+):?(\w*)\}", template)}


@settings(max_examples=400)
@given(templates(), formats, st.sampled_from(["", "json", "html"]), st.data())
def test_a_url_matches_the_same_route_and_values(template, formats_, ending, data):
    """`match(url_for(name, **p))` gives `(name, p)`: a URL that would not is refused."""
    router = Router()
    router.get(template, name="it", formats=formats_)(handler)
    routes, params = router.flat(), filled(template, data)
    try:
        url = Links(routes).url_for("it", _format=ending, **params)
    except LinkError:
        return
    found = Matcher(routes, slash="strict").match("GET", url.encode(), Request())
    assert isinstance(found, Match), url
    assert (params, ending or found.format) == (found.params, found.format)


@given(templates(), st.data())
def test_ordinary_values_make_a_url(template, data):
    """Values without dots, slashes or control characters are never refused."""
    plain = st.text("abc déf", min_size=1, max_size=8)
    params = {
        name: data.draw(VALUES[type_] if type_ in {"int", "slug"} else plain)
        for name, type_ in re.findall(r"\{(\w+):?(\w*)\}", template)
    }
    router = Router()
    router.get(template, name="it")(handler)
    url = Links(router.flat()).url_for("it", **params)
    assert re.fullmatch(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*", url)


@given(tables(), st.data())
def test_among_many_routes_only_a_more_specific_one_takes_the_url(table, data):
    """A URL of one route finds that route, or one that ranks before it."""
    _, routes = table
    assume(routes)
    route = data.draw(st.sampled_from(routes))
    route.name, route.named = "it", True
    try:
        url = Links(routes).url_for("it", **filled(route.template, data))
    except LinkError:
        return
    method = min(route.methods).replace("*", "GET")
    found = Matcher(routes, slash="strict").match(method, url.encode(), Request(method))
    assert isinstance(found, Match)
    assert found.route is route or found.route.rank <= route.rank or method == "HEAD"
