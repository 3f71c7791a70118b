"""Crowds: many bare connections at once, which ask, wait, leave or are rude."""

from __future__ import annotations

import resource
import selectors
import socket
import struct
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Self, cast

__all__ = ["Crowd", "ask", "flood", "raise_limit", "request", "reset", "take"]

WAIT = 30.0  # seconds that a busy machine may take
PATIENCE = 3  # members that are not answered before a crowd gives up
EACH = 20_000  # connections from one source address, which has 28,000 ports where nobody changed that


def raise_limit(wanted: int) -> int:
    """Allow this process and those that it starts so many open files; return how many the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else min(soft, wanted)


class Crowd:
    """Connections that are kept open.

    Args:
        place: of the server.
        path: what they ask for.
        each: connections from one source address; on Linux the next ones come from the next loopback address.
    """

    def __init__(self, place: tuple[str, int], path: str = "/", *, each: int = EACH) -> None:
        self.place, self._each = place, each
        self._request = request(path)
        self.members: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, count: int) -> int:
        """Open so many more, and ask once on each; return how many were answered with 200.

        It gives up after a few that were not, because each may take half a minute.
        """
        good = 0
        for number in range(count):
            self.members.append(socket.create_connection(self.place, WAIT, source_address=self._source()))
            good += ask(self.members[-1], self._request)
            if number - good >= PATIENCE:
                break
        return good

    def ask(self) -> int:
        """Ask once on each; return how many were answered with 200, which may be less after a few that were not."""
        good = 0
        for number, each in enumerate(self.members):
            good += ask(each, self._request)
            if number - good >= PATIENCE:
                break
        return good

    def close(self) -> None:
        """Close all."""
        for each in self.members:
            each.close()
        self.members.clear()

    def _source(self) -> tuple[str, int] | None:
        block = len(self.members) // self._each
        return (f"127.0.0.{1 + block}", 0) if block and sys.platform == "linux" else None


def request(path: str) -> bytes:
    """Return the request for a path."""
    return f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def ask(client: socket.socket, data: bytes) -> bool:
    """Ask once, and say whether the answer is a whole 200."""
    try:
        client.sendall(data)
        return b" 200 " in take(client).partition(b"\r\n")[0]
    except (OSError, EOFError):
        return False


def take(client: socket.socket) -> bytes:
    """Receive one answer that has a length.

    Raises:
        EOFError: the connection ended before.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(client)
    head, _, body = data.partition(b"\r\n\r\n")
    size = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < size:
        body += _more(client)
    return head + b"\r\n\r\n" + body


def flood(place: tuple[str, int], count: int, patience: float = 10.0) -> tuple[Counter[str], list[socket.socket]]:
    """Open so many connections at once and ask on each; return how each went, and those that were answered with 200.

    They are held until all know how it went: `200`, `503`, `cut` (closed or reset without an answer), `silent`.
    """
    fates: Counter[str] = Counter()
    waiting = {_opened(place) for _ in range(count)}
    held: list[socket.socket] = []
    deadline = time.monotonic() + patience
    with selectors.DefaultSelector() as selector:
        for client in waiting:
            selector.register(client, selectors.EVENT_WRITE)
        while waiting and time.monotonic() < deadline:
            for key, events in selector.select(0.1):
                client = cast("socket.socket", key.fileobj)
                fate = _asked(client) if events & selectors.EVENT_WRITE else _fate(client)
                if fate is None:
                    selector.modify(client, selectors.EVENT_READ)
                    continue
                selector.unregister(client)
                waiting.discard(client)
                fates[fate] += 1
                held += _kept(client, fate)
    fates["silent"] += len(waiting)
    for client in waiting:
        client.close()
    return fates, held


def reset(place: tuple[str, int], path: str) -> None:
    """Ask for something large, and reset the connection in the middle of the answer."""
    with socket.create_connection(place, WAIT) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(request(path))
        client.recv(4096)


def _more(client: socket.socket) -> bytes:
    if not (data := client.recv(65536)):
        raise EOFError("the connection ended before the answer")
    return data


def _opened(place: tuple[str, int]) -> socket.socket:
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(place)
    return client


def _kept(client: socket.socket, fate: str) -> list[socket.socket]:
    if fate == "200":
        return [client]
    client.close()
    return []


def _asked(client: socket.socket) -> str | None:
    with suppress(OSError):
        client.send(request("/"))
        return None
    return "cut"


def _fate(client: socket.socket) -> str:
    with suppress(OSError):
        if data := client.recv(65536):
            return data.split(b" ")[1].decode()
    return "cut"
