"""Schema: the tables of the lease and the outbox, and what the engines say differently about time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arlen_data.database import Database
    from arlen_data.folders import Migrations

__all__ = ["install", "instant", "now", "tables"]

_NOW = {
    "postgresql": "(extract(epoch from clock_timestamp())::float8)",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}
_INSTANT = _NOW | {"postgresql": "(extract(epoch from statement_timestamp())::float8)"}


def now(dialect: str) -> str:
    """Return the expression for the store's own time, seconds since 1970, that goes on inside a transaction.

    >>> now("sqlite")
    "((julianday('now') - 2440587.5) * 86400.0)"
    """
    return _NOW[dialect]


def instant(dialect: str) -> str:
    """Return the expression for the time at which the statement began, which an index can be searched with."""
    return _INSTANT[dialect]


def tables(target: str = "default") -> Migrations:
    """Return the migrations that make the tables of `Lease`, `Outbox` and the inbox, namespace "arlen".

    Args:
        target: the name of the database.
    """
    from importlib.resources import files

    from arlen_data.folders import Migrations  # most processes never migrate

    return Migrations(files("arlen_data") / "tables", namespace="arlen", target=target)


async def install(db: Database) -> None:
    """Make the tables of `Lease`, `Outbox` and the inbox where they are missing; harmless again, and at the same time.

    It applies the migrations of `tables`, as `arlen migrate` does for an application that uses an `Outbox`.
    """
    from arlen_data.migrations import migrate

    await migrate(db, tables(db.name))
