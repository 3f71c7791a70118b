"""The data layer of the Arlen web platform: the adapter contract, transactions, migrations, outbox and lease.

Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arlen_data.capabilities import Capabilities
    from arlen_data.database import Database
    from arlen_data.errors import DatabaseError
    from arlen_data.faults import MigrationError
    from arlen_data.folders import Migrations
    from arlen_data.results import Result
    from arlen_data.rows import Row
    from arlen_data.transactions import Transaction
    from arlen_data.values import Array, Json

__all__ = [
    "Array",
    "Capabilities",
    "Database",
    "DatabaseError",
    "Json",
    "MigrationError",
    "Migrations",
    "Result",
    "Row",
    "Transaction",
]

_HOMES = {
    "Array": "values",
    "Capabilities": "capabilities",
    "Database": "database",
    "DatabaseError": "errors",
    "Json": "values",
    "MigrationError": "faults",
    "Migrations": "folders",
    "Result": "results",
    "Row": "rows",
    "Transaction": "transactions",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
