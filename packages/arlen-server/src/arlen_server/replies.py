"""Replies: response heads as bytes, with the status and date lines made once a second."""

from __future__ import annotations

from http import HTTPStatus

from arlen_core.dates import format_date
from arlen_core.headers import Raw

__all__ = ["CLOSE", "KEEP", "HeadWriter", "bodiless", "length"]

CLOSE = b"connection: close\r\n"
KEEP = b"connection: keep-alive\r\n"

_OWN = frozenset({b"connection", b"content-length", b"date", b"keep-alive", b"transfer-encoding", b"upgrade"})
_BODILESS = frozenset({204, 304})
_PHRASES = {each.value: each.phrase for each in HTTPStatus}
_LENGTHS = [b"content-length: %d\r\n" % size for size in range(512)]


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
    return _LENGTHS[size] if size < 512 else b"content-length: %d\r\n" % size


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

    __slots__ = ("_date", "_lines", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._date = b""
        self._lines: dict[int, bytes] = {}

    def refresh(self, now: float) -> None:
        """Take note of the wall time, in seconds."""
        if int(now) != self._second:
            self._second = int(now)
            self._date = f"date: {format_date(now)}\r\n".encode()
            self._lines.clear()

    def plain(self, status: int, raw: Raw, size: int) -> bytes | None:
        """Return a whole head with a length and nothing special, or `None` when there is something special about it.

        Args:
            status: 200 to 599.
            raw: the application's fields, names in lower case.
            size: of the body.

        Raises `ValueError` as `end` does.
        """
        line = self._lines.get(status)
        parts = [line if line is not None else self._line(status)]
        for name, value in raw:
            if name in _OWN:
                return None
            parts += (name, b": ", value, b"\r\n")
        if status in _BODILESS:
            return None
        parts += (_LENGTHS[size] if size < 512 else b"content-length: %d\r\n" % size, b"\r\n")
        head = b"".join(parts)
        if len(head.splitlines()) != len(raw) + 4:
            raise _smuggled()
        return head

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
