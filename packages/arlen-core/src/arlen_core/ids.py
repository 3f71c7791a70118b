"""Ids: request ids, and the W3C trace context that goes from service to service."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from arlen_core.native import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Trace", "draw", "new_id", "new_span", "parse_state", "parse_trace", "request_id", "trace_parent"]

_accepted = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{7,63}").fullmatch
_parent = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII).fullmatch
_member = re.compile(
    r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
).fullmatch
_KNOWN_FLAGS = 0x03  # sampled, and random of level 2; the others are reserved and must not be passed on
_MEMBERS, _STATE_BYTES = (
    32,
    512,
)  # tracestate: the most members (§3.3.1.1), and what has to be passed on at least (§3.3.1.5)

_pool: list[tuple[str, str]] = []
os.register_at_fork(after_in_child=_pool.clear)  # a forked worker must not give the ids of its sister


class Trace(Frozen, frozen=True):
    """Where a request stands in a distributed trace (W3C Trace Context).

    Attributes:
        trace_id: 32 hex digits, the same for the whole trace.
        span_id: 16 hex digits, the caller's span.
        flags: bit 0 "sampled", bit 1 "random".
    """

    trace_id: str
    span_id: str
    flags: int = 1

    @property
    def sampled(self) -> bool:
        """True when the caller may have recorded its part."""
        return bool(self.flags & 1)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags & _KNOWN_FLAGS:02x}"


def new_id() -> str:
    """Return 32 random hex digits in lower case, for a request or a trace.

    >>> len(new_id())
    32
    """
    return draw()[0]


def new_span() -> str:
    """Return 16 random hex digits that are not all zero, for a span."""
    return draw()[1][36:52]


def request_id(given: str | None = None, *, trusted: bool = False) -> str:
    """Return the id of a request: the one it brought, or a new one.

    Args:
        given: the inbound `X-Request-Id`, if any.
        trusted: whether the peer is a trusted proxy; nobody else may choose ids.

    An inbound id has 8 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or a digit.

    >>> request_id("a1b2c3d4-e5f6", trusted=True)
    'a1b2c3d4-e5f6'
    >>> request_id("a1b2c3d4-e5f6") == "a1b2c3d4-e5f6"
    False
    """
    if trusted and given is not None and _accepted(given):
        return given
    return draw()[0]


def parse_trace(header: str | None) -> Trace | None:
    """Parse a `traceparent` header; `None` when it is missing or wrong (W3C Trace Context §3.2).

    A version above 00 is read by its first four fields, as the specification asks; version ff, zero ids,
    capital letters, and anything after the flags of version 00 are refused.

    >>> parse_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").span_id
    'b7ad6b7169203331'
    >>> parse_trace("00-00000000000000000000000000000000-b7ad6b7169203331-01") is None
    True
    """
    found = _parent(header) if header else None
    if found is None:
        return None
    version, trace, span, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or not trace.strip("0") or not span.strip("0"):
        return None
    return Trace(trace, span, int(flags, 16) & _KNOWN_FLAGS)


def parse_state(headers: Iterable[str]) -> str:
    """Return the `tracestate` to pass on, its fields joined; "" when a member is wrong or there are too many (§3.3).

    Args:
        headers: the values of every `tracestate` field, in order. At most 32 members; members past 512 characters
            are left out, those longer than 128 first.

    >>> parse_state(["rojo=00f067aa0ba902b7", "congo=t61rcWkgMzE"])
    'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'
    """
    members = [part for part in (each.strip(" \t") for each in ",".join(headers).split(",")) if part]
    keys = {part.partition("=")[0] for part in members}
    if len(members) > _MEMBERS or len(keys) != len(members) or not all(map(_member, members)):
        return ""
    return _fitted(members)


def trace_parent(header: str | None = None, *, trace_id: str = "") -> str:
    """Return the `traceparent` of this server's new span.

    Args:
        header: the inbound `traceparent`; its trace id and flags are kept when it is valid.
        trace_id: the trace to go on with when there is no valid header, 32 hex digits that are not all zero.

    >>> trace_parent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")[:36]
    '00-0af7651916cd43dd8448eb211c80319c-'
    """
    fresh = draw()[1]
    known = parse_trace(header) if header else None
    if known is not None:
        return f"00-{known.trace_id}-{fresh[36:52]}-{known.flags:02x}"
    return f"00-{trace_id}-{fresh[36:]}" if trace_id and _usable(trace_id) else fresh


def draw() -> tuple[str, str]:
    """Return a new id and a new `traceparent`, of which no part is all zero.

    >>> len(draw()[0]), draw()[1][:3]
    (32, '00-')
    """
    try:
        return _pool.pop()
    except IndexError:
        fresh = os.urandom(40 * 128).hex()
        drawn = (fresh[at : at + 80] for at in range(0, len(fresh), 80))
        _pool.extend((x[:32], f"00-{x[32:64]}-{x[64:]}-01") for x in drawn if "0" * 16 not in x)
        return draw()


def _usable(trace_id: str) -> bool:
    return len(trace_id) == 32 and trace_id.strip("0") != "" and not trace_id.strip("0123456789abcdef")


def _fitted(members: list[str]) -> str:
    for longest in (128, 0):
        while len(",".join(members)) > _STATE_BYTES:
            long = [at for at, part in enumerate(members) if len(part) > longest]
            if not long:
                break
            del members[long[-1]]
    return ",".join(members)
