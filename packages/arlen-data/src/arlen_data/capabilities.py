"""Capabilities: what an adapter can do, in typed flags that programs and the conformance suite both read."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Capabilities"]


class Capabilities(Struct, frozen=True, kw_only=True):
    """What an adapter can do. What is off raises `Unsupported`.

    Args:
        adapter: the name of the adapter.
        dialect: what builders compile for: "postgresql" or "sqlite".
        transactions: `transaction()`.
        savepoints: transactions inside of transactions.
        aborts: a statement that fails aborts its transaction: nothing else can be done in it, and it cannot commit.
        isolation: `transaction(isolation=...)` chooses among levels; without it there is serializable alone.
        read_only: `transaction(read_only=True)`.
        concurrent_writes: two transactions may write at a time, so that deadlocks and serialization failures occur.
        returning: `insert`, `update` and `delete` give rows.
        streaming: `stream()` does not hold all rows.
        copy: `copy_in()` has a protocol of its own; without it rows are inserted.
        batch: `batch()` takes one round trip.
        listen: `listen()` and `notify()`.
        arrays: `Array` parameters and array columns.
        json: JSON columns.
        numeric: exact decimals of any length.
        infinity: floats that are infinite, no number, or a zero with a sign.
        temporal: dates and times have column types of their own, intervals with months among them.
        enums: types that a database defines itself.
        nul_text: a text may hold a NUL character.
        prepared: statements are prepared on the server, and a change of a table can make them stale.
        cancellation: a statement never holds up the event loop, and stops when its caller is cancelled.
        pool: there are connections to lose: bounds, timeouts, recovery.
        statement_timeout: the server can stop a statement that takes too long.
        lock_timeout: the server can stop waiting for a lock.
        exclusion: exclusion constraints.
        constraint_names: every violation names its constraint (that of `not null` names its column).
        transactional_ddl: a rollback takes back a `create table`.
        advisory_locks: locks by number.
        skip_locked: `for update skip locked`.
        upsert: `insert ... on conflict`.

    >>> Capabilities(adapter="mine", dialect="sqlite", savepoints=True).names()
    frozenset({'savepoints'})
    """

    adapter: str
    dialect: Literal["postgresql", "sqlite"]
    transactions: bool = False
    savepoints: bool = False
    aborts: bool = False
    isolation: bool = False
    read_only: bool = False
    concurrent_writes: bool = False
    returning: bool = False
    streaming: bool = False
    copy: bool = False
    batch: bool = False
    listen: bool = False
    arrays: bool = False
    json: bool = False
    numeric: bool = False
    infinity: bool = False
    temporal: bool = False
    enums: bool = False
    nul_text: bool = False
    prepared: bool = False
    cancellation: bool = False
    pool: bool = False
    statement_timeout: bool = False
    lock_timeout: bool = False
    exclusion: bool = False
    constraint_names: bool = False
    transactional_ddl: bool = False
    advisory_locks: bool = False
    skip_locked: bool = False
    upsert: bool = False

    def names(self) -> frozenset[str]:
        """Return the flags that are on, by name: what a conformance suite is told."""
        return frozenset(name for name in self.__struct_fields__ if getattr(self, name) is True)
