"""Relay: takes effects out of the outbox and gives them to their handlers, one relay at a time."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import msgspec
from msgspec import Meta, Struct

from arlen_core.dispatch import cancelling
from arlen_core.failpoints import failpoint
from arlen_data.deliveries import Deliveries
from arlen_data.effects import CHANNEL, Effect, wakers
from arlen_data.errors import DatabaseError
from arlen_data.lease import Lease, LeaseLost
from arlen_data.schema import instant

if TYPE_CHECKING:
    from arlen_data.database import Database
    from arlen_data.rows import Row

__all__ = ["Handler", "Relay", "RelaySettings", "Undeliverable"]

_log = logging.getLogger("arlen_data")
_RESOURCE = "arlen.outbox"

Handler = Callable[[Effect], Awaitable[object]]

_PICK = """select seq, id, kind, key, payload, attempts from arlen_outbox o
where dead = 0 and due <= {now} and kind in ({kinds}) and (key = '' or not exists (
    select 1 from arlen_outbox e where e.key = o.key and e.seq < o.seq and e.dead = 0
    and (e.due > {now} or e.kind not in ({kinds}))
)) order by seq limit {batch}"""
_DELETE = "delete from arlen_outbox where seq = $1"
_RETRY = "update arlen_outbox set attempts = attempts + 1, due = {now} + $2, dead = $3, error = $4 where seq = $1"


class Undeliverable(DatabaseError):
    """Raised by a handler: trying again cannot help, the effect is dead at once."""

    code = "undeliverable"


class RelaySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How effects are delivered. Times are seconds.

    Attributes:
        batch: effects that are read at a time.
        concurrency: handlers that run at a time; those of one key never do.
        timeout: of one handler; then it is cancelled, and that is a failure.
        max_attempts: then an effect is dead: it stays in the table until somebody drives it again or discards it.
        backoff: pause before the second attempt, doubled each time, drawn at random from the half on.
        max_backoff: the longest pause.
        poll: how long to wait for news; where there is `listen`, and for commits of this process, it is told at once.
        ttl: of the relay's lease: how long nothing is delivered when the process that did so has died.
        grace: while stopping, handlers that run may finish this long.
    """

    batch: Annotated[int, Meta(ge=1, le=1000)] = 100
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 8
    timeout: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    max_attempts: Annotated[int, Meta(ge=1, le=1000)] = 10
    backoff: Annotated[float, Meta(ge=0, le=3600)] = 1.0
    max_backoff: Annotated[float, Meta(ge=0, le=604_800)] = 3600.0
    poll: Annotated[float, Meta(gt=0, le=3600)] = 1.0
    ttl: Annotated[float, Meta(ge=0.1, le=3600)] = 15.0
    grace: Annotated[float, Meta(ge=0, le=3600)] = 10.0


class _Outcome(Struct):
    row: Any
    error: Exception | None = None


class Relay:
    """Delivers the effects of one database while it holds the lease "arlen.outbox".

    Args:
        db: the database.
        handlers: by kind, each with the type of its payload, or `None`. An effect of another kind waits.
        settings: see there.
        deliveries: who learns of them; nobody by default.

    Attributes:
        holds: whether it is this relay that delivers.
        ended: set when `run` has ended.
    """

    def __init__(
        self,
        db: Database,
        handlers: dict[str, tuple[Handler, Any]],
        settings: RelaySettings,
        deliveries: Deliveries | None = None,
    ) -> None:
        self._db, self._handlers, self._settings = db, handlers, settings
        self._deliveries = Deliveries() if deliveries is None else deliveries
        self._news = anyio.Event()
        self._stopping = self.holds = False
        self.ended = anyio.Event()

    async def run(self) -> None:
        """Deliver until `stop`, whenever this relay holds the lease; what goes wrong with the database is retried."""
        wakers.setdefault(self._db, set()).add(self.wake)
        try:
            async with anyio.create_task_group() as group:
                if self._db.capabilities.listen:
                    group.start_soon(self._listen)
                await self._always()
                group.cancel_scope.cancel()
        finally:
            wakers[self._db].discard(self.wake)
            self.ended.set()

    async def drain(self) -> int:
        """Deliver everything that is due, and return how many succeeded; `LeaseTaken` when another relay is at it."""
        count = 0
        async with Lease(self._db, _RESOURCE, ttl=3600, wait=0, keep=False) as lease:
            while (found := await self._round(lease))[0]:
                count += found[1]
        return count

    def wake(self) -> None:
        """Look now: there is something new."""
        self._news.set()

    def stop(self) -> None:
        """Begin nothing more; `run` returns when what is under way has ended."""
        self._stopping = True
        self.wake()

    async def _always(self) -> None:
        pause = 0.1
        while not self._stopping:
            try:
                async with Lease(self._db, _RESOURCE, ttl=self._settings.ttl, wait=self._settings.poll) as lease:
                    await self._hold(lease)
                pause = 0.1
            except LeaseLost as error:
                _log.warning("the relay of the outbox lost its lease: %s", error)
            except DatabaseError as error:
                if error.code != "lease_taken":
                    _log.warning("the relay of the outbox cannot work: %s: %s", type(error).__name__, error)
                    pause = min(pause * 2, 30.0)
                    await self._wait(pause)

    async def _hold(self, lease: Lease) -> None:
        self.holds = True
        try:
            while not self._stopping:
                self._news = anyio.Event()
                found, _ = await self._round(lease)
                await self._deliveries.measure()
                if not found:
                    await self._wait(self._settings.poll)
        finally:
            self.holds = False
            self._deliveries.leave()

    async def _wait(self, seconds: float) -> None:
        if not self._stopping:
            with anyio.move_on_after(seconds):
                await self._news.wait()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._db.listen(CHANNEL) as stream:
                    async for _ in stream:
                        self.wake()
            except DatabaseError as error:  # polling goes on meanwhile
                _log.warning("the relay of the outbox hears nothing: %s", error)
            await anyio.sleep(self._settings.poll)

    async def _round(self, lease: Lease) -> tuple[int, int]:
        """Deliver one batch; return how many effects there were, and how many were delivered."""
        rows, settler = await self._pick(), _Settler(self._settle, lease)
        limit = anyio.Semaphore(self._settings.concurrency)
        try:
            async with anyio.create_task_group() as group:
                for each in _groups(rows):
                    group.start_soon(self._group, each, settler, limit)
        except ExceptionGroup as error:
            raise _plain(error) from None
        return len(rows), settler.delivered

    async def _pick(self) -> list[Row]:
        if not self._handlers:
            return []
        names = list(self._handlers)
        kinds = ", ".join(f"${number}" for number in range(1, len(names) + 1))
        sql = _PICK.format(now=instant(self._db.capabilities.dialect), kinds=kinds, batch=self._settings.batch)
        return await self._db.all(sql, *names)

    async def _group(self, rows: Sequence[Row], settler: _Settler, limit: anyio.Semaphore) -> None:
        for row in rows:
            async with limit:
                if self._stopping or not settler.lease.held:
                    return
                outcome = await self._deliver(row, settler.token)
                await settler.settle(outcome)  # before the next of its key, so that a crash repeats one at most
            if outcome.error is not None and not self._dies(outcome):
                return  # those behind it wait for it

    async def _deliver(self, row: Row, token: int) -> _Outcome:
        handler, into = self._handlers[row.kind]
        failpoint("outbox.relay.before_handler")
        try:
            payload = msgspec.json.decode(row.payload, type=Any if into is None else into)
            effect = Effect(kind=row.kind, key=row.key, payload=payload, id=row.id, attempts=row.attempts, token=token)
            with self._deliveries.span(effect), anyio.fail_after(self._settings.timeout):
                await handler(effect)
        except Exception as error:  # noqa: BLE001  # it is told in the table and in the log
            return _Outcome(row, error)
        except anyio.get_cancelled_exc_class():
            if cancelling():
                raise
            return _Outcome(row, RuntimeError("the handler waited for a task that was cancelled"))
        failpoint("outbox.relay.after_handler")
        return _Outcome(row)

    def _dies(self, outcome: _Outcome) -> bool:
        last = outcome.row.attempts + 1 >= self._settings.max_attempts
        return last or isinstance(outcome.error, Undeliverable)

    async def _settle(self, lease: Lease, outcomes: Sequence[_Outcome]) -> None:
        """Write down what happened; `LeaseLost` when another relay has taken over, which then does it all again."""
        done = [(each.row.seq,) for each in outcomes if each.error is None]
        failed = [self._failure(each) for each in outcomes if each.error is not None]
        failpoint("outbox.relay.before_settle")
        async with self._db.transaction() as tx:
            await lease.fence(tx)
            if done:
                await tx.execute_many(_DELETE, done)
            if failed:
                await tx.execute_many(_RETRY.format(now=instant(tx.capabilities.dialect)), failed)
        for each in outcomes:
            state = "delivered" if each.error is None else "dead" if self._dies(each) else "failed"
            self._deliveries.ended(each.row.kind, state)
        failpoint("outbox.relay.after_settle")

    def _failure(self, outcome: _Outcome) -> tuple[int, float, int, str]:
        row, dies = outcome.row, self._dies(outcome)
        words = f"{type(outcome.error).__name__}: {outcome.error}".replace("\0", "")[:500]
        level = logging.ERROR if dies else logging.WARNING
        state = "is dead" if dies else "failed"
        _log.log(level, "effect %s of kind %s %s: %s", row.id, row.kind, state, words, exc_info=outcome.error)
        pause = min(self._settings.max_backoff, self._settings.backoff * 2 ** min(row.attempts, 30))
        return row.seq, pause * random.uniform(0.5, 1), int(dies), words  # noqa: S311  # jitter


class _Settler:
    """Writes outcomes down, all that came together in one transaction."""

    def __init__(self, write: Callable[[Lease, Sequence[_Outcome]], Awaitable[None]], lease: Lease) -> None:
        self.lease, self.token, self.delivered = lease, lease.token, 0
        self._write = write
        self._waiting: list[tuple[_Outcome, anyio.Event]] = []
        self._busy = False
        self._failure: Exception | None = None

    async def settle(self, outcome: _Outcome) -> None:
        """Return when the outcome is written; the first who comes writes for all, also when it is cancelled."""
        written = anyio.Event()
        self._waiting.append((outcome, written))
        if self._busy:
            await written.wait()
        else:
            with anyio.CancelScope(shield=True), anyio.move_on_after(min(self.lease.ttl, 10.0)):
                await self._flush()
        if self._failure is not None:
            raise self._failure

    async def _flush(self) -> None:
        self._busy = True
        taken: list[tuple[_Outcome, anyio.Event]] = []
        try:
            while self._waiting and self._failure is None:
                taken, self._waiting = self._waiting, []
                outcomes = [each for each, _ in taken]
                await self._write(self.lease, outcomes)
                self.delivered += sum(each.error is None for each in outcomes)
                for _, written in taken:
                    written.set()
        except Exception as error:  # noqa: BLE001  # everybody who waits raises it
            self._failure = error
        finally:
            self._busy = False
            for _, written in (*taken, *self._waiting):
                written.set()


def _plain(group: ExceptionGroup[Exception]) -> Exception:
    """Return the one error that says why a batch ended; the group when there are several kinds."""
    leaves: list[Exception] = []
    rest: list[Exception] = [group]
    while rest:
        each = rest.pop()
        if isinstance(each, ExceptionGroup):
            rest += each.exceptions
        else:
            leaves.append(each)
    return leaves[0] if all(isinstance(each, type(leaves[0])) for each in leaves) else group


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the effects of each key together, in their order; one without a key is alone."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.key or row.seq, []).append(row)
    return list(groups.values())
