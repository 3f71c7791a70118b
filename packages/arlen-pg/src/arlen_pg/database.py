"""Database: PostgreSQL, as an adapter of Arlen's data layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from arlen_data.capabilities import Capabilities
from arlen_data.database import Database
from arlen_data.errors import InvalidArgument, StaleStatement
from arlen_pg import copying
from arlen_pg.calls import Call
from arlen_pg.codecs import Codec
from arlen_pg.listening import Listening
from arlen_pg.opening import connect
from arlen_pg.pools import Pool
from arlen_pg.raw import LARGE, RawWire
from arlen_pg.sessions import PgSession
from arlen_pg.settings import Limits, Settings, parse
from arlen_pg.texts import traits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
    from contextlib import AbstractAsyncContextManager
    from typing import Self

    from psycopg.adapt import AdaptersMap

    from arlen_core.clock import Clock
    from arlen_data.lanes import Chunk, Options, Session
    from arlen_data.notifications import Missed, Notification
    from arlen_data.results import Result
    from arlen_data.stats import Stats
    from arlen_pg.wires import Wire

__all__ = ["CAPABILITIES", "Postgres"]

CAPABILITIES = Capabilities(
    adapter="postgresql",
    dialect="postgresql",
    transactions=True,
    savepoints=True,
    aborts=True,
    isolation=True,
    read_only=True,
    concurrent_writes=True,
    returning=True,
    streaming=True,
    copy=True,
    batch=True,
    listen=True,
    arrays=True,
    json=True,
    numeric=True,
    infinity=True,
    temporal=True,
    enums=True,
    prepared=True,
    cancellation=True,
    pool=True,
    statement_timeout=True,
    lock_timeout=True,
    exclusion=True,
    constraint_names=True,
    transactional_ddl=True,
    advisory_locks=True,
    skip_locked=True,
    upsert=True,
)


class Postgres(Database):
    """A PostgreSQL database, with a pool of connections; see `Database` for what it does.

    Args:
        url: `postgresql://user:password@host:port/database`, or libpq's `key=value` form; "" asks libpq's environment.
        name: of this database among several.
        clock: what ages and pauses are counted by.
        settings: see `arlen_pg.settings.Settings`: `size`, `min_size`, `timeout`, `max_waiting`, `max_lifetime`,
            `idle`, `connect_timeout`, `grace`, `statement_cache`, `statement_timeout`, `lock_timeout`,
            `application_name`, `timezone`, `transport`.

    Raises `InvalidArgument` for a setting that is unknown or out of its bounds.

    >>> Postgres("postgresql://ada:secret@db/app", size=4)
    Postgres('user=ada dbname=app host=db', size=4)
    """

    def __init__(
        self, url: str = "", *, name: str = "default", clock: Clock | None = None, **settings: Unpack[Limits]
    ) -> None:
        super().__init__(CAPABILITIES, name=name, clock=clock)
        unknown = [each for each in settings if each not in Settings.__struct_fields__]
        if unknown:
            fix = f"the settings are {', '.join(Settings.__struct_fields__)}"
            raise InvalidArgument(f"Postgres has no setting {unknown[0]!r}", fix=fix)
        self.settings = Settings(url=url, **settings)
        self._codec = Codec()
        self._raw = self.settings.transport == "raw"
        self._pool = Pool(self.settings, self._connect, self.clock, self.events)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return the database of a URL, in which settings may stand too: `postgresql://db/app?size=20`.

        The options are those of the constructor, and come before what the URL says.
        """
        plain, settings = parse(url)
        return cls(plain, **(settings | options))

    @property
    def adapters(self) -> AdaptersMap:
        """psycopg's map of dumpers and loaders, for types of one's own; change it before `open`."""
        return self._codec.adapters

    def __repr__(self) -> str:
        plain = Settings(url=self.settings.url)
        names = [each for each in Settings.__struct_fields__ if each != "url"]
        changed = [each for each in names if getattr(self.settings, each) != getattr(plain, each)]
        parts = [repr(self.settings.target()), *(f"{each}={getattr(self.settings, each)!r}" for each in changed)]
        return f"{type(self).__name__}({', '.join(parts)})"

    async def open(self) -> None:
        """Connect; `ConnectionFailed` when the server cannot be reached in `connect_timeout`."""
        await self._pool.open()

    async def close(self) -> None:
        """Wait for what runs for as long as `grace`, then cut it off."""
        await self._pool.close()

    def stats(self) -> tuple[Stats, ...]:
        """Return what its pool is doing."""
        return (self._pool.stats(),)

    def origin(self) -> dict[str, str | int]:
        """Return the name of the database, and the first host with its port, as far as the URL says."""
        return self.settings.origin()

    def again(self, **changes: Any) -> Self:
        """Return another object, not opened, with some settings changed."""
        given = {each: getattr(self.settings, each) for each in Settings.__struct_fields__}
        options: dict[str, Any] = {"name": self.name, "clock": self.clock} | given | changes
        return type(self)(**options)

    async def session(self, options: Options) -> Session:
        """Take a connection; the transaction begins with its first statement."""
        return PgSession(self._pool, await self._pool.acquire(), options)

    async def run(self, sql: str, params: Sequence[Any]) -> Result:
        """Run one statement, by itself, on any connection."""
        ask = self._direct if self._raw else self._borrowed
        try:
            return await ask(sql, params)
        except StaleStatement:  # nothing has happened: it is prepared anew
            self._pool.forget((sql, self._codec.dump(params)[1]))
        return await ask(sql, params)

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Run one statement on a connection of its own and yield its rows."""
        wire = await self._pool.acquire()
        try:
            chunks = wire.chunks(sql, params, size)
            try:
                async for chunk in chunks:
                    yield chunk
            finally:
                await chunks.aclose()
        finally:
            self._pool.release(wire)

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        """Run several statements in one round trip: PostgreSQL makes one transaction of them."""
        if not statements:
            return []
        try:
            return await self._batch(statements)
        except StaleStatement:
            for sql, params in statements:
                self._pool.forget((sql, self._codec.dump(params)[1]))
        return await self._batch(statements)

    async def load(
        self,
        table: tuple[str, ...],
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
    ) -> int:
        """Copy rows into a table."""
        wire = await self._pool.acquire()
        try:
            return await copying.load(wire, table, columns, rows)
        finally:
            self._pool.release(wire)

    def listen(self, *channels: str) -> AbstractAsyncContextManager[AsyncIterator[Notification | Missed]]:
        """Listen on channels, on a connection of its own."""
        return Listening(self.settings, self._codec, self.clock, channels)

    async def _direct(self, sql: str, params: Sequence[Any]) -> Result:
        """Send at once when a connection is free; else the one that is free next sends it."""
        pool, kind = self._pool, traits(sql)
        values, types, formats = self._codec.dump(params)
        call = Call(pool.loop, sql, values, types, formats)
        call.traits = kind
        if pool.idle:
            pool.idle.pop().take(call)
        else:
            pool.wait(call)
        try:
            result = await call
        except BaseException:
            pool.leave(call)
            raise
        wire: RawWire = call.wire
        return await wire.sliced(call, result) if result.ntuples > LARGE else wire.made(call, result, params)

    async def _borrowed(self, sql: str, params: Sequence[Any]) -> Result:
        wire = await self._pool.acquire()
        try:
            return await wire.run(sql, params)
        finally:
            self._pool.release(wire)

    async def _batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        wire = await self._pool.acquire()
        try:
            return await wire.batch(statements)
        finally:
            self._pool.release(wire)

    async def _connect(self) -> Wire:
        return await connect(self.settings, self._codec)
