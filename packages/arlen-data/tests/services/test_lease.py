"""Lease: one holder at a time; those who overslept are refused."""

import datetime as dt
import threading
import time

import anyio
import pytest
from tiny import Tiny

from arlen_core.clock import VirtualClock
from arlen_core.failpoints import armed
from arlen_data.errors import DatabaseError, InvalidArgument, UndefinedTable
from arlen_data.keeper import Keeper
from arlen_data.lease import Lease, LeaseLost, LeaseTaken
from arlen_data.schema import install

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(db):
    """A database with the tables."""
    await install(db)
    return db


def lease(store, **options) -> Lease:
    """Return a lease of one resource that nobody renews by itself."""
    return Lease(store, "leader", **{"keep": False, **options})


async def expire(store) -> None:
    """Let the store's clock go on past every lease."""
    await store.execute("update arlen_leases set until = until - 100000 where until > 0")


async def until(done) -> None:
    """Wait until something is so, which a thread brings about."""
    with anyio.fail_after(20):
        while not done():
            await anyio.sleep(0.005)


async def write(store, holder, who) -> None:
    """Write as somebody who may be a zombie."""
    async with store.transaction() as tx:
        await holder.fence(tx)
        await tx.execute("insert into work (who) values ($1)", who)


async def test_one_holder(store):
    """The second one has to wait; after a release it gets the lease."""
    first, second = lease(store), lease(store)
    assert await first.acquire()
    assert not await second.acquire()
    assert first.held
    assert not second.held
    assert await first.release()
    assert await second.acquire()


async def test_resources_do_not_know_each_other(store):
    """Each has a holder and a generation of its own."""
    async with Lease(store, "a", keep=False) as a, Lease(store, "b", keep=False) as b:
        assert (1, 1) == (a.token, b.token)


async def test_the_generation_strictly_increases(store):
    """After a release, and after it ran out; so a token is never seen twice."""
    tokens = []
    for number in range(6):
        holder = lease(store)
        assert await holder.acquire()
        tokens.append(holder.token)
        if number % 2:
            await holder.release()
        else:
            await expire(store)
    assert sorted(set(tokens)) == tokens


async def test_it_is_stolen_after_its_time(store):
    """And the one who had it is told at its next renewal, and refused."""
    zombie, thief = lease(store), lease(store)
    await zombie.acquire()
    await expire(store)
    assert await thief.acquire()
    with pytest.raises(LeaseLost):
        await zombie.renew()
    assert not zombie.held
    assert thief.token > 1
    with pytest.raises(LeaseLost):
        zombie.check()


async def test_what_ran_out_cannot_be_renewed(store):
    """Also when nobody else has it yet."""
    holder = lease(store)
    await holder.acquire()
    await expire(store)
    with pytest.raises(LeaseLost):
        await holder.renew()


async def test_a_zombie_is_refused_in_its_transaction(store):
    """The fence raises, so the write behind it never happens."""
    await store.execute("create table work (who text)")
    zombie, thief = lease(store), lease(store)
    await zombie.acquire()
    await expire(store)
    await thief.acquire()
    with pytest.raises(LeaseLost):
        await write(store, zombie, "zombie")
    await write(store, thief, "thief")
    assert ["thief"] == [row.who for row in await store.all("select who from work")]


async def test_the_fence_renews(store):
    """With the commit; after a rollback it is as before."""
    holder = lease(store, ttl=1000)
    await holder.acquire()
    await store.execute("create table work (who text not null)")
    await store.execute("update arlen_leases set until = until - 900")
    before = await store.value("select until from arlen_leases")
    with pytest.raises(DatabaseError):
        await write(store, holder, None)
    assert before == await store.value("select until from arlen_leases")
    async with store.transaction() as tx:
        await holder.fence(tx)
    assert before + 800 < await store.value("select until from arlen_leases")


async def test_a_release_by_another_does_nothing(store):
    """Neither by one who never had it nor by one who has it no more."""
    zombie, thief, stranger = lease(store), lease(store), lease(store)
    await zombie.acquire()
    await expire(store)
    await thief.acquire()
    assert not await zombie.release()
    assert not await stranger.release()
    assert thief.held
    assert not await lease(store).acquire()


@pytest.mark.parametrize("hours", [-1, 1])
async def test_the_holders_clock_does_not_matter(tmp_path, hours):
    """An hour ahead or behind: the store's time decides."""
    async with Tiny(str(tmp_path / "a.db")) as here, Tiny(str(tmp_path / "a.db")) as there:
        await install(here)
        there.clock = VirtualClock(dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours))
        mine, theirs = lease(here), lease(there)
        assert await mine.acquire()
        assert not await theirs.acquire()
        await mine.release()
        assert await theirs.acquire()
        assert not await lease(here).acquire()
        await theirs.renew()


async def test_by_its_own_clock_a_holder_knows(store):
    """One who slept past the ttl stops before it asks anybody."""
    store.clock = clock = VirtualClock()
    holder = lease(store, ttl=30)
    await holder.acquire()
    clock.shift(29)
    holder.check()
    await holder.renew()
    clock.shift(29)
    holder.check()
    clock.shift(1)
    with pytest.raises(LeaseLost, match="its time was up"):
        holder.check()


def blocked_until(done) -> None:
    """Block the event loop until something is so."""
    limit = time.monotonic() + 20
    while not done() and time.monotonic() < limit:
        time.sleep(0.005)


async def test_a_blocked_loop_keeps_its_lease(store):
    """The thread renews: a loop that is blocked for longer than the ttl still holds it, and nobody else got it."""
    async with Lease(store, "leader", ttl=0.4) as holder:
        begun = time.monotonic()
        blocked_until(lambda: holder.renewed >= 4 and time.monotonic() > begun + 0.5)
        assert holder.held
        assert not await lease(store).acquire()
        assert 1 == holder.token
    assert not [each for each in threading.enumerate() if each.name == "arlen-leases"]


async def test_losing_it_cancels_the_block(store):
    """The work stops where it waits, and `LeaseLost` arrives."""
    went_on = []

    async def work() -> None:
        async with Lease(store, "leader", ttl=0.3):
            await expire(store)
            await anyio.sleep_forever()
            went_on.append(True)

    with pytest.raises(LeaseLost, match="somebody else has it"):
        await work()
    assert [] == went_on


async def test_or_only_tells(store):
    """Without `cancel` the block goes on, and `check` and its end tell."""
    went_on = []

    async def work() -> None:
        async with Lease(store, "leader", ttl=0.3, cancel=False) as holder:
            await expire(store)
            await until(lambda: not holder.held)
            with pytest.raises(LeaseLost):
                holder.check()
            went_on.append(True)

    with pytest.raises(LeaseLost):
        await work()
    assert [True] == went_on


async def test_a_renewal_that_fails_is_tried_again(store):
    """As long as there is time; a database that was away for a moment costs nothing."""
    failures = [OSError("away"), OSError("away")]
    holder = Lease(store, "leader", ttl=1.0)
    extend = holder.extend

    async def flaky(db):
        if failures:
            raise failures.pop()
        return await extend(db)

    holder.extend = flaky
    async with holder:
        await until(lambda: holder.renewed)
        holder.check()


async def test_a_database_that_stays_away_loses_it(store):
    """When the time is up, nobody may believe in it any more."""
    holder = Lease(store, "leader", ttl=0.3)

    async def away(db):
        raise OSError("away")

    holder.extend = away
    with pytest.raises(LeaseLost):
        async with holder:
            await anyio.sleep_forever()


async def test_a_stopped_holder_is_a_zombie(store):
    """The keeper stands still as under SIGSTOP; when it goes on, the holder is told, and refused."""
    stopped, go_on = threading.Event(), threading.Event()

    def stand_still():
        stopped.set()
        go_on.wait(20)

    with armed("lease.renew", stand_still):
        holder = Lease(store, "leader", ttl=0.3, cancel=False)
        await holder.acquire()
        await anyio.to_thread.run_sync(stopped.wait, 20)
        thief = lease(store, ttl=1000)
        with anyio.fail_after(20):
            while not await thief.acquire():
                await anyio.sleep(0.01)
        go_on.set()
        with pytest.raises(LeaseLost):
            async with store.transaction() as tx:
                await holder.fence(tx)
        assert not holder.held
        assert not await holder.release()
    thief.check()


async def test_it_waits_for_its_turn(store):
    """`async with` waits; with a bound it raises."""
    first = lease(store)
    await first.acquire()
    with pytest.raises(LeaseTaken, match="leader"):
        async with lease(store, wait=0):
            pass
    got = anyio.Event()

    async def second() -> None:
        async with lease(store, ttl=0.3):
            got.set()

    async with anyio.create_task_group() as group:
        group.start_soon(second)
        await anyio.wait_all_tasks_blocked()
        assert not got.is_set()
        await first.release()


async def test_leases_of_one_database_share_a_thread(store):
    """It begins with the first and ends with the last."""

    def threads() -> int:
        return sum(each.name == "arlen-leases" for each in threading.enumerate())

    async with Lease(store, "a", ttl=0.3) as a:
        async with Lease(store, "b", ttl=0.3) as b:
            assert 1 == threads()
            await until(lambda: a.renewed and b.renewed)
        assert 1 == threads()
    assert 0 == threads()
    async with Lease(store, "a", ttl=0.3):
        assert 1 == threads()


async def test_a_database_in_memory_is_renewed_on_the_loop():
    """It cannot be opened twice."""
    async with Tiny() as memory:
        await install(memory)
        async with Lease(memory, "leader", ttl=0.3) as holder:
            await until(lambda: holder.renewed >= 2)
        assert not [each for each in threading.enumerate() if each.name == "arlen-leases"]


async def test_one_object_is_one_holder(store):
    """It cannot hold the lease twice; when it has let go, again."""
    holder = lease(store)
    await holder.acquire()
    with pytest.raises(LeaseTaken, match="already"):
        await holder.acquire()
    await holder.release()
    assert await holder.acquire()
    assert 2 == holder.token


@pytest.mark.parametrize("options", [{"ttl": 0.01}, {"ttl": 100_000}, {"wait": -1}])
async def test_bounds(db, options):
    """A ttl that is none is refused."""
    with pytest.raises(InvalidArgument):
        Lease(db, "leader", **options)
    for name in ("", "x" * 201, "a\0b"):
        with pytest.raises(InvalidArgument):
            Lease(db, name)


async def test_without_tables_the_error_tells(db):
    """What to run."""
    with pytest.raises((UndefinedTable, DatabaseError)) as caught:
        await lease(db).acquire()
    if isinstance(caught.value, UndefinedTable):
        assert "arlen migrate" in caught.value.__notes__[0]


async def test_a_token_needs_the_lease(store):
    """Nobody gets the number of what is not held."""
    holder = lease(store)
    with pytest.raises(LeaseLost, match="not held"):
        _ = holder.token
    async with store.transaction() as tx:
        with pytest.raises(LeaseLost):
            await holder.fence(tx)


async def test_what_the_block_raises_arrives(store):
    """And the lease is released all the same."""
    with pytest.raises(ZeroDivisionError):
        async with lease(store):
            raise ZeroDivisionError
    assert await lease(store).acquire()


def test_a_keeper_for_each_database():
    """And one only."""
    one, two = Tiny(), Tiny()
    assert Keeper.of(one) is Keeper.of(one)
    assert Keeper.of(one) is not Keeper.of(two)
