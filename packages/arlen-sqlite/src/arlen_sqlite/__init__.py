"""SQLite for asyncio: the embedded database of the Arlen web platform, with threads of its own.

Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arlen_sqlite.database import SQLite
    from arlen_sqlite.settings import Settings

__all__ = ["SQLite", "Settings"]

_HOMES = {"SQLite": "database", "Settings": "settings"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
