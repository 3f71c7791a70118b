"""Stats: what the connections of a database are doing."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["Stats"]


class Stats(Struct, frozen=True, kw_only=True):
    """One pool of connections, now; `Database.stats` returns them.

    Args:
        pool: its name among several of one database; "" for the only one.
        idle: connections that nobody uses.
        used: connections that somebody uses.
        pending: callers that wait for one.
        limit: most connections that there can be.
        timeouts: callers so far who waited in vain, `PoolTimeout`.
        refused: callers so far who came when too many waited already, `PoolBusy`.

    >>> Stats(idle=1, used=3, limit=8).pending
    0
    """

    pool: str = ""
    idle: int = 0
    used: int = 0
    pending: int = 0
    limit: int = 0
    timeouts: int = 0
    refused: int = 0
