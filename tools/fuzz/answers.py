"""Answers: a stream of responses read strictly (RFC 9112 §4, §6): whatever a server sends must be exactly that."""

import re
from dataclasses import dataclass

__all__ = ["Answer", "Nonsense", "read"]

_status = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t -~\x80-\xff]*").fullmatch
_field = re.compile(rb"([!#$%&'*+\-.^_`|~0-9a-z]+): ([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?").fullmatch


class Nonsense(Exception):
    """What was sent is no stream of responses."""


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes

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
        body = b""
        if status >= 200:
            headless = (methods[final] == "HEAD") if final < len(methods) else not data
            body, data = _body(status, fields, data, headless=headless)
            final += 1
        answers.append(Answer(status, fields, body))
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


def _body(status: int, fields: dict[bytes, bytes], data: bytes, *, headless: bool) -> tuple[bytes, bytes]:
    if status in {204, 304} or headless:
        return b"", data
    if not fields.get(b"content-length", b"").isdigit():
        raise Nonsense(f"no length: {fields!r}")
    size = int(fields[b"content-length"])
    if len(data) < size:
        raise Nonsense(f"{len(data)} bytes of a body of {size}")
    return data[:size], data[size:]
