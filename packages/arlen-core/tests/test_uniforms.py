"""Uniforms: the same fields as pairs and as lines, once each, and never against what a response says itself."""

import pytest

from arlen_core.requests import Request
from arlen_core.responses import Response
from arlen_core.uniforms import Uniform, wear

FIELDS = [(b"x-frame-options", b"DENY"), (b"content-security-policy", b"default-src 'self'; a 100%")]


def lines(raw: list[tuple[bytes, bytes]]) -> bytes:
    """Return fields as a server writes them."""
    return b"".join(b"%b: %b\r\n" % field for field in raw)


@pytest.mark.parametrize("identity", [True, False])
def test_lines_and_pairs_say_the_same(identity):
    """The bytes of the lines are those of the pairs, identity included."""
    uniform, request = Uniform(FIELDS, identity=identity), Request()
    assert lines(uniform.pairs(request)) == uniform.lines(request)
    assert (len(FIELDS) + 2 * identity) == len(uniform.pairs(request)) == len(uniform.names)


def test_the_identity_is_that_of_the_request():
    """The id and the span which the log has."""
    request = Request()
    assert [(b"x-request-id", request.id.encode()), (b"traceparent", request.trace.encode())] == Uniform([]).pairs(
        request
    )


def test_worn_once():
    """A response that has put on its uniform has none any more."""
    request, response = Request(), Response("x")
    response.uniform = Uniform(FIELDS, identity=False)
    wear(request, response)
    wear(request, response)
    assert [(b"content-type", b"text/plain; charset=utf-8"), *FIELDS] == response.raw
    assert response.uniform is None


def test_a_field_of_its_own_stays():
    """Who sets a header by hand means it."""
    request, response = Request(), Response("x", headers={"X-Frame-Options": "SAMEORIGIN"})
    response.uniform = Uniform(FIELDS, identity=False)
    wear(request, response)
    assert ["SAMEORIGIN"] == response.headers.all("x-frame-options")
    assert FIELDS[1] in response.raw


@pytest.mark.parametrize("wrong", ["a\r\nb", "a\nb", "\u00e9", "a\0"])
def test_an_identity_that_would_split_the_response_is_refused(wrong):
    """It goes into a header as it is (RFC 9110 §5.5)."""
    request = Request()
    with pytest.raises(ValueError, match="printable ASCII"):
        request.id = wrong
    with pytest.raises(ValueError, match="printable ASCII"):
        request.trace = wrong
