"""Schema: the tables of the lease and the outbox, and what the engines say differently about time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arlen_data.errors import UniqueViolation

if TYPE_CHECKING:
    from arlen_data.database import Database

__all__ = ["TABLES", "install", "instant", "now"]

_NOW = {
    "postgresql": "(extract(epoch from clock_timestamp())::float8)",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}
_INSTANT = _NOW | {"postgresql": "(extract(epoch from statement_timestamp())::float8)"}
_NUMBER = {
    "postgresql": "bigint generated always as identity primary key",
    "sqlite": "integer primary key autoincrement",
}

TABLES: tuple[str, ...] = (
    """create table if not exists arlen_leases (
    resource text not null primary key,
    holder text not null,
    generation bigint not null,
    until double precision not null
)""",
    """create table if not exists arlen_outbox (
    seq {number},
    id text not null unique,
    kind text not null,
    key text not null,
    payload text not null,
    created double precision not null,
    due double precision not null,
    attempts integer not null default 0,
    dead integer not null default 0,
    error text not null default ''
)""",
    "create index if not exists arlen_outbox_next on arlen_outbox (dead, seq)",
    "create index if not exists arlen_outbox_key on arlen_outbox (key, seq)",
    """create table if not exists arlen_inbox (
    id text not null primary key,
    arrived double precision not null
)""",
)
"""The statements that make the tables; `{number}` is the type of a number that counts up by itself."""


def now(dialect: str) -> str:
    """Return the expression for the store's own time, seconds since 1970, that goes on inside a transaction.

    >>> now("sqlite")
    "((julianday('now') - 2440587.5) * 86400.0)"
    """
    return _NOW[dialect]


def instant(dialect: str) -> str:
    """Return the expression for the time at which the statement began, which an index can be searched with."""
    return _INSTANT[dialect]


async def install(db: Database) -> None:
    """Make the tables of `Lease`, `Outbox` and `Inbox` where they are missing; harmless again, and at the same time.

    The migrations of the namespace "arlen" make the same tables. This is for tests and for programs without migrations.
    """
    number = _NUMBER[db.capabilities.dialect]
    for table in TABLES:
        try:
            await db.execute(table.format(number=number))
        except UniqueViolation:  # PostgreSQL: somebody else makes it at this moment, which is as good
            await db.execute(table.format(number=number))
