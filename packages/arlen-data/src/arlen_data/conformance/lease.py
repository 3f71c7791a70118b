"""LeaseContract: one holder at a time, and a token that refuses those who overslept."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import anyio

from arlen_conformance import Contract, promise
from arlen_core.clock import VirtualClock
from arlen_core.failpoints import armed
from arlen_data.conformance.aids import BOUND, raises, until
from arlen_data.conformance.wrapped import Wrapped
from arlen_data.database import Database
from arlen_data.lanes import Lane
from arlen_data.lease import Lease, LeaseLost
from arlen_data.results import Result
from arlen_data.schema import install, now

__all__ = [
    "SHARED",
    "Careless",
    "Faithful",
    "Forgetful",
    "Generous",
    "LeaseContract",
    "OnTheLoop",
    "OwnClock",
    "Reviving",
    "Skewed",
    "Soothing",
    "Thievish",
    "Trusting",
    "Unfenced",
    "expire",
    "ready",
]

SHARED = "shared"
"""The capability of a database that can be opened twice, which renewals from a thread need."""


class LeaseContract(Contract, name="data-lease", version=1, capabilities=(SHARED,)):
    """What a `Lease` promises on a database that `DatabaseContract` accepts; the fixture `adapter` is the same."""

    @promise
    async def test_one_of_many_gets_it(self, adapter: Database) -> None:
        """Of many who want a lease at once, one gets it."""
        leases = [await ready(adapter, "race") for _ in range(10)]
        won: list[bool] = []

        async def want(lease: Lease) -> None:
            won.append(await lease.acquire())

        async with anyio.create_task_group() as group:
            for each in leases:
                group.start_soon(want, each)
        assert 1 == sum(won)

    @promise
    async def test_the_generation_strictly_increases(self, adapter: Database) -> None:
        """A holder's token is larger than every one before, after a release and after the lease ran out."""
        tokens = []
        for number in range(6):
            lease = await ready(adapter, "generations")
            assert await lease.acquire()
            tokens.append(lease.token)
            if number % 2:
                assert await lease.release()
            else:
                await expire(adapter)
        assert sorted(set(tokens)) == tokens

    @promise
    async def test_it_is_stolen_when_it_has_run_out(self, adapter: Database) -> None:
        """A lease whose holder is silent for longer than its time is somebody else's to take."""
        await (await ready(adapter, "steals")).acquire()
        await expire(adapter)
        assert await (await ready(adapter, "steals")).acquire()

    @promise
    async def test_it_is_not_stolen_before(self, adapter: Database) -> None:
        """As long as its time runs, nobody else gets it."""
        assert await (await ready(adapter, "keeps")).acquire()
        assert not await (await ready(adapter, "keeps")).acquire()

    @promise
    async def test_a_zombie_is_refused_in_its_transaction(self, adapter: Database) -> None:
        """Who has lost the lease cannot pass its fence, so what stands behind it is not written."""
        zombie, thief = await ready(adapter, "zombies"), await ready(adapter, "zombies")
        await adapter.execute("create table lease_work (who text)")
        await zombie.acquire()
        await expire(adapter)
        await thief.acquire()
        with raises(LeaseLost):
            await _work(adapter, zombie, "zombie")
        await _work(adapter, thief, "thief")
        assert ["thief"] == [row[0] for row in await adapter.all("select who from lease_work")]

    @promise
    async def test_what_has_run_out_is_not_renewed(self, adapter: Database) -> None:
        """A lease that has run out is lost, even if nobody else wants it."""
        lease = await ready(adapter, "renewals")
        await lease.acquire()
        await expire(adapter)
        with raises(LeaseLost):
            await lease.renew()

    @promise
    async def test_the_clock_is_the_stores(self, adapter: Database) -> None:
        """A lease runs out by the time of the store, also where the next holder's clock is days behind."""
        await (await ready(adapter, "clocks")).acquire()
        adapter.clock = VirtualClock(datetime.now(UTC) - timedelta(days=9))
        await expire(adapter)
        assert await (await ready(adapter, "clocks")).acquire()

    @promise
    async def test_clocks_may_differ_by_an_hour(self, adapter: Database) -> None:
        """A holder whose clock is an hour ahead or behind takes nothing from others, and loses nothing to them."""
        for hours in (1, -1):
            adapter.clock = VirtualClock(datetime.now(UTC))
            mine, theirs = await ready(adapter, "skews"), await ready(adapter, "skews")
            assert await mine.acquire()
            adapter.clock = VirtualClock(datetime.now(UTC) + timedelta(hours=hours))
            assert not await theirs.acquire()
            adapter.clock = VirtualClock(datetime.now(UTC))
            assert await mine.release()

    @promise
    async def test_a_release_by_another_does_nothing(self, adapter: Database) -> None:
        """Who has lost a lease cannot give back what is another's now."""
        zombie, thief = await ready(adapter, "releases"), await ready(adapter, "releases")
        await zombie.acquire()
        await expire(adapter)
        await thief.acquire()
        assert not await zombie.release()
        assert not await (await ready(adapter, "releases")).acquire()
        await thief.renew()

    @promise
    async def test_the_holder_is_told(self, adapter: Database) -> None:
        """Losing the lease cancels the block that holds it, and `LeaseLost` arrives from it."""
        await ready(adapter, "told")
        with raises(LeaseLost), anyio.fail_after(BOUND / 2):
            async with Lease(adapter, "told", ttl=0.3):
                await expire(adapter)
                await anyio.sleep_forever()

    @promise(needs=(SHARED,))
    async def test_a_blocked_loop_keeps_it(self, adapter: Database) -> None:
        """A holder whose event loop is blocked for longer than the time of its lease keeps it."""
        await ready(adapter, "threads")
        async with Lease(adapter, "threads", ttl=0.5, cancel=False) as lease:
            begun = time.monotonic()
            while lease.held and (lease.renewed < 4 or time.monotonic() < begun + 0.7):
                time.sleep(0.005)  # blocking is the point  # noqa: ASYNC251
            assert lease.held
            assert lease.renewed >= 4

    @promise(needs=(SHARED,))
    async def test_a_stopped_holder_is_refused(self, adapter: Database) -> None:
        """A holder that stood still for longer than its lease, as under SIGSTOP, is refused when it goes on."""
        await ready(adapter, "stops")
        stopped, go_on = threading.Event(), threading.Event()

        def stand_still() -> None:
            stopped.set()
            go_on.wait(BOUND)

        with armed("lease.renew", stand_still):
            zombie, thief = Lease(adapter, "stops", ttl=0.3), Lease(adapter, "stops", keep=False)
            await zombie.acquire()
            try:
                await anyio.to_thread.run_sync(stopped.wait, BOUND)
                await until(thief.acquire, "the lease of a stopped holder runs out")
                go_on.set()
                with raises(LeaseLost):
                    async with adapter.transaction() as tx:
                        await zombie.fence(tx)
            finally:
                go_on.set()
                await zombie.release()
        await thief.renew()


async def ready(adapter: Database, resource: str) -> Lease:
    """Return a lease that nobody renews by itself, on a database with the tables."""
    await install(adapter)
    return Lease(adapter, resource, keep=False)


async def expire(adapter: Database) -> None:
    """Let the time of the store go on past every lease."""
    await adapter.execute("update arlen_leases set until = until - 100000 where until > 0")


async def _work(adapter: Database, lease: Lease, who: str) -> None:
    async with adapter.transaction() as tx:
        await lease.fence(tx)
        await tx.execute("insert into lease_work (who) values ($1)", who)


class _Rewritten(Wrapped):
    """A database that says something else about the leases of one resource."""

    resource: ClassVar[str]
    old: ClassVar[str] = ""
    new: ClassVar[str] = ""

    def concerns(self, sql: str) -> bool:
        return "arlen_leases" in sql

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        if params and params[0] == self.resource:
            sql = self.rewritten(sql)
        return sql, params

    def rewritten(self, sql: str) -> str:
        """Return the statement with a wrong time."""
        clock = now(self.capabilities.dialect)
        return sql.replace(self.old.format(now=clock), self.new.format(now=clock))


_MINE = "and holder = $2 and generation = $3"
_ANYBODYS = "and length($2) > 0 and $3 > 0"


@LeaseContract.saboteur("test_one_of_many_gets_it")
class Generous(_Rewritten):
    """Gives it to everybody."""

    resource, old, new = "race", "where arlen_leases.until <= {now}", "where arlen_leases.until > 0"


@LeaseContract.saboteur("test_the_generation_strictly_increases")
class Forgetful(_Rewritten):
    """Does not count."""

    resource, old, new = "generations", "arlen_leases.generation + 1", "arlen_leases.generation"


@LeaseContract.saboteur("test_it_is_stolen_when_it_has_run_out")
class Faithful(_Rewritten):
    """Waits for a release for ever."""

    resource, old, new = "steals", "where arlen_leases.until <= {now}", "where arlen_leases.until = 0"


@LeaseContract.saboteur("test_it_is_not_stolen_before")
class Thievish(_Rewritten):
    """Lets the next one have it."""

    resource, old, new = "keeps", "where arlen_leases.until <= {now}", "where arlen_leases.until > 0"


@LeaseContract.saboteur("test_a_zombie_is_refused_in_its_transaction")
class Unfenced(_Rewritten):
    """Lets everybody pass the fence."""

    resource, old, new = "zombies", _MINE, _ANYBODYS


@LeaseContract.saboteur("test_what_has_run_out_is_not_renewed")
class Reviving(_Rewritten):
    """Renews what has run out."""

    resource, old, new = "renewals", "$3 and until > {now}", "$3"


@LeaseContract.saboteur("test_a_release_by_another_does_nothing")
class Careless(_Rewritten):
    """Lets everybody give it back."""

    resource, old, new = (
        "releases",
        f"until = 0 where resource = $1 {_MINE}",
        f"until = 0 where resource = $1 {_ANYBODYS}",
    )


@LeaseContract.saboteur("test_a_stopped_holder_is_refused")
class Trusting(_Rewritten):
    """Believes a holder that stood still."""

    resource, old, new = "stops", _MINE, _ANYBODYS


@LeaseContract.saboteur("test_the_clock_is_the_stores")
class OwnClock(_Rewritten):
    """Takes the time of the holder's machine for the store's."""

    resource = "clocks"

    def rewritten(self, sql: str) -> str:
        """Return the statement with a wrong time."""
        return sql.replace(now(self.capabilities.dialect), str(self.clock.now().timestamp()))


@LeaseContract.saboteur("test_clocks_may_differ_by_an_hour")
class Skewed(_Rewritten):
    """Adds what the holder's clock is off."""

    resource = "skews"

    def rewritten(self, sql: str) -> str:
        """Return the statement with a wrong time."""
        clock = now(self.capabilities.dialect)
        return sql.replace(clock, f"({clock} + {(self.clock.now() - datetime.now(UTC)).total_seconds():.1f})")


@LeaseContract.saboteur("test_the_holder_is_told")
class Soothing(_Rewritten):
    """Says that every renewal worked."""

    resource = "told"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Run a statement, and tell something else."""
        found = await super().ask(lane, sql, params)
        if params and params[0] == self.resource and sql.startswith("update"):
            found.affected = 1
        return found


@LeaseContract.saboteur("test_a_blocked_loop_keeps_it")
class OnTheLoop(_Rewritten):
    """Has the holder's own event loop renew."""

    resource = "threads"

    def __init__(self, adapter: Database, home: asyncio.AbstractEventLoop | None = None, first: Any = None) -> None:
        super().__init__(adapter)
        self.home = asyncio.get_running_loop() if home is None else home
        self.first = adapter if first is None else first

    def again(self, **changes: Any) -> Any:
        """Return another one that knows the first one's loop."""
        return type(self)(self.adapter.again(**changes), self.home, self.first)

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Run a statement, and tell something else."""
        if asyncio.get_running_loop() is self.home or not params or params[0] != self.resource:
            return await super().ask(lane, sql, params)
        done = asyncio.run_coroutine_threadsafe(self.first.run(sql, params), self.home)
        return await asyncio.wrap_future(done)
