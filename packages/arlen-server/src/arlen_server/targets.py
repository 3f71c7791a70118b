"""Targets: request targets in their four forms, and the Host header (RFC 9112 §3.2, RFC 9110 §7.2)."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from arlen_server.refusals import Refusal

__all__ = ["check_host", "reduce"]

# Letters, digits and "-._~", or an IP literal. RFC 3986 §3.2.2 allows sub-delimiters and percent-encoding in a name
# too, but no name that resolves has them, and they are what attacks by a reflected Host are made of.
_authority = re.compile(rb"(?:[0-9A-Za-z._~-]+|\[(?P<six>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{0,5}))?").fullmatch
_absolute = re.compile(rb"(?i:(?P<scheme>https?))://(?P<authority>[^/?#]*)(?P<rest>[^#]*)").fullmatch
_DEFAULT = {b"http": b":80", b"https": b":443"}


def check_host(host: bytes) -> None:
    """Raise a `Refusal` (400) unless `host` is a host name or address with an optional port.

    An address in brackets is an IPv6 address (RFC 3986 §3.2.2), without a zone, which means nothing to others.

    >>> check_host(b"[::1]:8080")
    >>> check_host(b"user@example.org")
    Traceback (most recent call last):
        ...
    arlen_server.refusals.Refusal: the Host header is not valid
    """
    if not _valid(host):
        raise Refusal(400, "host_invalid", "the Host header is not valid")


def reduce(method: bytes, target: bytes, host: bytes | None) -> bytes:
    """Reduce a target to its path and query, or to `*`, and check the authority that it names.

    Args:
        method: as sent.
        target: as sent.
        host: the Host header, or `None` when there is none (HTTP/1.0).

    Raises `Refusal` (400) for everything that is no valid target.

    >>> reduce(b"GET", b"http://example.org/a?b=c", b"example.org")
    b'/a?b=c'
    """
    if target == b"*" and method == b"OPTIONS":
        return target
    if target.startswith(b"/") and b"#" not in target:
        return target
    found = _absolute(target)
    if found is None:
        raise Refusal(400, "target_invalid", "the request target is not valid")
    scheme = found["scheme"].lower()
    _check_authority(scheme, found["authority"], host)
    rest = found["rest"]
    if not rest and method == b"OPTIONS":
        return b"*"
    return rest if rest.startswith(b"/") else b"/" + rest


def _check_authority(scheme: bytes, authority: bytes, host: bytes | None) -> None:
    """The Host header must repeat the authority (RFC 9112 §3.2.2): two names for one request are an attack."""
    if not _valid(authority):
        raise Refusal(400, "target_invalid", "the request target names no valid host")
    if host is not None and _plain(scheme, authority) != _plain(scheme, host):
        raise Refusal(400, "host_mismatch", "the request target and the Host header name different hosts")


def _valid(authority: bytes) -> bool:
    found = _authority(authority)
    if found is None or int(found["port"] or 0) > 65535:
        return False
    try:
        IPv6Address((found["six"] or b"::").decode())
    except ValueError:
        return False
    return True


def _plain(scheme: bytes, authority: bytes) -> bytes:
    return authority.lower().removesuffix(_DEFAULT[scheme]).removesuffix(b":")
