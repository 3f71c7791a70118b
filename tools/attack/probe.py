"""Probes: send bytes to a server, and say what came of it."""

import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass

from tools.attack.cases import Case

__all__ = ["Verdict", "deviates", "probe"]

_status = re.compile(rb"HTTP/[0-9.]+ ([0-9]{3})[^\r\n]*\r\n").match


@dataclass(frozen=True)
class Verdict:
    """What a server made of a stream.

    Attributes:
        statuses: of its final answers.
        end: "closed", "reset", or "open" when it neither answers nor closes any more.
        seen: what the application saw of the accepted requests: method, target and size of the body.
    """

    statuses: tuple[int, ...]
    end: str
    seen: tuple[str, ...] = ()

    @property
    def accepted(self) -> int:
        """How many requests were accepted; 403, 404 and 426 are answers to requests that were understood."""
        return sum(status < 400 or status in {403, 404, 426} for status in self.statuses)

    @property
    def refused(self) -> bool:
        """Whether an error is the last word, or the connection ends without an answer."""
        return len(self.statuses) > self.accepted if self.statuses else self.end != "open"

    @property
    def whole(self) -> bool:
        """Whether it takes the stream to its end: it has answered the last request, or waits for more."""
        return self.end == "open" or any(each.startswith("GET /canary ") for each in self.seen[-1:])

    @property
    def short(self) -> str:
        """How it stands in the table."""
        if not self.statuses:
            return "hung" if self.end == "open" else "closed"
        words = [f"{self.accepted} ok"] if self.accepted else []
        return ", ".join(words + [str(status) for status in self.statuses if status >= 400])


def probe(port: int, data: bytes, patience: float = 1.0) -> Verdict:
    """Send a stream, say nothing more, and read until the server closes or nothing comes for `patience` seconds."""
    received, end = bytearray(), "open"
    with socket.create_connection(("127.0.0.1", port), 5.0) as peer:
        with suppress(ConnectionError):
            peer.sendall(data)
        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            peer.settimeout(left)
            try:
                part = peer.recv(65536)
            except TimeoutError:
                break
            except ConnectionError:
                end = "reset"
                break
            if not part:
                end = "closed"
                break
            received += part
            deadline = time.monotonic() + patience
    return Verdict(*_answers(bytes(received), end))


def deviates(case: Case, verdict: Verdict) -> str:
    """Return "MUST" or "SHOULD" when a verdict is not what the RFCs demand, else ""."""
    word, _, deed = case.demand.partition(" ")
    if case.demand.endswith("MUST close"):
        return "MUST" if verdict.accepted > 1 or (verdict.accepted and verdict.end == "open") else ""
    if deed == "accept":
        closes = verdict.accepted and not verdict.refused and verdict.end != "open"  # which it may at any time
        return word if verdict.accepted > case.count or (verdict.accepted < case.count and not closes) else ""
    return word if deed == "refuse" and word != "MAY" and verdict.accepted else ""


def _answers(stream: bytes, end: str) -> tuple[tuple[int, ...], str, tuple[str, ...]]:
    """Return the statuses of final answers and the bodies of good ones, framed as a client would."""
    statuses: list[int] = []
    seen: list[str] = []
    while found := _status(stream):
        status = int(found[1])
        head, _, stream = stream.partition(b"\r\n\r\n")
        if status < 200:
            continue
        body, stream = _body(status, head.lower(), stream)
        statuses.append(status)
        if status < 400:
            seen.append(body.decode("latin-1"))
    return tuple(statuses), end, tuple(seen)


def _body(status: int, head: bytes, stream: bytes) -> tuple[bytes, bytes]:
    length = re.search(rb"\ncontent-length:\s*([0-9]+)", head)
    if status in {204, 304} or _status(stream):  # another answer: this one is to HEAD
        return b"", stream
    if length is not None:
        return stream[: int(length[1])], stream[int(length[1]) :]
    if b"\ntransfer-encoding: chunked" not in head:
        return stream, b""
    body = b""
    while size := int(stream.partition(b"\r\n")[0].partition(b";")[0] or b"0", 16):
        stream = stream.partition(b"\r\n")[2]
        body, stream = body + stream[:size], stream[size + 2 :]
    return body, stream.partition(b"\r\n\r\n")[2]
