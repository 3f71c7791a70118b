"""Dialects: how each SQL dialect says what the checks need to say; the only place of the suite that differs."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from arlen_data.queries import Queries

__all__ = ["Dialect", "dialect"]


class Dialect(Struct, frozen=True, kw_only=True):
    """Names of types and whole statements in one dialect. Of a type, engines may read the first word alone.

    Args:
        integers: type names and how many bits a value has beside its sign.
        real: floats of 64 bits.
        numeric: exact decimals.
        binary: bytes.
        boolean: truth.
        uuid: UUIDs.
        json: the types of JSON columns.
        timestamptz: moments.
        moments: other types of time, by the name of the Python type.
        interval: durations.
        series: rows `n` from 1 to $1 with 1,000 characters each.
        failing: the same, whose row 3,000 fails.
        endless: a statement that runs for minutes; it says `arlen_endless`.
        second: a statement that takes about a second.
        endless_left: counts the statements that still run and say `arlen_endless`, or is empty.
        isolation: tells the isolation level.
        zone: sets another time zone for the rest of the transaction, or is empty.
        broken: makes a table `ty15` with a column `v` whose value cannot be held; several statements.
        broken_type: the type that the error then names.
        raising: makes a table `er05`; an insert fails with a message that tells of a lost connection.
        backend: tells which connection one is on.
        prepared: counts the statements whose text begins with $1 that this connection has prepared.
        listeners: counts the connections that listen.
        locks: takes the lock of number 42, tries to take it, frees it.
        locked: picks a free row of `jobs` and locks it.
        control: statements of its own that begin, save or end a transaction.
        states: sets a setting of the session, and tells it.
    """

    integers: dict[str, int]
    real: str
    numeric: str
    binary: str
    boolean: str
    uuid: str
    json: tuple[str, ...]
    timestamptz: str
    moments: dict[str, str]
    interval: str
    series: str
    failing: str
    endless: str
    second: str
    endless_left: str = ""
    isolation: str = ""
    zone: str = ""
    broken: tuple[str, ...]
    broken_type: str
    raising: tuple[str, ...]
    backend: str = ""
    prepared: str = ""
    listeners: str = ""
    locks: tuple[str, str, str] = ("", "", "")
    locked: str = ""
    states: tuple[str, str] = ("", "")
    control: tuple[str, ...]


_POSTGRESQL: Final = Dialect(
    integers={"smallint": 15, "integer": 31, "bigint": 63},
    real="double precision",
    numeric="numeric",
    binary="bytea",
    boolean="boolean",
    uuid="uuid",
    json=("json", "jsonb"),
    timestamptz="timestamptz",
    moments={"datetime": "timestamp", "date": "date", "time": "time"},
    interval="interval",
    series="select n, repeat('x', 1000) as filler from generate_series(1, cast($1 as integer)) n",
    failing="select n, 1 / (3000 - n) as q from generate_series(1, cast($1 as integer)) n",
    endless="select /* arlen_endless */ 1 as n from pg_sleep(600)",
    second="select 1 as n from pg_sleep(1)",
    endless_left=(
        "select count(*) from pg_stat_activity where state = 'active' and query like '%arlen_endless%'"
        " and pid <> pg_backend_pid() and datname = current_database()"
    ),
    isolation="show transaction_isolation",
    zone="set local time zone 'Asia/Kolkata'",
    broken=("create table ty15 (v date)", "insert into ty15 (v) values ('20000-01-01')"),
    broken_type="date",
    raising=(
        "create table er05 (id int primary key)",
        """create function er05() returns trigger language plpgsql as
        $$begin raise exception 'connection lost, deadlock detected' using errcode = '23514'; end$$""",
        "create trigger er05 before insert on er05 for each row execute function er05()",
    ),
    backend="select pg_backend_pid()",
    prepared="select count(*) from pg_prepared_statements where starts_with(statement, cast($1 as text))",
    listeners=(
        "select count(*) from pg_stat_activity where query ilike 'listen%'"
        " and datname = current_database() and pid <> pg_backend_pid()"
    ),
    locks=("select pg_advisory_lock(42)", "select pg_try_advisory_lock(42)", "select pg_advisory_unlock(42)"),
    locked="select id from jobs order by id limit 1 for update skip locked",
    control=("start transaction", "abort", "prepare transaction 'mine'"),
    states=("set work_mem = '1234kB'", "show work_mem"),
)

_SQLITE: Final = Dialect(
    control=("begin immediate", "begin exclusive transaction"),
    integers={"bigint": 63},
    real="double precision",
    numeric="numeric text",
    binary="blob",
    boolean="boolean",
    uuid="uuid",
    json=("json text",),
    timestamptz="timestamptz",
    moments={"datetime": "timestamp", "date": "date", "time": "time"},
    interval="interval text",
    series=(
        "with recursive s(n) as (select 1 where $1 > 0 union all select n + 1 from s where n < $1)"
        " select n, printf('%.*c', 1000, 'x') as filler from s"
    ),
    failing=(
        "with recursive s(n) as (select 1 where $1 > 0 union all select n + 1 from s where n < $1)"
        " select n, abs(case n when 3000 then -9223372036854775807 - 1 else n end) as q from s"
    ),
    endless=(
        "with recursive s(n) as (select 1 union all select n + 1 from s)"
        " select /* arlen_endless */ count(*) as n from s where n < 0"
    ),
    second=(
        "with recursive s(n) as (select 1 union all select n + 1 from s limit 3000000) select count(*) as n from s"
    ),
    broken=("create table ty15 (v uuid)", "insert into ty15 (v) values ('no uuid')"),
    broken_type="uuid",
    raising=(
        "create table er05 (id int primary key)",
        """create trigger er05 before insert on er05 begin
        select raise(abort, 'connection lost, deadlock detected, database is locked'); end""",
    ),
)


def dialect(db: Queries) -> Dialect:
    """Return the dialect of a database."""
    return _POSTGRESQL if db.capabilities.dialect == "postgresql" else _SQLITE
