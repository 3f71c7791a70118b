"""Problems: one shape for every error, and nothing internal in it."""

import json

import pytest

from arlen_core.errors import FieldError, HTTPError, NotFound, ValidationFailed
from arlen_core.problems import describe, problem, wrap
from arlen_core.requests import Request


def asked(accept: str = "", suffix: str = "") -> Request:
    """Return a request with an id."""
    request = Request(headers=[(b"accept", accept.encode())] if accept else [])
    request.id, request.format = "a1b2", suffix
    return request


def test_the_members_in_their_order():
    """RFC 9457 §3.1 first, then ours."""
    error = ValidationFailed([FieldError("age", "too_small", "must be at least 0")])
    assert {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "the input is not valid",
        "code": "validation_failed",
        "request_id": "a1b2",
        "correlation_id": "a1b2",
        "errors": [{"field": "age", "code": "too_small", "message": "must be at least 0"}],
    } == describe(asked(), error)
    assert ["type", "title", "status", "detail", "code", "request_id", "correlation_id", "errors"] == list(
        describe(asked(), error)
    )


def test_without_a_detail_the_title_is_one():
    """Nobody gets an empty sentence."""
    assert "Not Found" == describe(asked(), NotFound())["detail"]


@pytest.mark.parametrize(
    ("accept", "suffix", "media"),
    [
        ("", "", "application/problem+json"),
        ("*/*", "", "application/problem+json"),
        ("application/json", "", "application/problem+json"),
        ("application/problem+json", "", "application/problem+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "", "text/html"),
        ("text/plain", "", "text/plain"),
        ("image/png", "", "application/problem+json"),
        ("nonsense;;", "", "application/problem+json"),
        ("text/html", "json", "application/problem+json"),
        ("", "html", "text/html"),
        ("", "txt", "text/plain"),
        ("text/html", "csv", "application/problem+json"),
    ],
)
def test_the_form_that_the_client_wants(accept, suffix, media):
    """JSON for programs, a page for browsers, text for a terminal; an error is never a 406."""
    made = problem(asked(accept, suffix), NotFound("no note 7", code="no_note"))
    assert (404, media, "accept") == (made.status, made.media, made.headers["vary"])
    assert b"no note 7" in made.body
    if media.endswith("json"):
        assert "no_note" == json.loads(made.body)["code"]


def test_a_page_is_escaped():
    """Whatever a detail or a row holds."""
    rows = [FieldError("<i>", "x", "<script>alert(1)</script>")]
    made = problem(asked("text/html"), HTTPError(400, "<b>&", code="<u>", errors=rows))
    for wild in (b"<b>", b"<i>", b"<u>", b"<script>"):
        assert wild not in made.body
    assert b"&lt;b&gt;&amp;" in made.body
    assert b"request a1b2" in made.body


def test_braces_in_a_page_are_text():
    """A detail is no template."""
    assert b"{status} {0} %s" in problem(asked("text/html"), HTTPError(400, "{status} {0} %s")).body


def test_text_has_a_line_for_each_row():
    """For a terminal."""
    error = ValidationFailed([FieldError("a", "x", "is required"), FieldError("b", "y", "is wrong")])
    assert b"the input is not valid\na: is required\nb: is wrong\n" == problem(asked("text/plain"), error).body


def test_headers_of_the_error_go_along():
    """Such as Allow and Retry-After."""
    made = problem(asked(), HTTPError(503, headers={"Retry-After": "1", "vary": "cookie"}))
    assert ("1", "cookie, accept") == (made.headers["retry-after"], made.headers["vary"])


def test_a_header_that_http_forbids_is_refused():
    """It does not reach the wire; the caller turns this into a 500."""
    with pytest.raises(ValueError, match="control character"):
        problem(asked(), HTTPError(400, headers={"x-a": "b\r\nset-cookie: c=d"}))


def test_wrap_hides_everything_internal():
    """An error that is no HTTPError becomes a bare 500."""
    made = wrap(RuntimeError("password hunter2 in /etc/secret"))
    assert (500, "internal_error") == (made.status, made.code)
    assert "hunter2" not in str(describe(asked(), made))
    error = NotFound()
    assert error is wrap(error)
