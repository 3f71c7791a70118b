"""Turns: on an engine with advisory locks one runner works, and the others wait without a transaction."""

import anyio
import pytest
from msgspec.structs import replace
from tiny import CAPABILITIES, Tiny

from arlen_core.clock import VirtualClock
from arlen_data.capabilities import Capabilities
from arlen_data.errors import ConnectionLost, InvalidArgument
from arlen_data.faults import MigrationError
from arlen_data.migrations import migrate, status
from arlen_data.results import Result
from arlen_data.rows import shape
from arlen_data.turns import turn

pytestmark = pytest.mark.anyio

LOCKS: dict[tuple, object] = {}


class Locking(Tiny):
    """The smallest adapter, with advisory locks that end with their transaction."""

    single = True

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.capabilities: Capabilities = replace(CAPABILITIES, advisory_locks=True, isolation=True)
        self.log: list[str] = []
        self.lost = False

    def again(self, **changes):
        if not self.single and changes:
            raise InvalidArgument("no such settings")
        made = type(self)(self.path, name=self.name, clock=self.clock)
        made.log, made.lost = self.log, self.lost
        self.log.append("again " + ",".join(f"{name}={value}" for name, value in changes.items()))
        return made

    async def session(self, options):
        made = await super().session(replace(options, isolation=None))
        self.log.append(f"begin {options.isolation}")
        run, end = made.run, made.end

        async def locked(sql, params):
            if not sql.startswith(("select", "set")) or "schema_migrations" in sql:
                return await run(sql, params)
            self.log.append(sql.split("(")[0])
            if sql == "select 1" and self.lost:
                raise ConnectionLost("gone")
            if "pg_try_advisory" not in sql:
                return _row(0)
            return _row(LOCKS.setdefault((self.path, *params), self) is self)

        def freed(sql):
            self.log.append(sql)
            for key in [key for key, holder in LOCKS.items() if holder is self]:
                del LOCKS[key]
            end(sql)

        made.run, made.end = locked, freed
        return made


def _row(value):
    return Result(("v",), [shape(("v",))((value,))], 1)


@pytest.fixture
async def db(tmp_path):
    """A database with advisory locks, on a clock that moves when it is told to."""
    LOCKS.clear()
    async with Locking(":memory:", clock=VirtualClock()) as made:
        yield made


async def test_the_lock_and_the_work_have_connections_of_their_own(db):
    """So that what a migration sets ends with them, and a pool of one is enough."""
    async with turn(db, "x", 1.0) as ours:
        assert ours.exclusive
        assert db is not ours.database
        assert ours.database.raw is not None
    assert ours.database.raw is None
    assert ["again size=1,min_size=0"] * 2 == [each for each in db.log if each.startswith("again")]


async def test_an_adapter_without_these_settings_does_too(db):
    """Its pool has at least two connections, or `again` makes a pool for each."""
    db.single = False
    async with turn(db, "x", 1.0) as ours:
        assert ours.exclusive


async def test_nothing_is_asked_that_leaves_a_snapshot(db):
    """Each query is followed by a statement that has none, in a transaction that keeps none."""
    async with turn(db, "x", 1.0) as ours:
        await ours.check()
    asked = [each for each in db.log if each.startswith(("select", "set"))]
    assert 3 == len(asked[::2])
    assert {"set local idle_in_transaction_session_timeout to 0"} == set(asked[1::2])
    assert "begin read committed" in db.log


async def test_who_waits_has_no_transaction(db):
    """Between two questions there is none, so that nobody who builds an index waits for it."""
    async with turn(db, "x", 1.0), anyio.create_task_group() as group:
        db.log.clear()
        group.start_soon(_take, db, "x", 60.0)
        await db.clock.asleep()
        assert ["begin read committed", "commit"] == [each for each in db.log if each.startswith(("begin", "commit"))]
        await db.clock.advance(0.5)
        assert db.log.count("begin read committed") == db.log.count("commit") > 3
        group.cancel_scope.cancel()


async def test_who_waits_gets_it_when_it_is_free(db):
    """Without being asked again by anybody."""
    taken = []
    async with anyio.create_task_group() as group:
        async with turn(db, "x", 1.0):
            group.start_soon(_take, db, "x", 60.0, taken)
            await db.clock.asleep()
            assert [] == taken
        await db.clock.advance(1.0)
    assert ["x"] == taken


async def test_who_has_waited_long_enough_says_so(db):
    """In seconds."""
    found = []

    async def late():
        with pytest.raises(MigrationError) as caught:
            await _take(db, "x", 3.0)
        found.append(caught.value)

    async with turn(db, "x", 1.0), anyio.create_task_group() as group:
        group.start_soon(late)
        await db.clock.asleep()
        await db.clock.advance(4.0)
    assert ("migration_locked", True) == (found[0].code, "did not finish in 3 s" in str(found[0]))


async def test_another_name_is_another_lock(db):
    """Two targets in one database are migrated at once."""
    async with turn(db, "x", 0.0), turn(db, "y", 0.0) as other:
        assert other.exclusive


async def test_a_lock_that_was_lost_ends_the_run(db):
    """Somebody else may have it by now."""
    async with turn(db, "x", 1.0) as ours:
        await ours.check()
        ours._lock.database.lost = True
        with pytest.raises(ConnectionLost):
            await ours.check()


async def test_without_advisory_locks_there_is_no_lock(tmp_path):
    """The database itself is ours, and files are claimed one by one."""
    async with Tiny() as db, turn(db, "x", 1.0) as ours:
        assert (db, False) == (ours.database, ours.exclusive)
        await ours.check()


async def test_migrations_run_under_the_lock(tmp_path, folder):
    """From the first look at the state table to the last commit."""
    LOCKS.clear()
    folder.write("0001_a.sql", "create table a (id int)")
    folder.write("0002_b.sql", "-- arlen: no-transaction\ncreate table b (id int)")
    async with Locking(str(tmp_path / "locked.db")) as made:
        keeper = made.again
        made.again = lambda **changes: keeper(**changes) if len(made.log) else _elsewhere(made, tmp_path)
        assert ["0001_a", "0002_b"] == [each.version for each in await migrate(made, folder.path)]
        assert ["applied", "applied"] == [row.state for row in await status(made, folder.path)]
    assert {} == LOCKS


def _elsewhere(made, tmp_path):
    """Return what holds the lock, on a file of its own: here a transaction locks the whole file."""
    made.log.append("keeper")
    other = Locking(str(tmp_path / "keeper.db"), clock=made.clock)
    other.log = made.log
    return other


async def _take(db, name, wait, taken=None):
    async with turn(db, name, wait):
        if taken is not None:
            taken.append(name)
