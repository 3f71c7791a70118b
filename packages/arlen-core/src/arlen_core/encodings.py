"""Encodings: content codings of request bodies, of which none is undone here (RFC 9110 §8.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arlen_core.errors import HTTPError

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["plain"]

_NONE = frozenset({b"", b"identity"})


def plain(request: Request) -> None:
    """Refuse a body that is compressed, before it is read as JSON or as a form.

    A few kilobytes can unpack to gigabytes, past every limit of bodies and fields. Who wants compressed bodies reads
    `request.body`, which is as the client sent it, and unpacks it within limits of its own.

    Raises `HTTPError` 415, code `unsupported_coding`, with `Accept-Encoding: identity` (RFC 9110 §12.5.3, §15.5.16).

    >>> from arlen_core.requests import Request
    >>> plain(Request("POST", headers=[(b"content-encoding", b"identity")]))
    >>> plain(Request("POST", headers=[(b"content-encoding", b"gzip")]))
    Traceback (most recent call last):
        ...
    arlen_core.errors.HTTPError: the body has a content coding; send it without one
    """
    for name, value in request.raw:
        if name == b"content-encoding" and value.strip().lower() not in _NONE:
            detail = "the body has a content coding; send it without one"
            raise HTTPError(415, detail, code="unsupported_coding", headers={"Accept-Encoding": "identity"})
