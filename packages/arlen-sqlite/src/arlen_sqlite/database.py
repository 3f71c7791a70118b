"""Database: SQLite for asyncio, with its own threads: some that read, one that writes."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from queue import SimpleQueue
from sqlite3 import Connection
from typing import Any, Self

import anyio

from arlen_core.clock import Clock
from arlen_data.capabilities import Capabilities
from arlen_data.database import Database
from arlen_data.errors import PoolClosed, ReadOnlyTransaction
from arlen_data.lanes import Chunk, Options, Session
from arlen_data.results import Result
from arlen_data.stats import Stats
from arlen_sqlite import backups, types
from arlen_sqlite.connections import Home, connect, supported
from arlen_sqlite.inline import Inline
from arlen_sqlite.jobs import Job, Mailbox
from arlen_sqlite.lanes import Lane
from arlen_sqlite.plans import plan
from arlen_sqlite.sessions import SQLiteSession
from arlen_sqlite.settings import Settings, parse
from arlen_sqlite.threads import Worker
from arlen_sqlite.work import batch, many, perform, ready, snapshot
from arlen_sqlite.writers import Writer, unit, write

__all__ = ["SQLite"]

_CAPABILITIES = Capabilities(
    adapter="sqlite",
    dialect="sqlite",
    transactions=True,
    savepoints=True,
    read_only=True,
    returning=True,
    streaming=True,
    batch=True,
    json=True,
    numeric=True,
    cancellation=True,
    lock_timeout=True,
    transactional_ddl=True,
    upsert=True,
)
_NOT_OPEN = "the database is not open"
_CLOSED = "the database is closed"
_FORKED = "the database was opened before this process was forked; open it here"
_open: weakref.WeakSet[SQLite] = weakref.WeakSet()
_inherited: list[object] = []


class SQLite(Database):
    """A database in a file, or in memory.

    Use it as `async with SQLite("app.db") as db`, or give it to an application: `db = app.use(SQLite("app.db"))`.

    Args:
        path: the file; ":memory:" for a database that is gone after `close`.
        name: see `arlen_data.Database`.
        clock: what retries sleep on.
        options: the fields of `Settings`.

    Raises:
        InvalidArgument: a setting that there is not, or that is out of bounds.

    >>> SQLite("app.db", readers=4).settings.readers
    4
    """

    def __init__(
        self, path: str | PathLike[str] = "app.db", *, name: str = "default", clock: Clock | None = None, **options: Any
    ) -> None:
        super().__init__(_CAPABILITIES, name=name, clock=clock)
        self.settings = Settings.of({"path": fspath(path), "name": name} | options)
        self._home = Home(self.settings.path)
        self._path = ""
        self._readers: Lane = _Shut(_NOT_OPEN)  # type: ignore[assignment]
        self._streams = self._writer = self._readers
        self._inline: Inline | None = None
        self._mailbox: Mailbox
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return the database of a URL.

        Args:
            url: "sqlite:///relative.db", "sqlite:////absolute.db" or "sqlite://:memory:"; settings after a question
                mark, "sqlite:///app.db?readers=4".
            options: settings that go before those of the URL; also `clock`.

        >>> SQLite.from_url("sqlite:///app.db?synchronous=full").settings.synchronous
        'full'

        Raises:
            InvalidArgument: it is none.
        """
        clock = options.pop("clock", None)
        made = Settings.of(parse(url) | options, strict=False)
        return cls(**{each: getattr(made, each) for each in made.__struct_fields__}, clock=clock)

    async def open(self) -> None:
        """Open the file and start the first threads; harmless when it is open.

        Raises:
            ConnectionFailed: it cannot be opened, or is no database.
            LockTimeout: another process holds it for longer than `lock_timeout`.
            Unsupported: SQLite is too old.
        """
        if self._closing is not None:
            await asyncio.shield(self._closing)
        if not self._writer.closed:
            return
        supported()
        types.register()
        self._path = self._home.enter()
        self._mailbox, waiting = Mailbox(asyncio.get_running_loop()), self.settings.waiting
        self._writer = Lane(self._write_thread, self._mailbox, size=1, waiting=waiting)
        self._readers = Lane(self._read_thread, self._mailbox, size=self.settings.readers, waiting=waiting)
        self._streams = Lane(self._read_thread, self._mailbox, size=self.settings.streams, waiting=waiting)
        _open.add(self)
        try:
            await self._writer.submit(ready)
            await self._readers.submit(ready)
            if self.settings.inline_reads:
                self._inline = Inline(self._connect(reads=True, busy=0.0))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.close()
            raise

    async def close(self) -> None:
        """Wait for what runs, `grace` seconds at most, stop it then, and bring the log back into the file."""
        if self._closing is None:
            if self._writer.closed:
                return
            _open.discard(self)
            if self._inline is not None:
                self._inline.close()
                self._inline = None
            lanes = [self._streams, self._readers, self._writer]
            for each in lanes:
                each.closed = _CLOSED
            self._closing = asyncio.create_task(self._closed(lanes))
        await asyncio.shield(self._closing)  # who is cancelled leaves no thread behind

    async def _closed(self, lanes: list[Lane]) -> None:
        deadline = anyio.current_time() + self.settings.grace
        try:
            for each in lanes:  # the writer is the last one: it leaves one file behind
                await each.finish(max(deadline - anyio.current_time(), 0), _CLOSED)
        finally:
            self._closing = None
        self._readers = self._streams = self._writer = _Shut(_CLOSED)  # type: ignore[assignment]
        self._mailbox.close()
        self._home.leave()

    def stats(self) -> tuple[Stats, ...]:
        """Return what the threads that write, read and stream are doing, each kind a pool; nothing when not open."""
        if self._writer.closed:
            return ()
        lanes = {"write": self._writer, "read": self._readers, "stream": self._streams}
        return tuple(_stats(name, lane) for name, lane in lanes.items())

    def origin(self) -> dict[str, str | int]:
        """Return the name of the file."""
        return {"db.namespace": Path(self.settings.path).name}

    def again(self, **changes: Any) -> Self:
        """Return another object for the same database, not opened, with some settings changed; see `Settings`."""
        clock = changes.pop("clock", self.clock)
        settings = self.settings.changed(changes)
        made = type(self)(**{each: getattr(settings, each) for each in settings.__struct_fields__}, clock=clock)
        if settings.path == self.settings.path:
            made._home = self._home  # noqa: SLF001  # one class, two objects
        return made

    async def session(self, options: Options) -> Session:
        """Return a session; its transaction begins with the first statement."""
        if self._writer.closed:
            raise PoolClosed(self._writer.closed)
        if options.read_only:
            return SQLiteSession(self._streams, None)
        return SQLiteSession(self._writer, self.settings.idle or None)

    async def run(self, sql: str, params: Sequence[Any]) -> Result:
        """Run a statement; see `Lane`."""
        made = plan(sql)
        if made.reads:
            if self._inline is not None and not made.slow:
                found = await self._inline.run(made, params)
                if found is not None:
                    return found
            try:
                return await self._readers.submit(perform, made, params)  # type: ignore[no-any-return]
            except ReadOnlyTransaction:
                made.reads = False
        return await self._writer.submit(write, made, params)  # type: ignore[no-any-return]

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Run a statement and yield its rows, on a connection of their own; see `Lane`."""
        session = SQLiteSession(self._streams, None)
        chunks = session.chunks(sql, params, size)
        try:
            if plan(sql).reads:
                async for chunk in chunks:
                    yield chunk
                return
        except ReadOnlyTransaction:
            plan(sql).reads = False
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    await chunks.aclose()
                finally:  # whoever is cancelled twice gives the thread back too
                    await session.rollback()
        rows = (await self.run(sql, params)).rows  # what writes and returns rows has made them all before the first
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement for each row; see `Lane`."""
        if isinstance(rows, list | tuple) and len(rows) <= 1000:
            made = plan(sql)
            return await self._writer.submit(unit, many, made, rows)  # type: ignore[no-any-return]
        return await super().run_many(sql, rows)

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        """Run several statements in one step; see `Lane`. When all of them read, they see the same moment."""
        made = [(plan(sql), params) for sql, params in statements]
        if all(each.reads for each, _ in made):
            try:
                return await self._readers.submit(snapshot, batch, made)  # type: ignore[no-any-return]
            except ReadOnlyTransaction:  # one of them does not, and nobody knows which
                pass
        return await self._writer.submit(unit, batch, made)  # type: ignore[no-any-return]

    async def load(
        self,
        table: tuple[str, ...],
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
    ) -> int:
        """Add rows to a table in one transaction; see `Lane`."""
        async with self.transaction() as tx:
            return await tx._lane().load(table, columns, rows)  # noqa: SLF001  # one contract in several modules

    async def backup(self, path: str | PathLike[str]) -> None:
        """Copy the database, as it is at one moment, into a file, while others read and write.

        Args:
            path: the file. It appears when it is whole; one that is there is replaced.

        Raises:
            ConnectionFailed: it cannot be written.
        """
        await self._streams.submit(backups.copy, Path(path))

    def _connect(self, *, reads: bool, busy: float = 0.1) -> Connection:
        return connect(self.settings, self._path, reads=reads, busy=busy)

    def _read_thread(self, number: int, queue: SimpleQueue[Job | None], mailbox: Mailbox) -> Worker:
        name = f"sqlite-{self.name}-read-{number}"
        return Worker(name, queue, mailbox, partial(self._connect, reads=True), self.settings.lock_timeout)

    def _write_thread(self, number: int, queue: SimpleQueue[Job | None], mailbox: Mailbox) -> Worker:
        made = Writer(
            f"sqlite-{self.name}-write", queue, mailbox, partial(self._connect, reads=False), self.settings.lock_timeout
        )
        made.grouping = self.settings.group_commit
        return made

    def _forked(self) -> None:
        """Be closed in a child process; what the parent has open is not touched, not even freed."""
        _inherited.append((self._readers, self._streams, self._writer, self._inline))
        self._readers = self._streams = self._writer = _Shut(_FORKED)  # type: ignore[assignment]
        self._inline = self._closing = None


class _Shut:
    """In place of a lane, when there is none."""

    def __init__(self, why: str) -> None:
        self.closed = why

    def submit(self, *args: Any) -> Job:
        """Refuse."""
        raise PoolClosed(self.closed, fix="use it as `async with SQLite(...) as db`, or await db.open()")


def _stats(pool: str, lane: Lane) -> Stats:
    wanted, there = lane.count + lane.taken, len(lane.workers)
    used = min(wanted, there)
    idle, pending = there - used, wanted - used
    return Stats(pool=pool, idle=idle, used=used, pending=pending, limit=lane.size, refused=lane.refused)


def _forked() -> None:
    for each in list(_open):
        each._forked()  # noqa: SLF001  # one module
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
