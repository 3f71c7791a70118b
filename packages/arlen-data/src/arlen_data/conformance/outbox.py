"""OutboxContract: what is committed happens, what is rolled back does not, whatever crashes on the way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar

import anyio

from arlen_conformance import Contract, promise
from arlen_core.failpoints import FailpointError, armed
from arlen_data.conformance.aids import BOUND, raises
from arlen_data.conformance.wrapped import Wrapped, WrappedSession, result
from arlen_data.database import Database
from arlen_data.effects import Effect
from arlen_data.inbox import first
from arlen_data.lanes import Lane, Options, Session
from arlen_data.lease import LeaseLost
from arlen_data.outbox import Outbox
from arlen_data.results import Result
from arlen_data.schema import install

__all__ = [
    "Backwards",
    "Box",
    "Burying",
    "Crowding",
    "Hasty",
    "Impatient",
    "Losing",
    "Naive",
    "OutboxContract",
    "Overtaking",
    "Silent",
    "Stubborn",
    "StubbornInside",
    "Unfenced",
    "crash",
    "expire",
    "opened",
]

_POINTS = ("before_handler", "after_handler", "before_settle", "after_settle")


class Box:
    """An outbox with one handler, which notes what it gets, and fails when `fails` says so."""

    def __init__(self, adapter: Database, kind: str, **settings: Any) -> None:
        self.db, self.kind, self.seen = adapter, kind, list[Effect]()
        self.outbox = Outbox(adapter, **{"backoff": 0, **settings})
        self.outbox.on(kind)(self.handle)

    async def handle(self, effect: Effect) -> None:
        """Note it."""
        self.seen.append(effect)
        await self.act(effect)

    async def act(self, effect: Effect, /) -> None:
        """Do nothing more."""

    async def leave(self, *payloads: object, key: str = "") -> None:
        """Commit effects, a transaction each."""
        for payload in payloads:
            async with self.db.transaction() as tx:
                await self.outbox.add(tx, self.kind, key, payload)

    @property
    def payloads(self) -> list[Any]:
        """What was delivered."""
        return [each.payload for each in self.seen]


class OutboxContract(
    Contract, name="data-outbox", version=1, capabilities=("shared", "listen", "concurrent_writes", "savepoints")
):
    """What an `Outbox` promises on a database that `DatabaseContract` accepts; the fixture `adapter` is the same."""

    @promise
    async def test_what_is_committed_happens(self, adapter: Database) -> None:
        """Effects are delivered when their transaction has committed, and not before."""
        box = await opened(adapter, "committed")
        async with adapter.transaction() as tx:
            await box.outbox.add(tx, "committed", "ada", {"n": [1, None, "x"]})
            tx.after_commit(Effect(kind="committed", payload=2))
        assert 2 == await box.outbox.drain()
        assert [{"n": [1, None, "x"]}, 2] == box.payloads
        assert 0 == await box.outbox.drain()

    @promise
    async def test_what_is_rolled_back_does_not(self, adapter: Database) -> None:
        """Effects of a transaction that is rolled back are never delivered."""
        box = await opened(adapter, "undone")
        with raises(ZeroDivisionError):
            async with adapter.transaction() as tx:
                await box.outbox.add(tx, "undone", "", 1)
                tx.after_commit(Effect(kind="undone", payload=2))
                _undo()
        await box.outbox.drain()
        assert [] == box.payloads

    @promise(needs=("savepoints",))
    async def test_what_is_rolled_back_inside_does_not(self, adapter: Database) -> None:
        """Effects of an inner transaction that is rolled back are never delivered; those of the outer one are."""
        box = await opened(adapter, "inner")
        async with adapter.transaction() as tx:
            with raises(ZeroDivisionError):
                async with tx.transaction() as inner:
                    await box.outbox.add(inner, "inner", "", "inner")
                    _undo()
            await box.outbox.add(tx, "inner", "", "outer")
        await box.outbox.drain()
        assert ["outer"] == box.payloads

    @promise
    async def test_the_order_of_a_key_is_kept(self, adapter: Database) -> None:
        """Effects of one key are delivered in the order of their commits."""
        box = await opened(adapter, "ordered", batch=4)
        await box.leave(*range(12), key="a")
        await box.outbox.drain()
        assert list(range(12)) == box.payloads

    @promise
    async def test_a_failure_holds_up_its_key(self, adapter: Database) -> None:
        """One that fails holds up those of its key behind it, also while it waits for its next attempt."""
        box = await opened(adapter, "held", backoff=1000)

        async def act(effect: Effect) -> None:
            if effect.payload == 1 and not effect.attempts:
                raise OSError("held up")

        box.act = act  # type: ignore[method-assign]
        await box.leave(1, 2, key="a")
        for _ in range(2):
            await box.outbox.drain()
        assert [1] == box.payloads
        await adapter.execute("update arlen_outbox set due = 0")
        await box.outbox.drain()
        assert [1, 1, 2] == box.payloads

    @promise(needs=("concurrent_writes",))
    async def test_transactions_of_one_key_commit_in_order(self, adapter: Database) -> None:
        """Of two transactions at a time with one key, the effects are delivered in the order of the commits."""
        box = await opened(adapter, "turns")
        commits, second = list[int](), anyio.Event()

        async def other() -> None:
            async with adapter.transaction() as tx:
                await box.outbox.add(tx, "turns", "a", 2)
                commits.append(2)
            second.set()

        async with anyio.create_task_group() as group, adapter.transaction() as tx:
            await box.outbox.add(tx, "turns", "a", 1)
            group.start_soon(other)
            with anyio.move_on_after(0.3):  # a database that lets it pass does so at once
                await second.wait()
            commits.append(1)
        await box.outbox.drain()
        assert commits == box.payloads

    @promise
    async def test_failures_are_tried_again(self, adapter: Database) -> None:
        """A handler that fails gets the same effect again, with the same id and the number of failures."""
        box = await opened(adapter, "again")

        async def act(effect: Effect) -> None:
            if effect.attempts < 2:
                raise OSError("again")

        box.act = act  # type: ignore[method-assign]
        await box.leave("x")
        assert 1 == await box.outbox.drain()
        assert [0, 1, 2] == [each.attempts for each in box.seen]
        assert 1 == len({each.id for each in box.seen})

    @promise
    async def test_too_many_failures_are_dead(self, adapter: Database) -> None:
        """After the last attempt an effect is dead: it can be looked at, and driven again."""
        box = await opened(adapter, "dying", max_attempts=2)

        async def act(_: Effect) -> None:
            if len(box.seen) <= 2:
                raise OSError("dying")

        box.act = act  # type: ignore[method-assign]
        await box.leave("x")
        assert 0 == await box.outbox.drain()
        (dead,) = await box.outbox.dead()
        assert (2, "OSError: dying") == (dead.attempts, dead.error)
        assert 1 == await box.outbox.redrive(dead.id)
        assert 1 == await box.outbox.drain()

    @promise
    async def test_a_zombie_relay_is_refused(self, adapter: Database) -> None:
        """A relay whose lease another one has taken settles nothing more."""
        box, thief = await opened(adapter, "zombie"), Box(adapter, "zombie")

        async def act(_: Effect) -> None:
            await expire(adapter)
            await thief.outbox.drain()

        box.act = act  # type: ignore[method-assign]
        await box.leave(1)
        with raises(LeaseLost):
            await box.outbox.drain()
        assert [box.seen[0].id] == [each.id for each in thief.seen]
        assert box.seen[0].token < thief.seen[0].token

    @promise
    async def test_an_inbox_knows_what_was_there(self, adapter: Database) -> None:
        """A receiver learns whether an effect is here for the first time; a rollback forgets it."""
        await install(adapter)
        with raises(ZeroDivisionError):
            async with adapter.transaction() as tx:
                assert await first(tx, "inbox-check")
                _undo()
        for wanted in (True, False):
            async with adapter.transaction() as tx:
                assert wanted is await first(tx, "inbox-check")

    @promise
    async def test_set_equality(self, adapter: Database) -> None:
        """Whatever crashes, what is applied is what was committed, each once, in the order of its key."""
        rng = random.Random(42)  # a sequence to repeat  # noqa: S311
        box, committed, applied = await opened(adapter, "applied", batch=3), list[Any](), list[Any]()

        async def act(effect: Effect) -> None:
            if rng.random() < 0.2:
                raise OSError("applied")
            async with adapter.transaction() as tx:
                if await first(tx, effect.id):
                    applied.append((effect.key, effect.payload))

        box.act = act  # type: ignore[method-assign]
        for number in range(25):
            key, fails = rng.choice("ab"), rng.random() < 0.3
            with suppress(ZeroDivisionError):
                async with adapter.transaction() as tx:
                    await box.outbox.add(tx, "applied", key, number)
                    committed += [] if fails else [(key, number)]
                    if fails:
                        raise ZeroDivisionError
            if rng.random() < 0.4:
                await crash(box, rng)
        await expire(adapter)
        await box.outbox.drain()
        for key in "ab":
            assert [each for each in committed if each[0] == key] == [each for each in applied if each[0] == key]

    @promise(needs=("shared", "listen"))
    async def test_relays_elsewhere_are_told(self, adapter: Database) -> None:
        """A relay of another process learns of a commit without polling."""
        await install(adapter)
        async with adapter.again() as there:
            box, sender = Box(there, "far", poll=3600), Box(adapter, "far")
            async with box.outbox.running():
                with anyio.move_on_after(BOUND / 3):
                    while len(box.seen) < 6:  # the first ones may come before it listens, or before it looks at all
                        await sender.leave("news")
                        await anyio.sleep(0.05)
                assert len(box.seen) >= 6


def _undo() -> None:
    raise ZeroDivisionError


async def opened(adapter: Database, kind: str, **settings: Any) -> Box:
    """Return a box, on a database with the tables."""
    await install(adapter)
    return Box(adapter, kind, **settings)


async def expire(adapter: Database) -> None:
    """Let the time of the store go on past every lease."""
    await adapter.execute("update arlen_leases set until = 1 where until > 1")


async def crash(box: Box, rng: random.Random) -> None:
    """Let a relay die somewhere, and its lease run out."""
    await expire(box.db)
    with armed(f"outbox.relay.{rng.choice(_POINTS)}", f"raise@{rng.randint(1, 4)}"), suppress(FailpointError):
        await box.outbox.drain()


class _Session(WrappedSession):
    """Shows its owner every batch and every statement for many rows."""

    owner: _Changed

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        changed = [each for sql, params in statements if (each := self.owner.batched(sql, params, self))]
        return await self.session.run_batch(changed) if changed else []

    async def run_many(self, sql: str, rows: Any) -> int:
        return await self.session.run_many(*self.owner.many(sql, list(rows)))

    async def rollback(self) -> None:
        await super().rollback()
        await self.owner.rolled(self)

    async def back(self, name: str) -> None:
        await super().back(name)
        await self.owner.backed(self)


class _Changed(Wrapped):
    """A database that does something else about effects of one kind."""

    kind: ClassVar[str]
    old: ClassVar[str] = ""
    new: ClassVar[str] = ""

    def __init__(self, adapter: Database) -> None:
        super().__init__(adapter)
        self.kept: list[tuple[str, Sequence[Any]]] = []

    async def session(self, options: Options) -> Session:
        return _Session(self, await self.adapter.session(options))

    def concerns(self, sql: str) -> bool:
        return "arlen_" in sql

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        return (sql.replace(self.old, self.new) if self.old and self.kind in params else sql), params

    def batched(self, sql: str, params: Sequence[Any], session: _Session) -> tuple[str, Sequence[Any]] | None:
        """Return what is run in place of a statement of a batch."""
        return sql, params

    def many(self, sql: str, rows: list[Any]) -> tuple[str, list[Any]]:
        """Return what is run in place of a statement for many rows."""
        return sql, rows

    async def rolled(self, session: _Session) -> None:
        """Learn that a transaction was rolled back."""

    async def backed(self, session: _Session) -> None:
        """Learn that a savepoint was rolled back."""


@OutboxContract.saboteur("test_what_is_committed_happens")
class Losing(_Changed):
    """Loses effects."""

    kind = "committed"

    def batched(self, sql: str, params: Sequence[Any], session: _Session) -> tuple[str, Sequence[Any]] | None:
        """Leave something out."""
        return None if self.kind in params else (sql, params)


class _Keeping(_Changed):
    """Keeps what is rolled back."""

    def batched(self, sql: str, params: Sequence[Any], session: _Session) -> tuple[str, Sequence[Any]] | None:
        """Leave something out."""
        self.kept += [(sql, params)] if self.kind in params else []
        return sql, params


@OutboxContract.saboteur("test_what_is_rolled_back_does_not")
class Stubborn(_Keeping):
    """Writes effects down although their transaction is rolled back."""

    kind = "undone"

    async def rolled(self, session: _Session) -> None:
        """Write it down all the same."""
        if self.kept:
            await self.adapter.run_batch(self.kept)


@OutboxContract.saboteur("test_what_is_rolled_back_inside_does_not")
class StubbornInside(_Keeping):
    """Writes effects down although their inner transaction is rolled back."""

    kind = "inner"

    async def backed(self, session: _Session) -> None:
        """Write it down all the same."""
        if self.kept:
            await session.session.run_batch(self.kept)


@OutboxContract.saboteur("test_the_order_of_a_key_is_kept")
class Backwards(_Changed):
    """Delivers the last one first."""

    kind, old, new = "ordered", "order by seq", "order by seq desc"


@OutboxContract.saboteur("test_a_failure_holds_up_its_key")
class Overtaking(_Changed):
    """Does not wait for those before."""

    kind, old, new = "held", "(key = ''", "(key is not null"


@OutboxContract.saboteur("test_transactions_of_one_key_commit_in_order")
class Crowding(_Changed):
    """Lets transactions of one key commit in any order."""

    kind = "turns"

    def batched(self, sql: str, params: Sequence[Any], session: _Session) -> tuple[str, Sequence[Any]] | None:
        """Leave something out."""
        return None if "advisory" in sql else (sql, params)


@OutboxContract.saboteur("test_failures_are_tried_again")
class Impatient(_Changed):
    """Tries once."""

    kind = "again"

    def many(self, sql: str, rows: list[Any]) -> tuple[str, list[Any]]:
        """Delete it."""
        if rows[0][-1] == "OSError: again":
            return "delete from arlen_outbox where seq = $1", [row[:1] for row in rows]
        return sql, rows


@OutboxContract.saboteur("test_too_many_failures_are_dead")
class Burying(_Changed):
    """Deletes what is dead."""

    kind = "dying"

    def many(self, sql: str, rows: list[Any]) -> tuple[str, list[Any]]:
        """Delete it."""
        if rows[0][-1] == "OSError: dying" and rows[0][2]:
            return "delete from arlen_outbox where seq = $1", [row[:1] for row in rows]
        return sql, rows


@OutboxContract.saboteur("test_a_zombie_relay_is_refused")
class Unfenced(_Changed):
    """Lets every relay settle."""

    kind = "zombie"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Run a statement, and tell something else."""
        found = await super().ask(lane, sql, params)
        if sql.startswith("update arlen_leases") and isinstance(lane, Session):
            found.affected = 1
        return found


@OutboxContract.saboteur("test_an_inbox_knows_what_was_there")
class Naive(_Changed):
    """Takes everything for new."""

    kind = "inbox-check"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Run a statement, and tell something else."""
        found = await super().ask(lane, sql, params)
        return result(affected=1) if self.kind in params else found


@OutboxContract.saboteur("test_set_equality")
class Hasty(_Changed):
    """Forgets what it hands out, so that a crash loses it."""

    kind = "applied"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Run a statement, and tell something else."""
        found = await super().ask(lane, sql, params)
        if sql.startswith("select seq") and self.kind in params:
            for row in found.rows:
                await lane.run("delete from arlen_outbox where seq = $1", [row[0]])
        return found


@OutboxContract.saboteur("test_relays_elsewhere_are_told")
class Silent(_Changed):
    """Tells nobody."""

    kind = "far"

    def batched(self, sql: str, params: Sequence[Any], session: _Session) -> tuple[str, Sequence[Any]] | None:
        """Leave something out."""
        return None if "pg_notify" in sql else (sql, params)
