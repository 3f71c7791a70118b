"""Ranges: one part of a file or of bytes, as asked for by the Range header (RFC 9110 §14)."""

from __future__ import annotations

import re
from time import time
from typing import TYPE_CHECKING

from arlen_core.dates import parse_date

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["Unsatisfiable", "select"]

_bytes = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.ASCII | re.IGNORECASE).fullmatch
_DIGITS = 18


class Unsatisfiable(Exception):
    """No byte of the range exists: answer 416 (RFC 9110 §15.5.17)."""


def select(request: Request, size: int, tag: str = "", modified: float | None = None) -> tuple[int, int] | None:
    """Return the offset and length in bytes that the request asks for, or `None` for the whole.

    Several ranges, other units, broken syntax and any method but GET get the whole, as RFC 9110 §14.2 allows.
    So does an If-Range condition that does not hold.

    Args:
        request: the request.
        size: the size of the whole, in bytes.
        tag: its ETag, for If-Range.
        modified: its last change in Unix seconds, for If-Range.

    Raises `Unsatisfiable`.

    >>> from arlen_core.requests import Request
    >>> select(Request(headers=[(b"range", b"bytes=-3")]), 10)
    (7, 3)
    """
    if request.method != "GET" or "range" not in request.headers:
        return None
    found = _bytes(", ".join(request.headers.all("range")))
    if found is None or not _unchanged(request, tag, modified):
        return None
    first, last = found[1], found[2]
    if not (first or last) or max(len(first), len(last)) > _DIGITS:
        return None
    return _suffix(int(last), size) if not first else _span(int(first), int(last) if last else None, size)


def _suffix(length: int, size: int) -> tuple[int, int] | None:
    if length == 0:
        raise Unsatisfiable
    # an empty file has no last byte to name in Content-Range, so it is sent whole
    return (max(size - length, 0), min(length, size)) if size else None


def _span(first: int, last: int | None, size: int) -> tuple[int, int] | None:
    if last is not None and last < first:
        return None
    if first >= size:
        raise Unsatisfiable
    end = size if last is None else min(last + 1, size)
    return first, end - first


def _unchanged(request: Request, tag: str, modified: float | None) -> bool:
    """Compare If-Range strongly: a weak tag, or a time not yet a second old, never holds (RFC 9110 §13.1.5)."""
    wanted = request.headers.get("if-range")
    if wanted is None:
        return True
    if wanted.startswith(('"', "W/")):
        return bool(tag) and wanted == tag and not tag.startswith("W/")
    return modified is not None and parse_date(wanted) == int(modified) and time() - modified >= 1
