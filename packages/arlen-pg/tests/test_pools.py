"""Pools: order, bounds, age, loss, recovery and the end, mostly without a server."""

import asyncio
from pathlib import Path

import pytest

from arlen_conformance import VirtualClock
from arlen_data.errors import ConnectionFailed, ConnectionLost, PoolBusy, PoolClosed, PoolTimeout
from arlen_data.events import Events
from arlen_data.stats import Stats
from arlen_pg import Postgres, pools
from arlen_pg.calls import Call
from arlen_pg.pools import Pool
from arlen_pg.settings import Settings

pytestmark = pytest.mark.anyio


class Link:
    """What a pool asks of psycopg's connection."""

    async def cancel_safe(self, *, timeout):
        """Do nothing."""


class Fake:
    """A connection that is only looked at."""

    def __init__(self):
        self.lent = self.stateful = self.dead = False
        self.idle = True
        self.expires = 0.0
        self.sent = self.noted = 0
        self.still = 0.0
        self.settling = None
        self.link = Link()
        self.restored = 0
        self.error = None

    def __repr__(self):
        return "fake"

    async def restore(self):
        self.restored += 1
        self.stateful = False
        self.idle = True
        return True

    def close(self):
        self.dead = True

    def cut(self, error):
        self.error = error
        self.dead = True
        self.home(self)


class Rig:
    """A pool of fakes."""

    def __init__(self, clock=None, **settings):
        self.clock = clock or VirtualClock()
        self.made, self.fail = [], None
        self.pool = Pool(Settings(**({"size": 2, "timeout": 5.0, "grace": 0.0} | settings)), self.connect, self.clock)

    async def connect(self):
        if self.fail is not None:
            raise self.fail
        self.made.append(Fake())
        return self.made[-1]

    async def __aenter__(self):
        await self.pool.open()
        return self

    async def __aexit__(self, *_):
        await self.pool.close()


async def turns(count=10):
    """Let everybody go on."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_connection_used_last_is_taken_first():
    """Connections that are not needed stay unused, and can be closed."""
    async with Rig(size=3, min_size=3) as rig:
        first, second = await rig.pool.acquire(), await rig.pool.acquire()
        rig.pool.release(first)
        rig.pool.release(second)
        assert second is await rig.pool.acquire()
        rig.pool.release(second)


async def test_callers_are_served_in_order():
    """Who came first is served first, and who was cancelled meanwhile is passed over."""
    async with Rig(size=1) as rig:
        wire, served = await rig.pool.acquire(), []

        async def take(name):
            found = await rig.pool.acquire()
            served.append(name)
            rig.pool.release(found)

        tasks = [asyncio.create_task(take(name)) for name in "abcd"]
        await turns()
        tasks[1].cancel()
        rig.pool.release(wire)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert ["a", "c", "d"] == served
        assert [rig.made[0]] == rig.pool.idle


async def test_a_connection_given_to_a_cancelled_caller_is_not_lost():
    """A caller that is cancelled in the very turn in which it is served gives the connection back."""
    async with Rig(size=1) as rig:
        wire = await rig.pool.acquire()
        task = asyncio.create_task(rig.pool.acquire())
        await turns()
        rig.pool.release(wire)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [wire] == rig.pool.idle
        assert not wire.lent


async def test_too_many_callers():
    """One caller more than may wait is refused at once, with the numbers."""
    async with Rig(size=1, max_waiting=1) as rig:
        wire = await rig.pool.acquire()
        task = asyncio.create_task(rig.pool.acquire())
        await turns()
        with pytest.raises(PoolBusy, match="1 callers wait for a connection already, of 1"):
            await rig.pool.acquire()
        rig.pool.release(wire)
        rig.pool.release(await task)


async def test_waiting_ends_in_time():
    """A caller that waits for too long is told the size and who waits; the others go on waiting."""
    async with Rig(size=1, timeout=0.01) as rig:
        wire = await rig.pool.acquire()
        with pytest.raises(PoolTimeout, match=r"size 1 of 1, waiting 1"):
            await rig.pool.acquire()
        assert not rig.pool.queue
        rig.pool.release(wire)


async def test_it_grows_with_those_who_wait_and_no_further():
    """Connections are made when callers wait, up to the size."""
    async with Rig(size=3) as rig:
        assert 1 == len(rig.made)
        wires = await asyncio.gather(*[rig.pool.acquire() for _ in range(3)])
        assert 3 == len(set(wires)) == len(rig.made)
        waiting = asyncio.create_task(rig.pool.acquire())
        await turns()
        assert 3 == len(rig.made)
        rig.pool.release(wires[0])
        rig.pool.release(await waiting)
        for wire in wires[1:]:
            rig.pool.release(wire)


async def test_what_is_not_in_order_is_mended_before_the_next():
    """A connection with an open transaction, or with changes in its session, is restored before anybody gets it."""
    async with Rig(size=1) as rig:
        for name, value in (("idle", False), ("stateful", True)):
            wire = await rig.pool.acquire()
            setattr(wire, name, value)
            rig.pool.release(wire)
            assert [] == rig.pool.idle
            assert wire is await rig.pool.acquire()
            rig.pool.release(wire)
        assert 2 == wire.restored


async def test_what_cannot_be_mended_is_replaced():
    """A connection that cannot be restored is closed, and another one made for who waits."""
    async with Rig(size=1) as rig:
        wire = await rig.pool.acquire()

        async def broken():
            raise ConnectionLost("gone")

        wire.restore, wire.stateful = broken, True
        waiting = asyncio.create_task(rig.pool.acquire())
        await turns()
        rig.pool.release(wire)
        other = await waiting
        assert wire.dead
        assert rig.made == [wire, other]
        rig.pool.release(other)


async def test_dead_connections_are_dropped_and_the_kept_number_restored():
    """What dies while it is idle is not handed out, and as many as are kept are there again."""
    async with Rig(size=3, min_size=2) as rig:
        dead = rig.pool.idle[-1]
        dead.dead = True
        rig.pool.back(dead)
        await turns()
        assert dead not in rig.pool.wires
        assert 2 == len(rig.pool.wires) == len(rig.pool.idle)


async def test_old_connections_are_replaced():
    """A connection that is older than `max_lifetime` is replaced when it is idle, and not while it is used."""
    clock = VirtualClock()
    async with Rig(clock, size=2, max_lifetime=10) as rig:
        first = await rig.pool.acquire()
        await clock.asleep()
        await clock.advance(12)
        assert not first.dead
        rig.pool.release(first)
        assert first.dead
        await turns()
        assert [rig.made[1]] == rig.pool.idle


async def test_unused_connections_are_closed():
    """What is not needed for `idle` seconds is closed, down to the number that is kept."""
    clock = VirtualClock()
    async with Rig(clock, size=3, min_size=1, idle=10) as rig:
        for wire in await asyncio.gather(*[rig.pool.acquire() for _ in range(3)]):
            rig.pool.release(wire)
        await clock.asleep()
        for _ in range(8):
            rig.pool.idle[-1].sent += 1
            await clock.advance(2.5)
        assert 1 == len(rig.pool.wires)
        assert not rig.pool.idle[0].dead


async def test_an_absent_server_is_told_and_found_again():
    """Without any connection those who wait are told why; attempts go on after pauses until one is made."""
    clock = VirtualClock()
    async with Rig(clock, size=1, timeout=3600) as rig:
        rig.fail = ConnectionFailed("nobody there")
        rig.pool.drop(rig.pool.idle[0])
        await turns()
        waiting = [asyncio.create_task(rig.pool.acquire()) for _ in range(2)]
        await turns()
        await clock.asleep(2)
        await clock.advance(2)
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [ConnectionFailed] * 2 == [type(each) for each in found]
        assert found[0] is not found[1]
        rig.fail = None
        task = asyncio.create_task(rig.pool.acquire())
        await turns()
        await clock.advance(2)
        rig.pool.release(await task)
        assert rig.pool.fault is None


async def test_a_full_server_harms_nobody_who_can_wait():
    """While there are connections, a failed attempt to make more is no error of those who wait."""
    async with Rig(size=2, timeout=0.05) as rig:
        wire = await rig.pool.acquire()
        rig.fail = ConnectionFailed("too many clients")
        task = asyncio.create_task(rig.pool.acquire())
        await turns()
        assert not task.done()
        with pytest.raises(PoolTimeout, match="the last attempt to connect failed: too many clients") as caught:
            await task
        assert isinstance(caught.value.__cause__, ConnectionFailed)
        rig.pool.release(wire)


async def test_to_open_without_a_server_fails_and_can_be_repeated():
    """`open` raises what went wrong, leaves nothing behind, and works later."""
    rig = Rig()
    rig.fail = ConnectionFailed("nobody there")
    with pytest.raises(ConnectionFailed, match="nobody there"):
        await rig.pool.open()
    with pytest.raises(PoolClosed, match="is not open"):
        await rig.pool.acquire()
    rig.fail = None
    async with rig:
        rig.pool.release(await rig.pool.acquire())


async def test_the_end():
    """To close refuses new callers and those who wait, and cuts off what still runs after the grace."""
    rig = Rig(size=1, grace=0.0)
    await rig.pool.open()
    wire = await rig.pool.acquire()
    task = asyncio.create_task(rig.pool.acquire())
    await turns()
    await rig.pool.close()
    with pytest.raises(PoolClosed, match="while you waited"):
        await task
    assert isinstance(wire.error, PoolClosed)
    assert not rig.pool.wires
    await rig.pool.close()


async def test_an_end_that_was_cancelled_goes_on_with_the_next():
    """Who is cancelled while a pool closes can close it again: then no connection is left."""
    rig = Rig(size=1, grace=60.0)
    await rig.pool.open()
    wire = await rig.pool.acquire()
    closing = asyncio.create_task(rig.pool.close())
    await turns()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    closing = asyncio.create_task(rig.pool.close())
    await turns()
    assert not closing.done()
    rig.pool.release(wire)
    await closing
    assert wire.dead
    assert not rig.pool.wires


async def test_to_open_what_is_open_does_nothing():
    """A pool that is open is not opened again."""
    rig = Rig(size=4)
    await rig.pool.open()
    await rig.pool.open()
    assert 1 == len(rig.pool.wires)
    await rig.pool.close()


async def test_the_end_waits_for_what_runs():
    """What is given back within the grace is not cut off."""
    rig = Rig(size=1, grace=60.0)
    await rig.pool.open()
    wire = await rig.pool.acquire()
    closing = asyncio.create_task(rig.pool.close())
    await turns()
    assert not closing.done()
    rig.pool.release(wire)
    await closing
    assert wire.error is None
    assert wire.dead


async def test_a_fork_takes_nothing_along(monkeypatch):
    """In a forked process the pool refuses, and its connections are neither used nor closed."""
    kept = []
    monkeypatch.setattr(pools, "_graveyard", kept)
    rig = Rig(size=1)
    await rig.pool.open()
    tasks = list(rig.pool._tasks)
    rig.pool.orphan()
    with pytest.raises(PoolClosed, match=r"before this process was forked off.*open the database in the process"):
        await rig.pool.acquire()
    assert rig.made == kept
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_nothing_is_left_open(url, transport):
    """After the end there are as many descriptors and tasks as before."""
    async with Postgres(url, transport=transport):
        pass
    descriptors, tasks = len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())
    async with Postgres(url, transport=transport, size=4) as db:
        await asyncio.gather(*[db.value("select 1") for _ in range(8)])
    await turns()
    assert (descriptors, tasks) == (len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks()))


async def test_a_call_of_nobody_is_passed_over():
    """A call that has ended while it waited is not served."""
    async with Rig(size=1) as rig:
        wire = await rig.pool.acquire()
        call = Call(rig.pool.loop)
        rig.pool.wait(call)
        call.cancel()
        rig.pool.release(wire)
        assert [wire] == rig.pool.idle


class Watcher:
    """Keeps how long callers waited."""

    on = True

    def __init__(self):
        self.seconds = []

    def waited(self, seconds, pool=""):
        self.seconds.append(seconds)


async def test_stats_count_connections_and_callers():
    """Who has a connection, who waits, who is gone, and who was refused."""
    async with Rig(size=2, max_waiting=1) as rig:
        first, second = await rig.pool.acquire(), await rig.pool.acquire()
        task = asyncio.create_task(rig.pool.acquire())
        await turns()
        with pytest.raises(PoolBusy):
            await rig.pool.acquire()
        assert Stats(used=2, pending=1, limit=2, refused=1) == rig.pool.stats()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        rig.pool.release(first)
        rig.pool.release(second)
        assert Stats(idle=2, limit=2, refused=1) == rig.pool.stats()


async def test_stats_count_who_waited_in_vain():
    """A caller whose time is over does not wait any more."""
    async with Rig(size=1, timeout=0.001) as rig:
        wire = await rig.pool.acquire()
        with pytest.raises(PoolTimeout):
            await rig.pool.acquire()
        rig.pool.release(wire)
        assert Stats(idle=1, limit=1, timeouts=1) == rig.pool.stats()


async def test_a_watcher_learns_of_waits():
    """Of those that ended with a connection; who found one at once did not wait."""
    events, watcher = Events("postgresql", "default"), Watcher()
    events.attach(watcher)
    rig = Rig(size=1)
    rig.pool = Pool(rig.pool.settings, rig.connect, rig.clock, events)
    async with rig:
        wire = await rig.pool.acquire()
        before = len(watcher.seconds)
        task = asyncio.create_task(rig.pool.acquire())
        await turns()
        rig.pool.release(wire)
        rig.pool.release(await task)
    assert (0, 1) == (before, len(watcher.seconds))
    assert 0 <= watcher.seconds[0] < 5.0


async def test_a_database_tells_its_pool():
    """`stats` is there before it is open, and says that there is nothing."""
    assert (Stats(limit=3),) == Postgres("postgresql:///app", size=3).stats()
