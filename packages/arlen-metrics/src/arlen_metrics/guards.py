"""Guards: who may read the metrics."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from arlen_core.errors import ConfigError, HTTPError
from arlen_core.vault import Secret

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["Guard"]

_LEAST = 16


class Guard:
    """Refuses requests from whoever may not read the metrics.

    Args:
        token: what `Authorization: Bearer` must hold (RFC 6750 §2.1); `None` asks for nothing.
        addresses: networks of the clients that may read; none means all.
        section: of the configuration, for errors.

    Raises `ConfigError` for a token of less than 16 characters and for something that is no network.

    >>> from arlen_core.requests import Request
    >>> Guard(None, ["10.0.0.0/8"]).check(Request(client=("192.0.2.7", 50000)))
    Traceback (most recent call last):
        ...
    arlen_core.errors.HTTPError: the metrics are not for this address
    """

    def __init__(self, token: Secret | None = None, addresses: Iterable[str] = (), section: str = "metrics") -> None:
        if token is not None and len(token.reveal()) < _LEAST:
            fix = "set it to 32 random characters: python -c 'import secrets; print(secrets.token_hex(16))'"
            raise ConfigError(f"[{section}] token is shorter than {_LEAST} characters", fix=fix)
        self._token = token
        self._networks = [_network(each, section) for each in addresses]

    def check(self, request: Request) -> None:
        """Raise `HTTPError`: 403 for an address that is not on the list, 401 without the right token."""
        if self._networks and not self._near(request.client):
            raise HTTPError(403, "the metrics are not for this address", code="metrics_address")
        if self._token is not None and not self._token.matches(_bearer(request)):
            headers = {"www-authenticate": 'Bearer realm="metrics"'}
            raise HTTPError(401, "the metrics are for bearers of a token", code="metrics_token", headers=headers)

    def _near(self, client: tuple[str, int] | None) -> bool:
        try:
            address = ip_address("" if client is None else client[0].partition("%")[0])
        except ValueError:
            return False  # a Unix socket has no address
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in each for each in self._networks)


def _bearer(request: Request) -> str:
    scheme, _, token = (request.headers.get("authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _network(text: str, section: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        fix = "write networks such as 10.0.0.0/8 or ::1"
        raise ConfigError(f"[{section}] addresses: {error}", fix=fix) from None
