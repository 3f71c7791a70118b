"""Conformance: the contracts of the data layer, for everybody who writes an adapter.

Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arlen_data.conformance.database import DatabaseContract
    from arlen_data.conformance.lease import LeaseContract
    from arlen_data.conformance.migrations import MigrationContract
    from arlen_data.conformance.outbox import OutboxContract

__all__ = ["DatabaseContract", "LeaseContract", "MigrationContract", "OutboxContract"]

_HOMES = {
    "DatabaseContract": "database",
    "LeaseContract": "lease",
    "MigrationContract": "migrations",
    "OutboxContract": "outbox",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
