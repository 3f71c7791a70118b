"""History: the state table, which says what has been applied to a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from arlen_data.folders import suffix

if TYPE_CHECKING:
    from arlen_data.capabilities import Capabilities
    from arlen_data.queries import Queries

__all__ = ["Entry", "History"]

State = Literal["applied", "running", "failed"]

_NOW = {
    "postgresql": """to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
}
_FIND = {
    "postgresql": (
        "select coalesce(n.nspname, current_schema(), 'public')::text, c.oid is not null from (select 1) as one "
        "left join pg_class c on c.oid = to_regclass($1) left join pg_namespace n on n.oid = c.relnamespace"
    ),
    "sqlite": "select 'main', count(*) from main.sqlite_master where type = 'table' and name = $1",
}

_CREATE = (
    "create table if not exists {table} (version text primary key, checksum text not null, state text not null, "
    "done integer not null, applied_at text not null)"
)
_ENTRIES = "select version, checksum, state, done, applied_at from {table} order by applied_at, version"
_CLAIM = (
    "insert into {table} (version, checksum, state, done, applied_at) values ($1, $2, $3, 0, {now}) "
    "on conflict (version) do nothing"
)
_MARK = "update {table} set state = $2, done = $3, applied_at = {now} where version = $1"
_SIGN = "update {table} set checksum = $2 where version = $1"
_FORGET = "delete from {table} where version = $1"


class Entry(Struct, frozen=True):
    """What the state table knows about a migration.

    Attributes:
        version: see `Script`.
        checksum: of the file when it was applied.
        state: "applied"; "running" and "failed" are those of files without a transaction.
        done: how many statements of such a file have taken effect.
        applied_at: when it was applied or begun, in UTC, by the clock of the database, as in RFC 3339.
    """

    version: str
    checksum: str
    state: State
    done: int
    applied_at: str


class History:
    """The state table of one target; every method takes a database, or a transaction.

    Args:
        capabilities: of the database.
        target: its name among several; the table is `arlen_schema_migrations`, with `__reports` after it for "reports".
    """

    def __init__(self, capabilities: Capabilities, target: str) -> None:
        self.table = "arlen_schema_migrations" + suffix(target)
        self._dialect = capabilities.dialect
        self._now = _NOW[capabilities.dialect]
        self._place = self.table

    async def find(self, lane: Queries) -> bool:
        """Tell whether the table is there; its schema stays the same, whatever a migration does to the search path."""
        schema, there = await lane.one(_FIND[self._dialect], self.table)
        self._place = '"{}".{}'.format(schema.replace('"', '""'), self.table)
        return bool(there)

    async def create(self, lane: Queries) -> None:
        """Make the table unless it is there."""
        await lane.execute(self._sql(_CREATE))

    async def entries(self, lane: Queries) -> dict[str, Entry]:
        """Return what is known, by version, in the order in which it was applied."""
        return {each.version: each for each in await lane.all(self._sql(_ENTRIES), into=Entry)}

    async def claim(self, lane: Queries, version: str, checksum: str, state: State) -> bool:
        """Add a migration; False when it is there already. Waits for somebody else who has just added it."""
        return bool(await lane.execute(self._sql(_CLAIM), version, checksum, state))

    async def mark(self, lane: Queries, version: str, state: State, done: int) -> None:
        """Note how far a migration is."""
        await lane.execute(self._sql(_MARK), version, state, done)

    async def sign(self, lane: Queries, version: str, checksum: str) -> bool:
        """Replace the checksum; False when there is no such migration."""
        return bool(await lane.execute(self._sql(_SIGN), version, checksum))

    async def forget(self, lane: Queries, version: str) -> bool:
        """Remove a migration; False when it is not there."""
        return bool(await lane.execute(self._sql(_FORGET), version))

    def _sql(self, text: str) -> str:
        return text.replace("{table}", self._place).replace("{now}", self._now)
