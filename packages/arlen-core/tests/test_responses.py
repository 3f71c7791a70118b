"""Responses: what can be said, and what is refused before it reaches a wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.requests import Request
from arlen_core.responses import Response, Stream, Upgrade, html, json, redirect, text

ATTACKS = ["a\r\nset-cookie: b=c", "a\nb", "a\rb", "a\0b", "\r\n\r\n<script>"]


@pytest.mark.parametrize(
    ("made", "media", "body"),
    [
        (Response("é"), "text/plain; charset=utf-8", "é".encode()),
        (Response(b"x"), "application/octet-stream", b"x"),
        (Response(b"x", media="image/png"), "image/png", b"x"),
        (Response(b"", media=""), None, b""),
        (text("é"), "text/plain; charset=utf-8", "é".encode()),
        (html("<p>"), "text/html; charset=utf-8", b"<p>"),
        (json({"a": [1, 2.5, None, "é"]}), "application/json", '{"a":[1,2.5,null,"é"]}'.encode()),
        (Response("x", headers={"Content-Type": "text/csv"}), "text/csv", b"x"),
        (text("x", headers={"Content-Type": "text/csv"}), "text/csv", b"x"),
    ],
)
def test_the_media_type_follows_the_body(made, media, body):
    """Text, bytes, JSON and HTML say what they are, once; `media` and a header say otherwise."""
    assert (media, body, None) == (made.headers.get("content-type"), made.body, made.stream)
    assert (0 if media is None else 1) == len(made.headers.all("content-type"))


@pytest.mark.parametrize("make", [Response, text, html, json])
def test_the_status_is_one_that_http_has(make):
    """200 to 599 are taken; 199, 600 and nonsense are mistakes, said at once."""
    for status in (200, 599):
        assert status == make("x", status).status
    for status in (-1, 0, 99, 101, 199, 600, 2000):
        with pytest.raises(ValueError, match="200 to 599"):
            make("x", status)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_public_way_lets_a_line_end_in(attack):
    """Whatever sets a header refuses control characters in names and values."""
    answer = Response("x")
    ways = [
        lambda: Response("x", headers={"x-a": attack}),
        lambda: Response("x", headers={attack: "x"}),
        lambda: Response("x", media=attack),
        lambda: Stream(_nothing(), media=attack),
        lambda: Stream(_nothing(), headers={"x-a": attack}),
        lambda: text("x", headers={"x-a": attack}),
        lambda: html("x", headers={"x-a": attack}),
        lambda: json("x", headers={"x-a": attack}),
        lambda: answer.headers.add("x-a", attack),
        lambda: answer.headers.set("x-a", attack),
        lambda: answer.cookie("a", attack),
        lambda: answer.cookie(attack, "a"),
        lambda: answer.cookie("a", "b", path=attack),
        lambda: answer.cookie("a", "b", domain=attack),
        lambda: answer.cookie("a", "b", same_site=attack),
        lambda: redirect(attack),
    ]
    for way in ways:
        with pytest.raises(ValueError, match=r"."):
            way()
    assert 1 == len(answer.headers)


def test_a_cookie_is_safe_by_default():
    """HttpOnly, SameSite=Lax and the whole site, until the caller says otherwise."""
    answer = Response()
    answer.cookie("id", "abc")
    assert "id=abc; Path=/; SameSite=Lax; HttpOnly" == answer.headers["set-cookie"]


def test_a_cookie_says_everything_in_order():
    """Every attribute of RFC 6265 §4.1 can be set, and two cookies are two fields."""
    answer = Response()
    answer.cookie("a", "b", max_age=60, path="/x", domain="example.org", secure=True, http_only=False, same_site="None")
    answer.cookie("c", "", max_age=0)
    assert [
        "a=b; Path=/x; SameSite=None; Max-Age=60; Domain=example.org; Secure",
        "c=; Path=/; SameSite=Lax; Max-Age=0; HttpOnly",
    ] == answer.headers.all("set-cookie")


@pytest.mark.parametrize("name", ["", " ", "a b", "a;b", "a=b", "a,b", "é", "a\tb", 'a"b', "(a)", "a/b", "a{", "\x7f"])
def test_a_cookie_name_is_a_token(name):
    """Anything else would be read as another cookie, or as none."""
    with pytest.raises(ValueError, match="not a cookie name"):
        Response().cookie(name, "x")


@pytest.mark.parametrize("value", ["a b", "a;b", "a,b", 'a"b', "a\\b", "é", "a\tb", "a\x7f", "a; Domain=evil.example"])
def test_a_cookie_value_is_plain(value):
    """What RFC 6265 forbids is refused, not mangled."""
    with pytest.raises(ValueError, match="encode it first"):
        Response().cookie("a", value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "/; Domain=evil.example"},
        {"path": "x"},
        {"path": "/é"},
        {"domain": "a.example; Secure"},
        {"domain": "a b"},
        {"domain": "é.example"},
        {"same_site": "Lax; Domain=evil.example"},
        {"same_site": "never"},
        {"same_site": "None"},
        {"max_age": "60; Domain=evil.example"},
    ],
)
def test_no_attribute_can_add_another(wrong):
    """An attribute with a semicolon, or one that browsers would drop, is refused."""
    answer = Response()
    with pytest.raises(ValueError, match="cookie"):
        answer.cookie("a", "b", **wrong)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("__Secure-a", {}),
        ("__Host-a", {}),
        ("__Host-a", {"secure": True, "path": "/x"}),
        ("__Host-a", {"secure": True, "domain": "example.org"}),
    ],
)
def test_a_prefix_is_a_promise(name, rules):
    """Browsers throw such cookies away, so the mistake is said here."""
    with pytest.raises(ValueError, match="__"):
        Response().cookie(name, "x", **rules)
    Response().cookie("__Host-a", "x", secure=True)
    Response().cookie("__Secure-a", "x", secure=True, domain="example.org", path="/x")


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_cookie_comes_back_as_it_was_or_is_refused(name, value):
    """There is no text that comes back as something else."""
    answer = Response()
    try:
        answer.cookie(name, value)
    except ValueError:
        return
    sent = answer.headers["set-cookie"].partition(";")[0]
    assert {name: value} == Request(headers=[(b"cookie", sent.encode("latin-1"))]).cookies


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/notes/7", "/notes/7"),
        ("https://example.org/a?b=c&d=%20#e", "https://example.org/a?b=c&d=%20#e"),
        ("?page=2", "?page=2"),
        ("/café?q=日", "/caf%C3%A9?q=%E6%97%A5"),
        ("/a b", "/a%20b"),
        ('/"><script>', "/%22%3E%3Cscript%3E"),
        ("/\\evil.example", "/%5Cevil.example"),
        ("\\\\evil.example", "%5C%5Cevil.example"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("/100%", "/100%"),
    ],
)
def test_a_location_is_a_url(location, expected):
    """What a URL cannot hold is percent-encoded, so that no browser reads another address out of it."""
    answer = redirect(location)
    assert (303, expected, b"") == (answer.status, answer.headers["location"], answer.body)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_redirects(status):
    """The five statuses that browsers follow."""
    assert status == redirect("/", status).status


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 309, 400])
def test_no_redirect(status):
    """Another status is a mistake."""
    with pytest.raises(ValueError, match="not a redirect"):
        redirect("/", status)


def test_a_stream_needs_something_to_iterate():
    """Text, bytes, lists and plain generators are refused where they are given, not while they are sent."""
    for wrong in ("text", b"bytes", ["a"], iter("ab"), None):
        with pytest.raises(TypeError, match="async iterable"):
            Stream(wrong)
    made = Stream(_nothing(), 201, media="text/csv", headers={"x-a": "b"})
    assert (None, 201, "text/csv", "b") == (made.body, made.status, made.headers["content-type"], made.headers["x-a"])


def test_a_body_is_text_or_bytes():
    """None, a dict or a list is refused where it is given."""
    for wrong in (None, {}, ["a"], 5):
        with pytest.raises(TypeError, match="text or bytes"):
            Response(wrong)
    assert b"ab" == Response(bytearray(b"ab")).body


def test_an_upgrade_is_101():
    """The only response below 200."""

    async def run(transport) -> None: ...

    made = Upgrade(run, ("chat",))
    assert (101, ("chat",), run, []) == (made.status, made.protocols, made.run, made.raw)


def test_media_and_repr():
    """The type without parameters; the status and the kind."""
    assert ("text/plain", "") == (text("x").media, redirect("/").media)
    assert ("<Response 200>", "<Stream 200>") == (repr(text("x")), repr(Stream(_nothing())))


class _nothing:  # noqa: N801
    def __aiter__(self):
        return self

    async def __anext__(self):
        raise StopAsyncIteration
