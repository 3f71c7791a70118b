"""Errors: what they carry, and that their words are the same on every Python."""

import pytest

from arlen_core.errors import (
    ArlenError,
    ConfigError,
    Disconnected,
    FieldError,
    HTTPError,
    NotFound,
    PayloadTooLarge,
    StartupError,
    ValidationFailed,
)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad_request"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (406, "not_acceptable"),
        (408, "request_timeout"),
        (409, "conflict"),
        (412, "precondition_failed"),
        (413, "content_too_large"),
        (414, "uri_too_long"),
        (415, "unsupported_media_type"),
        (416, "range_not_satisfiable"),
        (418, "im_a_teapot"),
        (422, "unprocessable_content"),
        (428, "precondition_required"),
        (429, "too_many_requests"),
        (431, "request_header_fields_too_large"),
        (500, "internal_server_error"),
        (503, "service_unavailable"),
        (599, "error"),
    ],
)
def test_the_code_is_made_of_the_status(status, code):
    """The word for a status is that of RFC 9110, whatever this Python's own table says."""
    assert code == HTTPError(status).code


@pytest.mark.parametrize("status", [400, 499, 500, 599])
def test_an_error_has_a_status_of_an_error(status):
    """400 to 599 are taken."""
    assert status == HTTPError(status).status


@pytest.mark.parametrize("status", [-1, 0, 200, 302, 399, 600, 1000])
def test_another_status_is_refused(status):
    """Anything else is a mistake of the program, said at once."""
    with pytest.raises(ValueError, match="400 to 599"):
        HTTPError(status)


def test_an_http_error_copies_what_it_is_given():
    """Headers and rows that the caller changes later do not change the error."""
    headers, rows = {"retry-after": "1"}, [FieldError("a", "b", "c")]
    error = HTTPError(503, "later", code="busy", headers=headers, errors=rows)
    headers.clear()
    rows.clear()
    assert ({"retry-after": "1"}, (FieldError("a", "b", "c"),)) == (error.headers, error.errors)
    assert ("later", "busy", "Service Unavailable", "later") == (error.detail, error.code, error.title, str(error))


def test_an_http_error_without_detail_still_says_something():
    """The text of the exception names the status."""
    assert ("HTTP 404", "") == (str(NotFound()), NotFound().detail)


def test_not_found_takes_the_options_of_its_base():
    """The named errors keep the keywords."""
    error = NotFound("no note 7", code="no_note", headers={"x-a": "b"})
    assert (404, "no_note", {"x-a": "b"}) == (error.status, error.code, error.headers)


def test_payload_too_large_names_the_limit():
    """413 says how much would have been taken."""
    error = PayloadTooLarge(10)
    assert (413, 10, "payload_too_large", "the body is larger than 10 bytes") == (
        error.status, error.limit, error.code, error.detail,
    )  # fmt: skip


def test_validation_failed_lists_rows():
    """422 carries every failing field."""
    error = ValidationFailed([FieldError("age", "too_small", "must be at least 0")])
    assert (422, "validation_failed", 1) == (error.status, error.code, len(error.errors))


def test_a_startup_error_has_reason_fix_and_code():
    """The text is the reason and the fix."""
    error = StartupError("it is broken", fix="mend it", code="broken")
    assert ("it is broken", "mend it", "broken") == (error.reason, error.fix, error.code)
    assert "it is broken (fix: mend it)" == str(error)
    assert ("alone", "startup_failed") == (str(StartupError("alone")), StartupError("alone").code)


def test_every_error_has_one_base():
    """`except ArlenError` catches all that Arlen raises on purpose; a wrong configuration stops the start."""
    made = [StartupError("x"), ConfigError("x"), HTTPError(400), NotFound(), PayloadTooLarge(1), Disconnected("x")]
    assert all(isinstance(each, ArlenError) for each in made)
    assert isinstance(ConfigError("x"), StartupError)
    assert "config_invalid" == ConfigError("x").code


def test_a_field_error_never_changes():
    """Rows are values: equal when their parts are, and frozen."""
    row = FieldError("a", "b", "c")
    assert FieldError("a", "b", "c") == row
    with pytest.raises(AttributeError):
        row.field = "z"
