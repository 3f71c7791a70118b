"""Codecs: gzip always, zstd and brotli when they are installed, behind one small interface."""

from __future__ import annotations

import sys
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Codec", "available", "codec"]


class Codec(Protocol):
    """One running compression."""

    def feed(self, data: bytes) -> bytes:
        """Compress `data` and give out everything so far, so that the client can read it now."""

    def finish(self, data: bytes = b"") -> bytes:
        """Compress the last `data` and end."""


class _Gzip:
    """Gzip (RFC 1952) by zlib; without a file name or time, so that equal bodies stay equal."""

    __slots__ = ("_flow",)

    def __init__(self, *, small: bool = False) -> None:
        self._flow = zlib.compressobj(6, zlib.DEFLATED, 28 if small else 31, 5 if small else 8)

    def feed(self, data: bytes) -> bytes:
        """Compress `data` and flush."""
        return self._flow.compress(data) + self._flow.flush(zlib.Z_SYNC_FLUSH)

    def finish(self, data: bytes = b"") -> bytes:
        """Compress the last `data` and end."""
        return self._flow.compress(data) + self._flow.flush()


class _Brotli:
    """Brotli (RFC 7932) at quality 4, about as fast as gzip; window 512 KiB."""

    __slots__ = ("_flow",)

    def __init__(self, module: Any) -> None:
        self._flow = module.Compressor(quality=4, lgwin=19)

    def feed(self, data: bytes) -> bytes:
        """Compress `data` and flush."""
        return bytes(self._flow.process(data) + self._flow.flush())

    def finish(self, data: bytes = b"") -> bytes:
        """Compress the last `data` and end."""
        return bytes(self._flow.process(data) + self._flow.finish())


class _Zstd:
    """Zstandard (RFC 8878) at level 3, whose window is within the 8 MiB that browsers take (RFC 9659)."""

    __slots__ = ("_flow",)

    def __init__(self, module: Any) -> None:
        self._flow = module.ZstdCompressor(level=3)

    def feed(self, data: bytes) -> bytes:
        """Compress `data` and flush."""
        return bytes(self._flow.compress(data, self._flow.FLUSH_BLOCK))

    def finish(self, data: bytes = b"") -> bytes:
        """Compress the last `data` and end."""
        return bytes(self._flow.compress(data, self._flow.FLUSH_FRAME))


def available() -> tuple[str, ...]:
    """Return the content codings that this process can make, the best first.

    >>> available()[-1]
    'gzip'
    """
    return tuple(_makers())


def codec(name: str, *, small: bool = False) -> Codec:
    """Begin a compression. Raises `KeyError` when `name` is not in `available()`.

    Args:
        name: "gzip", "br" or "zstd".
        small: for gzip, use a window of 4 KiB: for many connections that stay open. It then holds about 40 KiB, where
            the others hold up to some hundreds.

    >>> import gzip
    >>> gzip.decompress(codec("gzip").finish(b"hello"))
    b'hello'
    """
    return _Gzip(small=True) if small and name == "gzip" else _makers()[name]()


@cache
def _makers() -> dict[str, Callable[[], Codec]]:
    makers: dict[str, Callable[[], Codec]] = {}
    zstd, brotli = _zstd(), _brotli()
    if zstd is not None:
        makers["zstd"] = lambda: _Zstd(zstd)
    if brotli is not None:
        makers["br"] = lambda: _Brotli(brotli)
    makers["gzip"] = _Gzip
    return makers


def _zstd() -> Any:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        return None
    return zstd


def _brotli() -> Any:
    try:
        import brotli  # type: ignore[import-untyped]
    except ImportError:
        return None
    return brotli
