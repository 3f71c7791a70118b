"""Signing: text that a client keeps for us and cannot change."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac

__all__ = ["Signer"]

_SIZE = 16  # bytes of the signature: 128 bits


class Signer:
    """Signs bytes with HMAC-SHA256; the client can read them, so put no secret in.

    Args:
        secret: at least 32 characters, the same in every process.
        purpose: what the signature is for. A value signed for one purpose is no good for another.

    >>> signer = Signer("0123456789abcdef0123456789abcdef", "demo")
    >>> token = signer.sign(b"hello", 1000)
    >>> signer.read(token, 1060, max_age=300), signer.read(token, 2000, max_age=300), signer.read("x" + token, 1000)
    (b'hello', None, None)
    """

    __slots__ = ("_key",)

    def __init__(self, secret: str, purpose: str) -> None:
        self._key = hmac(secret.encode(), purpose.encode(), sha256).digest()

    def sign(self, data: bytes, now: int) -> str:
        """Return `data`, the time in Unix seconds and the signature, as text for a cookie or a URL."""
        body = now.to_bytes(6, "big") + data
        return urlsafe_b64encode(self._mac(body) + body).decode().rstrip("=")

    def read(self, token: str, now: int, *, max_age: int = 3600) -> bytes | None:
        """Return the data of a token; `None` when it is not ours, was changed, or is older than `max_age` seconds."""
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (BadBase64, UnicodeEncodeError, ValueError):
            return None
        mac, body = raw[:_SIZE], raw[_SIZE:]
        if len(body) < 6 or not compare_digest(mac, self._mac(body)):
            return None
        age = now - int.from_bytes(body[:6], "big")
        return body[6:] if -60 <= age <= max_age else None

    def _mac(self, body: bytes) -> bytes:
        return hmac(self._key, body, sha256).digest()[:_SIZE]
