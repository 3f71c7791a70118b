"""Runner: runs migrations one after another, each of them whole or not at all."""

from __future__ import annotations

import logging
import random
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from msgspec import Struct

from arlen_core.failpoints import failpoint
from arlen_data.errors import DatabaseError, InvalidArgument, LockTimeout, Unsupported
from arlen_data.faults import MigrationError
from arlen_data.plans import latest, pending
from arlen_data.turns import late

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from arlen_data.database import Database
    from arlen_data.history import Entry, History
    from arlen_data.lexer import Statement
    from arlen_data.plans import Want
    from arlen_data.queries import Queries
    from arlen_data.scripts import Header, Part, Script
    from arlen_data.turns import Turn

__all__ = ["Done", "Limits", "Runner"]

T = TypeVar("T")

_log = logging.getLogger("arlen_data")

_LIMITS = (
    "select set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true), "
    "(select set_config(name, '0', true) from pg_settings where name = 'transaction_timeout')"
)


class Limits(Struct, frozen=True):
    """How patient a run is.

    Attributes:
        lock_timeout: seconds that a statement waits for a lock, in a file with a transaction; 0.0 is for ever.
        attempts: how often such a file is tried when a lock did not become free, at least 1.
        wait: seconds for another runner to finish.
    """

    lock_timeout: float = 5.0
    attempts: int = 10
    wait: float = 300.0


class Done(Struct, frozen=True):
    """A migration that was applied, or taken back.

    Attributes:
        version: see `Script`.
        file: see `Script`.
        seconds: how long it took, with the attempts that failed.
    """

    version: str
    file: str
    seconds: float


class _Work(Struct, frozen=True):
    """One direction of a script: what is told to the state table before it, what runs, what is told after it."""

    script: Script
    part: Part
    begin: Callable[[Queries], Awaitable[bool]]
    end: Callable[[Queries], Awaitable[object]] | None = None

    def failed(self, error: DatabaseError, number: int, statement: Statement) -> MigrationError:
        """Return the error of a statement: it names its line, the one in it where the server says so."""
        line = statement.line + statement.text.count("\n", 0, max(error.position - 1, 0))
        fix = "correct it and run again: nothing of this file took effect"
        if not self.part.header.transaction:
            fix = "see `arlen migrate status`: what came before it in this file took effect"
        elif isinstance(error, LockTimeout):
            fix = "find who holds the lock, run it at a quieter time, or wait longer: `-- arlen: lock-timeout 30s`"
        return self.script.fault(str(error), code="migration_failed", fix=fix, line=line, statement=number)


class Runner:
    """Runs migrations while it is our turn.

    Args:
        turn: ours.
        scripts: all that there are, in their order.
        history: the state table.
        limits: how patient to be.
    """

    def __init__(self, turn: Turn, scripts: Sequence[Script], history: History, limits: Limits) -> None:
        self._turn, self._db, self._scripts = turn, turn.database, scripts
        self._history, self._limits = history, limits

    async def prepare(self) -> None:
        """Make the state table unless it is there."""

        async def create() -> None:
            async with self._db.transaction() as tx:
                await self._history.create(tx)

        while not await self._patient(lambda: self._history.find(self._db)):
            await self._patient(create)

    async def forward(self, phase: Want) -> list[Done]:
        """Apply what is pending and return it; the first failure ends it, and leaves what came before.

        Raises:
            MigrationError: see docs/migrations.md.
        """
        made: list[Done] = []
        tried = ""
        while todo := pending(self._scripts, await self._entries(), phase):
            script = todo[0]
            if script.version == tried:
                fix = "look whether something takes back what this process commits"
                message = "it was run, and the state table does not have it"
                raise script.fault(message, code="migration_lost", fix=fix)
            made += await self._do(self._up(script), "applied")
            tried = script.version
        return made

    async def back(self, count: int) -> list[Done]:
        """Take the last `count` migrations back, the last one first, and return them.

        Raises:
            MigrationError: see docs/migrations.md.
        """
        made: list[Done] = []
        for script in latest(self._scripts, await self._entries(), count):
            await self._turn.check()
            made += await self._do(self._down(script), "taken back")
        return made

    async def _entries(self) -> dict[str, Entry]:
        """Return the state; without a lock, wait for whoever runs a file that has no transaction."""
        clock = self._db.clock
        until = clock.monotonic() + self._limits.wait
        await self._turn.check()
        while True:
            entries = await self._patient(lambda: self._history.entries(self._db))
            busy = not self._turn.exclusive and any(each.state == "running" for each in entries.values())
            if not busy or clock.monotonic() >= until:
                return entries
            await clock.sleep(0.1)

    def _up(self, script: Script) -> _Work:
        history, version, part = self._history, script.version, script.up
        whole = part.header.transaction

        async def begin(lane: Queries) -> bool:
            return await history.claim(lane, version, script.checksum, "applied" if whole else "running")

        async def end(lane: Queries) -> None:
            await history.mark(lane, version, "applied", len(part.statements))

        return _Work(script, part, begin, None if whole else end)

    def _down(self, script: Script) -> _Work:
        assert script.down is not None  # noqa: S101  # latest() has looked
        history, version, part = self._history, script.version, script.down

        async def forget(lane: Queries) -> bool:
            return await history.forget(lane, version)

        async def begin(lane: Queries) -> bool:
            await history.mark(lane, version, "running", 0)
            return True

        return _Work(script, part, forget) if part.header.transaction else _Work(script, part, begin, forget)

    async def _do(self, work: _Work, verb: str) -> list[Done]:
        clock = self._db.clock
        begun = clock.monotonic()
        if not await (self._whole if work.part.header.transaction else self._loose)(work):
            return []  # somebody else did it
        seconds = clock.monotonic() - begun
        _log.info("migration %s %s in %.3f s", work.script.version, verb, seconds)
        return [Done(work.script.version, work.script.file, seconds)]

    async def _whole(self, work: _Work) -> bool:
        """Run a file in a transaction, and again when a lock did not become free."""
        clock, limits, attempt = self._db.clock, self._limits, 0
        until = clock.monotonic() + limits.wait
        while True:
            attempt += 1
            try:
                return await self._once(work)
            except MigrationError as error:
                if not _again(error.__cause__) or attempt >= limits.attempts:
                    raise
            except DatabaseError as error:  # at its begin, where another runner may be at work, or at its commit
                if isinstance(error, LockTimeout) and clock.monotonic() >= until:
                    raise late(limits.wait, file=work.script.file) from error
                if not _again(error):
                    fix = "correct it and run again: nothing of this file took effect"
                    raise work.script.fault(str(error), code="migration_failed", fix=fix) from error
            await clock.sleep(_pause(attempt))

    async def _patient(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Do something small, and again while another runner has the whole database."""
        clock, attempt = self._db.clock, 0
        until = clock.monotonic() + self._limits.wait
        while True:
            try:
                return await ask()
            except LockTimeout as error:
                if clock.monotonic() >= until:
                    raise late(self._limits.wait) from error
            attempt += 1
            await clock.sleep(_pause(attempt))

    async def _once(self, work: _Work) -> bool:
        header = work.part.header
        async with self._place(work.script, header) as db, db.transaction(**_isolation(db)) as tx:
            if not await work.begin(tx):
                return False
            failpoint("migrations.claimed")
            await self._limit(tx, header)
            for number, statement in enumerate(work.part.statements, 1):
                try:
                    await tx.execute(statement.text)
                except DatabaseError as error:
                    raise work.failed(error, number, statement) from error
                failpoint("migrations.statement")
            if not header.foreign_keys and db.capabilities.dialect == "sqlite":
                await _consistent(work.script, tx)
            failpoint("migrations.before_commit")
        failpoint("migrations.committed")
        return True

    async def _limit(self, tx: Queries, header: Header) -> None:
        if self._db.capabilities.lock_timeout and self._db.capabilities.dialect == "postgresql":
            lock = self._limits.lock_timeout if header.lock_timeout is None else header.lock_timeout
            await tx.all(_LIMITS, f"{lock * 1000:.0f}ms", f"{header.statement_timeout * 1000:.0f}ms")

    async def _loose(self, work: _Work) -> bool:
        """Run a file statement by statement; the state table knows how far it came."""
        version, done = work.script.version, 0
        async with self._place(work.script, work.part.header) as db:
            if not await self._patient(lambda: work.begin(db)):
                return False
            try:
                for number, statement in enumerate(work.part.statements, 1):
                    failpoint("migrations.loose")
                    try:
                        await db.execute(statement.text)
                    except DatabaseError as error:
                        raise work.failed(error, number, statement) from error
                    done = number
                    await self._patient(partial(self._history.mark, db, version, "running", done))
            except BaseException:
                with anyio.CancelScope(shield=True), suppress(DatabaseError):
                    await self._history.mark(self._db, version, "failed", done)
                raise
            if work.end is not None:
                await self._patient(partial(work.end, db))
        return True

    def _place(self, script: Script, header: Header) -> AbstractAsyncContextManager[Database]:
        """Return where a file runs: the database, or one with the settings that its header asks for."""
        dialect = self._db.capabilities.dialect
        changes: dict[str, Any] = {}
        if not header.foreign_keys and dialect == "sqlite":
            changes["foreign_keys"] = False
        if not header.transaction and dialect == "postgresql":
            limits = {"lock_timeout": header.lock_timeout, "statement_timeout": header.statement_timeout}
            changes = {name: value for name, value in limits.items() if value}
        if not changes:
            return nullcontext(self._db)
        try:
            return self._db.again(**changes)
        except (InvalidArgument, Unsupported) as error:
            asked = " and ".join(each.replace("_", "-") for each in changes)
            fix = "remove it, or use an adapter that has this setting"
            message = f"{self._db.capabilities.adapter} cannot do {asked} for a single file"
            raise script.fault(message, code="migration_header", fix=fix) from error


async def _consistent(script: Script, tx: Queries) -> None:
    """Refuse rows that refer to nothing, for foreign keys were off."""
    rows = await tx.all("pragma foreign_key_check")
    if rows:
        message = f"{len(rows)} rows of {rows[0][0]} refer to rows of {rows[0][2]} that are not there"
        fix = "copy every row, or remove those; nothing of this file took effect"
        raise script.fault(message, code="migration_failed", fix=fix)


def _pause(attempt: int) -> float:
    return random.uniform(0.5, 1.0) * min(0.05 * 2.0 ** min(attempt, 8), 10.0)  # noqa: S311  # jitter, no secret


def _again(error: BaseException | None) -> bool:
    return isinstance(error, LockTimeout) or (isinstance(error, DatabaseError) and error.is_retryable)


def _isolation(db: Database) -> dict[str, Any]:
    return {"isolation": "read committed"} if db.capabilities.isolation else {}
