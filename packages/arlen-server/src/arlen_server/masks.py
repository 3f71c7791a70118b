"""Masks: header fields, queries and paths as a developer may see them, without what would let in whoever reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_plus

from arlen_core.lines import hide
from arlen_core.vault import MASK

__all__ = ["fields", "path", "query"]

LONGEST = 2048
"""Characters of a value that are kept."""

_OPEN = frozenset(
    {
        *("content-security-policy", "content-security-policy-report-only", "etag", "if-match", "if-none-match"),
        *("permissions-policy", "sec-websocket-accept", "sec-websocket-key", "traceparent", "tracestate"),
        *("user-agent", "x-correlation-id", "x-request-id", "x-trace-id"),
    }
)  # fields with long values that are no secrets
_words = re.compile(r"[A-Za-z0-9_~+/=.-]{20,}")
_known = re.compile(r"eyJ[\w-]+\.[\w.-]+|(?:sk|pk|rk)_(?:live|test)_\w+|gh[pousr]_\w+|xox[a-z]-[\w-]+|AKIA[0-9A-Z]{16}")
_scheme = re.compile(r"(?i)^(basic|bearer|digest|dpop|negotiate|token)\s+\S.*$", re.DOTALL)


def fields(raw: Iterable[tuple[bytes, bytes]], more: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """Return header fields as text, with secrets masked: by their name, and by what looks like a token.

    Args:
        raw: the fields.
        more: more names that hold secrets, in lower case with underscores.

    >>> fields([(b"accept", b"*/*"), (b"cookie", b"id=1"), (b"x-auth", b"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.")])
    [('accept', '*/*'), ('cookie', '********'), ('x-auth', '********')]
    """
    return [(name, _field(name, value, more)) for name, value in ((_text(name), _text(value)) for name, value in raw)]


def query(raw: bytes, more: frozenset[str] = frozenset()) -> str:
    """Return a query with secrets masked.

    >>> query(b"page=2&token=abc")
    'page=2&token=********'
    """
    parts = []
    for part in _text(raw).split("&"):
        name, equals, value = part.partition("=")
        shown = unquote_plus(value)
        hidden = _tokens(str(hide(unquote_plus(name), shown, more)))
        parts.append(part if hidden == shown else f"{name}{equals}{quote(hidden, safe='*')}")
    return "&".join(parts)


def path(raw: bytes) -> str:
    """Return a path as it was sent; a part that looks like a token is masked.

    >>> path(b"/reset/dGhpcyBpcyBhIHNlY3JldCAx")
    '/reset/********'
    """
    return "/".join(_tokens(part) for part in _text(raw).split("/"))


def _field(name: str, value: str, more: frozenset[str]) -> str:
    if name in _OPEN:
        return value
    return _tokens(_scheme.sub(rf"\1 {MASK}", str(hide(name, value, more))))


def _tokens(text: str) -> str:
    return _words.sub(lambda found: MASK if _mixed(found[0]) else found[0], _known.sub(MASK, text))


def _mixed(word: str) -> bool:
    """Say whether a long word looks as if chance had made it: as hexadecimal digits, or all kinds of characters."""
    if len(word) >= 32 and all(each in "0123456789abcdefABCDEF" for each in word):
        return True
    return any(map(str.islower, word)) and any(map(str.isupper, word)) and any(map(str.isdigit, word))


def _text(raw: bytes) -> str:
    return raw[:LONGEST].decode("latin-1")
