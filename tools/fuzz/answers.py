"""Answers: a stream of responses read strictly (RFC 9112 §4, §6): whatever a server sends must be exactly that."""

import re
from dataclasses import dataclass

__all__ = ["Answer", "Nonsense", "read"]

_status = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t -~\x80-\xff]*").fullmatch
_size = re.compile(rb"[0-9a-f]+").fullmatch
_field = re.compile(rb"([!#$%&'*+\-.^_`|~0-9a-z]+): ([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?").fullmatch


class Nonsense(Exception):
    """What was sent is no stream of responses."""


@dataclass(frozen=True)
class Answer:
    """One response; `cut` says that its chunked body has no end, which only the last one may have not."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes
    cut: bool = False

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends."""
        return self.fields.get(b"connection") == b"close"


def read(data: bytes, methods: list[str]) -> list[Answer]:
    """Return the responses, interim ones too.

    Args:
        data: all that was sent.
        methods: of the requests, in order: an answer to HEAD has no body. Those after the last are unknown.

    Raises `Nonsense`.
    """
    answers: list[Answer] = []
    final = 0
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        if not end:
            raise Nonsense(f"a head without an end: {head!r}")
        status, fields = _head(head)
        body, cut = b"", False
        if status >= 200:
            headless = (methods[final] == "HEAD") if final < len(methods) else not data
            if b"transfer-encoding" in fields and not headless:
                body, data, cut = _chunked(data)
            else:
                body, data = _body(status, fields, data, headless=headless)
            final += 1
        answers.append(Answer(status, fields, body, cut))
    return answers


def _head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    line, *rest = head.split(b"\r\n")
    found = _status(line)
    if found is None:
        raise Nonsense(f"a status line: {line!r}")
    fields: dict[bytes, bytes] = {}
    for each in rest:
        pair = _field(each)
        if pair is None or pair[1] in fields:
            raise Nonsense(f"a field: {each!r}")
        fields[pair[1]] = pair[2] or b""
    if b"content-length" in fields and b"transfer-encoding" in fields:
        raise Nonsense("a length and a coding")
    return int(found[1]), fields


def _chunked(data: bytes) -> tuple[bytes, bytes, bool]:
    """Return body and rest, and whether it ends too early; there are no extensions and no trailers."""
    body = b""
    while data:
        line, end, rest = data.partition(b"\r\n")
        if not end or not _size(line):
            raise Nonsense(f"a chunk size: {line!r}")
        size = int(line, 16)
        body, ending, data = body + rest[:size], rest[size : size + 2], rest[size + 2 :]
        if ending != b"\r\n":
            raise Nonsense(f"a chunk ends with {ending!r}")
        if not size:
            return body, data, False
    return body, b"", True


def _body(status: int, fields: dict[bytes, bytes], data: bytes, *, headless: bool) -> tuple[bytes, bytes]:
    if status in {204, 304} or headless:
        return b"", data
    if b"content-length" not in fields and fields.get(b"connection") == b"close" and status == 200:
        return data, b""  # a stream to HTTP/1.0 has no other end
    if not fields.get(b"content-length", b"").isdigit():
        raise Nonsense(f"no length: {fields!r}")
    size = int(fields[b"content-length"])
    if len(data) < size:
        raise Nonsense(f"{len(data)} bytes of a body of {size}")
    return data[:size], data[size:]
