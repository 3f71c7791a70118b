"""Replies: response heads as bytes, with the status and date lines made once a second."""

from __future__ import annotations

from http import HTTPStatus

from arlen_core.dates import format_date
from arlen_core.headers import Raw

__all__ = ["CLOSE", "JOIN", "KEEP", "HeadWriter", "bodiless", "length"]

JOIN = 65536
"""From so many bytes on, copying them together costs more than one more write."""

CLOSE = b"connection: close\r\n"
KEEP = b"connection: keep-alive\r\n"

_OWN = frozenset({b"connection", b"content-length", b"date", b"keep-alive", b"transfer-encoding", b"upgrade"})
_BODILESS = frozenset({204, 304})
_PHRASES = {each.value: each.phrase for each in HTTPStatus}
_SMALL, _MOST = 512, 256  # bytes of bodies whose framing is made in advance, and heads that are kept for a second
_LENGTHS = [b"content-length: %d\r\n" % size for size in range(_SMALL)]
_ENDS = [line + b"\r\n" for line in _LENGTHS]


def bodiless(status: int) -> bool:
    """Say whether a response of this status never has a body (RFC 9110 §6.4.1).

    >>> bodiless(204), bodiless(200)
    (True, False)
    """
    return status in _BODILESS or status < 200


def length(size: int) -> bytes:
    r"""Return the line that says how long the body is.

    >>> length(17)
    b'content-length: 17\r\n'
    """
    return _LENGTHS[size] if size < _SMALL else b"content-length: %d\r\n" % size


class HeadWriter:
    r"""Writes response heads. `refresh` it at least once a second.

    >>> writer = HeadWriter()
    >>> writer.refresh(784111777)
    >>> parts, own = writer.begin(200, [(b"content-type", b"..."), (b"connection", b"close")])
    >>> own
    {b'connection': b'close'}
    >>> writer.end(parts, length(2))
    b'HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-type: ...\r\ncontent-length: 2\r\n\r\n'
    """

    __slots__ = ("_date", "_lines", "_prefixes", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._date = b""
        self._lines: dict[int, bytes] = {}
        self._prefixes: dict[tuple[bytes, bytes], bytes] = {}  # of status 200 with one field

    def refresh(self, now: float) -> None:
        """Take note of the wall time, in seconds."""
        if int(now) != self._second:
            self._second = int(now)
            self._date = f"date: {format_date(now)}\r\n".encode()
            self._lines.clear()
            self._prefixes.clear()

    def plain(self, status: int, raw: Raw, more: bytes, body: bytes) -> bytes | None:
        """Return a whole response with a length, or `None` when there is something special about it.

        Args:
            status: 200 to 599.
            raw: the application's fields, names in lower case.
            more: whole lines to send after them.
            body: of the response; one of `JOIN` bytes or more is not joined.

        Raises `ValueError` as `end` does.
        """
        prefix = self._prefixes.get(raw[0]) if status == 200 and len(raw) == 1 else None
        if prefix is None:
            prefix = self._prefix(status, raw)
            if prefix is None:
                return None
        size = len(body)
        framing = _ENDS[size] if size < _SMALL else b"content-length: %d\r\n\r\n" % size
        return b"".join((prefix, more, framing, body) if size < JOIN else (prefix, more, framing))

    def _prefix(self, status: int, raw: Raw) -> bytes | None:
        """Return the head without its framing, or `None`; usual ones are made once a second."""
        if status in _BODILESS:
            return None
        parts = [self._lines.get(status) or self._line(status)]
        for name, value in raw:
            if name in _OWN:
                return None
            parts += (name, b": ", value, b"\r\n")
        prefix = b"".join(parts)
        if len(prefix.splitlines()) != len(raw) + 2:
            raise _smuggled()
        if status == 200 and len(raw) == 1 and len(self._prefixes) < _MOST:
            self._prefixes[raw[0]] = prefix
        return prefix

    def begin(self, status: int, raw: Raw) -> tuple[list[bytes], dict[bytes, bytes]]:
        """Return the parts of a head so far, and those of the fields that are the server's to send.

        Args:
            status: 100 to 599.
            raw: the application's fields, names in lower case.
        """
        line = self._lines.get(status)
        parts = [line if line is not None else self._line(status)]
        own = {}
        for name, value in raw:
            if name in _OWN:
                own[name] = value
            else:
                parts += (name, b": ", value, b"\r\n")
        return parts, own

    def end(self, parts: list[bytes], framing: bytes) -> bytes:
        """Return the whole head.

        Args:
            parts: from `begin`.
            framing: the server's own lines.

        Raises `ValueError` when a field holds CR or LF: it would split the response (RFC 9112 §11.1).
        """
        lines = len(parts) // 4 + 3 + framing.count(b"\n")  # status and date are one part, and there is the empty line
        head = b"".join([*parts, framing, b"\r\n"])
        if len(head.splitlines()) != lines:
            raise _smuggled()
        return head

    def _line(self, status: int) -> bytes:
        line = f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode() + self._date
        self._lines[status] = line
        return line


def _smuggled() -> ValueError:
    return ValueError("a response header holds CR or LF")
