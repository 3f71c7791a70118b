"""Databases that mistreat those who come at the same time, or who stop waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import anyio

from arlen_data.conformance.wrapped import Wrapped, WrappedSession, caught_by
from arlen_data.errors import DatabaseError, Deadlock, LockTimeout, QueryCanceled
from arlen_data.lanes import Lane, Options, Session
from arlen_data.results import Result
from arlen_data.transactions import Transaction

__all__ = [
    "Again",
    "AnyLock",
    "Blocked",
    "Both",
    "Broken",
    "Crossed",
    "Evicting",
    "Final",
    "Late",
    "LostUpdate",
    "Mixed",
    "Nameless",
    "Regular",
    "Same",
    "Stubborn",
    "Unlocked",
    "Unserialized",
    "Vague",
]

T = TypeVar("T")


@caught_by("test_tx09_a_lost_race_is_run_again")
class Regular(Wrapped):
    """All pauses between attempts are the same."""

    async def transact(self, work: Callable[[Transaction], Awaitable[T]], *, attempts: int = 5, **options: Any) -> T:
        """Sleep as long each time."""
        for attempt in range(1, attempts + 1):
            try:
                async with self.transaction(**options) as tx:
                    return await work(tx)
            except DatabaseError as error:
                if not error.is_retryable or attempt == attempts:
                    raise
            await self.clock.sleep(0.005)
        raise AssertionError


@caught_by("test_tx09_attempts_are_bounded")
class Again(Wrapped):
    """What is nobody's race is run again too."""

    async def transact(self, work: Callable[[Transaction], Awaitable[T]], **options: Any) -> T:
        """Try once more."""
        try:
            return await super().transact(work, **options)
        except ValueError:
            return await super().transact(work, **options)


@caught_by("test_tx09_a_real_race")
class Unserialized(Wrapped):
    """`transact` does not care for the isolation."""

    async def transact(self, work: Callable[[Transaction], Awaitable[T]], **options: Any) -> T:
        """Forget it."""
        return await super().transact(work, **options | {"isolation": "read committed"})


@caught_by("test_tx10_a_deadlock_has_one_victim")
class Final(Wrapped):
    """A deadlock is the end."""

    about = "tx10"

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Give another class."""
        return DatabaseError("deadlock") if isinstance(error, Deadlock) else error


@caught_by("test_tx10_writers_wait_for_each_other")
class LostUpdate(Wrapped):
    """A change is made from a value that was read before."""

    about = "tx10_row"

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Write what it was plus one."""
        return sql.replace("v + 1", "1"), params


@caught_by("test_mg01_two_runners_at_once")
class Both(Wrapped):
    """What is there already is passed over."""

    about = "mg01_ledger"

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Pass over it."""
        return (f"{sql} on conflict do nothing" if sql.startswith("insert") else sql), params


@caught_by("test_tx10_locked_rows_are_skipped")
class Unlocked(Wrapped):
    """A locked row is picked."""

    about = "for update skip locked"

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Do not look at locks."""
        return sql.replace(self.about, ""), params


@caught_by("test_tx10_locks_by_number")
class AnyLock(Wrapped):
    """Two take the same lock."""

    about = r"advisory_lock\(42\)"
    taken = 0

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Take another one."""
        self.taken += 1
        return sql.replace("42", str(self.taken)), params


@caught_by("test_tx11_a_rollback_keeps_what_is_prepared")
class Evicting(Wrapped):
    """A rollback forgets what is prepared."""

    about = "tx11"

    async def session(self, options: Options) -> Session:
        """Give one that forgets."""
        return _Forgetful(self, await self.adapter.session(options))


class _Forgetful(WrappedSession):
    async def rollback(self) -> None:
        if self.concerned:
            await self.session.run("deallocate all", ())
        await super().rollback()


@caught_by("test_cx01_a_cancelled_query_stops")
class Late(Wrapped):
    """Who is cancelled waits a little longer."""

    about = "cx01"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Take one's time."""
        try:
            return await lane.run(sql, params)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.3)


@caught_by("test_cx02_cancelled_in_a_statement")
class Broken(Wrapped):
    """Who comes after somebody who was cancelled gets a broken connection."""

    about = r"cx02_\w+"
    cut = False

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Fail once after it."""
        if self.cut:
            raise DatabaseError("another answer was expected")
        try:
            return await lane.run(sql, params)
        except asyncio.CancelledError:
            self.cut = True
            raise


@caught_by("test_cx04_a_timeout_around_a_query")
class Stubborn(Wrapped):
    """A cancel becomes an error of its own."""

    about = "cx04_around"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Swallow the cancel."""
        try:
            return await lane.run(sql, params)
        except asyncio.CancelledError:
            raise QueryCanceled("cancelled") from None


@caught_by("test_cx04_a_timeout_of_the_server")
class Vague(Wrapped):
    """A timeout of the server is any error."""

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Lose the class."""
        return DatabaseError(str(error)) if isinstance(error, QueryCanceled) else error


@caught_by("test_cx04_a_timeout_of_a_lock")
class Nameless(Wrapped):
    """A timeout of a lock is one of the server."""

    about = "cx04"

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Give another class."""
        return QueryCanceled("too late", sqlstate="57014") if isinstance(error, LockTimeout) else error


class _Previous(Wrapped):
    """Gives the answer to the question before."""

    last: Result | None = None

    def got(self, sql: str, found: Result) -> Result:
        self.last, found = found, self.last or found
        return found


@caught_by("test_cx05_two_tasks_in_one_transaction")
class Crossed(_Previous):
    """Two tasks of one transaction get each other's answers."""

    about = "cx05"


@caught_by("test_cx06_many_tasks")
class Mixed(_Previous):
    """Many tasks get each other's answers."""

    about = "cx06"


@caught_by("test_cx07_the_event_loop_goes_on")
class Blocked(Wrapped):
    """A query holds up the event loop."""

    about = "cx07"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Hold it up."""
        found = await lane.run(sql, params)
        time.sleep(1.5)  # that is the fault  # noqa: ASYNC251
        return found


@caught_by("test_ty15_what_cannot_be_held_is_named")
class Same(Wrapped):
    """After a value that cannot be held nothing else works."""

    about = "ty15"
    cut = False

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Fail after it."""
        if self.cut:
            raise DatabaseError("another answer was expected")
        try:
            return await lane.run(sql, params)
        except DatabaseError:
            self.cut = True
            raise
