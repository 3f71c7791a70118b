"""Channel: how a manager and the process it started talk, in JSON lines over a socket pair."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from arlen_server.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Beat", "Channel", "Failed", "Message", "Ready", "Refresh", "Retire"]

_LONGEST = 1 << 20


class Ready(Struct, frozen=True, tag="ready"):
    """The process serves now.

    Attributes:
        routes: rows of its route table, with `method`, `path`, `name` and `handler`.
        viewer: path of the page of recent requests, "" when there is none.
    """

    routes: list[dict[str, str]] = []
    viewer: str = ""


class Beat(Struct, frozen=True, tag="beat"):
    """The event loop runs: requests answered so far, open connections, resident memory in bytes."""

    requests: int = 0
    connections: int = 0
    memory: int = 0


class Failed(Struct, frozen=True, tag="failed"):
    """The process could not start, and says why before it exits."""

    failure: Failure


class Retire(Struct, frozen=True, tag="retire"):
    """To a process: another one took over; stop accepting, finish what is in flight, exit."""


class Refresh(Struct, frozen=True, tag="refresh"):
    """To a development process: tell browsers that these files changed; `css` when only style sheets did."""

    paths: list[str] = []
    css: bool = False


Message = Ready | Beat | Failed | Retire | Refresh
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Message).decode


class Channel:
    """One end of the pair. Nothing here blocks or raises because of the other end.

    >>> manager, process = Channel.pair()
    >>> process.send(Beat(requests=7))
    True
    >>> list(manager.receive())
    [Beat(requests=7, connections=0, memory=0)]
    >>> process.close()
    >>> list(manager.receive()), manager.open
    ([], False)
    >>> manager.close()
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.open = True
        self._held = b""

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two connected ends."""
        left, right = socket.socketpair()
        return cls(left), cls(right)

    def fileno(self) -> int:
        """The descriptor, for a selector; -1 when closed."""
        return self.sock.fileno()

    def send(self, message: Message) -> bool:
        """Send one message; false when the other end is gone or does not read, and the message is lost."""
        data = _encode(message) + b"\n"
        try:
            sent = self.sock.send(data)
        except OSError:
            return False
        if sent < len(data):  # half a line would spoil the next one
            self.close()
        return sent == len(data)

    def receive(self) -> Iterator[Message]:
        """Every message that has arrived; lines that are none are skipped. `open` turns false at the end."""
        while self.open:
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self.open = bool(data)
            *lines, self._held = (self._held + data).split(b"\n")
            if len(self._held) > _LONGEST:
                self._held = b""
            yield from _messages(lines)

    def close(self) -> None:
        """Close this end; idempotent."""
        self.open = False
        self.sock.close()


def _messages(lines: list[bytes]) -> Iterator[Message]:
    for line in lines:
        try:
            yield _decode(line)
        except msgspec.MsgspecError:
            continue
