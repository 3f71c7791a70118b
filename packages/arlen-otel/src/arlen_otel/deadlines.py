"""Deadlines: connections whose whole exchange has so many seconds; urllib3 bounds each wait, and an answer has many."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from time import monotonic
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

__all__ = ["POOLS", "until"]

_thread = threading.local()


@contextmanager
def until(end: float) -> Iterator[None]:
    """Have what this thread sends and reads in the `with` block end at a time of `time.monotonic`.

    What has not come by then raises `TimeoutError`, which urllib3 makes a `ReadTimeoutError` or another one of its own.
    The system's look-up of a name is not bounded, and each address of a name has the time for itself.
    """
    _thread.end = end
    try:
        yield
    finally:
        del _thread.end


def _set(sock: Any) -> None:
    """Let the next wait of a socket take what is left."""
    left = getattr(_thread, "end", float("inf")) - monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    if left != float("inf"):
        sock.settimeout(left)


class _Reader(io.RawIOBase):
    """What a socket has to read."""

    def __init__(self, sock: Any) -> None:
        self._sock, self._raw = sock, sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _set(self._sock)
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(_Source(sock), *args, **options)  # type: ignore[arg-type]  # it only makes a file of it


class _Source:
    """A socket, as far as an answer needs one."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock))


class _Timed:
    """What both kinds of connections have: it stands before urllib3's class."""

    response_class: Any = _Answer
    sock: Any

    def connect(self) -> None:
        raise NotImplementedError  # urllib3's

    def send(self, data: Any) -> None:
        """Send bytes, in pieces: of TLS, a socket bounds each of them alone."""
        if self.sock is None:
            self.connect()
        view = memoryview(data)
        while view:
            _set(self.sock)
            view = view[self.sock.send(view) :]


class _Plain(_Timed, HTTPConnection):
    connect = HTTPConnection.connect


class _Secure(_Timed, HTTPSConnection):
    connect = HTTPSConnection.connect

    def _new_conn(self) -> Any:
        sock = super()._new_conn()
        _set(sock)  # the handshake has what is left
        return sock


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _PlainPool, "https": _SecurePool}
"""For `urllib3.PoolManager.pool_classes_by_scheme`."""
