"""Refusals: what the server answers by itself, because a request is malformed, too large, too slow or too much."""

from __future__ import annotations

from arlen_core.errors import HTTPError
from arlen_core.headers import Raw
from arlen_core.ids import new_id
from arlen_core.problems import problem
from arlen_core.requests import Request
from arlen_core.responses import Response

__all__ = ["BUSY", "Refusal", "answer", "busy"]

BUSY = b"x-arlen-backpressure-reason"
"""The header that says to a machine what there is too much of."""


class Refusal(HTTPError):
    """A request that the server refuses itself; after the answer the connection is closed.

    Args:
        status: 400, 408, 414, 417, 431, 500, 501, 503 or 505.
        code: a stable machine-readable word.
        detail: a sentence for the client.

    >>> Refusal(400, "host_missing", "a request needs one Host header").code
    'host_missing'
    """

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, code=code, headers=headers)


def busy(reason: str, retry_after: int) -> Refusal:
    """Return the 503 for a full server (RFC 9110 §15.6.4): when to try again, and what there is too much of.

    >>> busy("http_session_limit", 1).headers
    {'Retry-After': '1', 'X-Arlen-Backpressure-Reason': 'http_session_limit'}
    """
    headers = {"Retry-After": str(retry_after), "X-Arlen-Backpressure-Reason": reason}
    return Refusal(503, reason, "the server is busy; try again later", headers)


def answer(refusal: HTTPError, method: str = "GET", fields: Raw | None = None) -> Response:
    r"""Make the response of a refusal: problem+json or what Accept prefers, with a request id.

    Args:
        refusal: the status, the code and what to say.
        method: of the request.
        fields: of the request, as far as they are known.

    >>> made = answer(Refusal(408, "head_timeout", "the head took too long"), fields=[(b"accept", b"text/plain")])
    >>> made.status, made.body
    (408, b'the head took too long\n')
    """
    request = Request(method, headers=fields)
    request.id = new_id()
    made = _safe(request, refusal)
    made.raw.append((b"x-request-id", request.id.encode()))
    return made


def _safe(request: Request, refusal: HTTPError) -> Response:
    try:
        return problem(request, refusal)
    except HTTPError:  # what it accepts cannot be read, or is nothing that we have
        request.raw = []
        return problem(Request(request.method), refusal)
