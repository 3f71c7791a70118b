"""Paths: the raw path of a request, split first and percent-decoded after."""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from msgspec import Struct

__all__ = ["BadPath", "Path", "quoted"]

_broken = re.compile(rb"%(?![0-9A-Fa-f]{2})").search


class BadPath(ValueError):
    """The path cannot be read; the message is a sentence for the client."""


class Path(Struct, frozen=True):
    r"""A path in segments.

    Attributes:
        raw: the segments as sent; the first stands before the first slash and is empty.
        segments: the same, percent-decoded: `%2F` is a slash inside a segment, never between two.

    >>> Path.read(b"/a%2Fb/caf%C3%A9").segments
    [b'', b'a/b', b'caf\xc3\xa9']
    """

    raw: list[bytes]
    segments: list[bytes]

    @classmethod
    def read(cls, target: bytes) -> Path:
        """Split and decode.

        Raises:
            BadPath: it does not begin with a slash, holds a wrong percent-encoding, text that is not UTF-8, a NUL, or a
                dot segment in any spelling. Clients remove dot segments (RFC 3986 §5.2.4), so one that arrives is an
                attempt to get past somebody's checks.
        """
        raw = target.split(b"/")
        if raw[0] or len(raw) == 1:
            raise BadPath("the path does not begin with a slash")
        return cls(raw, [_decode(each) for each in raw] if _special(target) else raw)

    @property
    def text(self) -> bytes:
        """The decoded segments with slashes between."""
        return b"/".join(self.segments)

    def turned(self) -> Path:
        """Return the path with a slash added at its end, or taken away."""
        if self.raw[-1] == b"" and len(self.raw) > 2:
            return Path(self.raw[:-1], self.segments[:-1])
        return Path([*self.raw, b""], [*self.segments, b""])


def _special(target: bytes) -> bool:
    return b"%" in target or b"/." in target or b"\0" in target or not target.isascii()


def _decode(segment: bytes) -> bytes:
    if _broken(segment):
        raise BadPath("the path holds a percent sign that is not followed by two hexadecimal digits")
    made = unquote_to_bytes(segment)
    if made in {b".", b".."}:
        raise BadPath("the path holds a dot segment")
    if b"\0" in made:
        raise BadPath("the path holds a NUL character")
    try:
        made.decode()
    except UnicodeDecodeError:
        raise BadPath("the path is not UTF-8") from None
    return made


def quoted(text: str | bytes, *, slash: bool = False, percent: bool = False) -> str:
    """Percent-encode everything but RFC 3986's `pchar` (§3.3).

    Args:
        text: a segment, or with `slash` a path or a query.
        slash: leave slashes as they are.
        percent: leave percent signs and question marks: for what is encoded already.

    >>> quoted("a/b ü"), quoted("a/b", slash=True)
    ('a%2Fb%20%C3%BC', 'a/b')
    """
    data = text.encode() if isinstance(text, str) else text
    return quote_from_bytes(data, safe="!$&'()*+,;=:@" + "/" * slash + "%?" * percent)
