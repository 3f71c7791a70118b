"""Telemetry: what the meters of an application learn of the server that serves it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

if TYPE_CHECKING:
    from arlen_core.meters import Meters
    from arlen_server.server import Server

__all__ = ["observe"]

_servers: WeakKeyDictionary[Any, WeakSet[Server]] = WeakKeyDictionary()


def observe(app: Any, server: Server) -> None:
    """Have the meters of an application ask a server how it is doing; one without `meters` does not.

    Args:
        app: `arlen_core.App`, or anything else that a server serves.
        server: the server. When several serve one application, their numbers are added.
    """
    meters = getattr(app, "meters", None)
    if meters is None:
        return
    servers = _servers.get(app)
    if servers is None:
        servers = _servers[app] = WeakSet()
        _declare(meters, servers)
    servers.add(server)


def _declare(meters: Meters, servers: WeakSet[Server]) -> None:
    meters.observe(
        "http.server.connections",
        "Connections that are open.",
        lambda: sum(each.stats.connections for each in servers),
        unit="{connection}",
    )
    meters.observe(
        "http.server.websockets",
        "WebSockets that are open.",
        lambda: sum(each.websockets for each in servers),
        unit="{session}",
    )
    meters.observe(
        "arlen.server.refused",
        "Requests that the server refused by itself, by the reason that it told.",
        lambda: _reasons(servers),
        labels=("reason",),
        unit="{request}",
        kind="counter",
    )


def _reasons(servers: WeakSet[Server]) -> dict[tuple[str, ...], int]:
    made: Counter[str] = Counter()
    for each in servers:
        made.update(each.reasons)
    return {(reason,): count for reason, count in made.items()}
