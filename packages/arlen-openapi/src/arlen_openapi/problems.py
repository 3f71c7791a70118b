"""Problems: the body of every error that Arlen sends (RFC 9457), and the words about each status."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from arlen_core.errors import FieldError, HTTPError, ValidationFailed
from arlen_core.problems import describe, wrap
from arlen_core.requests import Request

__all__ = ["CONTENT", "HEADERS", "TELLING", "Problem", "component", "example", "title"]


class Problem(Struct, frozen=True):
    """An error (RFC 9457).

    Attributes:
        type: always "about:blank": the status and the code say what it is.
        title: of the status.
        status: of the response.
        detail: a sentence for people.
        code: a stable word for programs.
        request_id: finds the request in the log.
        correlation_id: the same.
        errors: a row for each failing field of the input.
    """

    type: str
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    code: str
    request_id: str
    correlation_id: str
    errors: list[FieldError]


CONTENT = ("application/problem+json", "text/html", "text/plain")
"""The media types of an error; the client chooses, and gets the first when it does not."""

TELLING = {
    304: "It has not changed since the client got it.",
    400: "The request cannot be read.",
    401: "It is not known who asks.",
    403: "Who asks may not do this.",
    404: "There is nothing here.",
    406: "None of the accepted media types is available.",
    412: "It was changed in the meantime.",
    413: "The body is too large.",
    415: "The body has a media type or a content coding that is not taken.",
    416: "The range lies outside of the content.",
    422: "The input was read but is not valid; `errors` names each failing field.",
    500: "Something went wrong on the server.",
    503: "This took too long, or too much waits; try again later.",
}
"""When each error is sent that Arlen itself sends."""

HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": "How to say who asks (RFC 9110 §11.6.1)."},
    415: {"Accept": "The media types that are taken."},
    503: {"Retry-After": "Seconds after which to try again."},
}
"""Fields that an error may have, by status."""

_BROKEN = [FieldError("body", "invalid_json", "JSON is malformed: invalid character (byte 0)")]
_CODES = {
    400: HTTPError(400, "the body is not valid JSON", code="invalid_json", errors=_BROKEN),
    413: HTTPError(413, "the body is larger than 1048576 bytes", code="payload_too_large"),
    422: ValidationFailed([FieldError("title", "missing", "is required")]),
    500: wrap(Exception()),
    503: HTTPError(503, "this took too long", code="deadline_exceeded"),
}


def title(status: int) -> str:
    """Return the name of an error's status, such as "Not Found"."""
    return HTTPError(status).title


def component(status: int) -> str:
    """Return the name of the shared response of a status.

    >>> component(404), component(422)
    ('NotFound', 'UnprocessableContent')
    """
    return "".join(word.capitalize() for word in title(status).replace("-", " ").replace("'", "").split())


def example(status: int, detail: str = "") -> dict[str, Any]:
    """Return a problem as it is sent, with the fixed request id "example"."""
    request = Request()
    request.id = "example"
    return describe(request, _CODES.get(status) or HTTPError(status, detail))
