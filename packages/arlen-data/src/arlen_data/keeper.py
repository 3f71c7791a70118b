"""Keeper: the thread that renews the leases of one database, whatever its event loop does."""

from __future__ import annotations

import asyncio
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from weakref import WeakKeyDictionary

import anyio

from arlen_core.failpoints import failpoint
from arlen_data.errors import InvalidArgument, Unsupported

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from arlen_data.database import Database
    from arlen_data.queries import Queries

__all__ = ["Keeper", "Kept"]


class Kept(Protocol):
    """What a keeper renews: a lease."""

    ttl: float

    async def extend(self, db: Queries) -> bool:
        """Renew, and return whether it was still held."""

    def remaining(self) -> float:
        """Return the seconds until it runs out."""

    def lose(self, reason: str) -> None:
        """Take note that it is lost."""


class Keeper:
    """Renews leases in a thread with an event loop and a connection of its own.

    The thread begins with the first lease and ends with the last; the connection is opened for the first renewal.
    A database that cannot be opened twice, such as one in memory, has its leases renewed on the loop of their holder.

    Args:
        db: the database. `Keeper.of` gives the one keeper of a database.
    """

    _all: ClassVar[WeakKeyDictionary[Any, Keeper]] = WeakKeyDictionary()
    _guard = threading.Lock()

    def __init__(self, db: Database) -> None:
        self._db = weakref.ref(db)
        self._renewer: _Renewer | None = None
        self._tasks: dict[Kept, asyncio.Task[None]] = {}

    @classmethod
    def of(cls, db: Database) -> Keeper:
        """Return the keeper of a database."""
        with cls._guard:
            return cls._all.setdefault(db, cls(db))

    def add(self, lease: Kept) -> None:
        """Renew a lease from now on."""
        db = self._db()
        own = None if db is None else _again(db)
        with self._guard:
            if self._renewer is not None:
                self._renewer.add(lease)
            elif own is not None:
                self._renewer = _Renewer(own)
                self._renewer.add(lease)
                self._renewer.start()
            elif db is not None:
                self._tasks[lease] = asyncio.get_running_loop().create_task(_keep(lease, _given(db)))

    async def remove(self, lease: Kept) -> None:
        """Renew it no more; the last one ends the thread."""
        task, ending = self._tasks.pop(lease, None), None
        with self._guard:
            if self._renewer is not None and not self._renewer.remove(lease):
                ending, self._renewer = self._renewer, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if ending is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(ending.join)


class _Renewer(threading.Thread):
    """One life of the thread."""

    def __init__(self, own: Database) -> None:
        super().__init__(name="arlen-leases", daemon=True)
        self._own, self._open = own, False
        self._leases: set[Kept] = set()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, lease: Kept) -> None:
        with self._lock:
            self._leases.add(lease)
            self._wake()

    def remove(self, lease: Kept) -> bool:
        with self._lock:
            self._leases.discard(lease)
            self._wake()
            return bool(self._leases)

    def run(self) -> None:
        anyio.run(self._main)

    def _wake(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changed.set)

    async def _main(self) -> None:
        tasks: dict[Kept, asyncio.Task[None]] = {}
        self._changed, self._opening = asyncio.Event(), anyio.Lock()
        with self._lock:
            self._loop = asyncio.get_running_loop()
        try:
            while wanted := self._wanted():
                for lease in tasks.keys() - wanted:
                    tasks.pop(lease).cancel()
                for lease in wanted:
                    if lease not in tasks or tasks[lease].done():
                        tasks[lease] = self._loop.create_task(_keep(lease, self._ready))
                await self._changed.wait()
        finally:
            await self._end(list(tasks.values()))

    def _wanted(self) -> set[Kept]:
        self._changed.clear()
        with self._lock:
            if not self._leases:
                self._loop = None  # nobody adds one from here on
            return set(self._leases)

    async def _ready(self) -> Database:
        async with self._opening:
            if not self._open:
                await self._own.open()
                self._open = True
        return self._own

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._open:
            await self._own.close()


async def _keep(lease: Kept, ready: Callable[[], Awaitable[Database]]) -> None:
    pause = lease.ttl / 3
    while True:
        await anyio.sleep(pause)
        failpoint("lease.renew")
        try:
            with anyio.fail_after(max(lease.ttl / 6, 0.25)):
                alive = await lease.extend(await ready())
        except Exception:  # noqa: BLE001  # the database is away or busy: again, as long as there is time
            alive, pause = lease.remaining() > 0, lease.ttl / 10
        else:
            pause = lease.ttl / 3
        if not alive:
            lease.lose("its time was up, or somebody else has it")
            return


def _again(db: Database) -> Database | None:
    if db._sandbox is not None and db._sandbox.get() is not None:  # noqa: SLF001  # one contract in several modules
        return None  # another connection would not see the lease
    for changes in ({"size": 1}, {}):  # one connection will do
        with suppress(InvalidArgument, Unsupported):
            return db.again(**changes)
    return None


def _given(db: Database) -> Callable[[], Awaitable[Database]]:
    async def ready() -> Database:
        return db

    return ready
