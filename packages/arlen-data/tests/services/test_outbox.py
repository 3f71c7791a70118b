"""Outbox: with the commit, or not at all."""

import os
import random
import signal
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import anyio
import msgspec
import pytest
from tiny import Tiny

from arlen_core.app import App
from arlen_core.errors import StartupError
from arlen_core.failpoints import FailpointError, armed
from arlen_core.testing import Client
from arlen_data.database import Database
from arlen_data.effects import Effect, write
from arlen_data.errors import InvalidArgument
from arlen_data.inbox import first, forget
from arlen_data.lease import Lease, LeaseTaken
from arlen_data.outbox import Backlog, Outbox
from arlen_data.relay import Relay, RelaySettings, Undeliverable
from arlen_data.schema import install

pytestmark = pytest.mark.anyio

CRASHES = (
    "outbox.relay.before_handler",
    "outbox.relay.after_handler",
    "outbox.relay.before_settle",
    "outbox.relay.after_settle",
)


@pytest.fixture
async def store(db):
    """A database with the tables."""
    await install(db)
    return db


@pytest.fixture
def box(store):
    """An outbox that notes what it delivers in `box.seen`."""
    made = Outbox(store, backoff=0)
    made.seen = []

    @made.on("note")
    async def note(effect: Effect) -> None:
        made.seen.append(effect)

    return made


async def leave(store, box, *payloads, key="", kind="note") -> None:
    """Commit effects, one transaction each."""
    for payload in payloads:
        async with store.transaction() as tx:
            await box.add(tx, kind, key, payload)


def payloads(box) -> list:
    """Return what was delivered."""
    return [each.payload for each in box.seen]


async def test_with_the_commit(store, box):
    """Nothing is delivered before it, and all of it after."""
    async with store.transaction() as tx:
        known = await box.add(tx, "note", "ada", {"n": 1})
        tx.after_commit(Effect(kind="note", payload=2))
    assert 2 == await box.drain()
    assert [{"n": 1}, 2] == payloads(box)
    assert (known, "note", "ada", 0, 1) == (
        box.seen[0].id, box.seen[0].kind, box.seen[0].key, box.seen[0].attempts, box.seen[0].token,
    )  # fmt: skip
    assert Backlog(0, 0, 0.0) == await box.backlog()


async def test_not_at_all_after_a_rollback(store, box):
    """Also when only the inner transaction is rolled back."""
    with pytest.raises(ZeroDivisionError):
        await self_destruct(store, box)
    async with store.transaction() as tx:
        with pytest.raises(ZeroDivisionError):
            await self_destruct(tx, box)
        tx.after_commit(Effect(kind="note", payload="outer"))
    await box.drain()
    assert ["outer"] == payloads(box)


async def self_destruct(db, box) -> None:
    """Leave effects in both ways, and fail."""
    async with db.transaction() as tx:
        await box.add(tx, "note", "", "inner")
        tx.after_commit(Effect(kind="note", payload="inner"))
        raise ZeroDivisionError


async def test_what_is_neither_a_function_nor_an_effect_is_refused(store):
    """Where it is said, not at the commit."""
    async with store.transaction() as tx:
        for wrong in ("mail", None, {"kind": "mail"}):
            with pytest.raises(InvalidArgument, match="nothing to do"):
                tx.after_commit(wrong)
        with pytest.raises(InvalidArgument, match="nothing to do"):
            tx.after_commit(Effect(kind="note"), 1)


async def test_effects_of_inner_transactions_go_with_the_outer(store, box):
    """They are written with the outermost commit."""
    async with store.transaction() as tx, tx.transaction() as inner:
        inner.after_commit(Effect(kind="note", payload="inner"))
    await box.drain()
    assert ["inner"] == payloads(box)


async def test_an_effect_that_cannot_be_written_rolls_back(store, box):
    """Nothing is committed without what belongs to it."""
    await store.execute("create table work (x text)")
    with pytest.raises(InvalidArgument, match="does not go into JSON"):
        await broken(store)
    assert 0 == await store.value("select count(*) from work")


async def broken(store) -> None:
    """Write a row and an effect that no JSON can hold."""
    async with store.transaction() as tx:
        await tx.execute("insert into work values ('x')")
        tx.after_commit(Effect(kind="note", payload=object()))


@pytest.mark.parametrize(
    ("kind", "key", "payload", "reason"),
    [
        ("Mail", "", 1, "is no kind"),
        ("", "", 1, "is no kind"),
        ("note", "x" * 201, 1, "at most 200"),
        ("note", "a\0", 1, "no NUL"),
        ("note", "", "x" * 65_535, "at most 65536"),
    ],
)
async def test_bounds_of_an_effect(store, box, kind, key, payload, reason):
    """Kind, key and payload are checked where they are written."""
    async with store.transaction() as tx:
        with pytest.raises(InvalidArgument, match=reason):
            await box.add(tx, kind, key, payload)


async def test_the_bound_of_a_payload_can_be_chosen(store):
    """In bytes of JSON."""
    box = Outbox(store, max_payload=4)
    async with store.transaction() as tx:
        await box.add(tx, "note", "", "ab")
        with pytest.raises(InvalidArgument):
            await box.add(tx, "note", "", "abc")


class Mail(msgspec.Struct):
    """A payload with a type."""

    to: str


async def test_payloads_have_types(store, box):
    """`into` makes a Struct of it; one that does not fit is a failure like any other."""
    got = []

    @box.on("mail", into=Mail)
    async def send(effect: Effect) -> None:
        got.append(effect.payload)

    await leave(store, box, {"to": "ada"}, {"from": "x"}, kind="mail")
    assert 1 == await box.drain()
    assert [Mail("ada")] == got


async def test_one_handler_a_kind(box):
    """Two would be a riddle."""
    with pytest.raises(InvalidArgument, match="two handlers"):
        box.on("note")(None)


async def test_kinds_without_a_handler_wait(store, box):
    """A newer release may have one; those of other keys go on, those of the same key wait behind it."""
    await leave(store, box, 1, kind="unknown", key="a")
    await leave(store, box, 2, key="a")
    await leave(store, box, 3, key="b")
    await box.drain()
    assert [3] == payloads(box)
    box.on("unknown")(box._handlers["note"][0])
    await box.drain()
    assert [3, 1, 2] == payloads(box)


def failing(box, kind, *, times, error=OSError) -> list:
    """Add a handler that fails so often."""
    tries = []

    @box.on(kind)
    async def fail(effect: Effect) -> None:
        tries.append((effect.payload, effect.attempts))
        if len(tries) <= times:
            raise error("no")

    return tries


async def test_failures_are_tried_again(store, box):
    """With the same id, and the number of failures so far."""
    tries = failing(box, "flaky", times=2)
    await leave(store, box, "x", kind="flaky")
    assert 1 == await box.drain()
    assert [("x", 0), ("x", 1), ("x", 2)] == tries


async def test_pauses_grow(store):
    """From half of `backoff` to all of it, doubled each time, up to `max_backoff`."""
    box = Outbox(store, backoff=100, max_backoff=300)
    failing(box, "flaky", times=9)
    await leave(store, box, "x", kind="flaky")
    for most in (100, 200, 300, 300):
        await box.drain()
        pause = await store.value("select due - ((julianday('now') - 2440587.5) * 86400.0) from arlen_outbox")
        assert most / 2 - 5 < pause <= most
        await store.execute("update arlen_outbox set due = 0")


async def test_the_order_of_a_key_is_kept(store, box):
    """One that fails holds up those behind it, and nobody else."""
    failing(box, "flaky", times=1)
    slow = Outbox(store, backoff=1000)
    slow._handlers = box._handlers
    await leave(store, box, "first", kind="flaky", key="a")
    await leave(store, box, "second", key="a")
    await leave(store, box, "other", key="b")
    await leave(store, box, "free")
    await slow.drain()
    assert {"other", "free"} == set(payloads(box))
    await store.execute("update arlen_outbox set due = 0")
    await slow.drain()
    assert "second" == payloads(box)[-1]


async def test_those_of_one_key_never_overlap(store, box):
    """Whatever runs at the same time."""
    running, most = defaultdict(int), defaultdict(int)

    @box.on("slow")
    async def slow(effect: Effect) -> None:
        running[effect.key] += 1
        most[effect.key] = max(most[effect.key], running[effect.key])
        most["all"] = max(most["all"], sum(running.values()))
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        running[effect.key] -= 1

    for number in range(30):
        await leave(store, box, number, kind="slow", key=f"k{number % 3}")
    await box.drain()
    assert {"k0": 1, "k1": 1, "k2": 1, "all": 3} == most


async def test_as_many_at_a_time_as_allowed(store):
    """`concurrency` bounds the handlers that run."""
    box, running, most = Outbox(store, concurrency=2), [], []

    @box.on("slow")
    async def slow(effect: Effect) -> None:
        running.append(effect)
        most.append(len(running))
        await anyio.lowlevel.checkpoint()
        running.remove(effect)

    await leave(store, box, *range(10), kind="slow")
    await box.drain()
    assert 2 == max(most)


async def test_a_handler_that_hangs_is_a_failure(store):
    """It is cancelled after its time."""
    box = Outbox(store, timeout=0.01, max_attempts=1)

    @box.on("stuck")
    async def stuck(effect: Effect) -> None:
        await anyio.sleep_forever()

    await leave(store, box, 1, kind="stuck")
    assert 0 == await box.drain()
    (dead,) = await box.dead()
    assert "TimeoutError" in dead.error


async def test_a_handler_whose_task_was_cancelled_is_a_failure(store, box):
    """Nobody cancelled the relay: it goes on."""

    @box.on("odd")
    async def odd(effect: Effect) -> None:
        raise anyio.get_cancelled_exc_class()

    odd_box = Outbox(store, max_attempts=1)
    odd_box._handlers = box._handlers
    await leave(store, box, 1, kind="odd")
    await leave(store, box, 2)
    await odd_box.drain()
    assert [2] == payloads(box)
    assert ["odd"] == [each.kind for each in await box.dead()]


async def test_too_many_failures_are_dead(store):
    """They can be looked at, driven again, or discarded; those behind them go on."""
    box = Outbox(store, backoff=0, max_attempts=3)
    tries = failing(box, "flaky", times=3)
    await leave(store, box, "x", "y", kind="flaky", key="a")
    assert 1 == await box.drain()
    assert ["x", "x", "x", "y"] == [payload for payload, _ in tries]
    (dead,) = await box.dead()
    assert ("flaky", "a", "x", 3, "OSError: no") == (dead.kind, dead.key, dead.payload, dead.attempts, dead.error)
    assert Backlog(0, 1, 0.0) == await box.backlog()
    assert 0 == await box.redrive("no such id")
    assert 1 == await box.redrive(dead.id)
    assert 1 == await box.drain()
    assert ("x", 0) == tries[-1]
    assert [] == await box.dead()


async def test_undeliverable_is_dead_at_once(store, box):
    """A handler may know that nothing will help."""
    tries = failing(box, "hopeless", times=9, error=Undeliverable)
    await leave(store, box, 1, 2, kind="hopeless")
    await box.drain()
    assert 2 == len(tries)
    one, two = await box.dead()
    assert 0 == await box.discard()
    assert 1 == await box.discard(one.id)
    assert [two] == await box.dead()
    assert 1 == await box.redrive()


async def test_one_relay_at_a_time(store, box):
    """The lease says so."""
    async with Lease(store, "arlen.outbox", keep=False):
        with pytest.raises(LeaseTaken):
            await box.drain()


async def test_a_zombie_relay_is_refused(store, box):
    """It delivered, but may not settle what is another's now; the receiver sees one id twice, with two tokens."""
    await leave(store, box, 1)

    async def steal() -> None:
        await store.execute("update arlen_leases set until = 1 where resource = 'arlen.outbox'")
        await box.drain()

    @box.on("thief")
    async def thief(effect: Effect) -> None:
        box.seen.append(effect)
        with armed("outbox.relay.before_settle", lambda: None):
            await steal()

    await leave(store, box, 2, kind="thief")
    zombie = Relay(store, {"thief": box._handlers["thief"]}, RelaySettings())
    box._handlers["thief"] = (box._handlers["note"][0], None)
    with pytest.raises(Exception, match="lost"):
        await zombie.drain()
    assert [2, 1, 2] == payloads(box)
    assert box.seen[0].id == box.seen[2].id
    assert box.seen[0].token < box.seen[2].token
    assert 0 == (await box.backlog()).waiting


async def test_the_inbox_knows_what_was_there(store):
    """The second arrival of an id is told, and nothing is done twice; a rollback forgets."""
    async with store.transaction() as tx:
        assert await first(tx, "a")
        assert not await first(tx, "a")
    with pytest.raises(ZeroDivisionError):
        await forgetful(store)
    async with store.transaction() as tx:
        assert not await first(tx, "a")
        assert await first(tx, "b")
    assert 0 == await forget(store)
    assert 2 == await forget(store, older=-10)
    async with store.transaction() as tx:
        with pytest.raises(InvalidArgument):
            await first(tx, "")


async def forgetful(store) -> None:
    """Receive something and fail."""
    async with store.transaction() as tx:
        assert await first(tx, "b")
        raise ZeroDivisionError


async def test_it_runs_by_itself(store, box):
    """A commit of this process wakes it; nobody waits for the poll."""
    box.settings = RelaySettings(poll=3600)
    async with box.running():
        for number in range(3):
            await leave(store, box, number)
            await until(lambda wanted=number + 1: len(box.seen) == wanted)
    assert [0, 1, 2] == payloads(box)
    assert await Lease(store, "arlen.outbox", keep=False).acquire()


async def until(done) -> None:
    """Wait until something is so."""
    with anyio.fail_after(20):
        while not done():
            await anyio.sleep(0.005)


async def test_what_others_commit_is_found_by_polling(store, box):
    """Where there is no `listen`."""
    box.settings = RelaySettings(poll=0.02)
    async with box.running():
        await until(lambda: True)
        async with Tiny(store.path) as other:
            await leave(other, Outbox(other), "far")
        await until(lambda: box.seen)


async def test_a_stop_lets_handlers_finish(store, box):
    """And nothing new begins; the rest waits in the table."""
    begun, go_on = anyio.Event(), anyio.Event()

    @box.on("slow")
    async def slow(effect: Effect) -> None:
        begun.set()
        await go_on.wait()
        box.seen.append(effect)

    await leave(store, box, 1, 2, kind="slow", key="a")
    async with anyio.create_task_group() as group, box.running():
        await begun.wait()
        group.start_soon(_later, go_on)
    assert [1] == payloads(box)
    assert 1 == (await box.backlog()).waiting


async def _later(event) -> None:
    await anyio.wait_all_tasks_blocked()
    event.set()


async def test_a_stop_has_a_bound(store):
    """A handler that takes longer than `grace` is cancelled; its effect is delivered again."""
    box, begun = Outbox(store, grace=0.01), anyio.Event()

    @box.on("stuck")
    async def stuck(effect: Effect) -> None:
        begun.set()
        await anyio.sleep_forever()

    await leave(store, box, 1, kind="stuck")
    async with box.running():
        await begun.wait()
    assert 1 == (await box.backlog()).waiting


async def test_it_survives_a_database_that_is_away(store, box):
    """The relay goes on when it is there again."""
    await leave(store, box, 1)
    raw, store.raw = store.raw, None
    async with box.running():
        await anyio.wait_all_tasks_blocked()
        store.raw = raw
        await until(lambda: box.seen)


async def test_it_is_a_plugin(tmp_path):
    """It runs with the application, after its database and until before it."""
    app = App("a", environ={})
    db, box = app.use(Tiny(str(tmp_path / "app.db"))), app.use(Outbox(tables=True))
    seen = []

    @box.on("note")
    async def note(effect: Effect) -> None:
        seen.append(effect.payload)

    @app.post("/")
    async def add(mine: Database, outbox: Outbox) -> None:
        async with mine.transaction() as tx:
            await outbox.add(tx, "note", "", "hello")

    async with Client(app) as client:
        await client.post("/")
        await until(lambda: seen)
    assert ["hello"] == seen
    assert db.raw is None


async def test_without_tables_the_start_tells(tmp_path):
    """What to run, also where nobody looks at migrations; on engines that say which error it is."""
    for mode, word in (("check", "arlen::0001_services"), ("off", "Outbox")):
        app = App("a", environ={"ARLEN_DATABASE__MIGRATIONS": mode})
        app.use(Tiny(str(tmp_path / "app.db")))
        app.use(Outbox())
        with pytest.raises(StartupError, match=word):
            await app.start()


@pytest.mark.parametrize("settings", [{"batch": 0}, {"concurrency": 0}, {"poll": 0}, {"speed": 3}])
def test_wrong_settings_are_refused(settings):
    """Each with its name."""
    with pytest.raises(InvalidArgument, match=next(iter(settings))):
        Outbox(**settings)


async def test_an_outbox_without_a_database_tells():
    """It needs one, or an application."""
    with pytest.raises(InvalidArgument, match="no database yet"):
        await Outbox().drain()


@pytest.mark.parametrize("seed", range(8))
async def test_set_equality(store, seed):
    """Effects applied are the committed ones, each once, in the order of their key, whatever crashes on the way."""
    rng = random.Random(seed)
    box, committed, applied = Outbox(store, backoff=0, batch=rng.choice([1, 3, 50])), [], []

    @box.on("apply")
    async def apply(effect: Effect) -> None:
        if rng.random() < 0.2:
            raise OSError("the receiver is away")
        async with store.transaction() as tx:
            if await first(tx, effect.id):
                applied.append((effect.key, effect.payload))
        if rng.random() < 0.1:
            raise OSError("the answer was lost")

    for number in range(40):
        committed += await transact(store, box, rng, number)
        if rng.random() < 0.3:
            await crash(store, box, rng)
    await store.execute("update arlen_leases set until = 1")
    await box.drain()
    assert sorted(committed) == sorted(applied)
    for key in "abc":
        assert [each for each in committed if each[0] == key] == [each for each in applied if each[0] == key]


async def transact(store, box, rng, number) -> list:
    """Run one transaction, which may fail as a whole or in its inner part; return what it committed."""
    kept, fails, inner_fails = [], rng.random() < 0.3, rng.random() < 0.5
    try:
        async with store.transaction() as tx:
            key = rng.choice(["a", "b", "c", ""])
            await box.add(tx, "apply", key, number * 10)
            kept.append((key, number * 10))
            try:
                async with tx.transaction() as inner:
                    await write(inner, [Effect(kind="apply", key="a", payload=number * 10 + 1)])
                    if inner_fails:
                        raise ZeroDivisionError
                kept.append(("a", number * 10 + 1))
            except ZeroDivisionError:
                pass
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        return []
    return kept


async def crash(store, box, rng) -> None:
    """Let a relay die somewhere, as its lease runs out."""
    await store.execute("update arlen_leases set until = 1 where until > 1")
    with armed(rng.choice(CRASHES), f"raise@{rng.randint(1, 4)}"), suppress(FailpointError):
        await box.drain()


WORKER = """
import sys, anyio
sys.path.insert(0, sys.argv[2])
from tiny import Tiny
from arlen_data.inbox import first
from arlen_data.outbox import Outbox

async def main():
    async with Tiny(sys.argv[1]) as db:
        box = Outbox(db, backoff=0, batch=5)
        @box.on("apply")
        async def apply(effect):
            async with db.transaction() as tx:
                if await first(tx, effect.id):
                    await tx.execute("insert into applied (key, number) values ($1, $2)", effect.key, effect.payload)
        await box.drain()

anyio.run(main)
"""


@pytest.mark.parametrize("point", CRASHES)
async def test_set_equality_after_a_kill(store, box, tmp_path, point):
    """A relay that is killed with SIGKILL, again and again, loses nothing and applies nothing twice."""
    await store.execute("create table applied (seq integer primary key autoincrement, number integer, key text)")
    for number in range(12):
        await leave(store, box, number, kind="apply", key=f"k{number % 2}")
    folder = str(Path(sys.modules["tiny"].__file__).parent)
    codes = []
    for _ in range(40):
        await store.execute("update arlen_leases set until = 1 where until > 1")
        done = await anyio.run_process(
            [sys.executable, "-c", WORKER, store.path, folder], check=False,
            env={**os.environ, "ARLEN_FAILPOINT": f"{point}:kill@3"},
        )  # fmt: skip
        codes.append(done.returncode)
        if done.returncode == 0:
            break
        assert -signal.SIGKILL == done.returncode, done.stderr
    assert -signal.SIGKILL in codes
    assert 0 == codes[-1]
    rows = await store.all("select key, number from applied order by seq")
    assert list(range(12)) == sorted(row.number for row in rows)
    for key in ("k0", "k1"):
        mine = [row.number for row in rows if row.key == key]
        assert sorted(mine) == mine
