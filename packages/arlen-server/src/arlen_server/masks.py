"""Masks: header fields, queries and paths as a developer may see them, without what would let in whoever reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote_plus

from arlen_core.lines import hide
from arlen_core.vault import MASK

__all__ = ["fields", "path", "query", "said"]

LONGEST = 2048
"""Characters of a value that are kept."""

_OPEN = frozenset(
    {
        *("content-security-policy", "content-security-policy-report-only", "etag", "if-match", "if-none-match"),
        *("permissions-policy", "sec-websocket-accept", "sec-websocket-key", "traceparent", "tracestate"),
        *("user-agent", "x-correlation-id", "x-request-id", "x-trace-id"),
    }
)  # fields with long values that are no secrets
_parts = frozenset(
    {
        *("assertion", "auth", "authentication", "authorization", "bearer", "credential", "credentials", "csrf"),
        *("dpop", "jwt", "otp", "password", "secret", "session", "signature", "token", "xsrf"),
    }
)  # a name with one of these words is that of a secret
_ends = ("apikey", "cookie2", "passwd", "password", "secret", "sessid", "sessionid", "sig", "token", "xsrf")
_names = frozenset(
    {"code", "cvv", "key", "pass", "passcode", "pin", "pw", "samlresponse", "saml_response", "sid", "ticket"}
)
_keys = frozenset({"cache", "idempotency", "surrogate"})  # all other fields that are called something-key hold one
_camel = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_between = re.compile(r"[^a-z0-9]+")
_pair = re.compile(r"""([^\s=&;?#,"'<>{}/]{1,64})=((?:(?!\?[^\s=&]{1,64}=)[^\s&;#,"'<>])+)""")
_member = re.compile(r"""(["'])([^"'\s]{1,64})\1\s*:\s*(["'])([^"']+)\3""")
_offered = re.compile(r"(?i)\b(basic|bearer|dpop|negotiate)([ \t:,]+)[^\s,;]+")
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
        word, shown = unquote_plus(name), unquote_plus(value)
        hidden = _tokens(_text_of(str(_hide(word, shown, more)), more))
        if not equals:
            word, name = _text_of(word, more), quote(_text_of(word, more), safe="*=") if "=" in word else name
        parts.append(part if hidden == shown and equals else f"{name}{equals}{quote(hidden, safe='*')}")
    return "&".join(parts)


def path(raw: bytes) -> str:
    """Return a path as it was sent; a part that looks like a token is masked.

    >>> path(b"/reset/dGhpcyBpcyBhIHNlY3JldCAx")
    '/reset/********'
    """
    return "/".join(_tokens(_text_of(part, frozenset())) for part in _text(raw).split("/"))


def said(name: str, value: Any, more: frozenset[str] = frozenset()) -> Any:
    """Return a value of a span or of a line of the log with secrets masked; one that is an address as `path` does it.

    >>> said("url.full", "https://api.test/x?page=1&api_key=abc"), said("rows", 7)
    ('https://api.test/x?page=1&api_key=********', 7)
    """
    shown = hide(name, value, more)
    if not isinstance(shown, str):
        return shown
    if name.rpartition(".")[2] in {"path", "target", "url"} or name.startswith("url."):
        return "/".join(_tokens(_text_of(part, more)) for part in shown.split("/"))
    return _known.sub(MASK, _text_of(shown, more, hide))  # `key=` and `code=` are no secrets in text and source


def _field(name: str, value: str, more: frozenset[str]) -> str:
    if name in _OPEN:
        return _known.sub(MASK, value)
    first, _, last = name.rpartition("-")
    if last == "key" and first.rpartition("-")[2] not in _keys:
        return MASK
    return _tokens(_text_of(_scheme.sub(rf"\1 {MASK}", str(_hide(name, value, more))), more))


def _hide(name: str, value: Any, more: frozenset[str]) -> Any:
    """Mask the value of a secret, whichever way its name is written: `client_secret`, `clientSecret`, `user[pass]`."""
    words = [each for each in _between.split(_camel.sub("_", name).lower()) if each]
    plain = "_".join(words)
    secret = plain in _names or plain.endswith(_ends) or not _parts.isdisjoint(words) or words[-1:] == ["pass"]
    return MASK if value and secret else hide(plain, hide(name, value, more), more)


def _text_of(text: str, more: frozenset[str], rule: Callable[[str, Any, frozenset[str]], Any] = _hide) -> str:
    """Mask what follows the name of a secret inside of a text: of an address in a field, or of JSON in a query."""
    if "=" in text:
        text = _pair.sub(lambda found: f"{found[1]}={rule(found[1], found[2], more)}", text)
    if ":" in text:
        text = _member.sub(lambda found: found[0].replace(found[4], str(rule(found[2], found[4], more))), text)
    return _offered.sub(rf"\1\2{MASK}", text)


def _tokens(text: str) -> str:
    return _words.sub(lambda found: MASK if _mixed(found[0]) else found[0], _known.sub(MASK, text))


def _mixed(word: str) -> bool:
    """Say whether a long word looks as if chance had made it: as hexadecimal digits, or all kinds of characters."""
    if len(word) >= 32 and all(each in "0123456789abcdefABCDEF" for each in word):
        return True
    return any(map(str.islower, word)) and any(map(str.isupper, word)) and any(map(str.isdigit, word))


def _text(raw: bytes) -> str:
    return raw[:LONGEST].decode("latin-1")
