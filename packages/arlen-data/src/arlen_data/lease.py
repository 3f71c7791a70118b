"""Lease: one holder at a time, across processes and machines, with a token that refuses those who overslept."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

import anyio

from arlen_data.errors import DatabaseError, InvalidArgument, UndefinedTable
from arlen_data.keeper import Keeper
from arlen_data.schema import now

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from arlen_data.database import Database
    from arlen_data.queries import Queries
    from arlen_data.transactions import Transaction

__all__ = ["Lease", "LeaseLost", "LeaseTaken"]

_TAKE = """insert into arlen_leases (resource, holder, generation, until) values ($1, $2, 1, {now} + $3)
on conflict (resource) do update
set holder = excluded.holder, generation = arlen_leases.generation + 1, until = {now} + $3
where arlen_leases.until <= {now}
returning generation"""
_TAKEN = "select count(*) from arlen_leases where resource = $1 and until > {now}"
_EXTEND = """update arlen_leases set until = {now} + $4
where resource = $1 and holder = $2 and generation = $3 and until > {now}"""
_RELEASE = "update arlen_leases set until = 0 where resource = $1 and holder = $2 and generation = $3 and until > 0"


class LeaseLost(DatabaseError):
    """The lease ran out, or somebody else has it: stop, and write nothing more."""

    code = "lease_lost"


class LeaseTaken(DatabaseError):
    """Somebody else holds the lease."""

    code = "lease_taken"


class Lease:
    """The right to be the only one who does something, for `ttl` seconds at a time.

    Args:
        db: where the leases are, in the table `arlen_leases`. Its clock decides; those of the holders do not matter.
        resource: what it is about, such as "cron-leader"; at most 200 characters.
        ttl: seconds after which it is free when its holder has died; from 0.1 to 86,400.
        wait: seconds to wait for it in `async with`; 0 raises `LeaseTaken` at once, and `inf` waits for ever.
        cancel: whether losing it cancels the `async with` block. If not, ask `check`.
        keep: renew it at each third of `ttl`, in a thread with a connection of its own, so that an event loop that is
            blocked keeps its leases. Without, call `renew`.

    Attributes:
        holder: who holds it, for people: host, process and a random part.
        renewed: how often it was renewed.

    Leaving the block releases it. `LeaseLost` arrives from the block when it was lost on the way.

    ```python
    from arlen_data import Database
    from arlen_data.lease import Lease


    async def nightly(db: Database) -> None:
        async with Lease(db, "nightly-report", ttl=30) as lease:
            lease.check()  # before each step that others must not do, too
            async with db.transaction() as tx:
                await lease.fence(tx)
                await tx.execute("insert into reports (name) values ($1)", "sales")
    ```
    """

    def __init__(
        self,
        db: Database,
        resource: str,
        *,
        ttl: float = 30.0,
        wait: float = inf,
        cancel: bool = True,
        keep: bool = True,
    ) -> None:
        if not 0 < len(resource) <= 200 or "\0" in resource:
            raise InvalidArgument("a lease is about something of 1 to 200 characters")
        if not 0.1 <= ttl <= 86_400 or wait < 0:
            raise InvalidArgument(f"a lease has a ttl of 0.1 to 86,400 s and a wait from 0, not {ttl:g} and {wait:g}")
        self.resource, self.ttl, self.renewed = resource, float(ttl), 0
        self.holder = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(8)}"
        self._db, self._wait, self._cancels, self._keep = db, wait, cancel, keep
        self._now = now(db.capabilities.dialect)
        self._token = 0
        self._until = -inf
        self._lost = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scope: anyio.CancelScope | None = None
        self._keeper: Keeper | None = None

    @property
    def token(self) -> int:
        """The generation: larger than that of every holder before, also after a release. `LeaseLost` when not held."""
        self.check()
        return self._token

    @property
    def held(self) -> bool:
        """Whether it is held, as far as this process can know."""
        return bool(self._token) and not self._lost and self._db.clock.monotonic() < self._until

    def check(self) -> None:
        """Raise `LeaseLost` unless it is held: do so before each step that others must not do at the same time.

        It asks no database: a process that has slept knows by its own clock. Between this and a write, time may pass;
        `fence` leaves no gap.
        """
        if not self.held:
            raise LeaseLost(self._why())

    async def acquire(self) -> bool:
        """Try to get it, once; return whether that worked. `LeaseTaken` when this object holds it already."""
        if self.held:
            raise LeaseTaken(f"this object holds {self.resource!r} already", fix="make a Lease for each holder")
        await self._let_go()
        begun = self._db.clock.monotonic()
        try:
            row = await self._db.one_or_none(_TAKE.format(now=self._now), self.resource, self.holder, self.ttl)
        except UndefinedTable as error:
            error.add_note("run `arlen migrate`, or `await arlen_data.schema.install(db)`")
            raise
        if row is None:
            return False
        self._token, self._until, self._lost = row[0], begun + self.ttl, ""
        self._loop = asyncio.get_running_loop()
        if self._keep:
            self._keeper = Keeper.of(self._db)
            self._keeper.add(self)
        return True

    async def renew(self) -> None:
        """Hold it for another `ttl` seconds; `LeaseLost` when it has run out, even if nobody else has it yet."""
        self.check()
        if not await self.extend(self._db):
            self.lose("it had run out, or somebody else has it")
            self.check()

    async def release(self) -> bool:
        """Give it back; return whether it was still this holder's. One that is not held is left as it is."""
        token, self._token, self._until = self._token, 0, -inf
        await self._let_go()
        if not token:
            return False
        return bool(await self._db.execute(_RELEASE, self.resource, self.holder, token))

    async def fence(self, tx: Transaction) -> None:
        """Refuse, with `LeaseLost`, to go on in a transaction when the lease is not held; nobody gets it until the end.

        It renews the lease with the transaction, which must be shorter than `ttl`. Call it before the first write.
        """
        token = self._token
        if not token or not await tx.execute(
            _EXTEND.format(now=self._now), self.resource, self.holder, token, self.ttl
        ):
            self.lose("it had run out, or somebody else has it")
            raise LeaseLost(self._why())

    async def extend(self, db: Queries) -> bool:
        """Renew by way of some connection and return whether it was still held; what the keeper calls."""
        token, begun = self._token, self._db.clock.monotonic()
        if not token or self._lost:
            return False
        if not await db.execute(_EXTEND.format(now=self._now), self.resource, self.holder, token, self.ttl):
            return False
        if token == self._token:
            self._until = max(self._until, begun + self.ttl)
            self.renewed += 1
        return True

    def remaining(self) -> float:
        """Return the seconds until it runs out, by this process's own clock; negative when it has."""
        return self._until - self._db.clock.monotonic()

    def lose(self, reason: str) -> None:
        """Take note that it is lost, from any thread, and tell the holder."""
        if self._token and not self._lost:
            self._lost = reason
            if self._loop is not None:
                with suppress(RuntimeError):  # the loop is closed: there is nobody to tell
                    self._loop.call_soon_threadsafe(self._tell)

    async def __aenter__(self) -> Self:
        end = anyio.current_time() + self._wait
        while not await self.acquire():
            await self._turn(end)
        if self._cancels:
            self._scope = anyio.CancelScope().__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        scope, self._scope = self._scope, None
        lost = self._why() if not self.held else ""
        with anyio.move_on_after(min(self.ttl, 10), shield=True):
            with suppress(DatabaseError):  # then it runs out by itself
                await self.release()
        swallowed = scope is not None and scope.__exit__(kind, error, trace)
        if lost and (error is None or swallowed):
            raise LeaseLost(lost)

    async def _turn(self, end: float) -> None:
        """Wait until it looks free; that only reads, so many who wait disturb nobody."""
        sql = _TAKEN.format(now=self._now)
        while True:
            if anyio.current_time() >= end:
                raise LeaseTaken(f"somebody else holds {self.resource!r}", fix="wait for it, with wait=")
            await self._db.clock.sleep(random.uniform(0.5, 1) * min(self.ttl / 3, 1.0))  # noqa: S311  # jitter
            if not await self._db.value(sql, self.resource):
                return

    def _tell(self) -> None:
        if self._scope is not None and self._lost:
            self._scope.cancel()

    async def _let_go(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.remove(self)

    def _why(self) -> str:
        if not self._token:
            return f"the lease of {self.resource!r} is not held"
        return f"the lease of {self.resource!r} is lost: {self._lost or 'its time was up'}"
