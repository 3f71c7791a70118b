"""Databases on which migrations are not safe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from arlen_data.conformance.wrapped import Wrapped, WrappedSession, result
from arlen_data.errors import DatabaseError
from arlen_data.lanes import Lane, Options, Session
from arlen_data.results import Result

__all__ = [
    "BREAKS",
    "Claims",
    "Commits",
    "Cuts",
    "Displaces",
    "Fills",
    "Forgets",
    "Holds",
    "Loses",
    "Miscounts",
    "Remains",
    "Repeats",
    "Replaces",
    "Rows",
    "Shares",
    "Waits",
]

Breaks = TypeVar("Breaks", bound=Callable[[Any], Any])

BREAKS: list[tuple[str, Callable[[Any], Any]]] = []
"""Names of checks of `MigrationContract`, each with a saboteur that it catches."""


def _caught_by(test: str) -> Callable[[Breaks], Breaks]:
    def add(breaks: Breaks) -> Breaks:
        BREAKS.append((test, breaks))
        return breaks

    return add


@_caught_by("test_files_run_once_in_their_order")
class Repeats(Wrapped):
    """Runs a statement twice."""

    about = "insert into m_order"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Run it twice."""
        await lane.run(sql, params)
        return await lane.run(sql, params)


@_caught_by("test_statements_arrive_as_they_are_written")
class Replaces(Wrapped):
    """Replaces what looks like a parameter inside of strings."""

    about = "insert into m_text"

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Replace it."""
        return sql.replace("$1", "?"), params


@_caught_by("test_a_file_that_fails_leaves_nothing")
class Remains(Wrapped):
    """Keeps a table that was rolled back."""

    about = "create table m_whole"

    async def session(self, options: Options) -> Session:
        """Return a session that makes the table again after the rollback."""
        return _Remaining(self, await self.adapter.session(options))


class _Remaining(WrappedSession):
    async def rollback(self) -> None:
        """Roll back, and make the table again."""
        await super().rollback()
        if self.concerned:
            await self.owner.adapter.execute("create table m_whole (v integer)")


@_caught_by("test_a_file_that_was_put_right_runs_again")
class Rows(Wrapped):
    """Adds a row of its own to what a transaction commits."""

    about = "insert into m_right"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Add the row."""
        await lane.run("insert into m_right (v) values (2)", ())
        return await lane.run(sql, params)


@_caught_by("test_a_failure_names_file_statement_and_line")
class Displaces(Wrapped):
    """Says that an error is at the end of its statement."""

    about = "insert into m_named_gone"

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Move the position."""
        error.position = len(sql)
        return error


@_caught_by("test_a_run_that_is_cancelled_leaves_nothing")
class Commits(Wrapped):
    """Commits what it was told to roll back."""

    about = "create table m_cancelled"

    async def session(self, options: Options) -> Session:
        """Return a session that commits, unless it was committed before."""
        return _Committing(self, await self.adapter.session(options))


class _Committing(WrappedSession):
    async def rollback(self) -> None:
        """Commit."""
        await (self.session.commit() if self.concerned else self.session.rollback())


@_caught_by("test_two_runners_apply_each_file_once")
class Loses(Wrapped):
    """Loses a row that is inserted."""

    about = "insert into m_both"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Run nothing for the last one."""
        return result(affected=1) if "(5)" in sql else await lane.run(sql, params)


@_caught_by("test_a_file_that_somebody_else_took_is_passed_over")
class Claims(Wrapped):
    """Says that a row was inserted when it was there."""

    about = "on conflict"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Count a row for the one version that the check is about."""
        found = await lane.run(sql, params)
        return result(affected=1) if "0002_m_taken" in params else found


@_caught_by("test_a_second_runner_waits_for_the_first")
class Shares(Wrapped):
    """Gives a lock to everybody."""

    about = "pg_try_advisory_xact_lock"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Say that the lock is ours, on the database of the one check that it is about."""
        found = await lane.run(sql, params)
        return result(("locked",), (True,)) if self.name == "turn" else found


@_caught_by("test_who_waits_blocks_no_index")
class Holds(Wrapped):
    """Keeps its snapshot while its transaction does nothing."""

    about = "set local"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Ask for a row, which takes a snapshot that stays until the next statement."""
        return await lane.run("select 1", ())


@_caught_by("test_without_a_transaction_each_statement_stands_alone")
class Forgets(Wrapped):
    """Forgets a statement that has no transaction."""

    about = "insert into m_loose"

    async def run(self, sql: str, params: Sequence[Any]) -> Result:
        """Take back what was done."""
        found = await super().run(sql, params)
        if self.concerns(sql):
            await self.adapter.run("delete from m_loose", ())
        return found


@_caught_by("test_a_file_that_changed_is_refused")
class Cuts(Wrapped):
    """Cuts long texts."""

    about = "select version, checksum"

    def got(self, sql: str, found: Result) -> Result:
        """Cut the checksums of the one version that the check is about."""
        rows = [(row[0], row[1][:63] if "m_drift" in row[0] else row[1], *row[2:]) for row in found.rows]
        return result(found.columns, *rows, affected=found.affected)


@_caught_by("test_down_takes_the_last_file_back")
class Miscounts(Wrapped):
    """Says that nothing was deleted."""

    about = "delete from"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Count nothing for the one version that the check is about."""
        found = await lane.run(sql, params)
        return result() if "0002_m_back" in params else found


@_caught_by("test_a_check_at_the_start_finds_what_is_pending")
class Fills(Wrapped):
    """Puts a row into a new table."""

    about = "create table m_start"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Make the table and the row."""
        made = await lane.run(sql, params)
        await lane.run("insert into m_start (v) values (1)", ())
        return made


@_caught_by("test_a_lock_that_is_not_free_ends_the_wait")
class Waits(Wrapped):
    """Waits for a lock without an end."""

    about = "'lock_timeout'"

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Send no bound."""
        return sql, ["0ms", *params[1:]]
