"""Problems: every error as one shape, `application/problem+json` (RFC 9457), a page or a line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from arlen_core.errors import HTTPError
from arlen_core.negotiation import choose
from arlen_core.responses import Response

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["describe", "problem", "wrap"]

_encode = msgspec.json.Encoder().encode
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{status} {title}</title>
<main>
<h1>{title}</h1>
<p>{detail}</p>
{errors}<p><small>{status} {code} &middot; request {request_id}</small></p>
</main>
</html>
"""


def wrap(error: Exception) -> HTTPError:
    """Return the `HTTPError` that the client may see: the error itself, or a bare 500 that says nothing internal."""
    if isinstance(error, HTTPError):
        return error
    return HTTPError(500, "something went wrong here; the request id helps to find it", code="internal_error")


def describe(request: Request, error: HTTPError) -> dict[str, Any]:
    """Return the members of the problem document, in their fixed order."""
    return {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.detail or error.title,
        "code": error.code,
        "request_id": request.id,
        "correlation_id": request.id,
        "errors": [msgspec.to_builtins(each) for each in error.errors],
    }


def problem(request: Request, error: HTTPError) -> Response:
    r"""Answer with an error as the client prefers it: JSON unless it asks for HTML or plain text first.

    >>> from arlen_core.requests import Request
    >>> from arlen_core.errors import NotFound
    >>> answer = problem(Request(headers=[(b"accept", b"text/plain")]), NotFound())
    >>> answer.status, answer.body
    (404, b'Not Found\n')
    """
    members = describe(request, error)
    kind = choose(request, ["application/problem+json", "json", "html", "txt"])
    if kind == "html":
        answer = Response(_page(members), error.status, media="text/html; charset=utf-8")
    elif kind == "txt":
        answer = Response(_text(members), error.status)
    else:
        answer = Response(_encode(members), error.status, media="application/problem+json")
    for name, value in error.headers.items():
        answer.headers.set(name, value)
    answer.headers.vary("accept")
    return answer


def _text(members: dict[str, Any]) -> str:
    rows = [f"{row['field']}: {row['message']}" for row in members["errors"]]
    return "\n".join([members["detail"], *rows]) + "\n"


def _page(members: dict[str, Any]) -> str:
    from html import escape  # a millisecond, for the table of all entities

    rows = "".join(f"<li>{escape(row['field'])} {escape(row['message'])}</li>\n" for row in members["errors"])
    shown = {name: escape(str(value)) for name, value in members.items() if name != "errors"}
    return _PAGE.format(**shown, errors=f"<ul>\n{rows}</ul>\n" if rows else "")
