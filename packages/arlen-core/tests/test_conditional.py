"""Conditional requests: the order of RFC 9110 §13.2.2 and what is left of a response."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.conditional import conditional, etag, evaluate, fresh, require, tags
from arlen_core.dates import format_date
from arlen_core.errors import HTTPError
from arlen_core.requests import Request
from arlen_core.responses import Response, Stream, html

NOW = 1_700_000_000


def asking(method: str = "GET", **fields: str) -> Request:
    """Make a request with header fields."""
    return Request(
        method, headers=[(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    )


async def nothing():
    """Yield no chunk."""
    return
    yield b""


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('"a"', ['"a"']),
        ('"a", W/"b" ,"c"', ['"a"', 'W/"b"', '"c"']),
        ('"a,b", ""', ['"a,b"', '""']),
        (" * ", ["*"]),
        ("abc", []),
        ('"a', []),
        ("", []),
        ('w/"a"', ['"a"']),
    ],
)
def test_tags_are_read(header, expected):
    """Tags are quoted, may hold commas, and may be weak; anything else is left out."""
    assert expected == tags(header)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 200),
        ({"if_none_match": '"v1"'}, 304),
        ({"if_none_match": 'W/"v1"'}, 304),
        ({"if_none_match": '"v0", "v1"'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"v2"'}, 200),
        ({"if_none_match": "v1"}, 200),
        ({"if_match": '"v1"'}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": '"v2"'}, 412),
        ({"if_match": 'W/"v1"'}, 412),
        ({"if_match": '"v2"', "if_none_match": '"v1"'}, 412),
        ({"if_modified_since": format_date(NOW)}, 304),
        ({"if_modified_since": format_date(NOW + 1)}, 304),
        ({"if_modified_since": format_date(NOW - 1)}, 200),
        ({"if_modified_since": "yesterday"}, 200),
        ({"if_unmodified_since": format_date(NOW)}, 200),
        ({"if_unmodified_since": format_date(NOW - 1)}, 412),
        ({"if_unmodified_since": "yesterday"}, 200),
        ({"if_none_match": '"v2"', "if_modified_since": format_date(NOW)}, 200),
        ({"if_match": '"v1"', "if_unmodified_since": format_date(NOW - 1)}, 200),
    ],
)
def test_the_order_of_the_conditions(fields, expected):
    """If-Match before If-Unmodified-Since, then If-None-Match before If-Modified-Since; tags before times."""
    assert expected == evaluate(asking(**fields), '"v1"', NOW)


def test_a_change_with_if_none_match_is_refused():
    """For a method that changes something, a match is 412, and times are not looked at."""
    assert 412 == evaluate(asking("PUT", if_none_match="*"), '"v1"')
    assert 200 == evaluate(asking("PUT", if_none_match="*"), None)
    assert 200 == evaluate(asking("PUT", if_modified_since=format_date(NOW)), '"v1"', NOW)


def test_what_is_not_there_matches_nothing():
    """Without a representation If-Match fails, star and all, and If-None-Match holds."""
    assert 412 == evaluate(asking(if_match="*"), None)
    assert 200 == evaluate(asking(if_none_match="*"), None)


def test_a_weak_tag_never_matches_strongly():
    """If-Match compares strongly: a weak tag on either side is no match."""
    assert 412 == evaluate(asking(if_match='W/"v1"'), 'W/"v1"')
    assert 304 == evaluate(asking(if_none_match='W/"v1"'), 'W/"v1"')


def test_several_fields_of_a_name_are_one_list():
    """Tags in two If-None-Match fields count together."""
    request = Request(headers=[(b"if-none-match", b'"a"'), (b"if-none-match", b'"v1"')])
    assert 304 == evaluate(request, '"v1"')


@given(st.text(max_size=40).filter(str.isprintable))
def test_no_header_breaks_it(text):
    """Whatever the fields hold, the result is one of the three."""
    value = text.encode("latin-1", "replace").decode("latin-1")
    for name in ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"):
        request = Request(headers=[(name.encode(), value.encode("latin-1"))])
        assert evaluate(request, '"v1"', NOW) in {200, 304, 412}


@given(st.binary(), st.binary())
def test_equal_bodies_have_equal_tags_and_others_not(one, two):
    """The tag is made of the bytes."""
    assert (one == two) == (etag(Response(one)) == etag(Response(two)))


def test_a_tag_that_is_there_stays():
    """The application knows best."""
    assert '"mine"' == etag(Response(b"x", headers={"ETag": '"mine"'}))


def test_a_tag_may_be_weak():
    """A weak tag says so."""
    assert etag(Response(b"x"), weak=True).startswith('W/"')


def test_a_stream_has_no_tag():
    """There are no bytes to make one of."""
    with pytest.raises(ValueError, match="a stream has no bytes"):
        etag(Stream(nothing()))
    assert '"s"' == etag(Stream(nothing(), headers={"etag": '"s"'}))


def test_fresh_says_whether_the_client_has_it():
    """True only for a 200 that would be a 304."""
    page = html("hello")
    request = asking(if_none_match=etag(page))
    assert fresh(request, page)
    assert not fresh(asking(), page)
    assert not fresh(request, Response(b"hello", 404, headers={"etag": etag(page)}))


def test_304_keeps_what_a_cache_needs_and_drops_the_body():
    """Cookies, caching and security headers stay; what describes the body goes (RFC 9110 §15.4.5)."""
    page = html(
        "hello", headers={"ETag": '"v1"', "Cache-Control": "no-cache", "Vary": "accept", "X-Frame-Options": "DENY"}
    )
    page.headers.set("content-security-policy", "default-src 'self'")
    page.headers.set("content-length", "5")
    page.cookie("seen", "1")
    short = conditional(asking(if_none_match='"v1"'), page)
    assert (304, b"", None) == (short.status, short.body, short.stream)
    assert {"etag", "cache-control", "vary", "x-frame-options", "content-security-policy", "set-cookie"} == set(
        short.headers
    )
    assert b"hello" == page.body


def test_412_replaces_the_answer():
    """A client that wanted another version gets none."""
    assert 412 == conditional(asking(if_match='"v2"'), html("hello", headers={"ETag": '"v1"'})).status


@pytest.mark.parametrize("status", [201, 206, 302, 404, 500])
def test_only_200_is_conditional(status):
    """Other answers are not about the representation."""
    answer = Response(b"x", status, headers={"ETag": '"v1"'})
    assert answer is conditional(asking(if_none_match='"v1"'), answer)


def test_only_reading_is_conditional_afterwards():
    """What a POST did is done: its answer is sent."""
    answer = html("done", headers={"ETag": '"v1"'})
    assert answer is conditional(asking("POST", if_none_match='"v1"'), answer)
    assert answer is not conditional(asking("HEAD", if_none_match='"v1"'), answer)


def test_an_answer_without_validators_is_sent():
    """Nothing to compare with, so nothing is skipped, but a star matches what is there."""
    answer = html("hello")
    assert answer is conditional(asking(if_none_match='"v1"', if_modified_since=format_date(NOW)), answer)
    assert 304 == conditional(asking(if_none_match="*"), answer).status


def test_a_change_against_another_version_is_stopped():
    """A PUT with an old tag is 412; with the current one it goes on."""
    require(asking("PUT", if_match='"v1"'), '"v1"')
    require(asking("PUT"), '"v1"')
    with pytest.raises(HTTPError) as caught:
        require(asking("PUT", if_match='"v0"'), '"v1"')
    assert (412, "precondition_failed") == (caught.value.status, caught.value.code)


def test_a_change_may_need_a_condition():
    """428 asks for If-Match (RFC 6585 §3)."""
    require(asking("PUT", if_match='"v1"'), '"v1"', conditions=True)
    with pytest.raises(HTTPError) as caught:
        require(asking("PUT"), '"v1"', conditions=True)
    assert (428, "precondition_required") == (caught.value.status, caught.value.code)
