"""Proxies: who the client is behind trusted proxies (RFC 7239, X-Forwarded-*)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from msgspec import Struct

from arlen_core.errors import ConfigError
from arlen_core.headers import Raw
from arlen_server.refusals import Refusal
from arlen_server.targets import check_host

__all__ = ["Origin", "Proxies"]

_pair = re.compile(r'[ \t]*([!#$%&\'*+\-.^_`|~0-9A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^",;\s]*)[ \t]*(;|,|\Z)')
_node = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+)|(?P<bare>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*))(?::(?P<port>[0-9]{1,5}))?"
)


class Origin(Struct, frozen=True):
    """What trusted proxies say: address and port of the client (0 when unknown), scheme and host ("" when unsaid)."""

    client: tuple[str, int]
    scheme: str = ""
    host: str = ""


class _Hop(Struct, frozen=True):
    """What one proxy saw: who connected to it, by which scheme, for which host."""

    node: str
    scheme: str = ""
    host: str = ""


class Proxies:
    """The networks whose forwarding headers are believed.

    Args:
        trusted: networks as CIDR, addresses, and `unix` for peers on a Unix socket.
        headers: "x-forwarded" or "forwarded": the one that the proxies set. The other is ignored, because a proxy
            that does not set it passes on what a client made up.

    The client is the right-most hop that is not a trusted proxy: what stands left of it was written by strangers.
    Raises `ConfigError` for a network that is none.

    >>> proxies = Proxies(["10.0.0.0/8"])
    >>> fields = [(b"x-forwarded-for", b"6.6.6.6, 203.0.113.7, 10.0.0.2"), (b"x-forwarded-proto", b"https")]
    >>> proxies.origin("10.0.0.1", fields)
    Origin(client=('203.0.113.7', 0), scheme='https', host='')
    """

    __slots__ = ("_headers", "_networks", "_unix")

    def __init__(self, trusted: Iterable[str], headers: str = "x-forwarded") -> None:
        self._headers = headers
        names = set(trusted)
        self._unix = "unix" in names
        try:
            self._networks = [ip_network(each) for each in sorted(names - {"unix"})]
        except ValueError as error:
            raise ConfigError(f"trusted_proxies: {error}", fix="write networks such as 10.0.0.0/8 or ::1") from error

    def trusts(self, address: str) -> bool:
        """Say whether this peer's headers are believed; "" is a peer on a Unix socket."""
        if not address:
            return self._unix
        try:
            node = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        plain = getattr(node, "ipv4_mapped", None) or node
        return any(plain in network for network in self._networks)

    def origin(self, peer: str, fields: Raw) -> Origin:
        """Return what the trusted peer's headers say; only the peer itself when they say nothing that can be read."""
        hops = _forwarded(fields) if self._headers == "forwarded" else _x_forwarded(fields)
        client: tuple[str, int] = (peer, 0)
        scheme = host = ""
        for hop in reversed(hops):
            scheme, host = hop.scheme or scheme, hop.host or host
            node = _parse(hop.node)
            if node is None:  # "unknown", a hidden name or rubbish: nobody left of it can be believed
                break
            client = node
            if not self.trusts(node[0]):
                break
        return Origin(client, scheme, host)


def _x_forwarded(fields: Raw) -> list[_Hop]:
    nodes = _list(fields, b"x-forwarded-for") or [""]
    schemes, hosts = (_align(_list(fields, name), len(nodes)) for name in (b"x-forwarded-proto", b"x-forwarded-host"))
    return [_Hop(node, _scheme(scheme), _host(host)) for node, scheme, host in zip(nodes, schemes, hosts, strict=True)]


def _align(values: list[str], count: int) -> list[str]:
    """One value a hop; if there are not that many, only the right-most is known to come from the nearest proxy."""
    return values if len(values) == count else [*[""] * (count - 1), *(values[-1:] or [""])]


def _forwarded(fields: Raw) -> list[_Hop]:
    """Parse the elements of `Forwarded` (RFC 7239 §4), from the client to here; a wrong one hides those before it."""
    text = ", ".join(value.decode("latin-1") for name, value in fields if name == b"forwarded")
    hops: list[_Hop] = []
    element: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _pair.match(text, at)
        if found is None:
            comma = text.find(",", at)
            hops, element, at = [_Hop("")], {}, len(text) if comma < 0 else comma + 1
            continue
        name, value, end = found.groups()
        element[name.lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        at = found.end()
        if end != ";":
            hops.append(_Hop(element.get("for", ""), _scheme(element.get("proto", "")), _host(element.get("host", ""))))
            element = {}
    return hops


def _list(fields: Raw, name: bytes) -> list[str]:
    text = b",".join(value for each, value in fields if each == name).decode("latin-1")
    return [part.strip() for part in text.split(",")] if text.strip() else []


def _scheme(text: str) -> str:
    return text.lower() if text.lower() in {"http", "https"} else ""


def _host(text: str) -> str:
    try:
        check_host(text.encode("latin-1"))
    except Refusal:
        return ""
    return text


def _parse(text: str) -> tuple[str, int] | None:
    found = _node.fullmatch(text)
    if found is None:
        return None
    try:
        address = ip_address(found["six"] or found["four"] or found["bare"])
    except ValueError:
        return None
    return str(address), int(found["port"] or 0)
