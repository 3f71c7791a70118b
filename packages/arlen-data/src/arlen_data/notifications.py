"""Notifications: what `listen()` yields."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["Missed", "Notification"]


class Notification(Struct, frozen=True):
    """Somebody called `notify`.

    Args:
        channel: where.
        payload: the text.
        sender: the process id of the sender's connection on the server; 0 when unknown.
    """

    channel: str
    payload: str
    sender: int = 0


class Missed(Struct, frozen=True):
    """The connection was lost and is there again: notifications in between are gone. Look at the tables themselves.

    Args:
        reason: why it was lost, for the log.
    """

    reason: str
