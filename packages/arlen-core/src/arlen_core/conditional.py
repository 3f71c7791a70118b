"""Conditional requests: validators, 304 Not Modified and 412 Precondition Failed (RFC 9110 §13)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from arlen_core.dates import parse_date
from arlen_core.errors import HTTPError
from arlen_core.responses import Response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arlen_core.requests import Request

__all__ = ["conditional", "etag", "evaluate", "fresh", "require", "tags"]

_tag = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
# what describes a body that is not sent (RFC 9110 §15.4.5); everything else stays, cookies and security headers too
_BODY_FIELDS = (
    "content-type", "content-length", "content-encoding", "content-language", "content-range", "accept-ranges",
)  # fmt: skip


def etag(response: Response, *, weak: bool = False) -> str:
    """Return the response's ETag; when it has none, make one of the bytes of its body and set it.

    Args:
        response: a response whose body is bytes. For a stream, set the header yourself.
        weak: say that two bodies with this tag mean the same but may differ in bytes (RFC 9110 §8.8.1).

    Raises `ValueError` for a stream without an ETag.

    >>> from arlen_core.responses import text
    >>> answer = text("hello")
    >>> etag(answer) == answer.headers["etag"]
    True
    """
    found = response.headers.get("etag")
    if found is not None:
        return found
    if response.body is None:
        raise ValueError("a stream has no bytes to make an ETag of: set its ETag header")
    from hashlib import blake2b  # brings OpenSSL, 3 MB

    made = f'{"W/" if weak else ""}"{blake2b(response.body, digest_size=16).hexdigest()}"'
    response.headers.set("etag", made)
    return made


def tags(header: str) -> list[str]:
    """Return the entity tags in an If-Match or If-None-Match header, in order; `["*"]` for the star.

    >>> tags('"a", W/"b,c"'), tags("*")
    (['"a"', 'W/"b,c"'], ['*'])
    """
    return ["*"] if header.strip() == "*" else _tag.findall(header)


def evaluate(request: Request, tag: str | None, modified: float | None = None) -> int:
    """Evaluate the request's conditions in the order of RFC 9110 §13.2.2, without If-Range.

    Args:
        request: the request.
        tag: the current ETag, or `None` when there is no representation now.
        modified: the current time of the last change, in Unix seconds.

    Returns 412, 304, or 200 when the request shall go on.

    >>> from arlen_core.requests import Request
    >>> evaluate(Request(headers=[(b"if-none-match", b'W/"v1"')]), '"v1"')
    304
    """
    if not _unchanged(request, tag, modified):
        return 412
    reading = request.method in {"GET", "HEAD"}
    if "if-none-match" in request.headers:
        if _matches(request.headers.all("if-none-match"), tag, weak=True):
            return 304 if reading else 412
    elif reading and modified is not None:
        since = parse_date(request.headers.get("if-modified-since") or "")
        if since is not None and int(modified) <= since:
            return 304
    return 200


def fresh(request: Request, response: Response) -> bool:
    """Say whether the client has this response already, so that 304 without a body would do."""
    return response.status == 200 and evaluate(request, *_validators(response)) == 304


def conditional(request: Request, response: Response) -> Response:
    """Return the response, or in its place 304 or 412 when the request's conditions ask for it.

    Only a 200 answer to GET or HEAD is looked at. For a method that changes something the conditions must be
    checked before the change: call `require` at the start of the handler.

    >>> from arlen_core.requests import Request
    >>> from arlen_core.responses import text
    >>> answer = text("hello")
    >>> request = Request(headers=[(b"if-none-match", etag(answer).encode())])
    >>> conditional(request, answer).status
    304
    """
    if response.status != 200 or request.method not in {"GET", "HEAD"}:
        return response
    status = evaluate(request, *_validators(response))
    if status == 200:
        return response
    short = Response(b"", status, media="")
    short.raw.extend(response.raw)
    for name in _BODY_FIELDS:
        short.headers.remove(name)
    return short


def require(request: Request, tag: str | None, modified: float | None = None, *, conditions: bool = False) -> None:
    """Stop a change that was made against another version: call it before PUT, PATCH or DELETE do anything.

    Args:
        request: the request.
        tag: the current ETag of what will be changed, or `None` when it does not exist.
        modified: when it was last changed, in Unix seconds.
        conditions: refuse a request that makes no condition, with 428 (RFC 6585 §3).

    Raises `HTTPError` 412, code `precondition_failed`, or 428, code `precondition_required`.
    """
    if conditions and not any(name in request.headers for name in ("if-match", "if-none-match", "if-unmodified-since")):
        raise HTTPError(428, "say which version you change: send If-Match", code="precondition_required")
    if evaluate(request, tag, modified) == 412:
        raise HTTPError(412, "this was changed in the meantime: read it again", code="precondition_failed")


def _unchanged(request: Request, tag: str | None, modified: float | None) -> bool:
    if "if-match" in request.headers:
        return _matches(request.headers.all("if-match"), tag, weak=False)
    since = parse_date(request.headers.get("if-unmodified-since") or "")
    return since is None or modified is None or int(modified) <= since


def _matches(headers: Sequence[str], tag: str | None, *, weak: bool) -> bool:
    """Compare weakly (opaque parts equal) or strongly (equal, and neither is weak): RFC 9110 §8.8.3.2."""
    wanted = tags(", ".join(headers))
    if tag is None:
        return False
    if wanted == ["*"]:
        return True
    if weak:
        return tag.removeprefix("W/") in {each.removeprefix("W/") for each in wanted}
    return not tag.startswith("W/") and tag in wanted


def _validators(response: Response) -> tuple[str, float | None]:
    """Return the tag and time of a response that is there; no tag of its own matches only the star."""
    return response.headers.get("etag") or "", parse_date(response.headers.get("last-modified") or "")
