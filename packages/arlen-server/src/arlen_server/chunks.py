"""Chunks: the framing of request bodies: a declared length, or chunked transfer coding (RFC 9112 §6, §7.1)."""

from __future__ import annotations

import re
from typing import Protocol

from arlen_server.refusals import Refusal

__all__ = ["Chunked", "Framing", "Sized"]

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
# no whitespace around ";" and "=": only old recipients send it (§7.1.1), and attackers
_size = re.compile(rb"([0-9A-Fa-f]{1,15})((?:;%b(?:=(?:%b|%b))?)*)" % (_TOKEN, _TOKEN, _QUOTED)).fullmatch
_trailer = re.compile(rb"%b:[\t -~\x80-\xff]*" % _TOKEN).fullmatch


class Framing(Protocol):
    """What finds the end of a body."""

    done: bool

    def take(self, data: bytes, start: int = 0) -> tuple[list[bytes], int]:
        """Return the parts of the body in `data` from `start` on, and the place after them."""

    def remains(self) -> int:
        """Return how many bytes are still to come at least."""


class Sized:
    """A body whose length was declared.

    >>> body = Sized(5)
    >>> body.take(b"hello, world"), body.done
    (([b'hello'], 5), True)
    """

    __slots__ = ("done", "left")

    def __init__(self, length: int) -> None:
        self.left = length
        self.done = length == 0

    def take(self, data: bytes, start: int = 0) -> tuple[list[bytes], int]:
        """Return the parts of the body in `data` from `start` on, and the place after them."""
        part = data[start : start + self.left]
        self.left -= len(part)
        self.done = not self.left
        return [part] if part else [], start + len(part)

    def remains(self) -> int:
        """Return how many bytes are still to come."""
        return self.left


class Chunked:
    r"""A chunked body. Extensions and trailers are checked and ignored.

    Args:
        max_line: most bytes of a size line with its extensions, and of a trailer line, without the line end.
        max_extra: most bytes of all extensions, and of all trailers.

    Raises `Refusal` (400) from `take` for anything that RFC 9112 §7.1 does not allow, and for bare CR and LF.

    >>> body = Chunked(256, 4096)
    >>> body.take(b"5\r\nhello\r\n0\r\n\r\nGET"), body.done
    (([b'hello'], 15), True)
    """

    __slots__ = ("_extra", "_left", "_line", "_max_extra", "_max_line", "_step", "done")

    def __init__(self, max_line: int, max_extra: int) -> None:
        self._max_line, self._max_extra = max_line, max_extra
        self._extra = 0
        self._left = 0
        self._line = b""  # the beginning of a line whose end is not here yet
        self._step = 0
        self.done = False

    def take(self, data: bytes, start: int = 0) -> tuple[list[bytes], int]:
        """Return the parts of the body in `data` from `start` on, and the place after them."""
        parts: list[bytes] = []
        at = start
        while at < len(data) and not self.done:
            if self._left:
                part = data[at : at + self._left]
                parts.append(part)
                self._left -= len(part)
                at += len(part)
            else:
                at = self._read_line(data, at)
        return parts, at

    def remains(self) -> int:
        """Return how many bytes are still to come at least: those of the chunk that has begun."""
        return self._left

    def _read_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        line = self._line + (data[at:] if end < 0 else data[at : end + 1])
        if len(line.removesuffix(b"\n").removesuffix(b"\r")) > self._max_line:
            raise Refusal(400, "chunk_too_long", f"a line of the chunked body is longer than {self._max_line} bytes")
        if end < 0:
            if self._step == 1 and line != b"\r":
                raise _longer()
            self._line = line
            return len(data)
        if not line.endswith(b"\r\n"):
            raise _invalid("a line ends without CR LF")
        self._line = b""
        (self._size, self._end, self._trailer)[self._step](line[:-2])
        return end + 1

    def _size(self, line: bytes) -> None:
        found = _size(line)
        if found is None:
            raise _invalid("a chunk size is wrong")
        self._count(len(found[2]))
        self._left = int(found[1], 16)
        self._step = 1 if self._left else 2

    def _end(self, line: bytes) -> None:
        if line:
            raise _longer()
        self._step = 0

    def _trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        if _trailer(line) is None:
            raise _invalid("a trailer field is wrong")
        self._count(len(line) + 2)

    def _count(self, size: int) -> None:
        self._extra += size
        if self._extra > self._max_extra:
            raise Refusal(400, "chunk_too_long", f"extensions and trailers of the body exceed {self._max_extra} bytes")


def _longer() -> Refusal:
    return _invalid("a chunk is longer than its size")


def _invalid(reason: str) -> Refusal:
    return Refusal(400, "chunk_invalid", f"the chunked body is malformed: {reason}")
