"""Requests: raw bytes until somebody asks, and what hostile clients send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import HTTPError
from arlen_core.requests import Request


def cookies(*headers: str) -> dict[str, str]:
    """Return the cookies of a request with these Cookie headers."""
    return Request(headers=[(b"cookie", each.encode("latin-1")) for each in headers]).cookies


@pytest.mark.parametrize(
    ("target", "path"),
    [(b"/", "/"), (b"/caf%C3%A9", "/café"), (b"/a%2Fb", "/a/b"), (b"/a+b", "/a+b"), (b"/%zz", "/%zz")],
)
def test_the_path_is_the_decoded_target(target, path):
    """For people and logs; routing uses the raw target."""
    assert path == Request(target=target).path


def test_a_path_that_is_no_utf8_is_still_shown():
    """A log line about a bad request can be written."""
    assert "/\ufffd" == Request(target=b"/%FF").path


def test_a_request_is_empty_by_default():
    """Nothing is shared between two requests."""
    one, two = Request(), Request()
    assert ("GET", "/", b"", {}, "", "") == (one.method, one.path, one.query_string, one.params, one.host, one.media)
    assert one.raw is not two.raw
    assert one.state is not two.state
    assert one.params is not two.params


def test_headers_are_a_view_of_raw():
    """The map is made once, over the server's list."""
    request = Request(headers=[(b"x-a", b"1")])
    assert request.headers is request.headers
    assert ("1", request.raw) == (request.headers["X-A"], request.headers.raw)


def test_the_query_is_parsed_once():
    """The same object each time; a wrong one is a 400 for whoever asks."""
    request = Request(query=b"a=1")
    assert request.query is request.query
    with pytest.raises(HTTPError) as caught:
        _ = Request(query=b"a=%FF").query
    assert 400 == caught.value.status


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ("connect.sid=s%3Ax.y", {"connect.sid": "s%3Ax.y"}),
        ("__Host-id=1; 1p=2; a.b!c=3", {"__Host-id": "1", "1p": "2", "a.b!c": "3"}),
        ("path=x; expires=y; secure=z; domain=w", {"path": "x", "expires": "y", "secure": "z", "domain": "w"}),
        ('a="b c"', {"a": "b c"}),
        ('a="', {"a": '"'}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": ""}),
        ("a = 1 ;  b =2", {"a": "1", "b": "2"}),
        ('prefs={"x":1,"y":[2]}', {"prefs": '{"x":1,"y":[2]}'}),
        ("a=1; a=2", {"a": "1"}),
        ("a", {}),
        ("=x", {}),
        ("", {}),
        (";;; ;", {}),
        ("a b=1; c=2", {"c": "2"}),
        ("é=1; c=2", {"c": "2"}),
        ("$Version=1; a=2", {"$Version": "1", "a": "2"}),
        ("a=1, b=2", {"a": "1, b=2"}),
    ],
)
def test_cookies_are_read_as_browsers_write_them(header, expected):
    """Names are tokens, values are kept as they are but for quotes around them; the first of a name counts."""
    assert expected == cookies(header)


def test_several_cookie_fields_are_one():
    """HTTP/2 servers give a field a cookie."""
    assert {"a": "1", "b": "2"} == cookies("a=1", "b=2")


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=40))
def test_no_cookie_header_breaks_the_reading(header):
    """Whatever comes is read or left out, and what is read was sent."""
    for name, value in cookies(header).items():
        assert name in header
        assert value in header


@given(
    st.dictionaries(
        st.text("abcXYZ019_-.!", min_size=1, max_size=6),
        st.text([chr(c) for c in range(0x21, 0x7F) if chr(c) not in ' ",;\\'], max_size=8),
        max_size=5,
    )
)
def test_what_a_response_sets_a_request_reads(jar):
    """The two halves of the cookie code agree."""
    assert jar == cookies("; ".join(f"{name}={value}" for name, value in jar.items()))


def test_cookies_are_parsed_once():
    """The same dict each time."""
    request = Request(headers=[(b"cookie", b"a=1")])
    assert request.cookies is request.cookies


def test_host_and_media_are_in_lower_case():
    """Comparisons need no care."""
    request = Request(headers=[(b"host", b"EXAMPLE.org:80"), (b"content-type", b"Text/HTML ; charset=x")])
    assert ("example.org:80", "text/html") == (request.host, request.media)


def test_below_a_prefix_body_identity_and_begin_are_shared():
    """A mounted application sees the same request under its own root."""
    request = Request("POST", b"/shop/x", b"q=1", [(b"a", b"b")], client=("1.2.3.4", 5), scheme="https", upgrade="w")
    request.id, request.trace, request.state["user"], request.state["services"] = "i", "t", "ada", object()
    child = request.below("/shop", b"/x")
    assert (b"/x", "/shop", "i", "t", {"user": "ada"}) == (child.target, child.root, child.id, child.trace, child.state)
    assert ("POST", b"q=1", ("1.2.3.4", 5), "https", "w") == (
        child.method, child.query_string, child.client, child.scheme, child.upgrade,
    )  # fmt: skip
    assert (request.body, request.raw, request.received) == (child.body, child.raw, child.received)
    assert "/shop/inner" == child.below("/inner", b"/").root


def test_below_a_prefix_the_root_stays_a_part_of_a_url():
    """A prefix outside ASCII is percent-encoded once, so that links made with it are right."""
    child = Request().below("/café", b"/").below("/a b", b"/")
    assert "/caf%C3%A9/a%20b" == child.root


@pytest.mark.anyio
async def test_no_body_is_one_for_all():
    """It is always empty, whatever its limit."""
    request = Request()
    request.body.limit = 0
    assert (b"", b"") == (await request.body.read(), await Request().body.next())
    request.body.limit = None


def test_an_identity_is_made_when_somebody_asks():
    """And stays; what was set is left alone."""
    request = Request()
    assert (request.id, request.trace) == request.identify() == (request.id, request.trace)
    request, other = Request(), Request()
    request.id, other.trace = "a", "b"
    assert ("a", "b") == (request.identify()[0], other.identify()[1])
    assert 32 == len(other.id)


def test_repr_has_no_secrets():
    """No query, no headers."""
    assert "<Request GET '/x'>" == repr(Request(target=b"/x", query=b"token=1"))
