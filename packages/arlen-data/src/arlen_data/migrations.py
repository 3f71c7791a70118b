"""Migrations: plain SQL files, applied once each, in their order, on every database that an application has."""

from __future__ import annotations

from contextlib import asynccontextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from arlen_data.faults import MigrationError
from arlen_data.folders import Source, read
from arlen_data.history import Entry, History
from arlen_data.lint import Finding, lint
from arlen_data.plans import Row, Want, latest, pending, rows
from arlen_data.runner import Done, Limits, Runner
from arlen_data.scripts import Script
from arlen_data.turns import turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from arlen_data.database import Database

__all__ = [
    "FOLDER",
    "Mode",
    "Plan",
    "accept",
    "at_start",
    "back",
    "down",
    "migrate",
    "plan",
    "resolve",
    "status",
]

FOLDER = "db/migrations"
"""Where the migrations of an application are; those of a second database are in a folder below it, of its name."""

Mode = Literal["apply", "check", "off"]


class Plan(Struct, frozen=True):
    """What `migrate` would do.

    Attributes:
        pending: what would run, in its order.
        findings: what is dangerous or wrong about it; see `arlen_data.lint`.
    """

    pending: list[Script]
    findings: list[Finding]


async def migrate(
    db: Database,
    source: Source = FOLDER,
    *,
    phase: Want = "all",
    lock_timeout: float = 5.0,
    attempts: int = 10,
    wait: float = 300.0,
) -> list[Done]:
    """Apply what is pending, and return what this call applied.

    Any number of processes may call it at once: each file runs once, the others wait, and find nothing to do.

    Args:
        db: opened. Its `name` chooses the state table.
        source: folders of migrations, those of packages first.
        phase: "pre" for what belongs before the new code, "post" for what belongs after it, or "all".
        lock_timeout: seconds that a statement waits for a lock, in a file with a transaction, unless the file says
            otherwise; 0.0 is for ever. Needs `lock_timeout`.
        attempts: how often such a file is tried when a lock did not become free, with pauses of up to 10 s.
        wait: seconds for another runner to finish.

    Raises:
        MigrationError: a file is wrong, has changed, or failed; see docs/migrations.md for the codes.
        DatabaseError: the database cannot be reached.
    """
    scripts = read(source, db.capabilities.dialect)
    async with _prepared(db, scripts, Limits(lock_timeout, attempts, wait)) as (_, runner):
        return await runner.forward(phase)


async def plan(db: Database, source: Source = FOLDER, *, phase: Want = "all") -> Plan:
    """Return what `migrate` would do, and what is dangerous about it; nothing is written.

    Args:
        db: opened.
        source: see `migrate`.
        phase: see `migrate`.

    Raises:
        MigrationError: `migrate` would refuse.
    """
    scripts = read(source, db.capabilities.dialect)
    todo = pending(scripts, await _entries(db), phase)
    return Plan(todo, [finding for script in todo for finding in lint(script, db.capabilities.dialect)])


async def status(db: Database, source: Source = FOLDER) -> list[Row]:
    """Return how every migration stands; nothing is written.

    Args:
        db: opened.
        source: see `migrate`.

    Raises:
        MigrationError: a file is wrong.
    """
    return rows(read(source, db.capabilities.dialect), await _entries(db))


async def down(
    db: Database,
    source: Source = FOLDER,
    count: int = 1,
    *,
    lock_timeout: float = 5.0,
    attempts: int = 10,
    wait: float = 300.0,
) -> list[Done]:
    """Take the migrations back that were applied last, and return them.

    Args:
        db: opened.
        source: see `migrate`; what is of other folders stays.
        count: how many, at least 1.
        lock_timeout: see `migrate`.
        attempts: see `migrate`.
        wait: see `migrate`.

    Raises:
        MigrationError: one of them has nothing that takes it back, then none is touched; or one failed.
    """
    scripts = read(source, db.capabilities.dialect)
    async with _prepared(db, scripts, Limits(lock_timeout, attempts, wait)) as (_, runner):
        return await runner.back(count)


async def back(db: Database, source: Source = FOLDER, count: int = 1) -> list[Script]:
    """Return what `down` would take back; nothing is written.

    Args:
        db: opened.
        source: see `migrate`.
        count: see `down`.

    Raises:
        MigrationError: `down` would refuse.
    """
    return latest(read(source, db.capabilities.dialect), await _entries(db), count)


async def accept(db: Database, source: Source, version: str) -> None:
    """Take the content that a file has now for the one that was applied: for a change that does no harm.

    Args:
        db: opened.
        source: see `migrate`.
        version: of the migration.

    Raises:
        MigrationError: there is no such file, or it has not been applied.
    """
    async with _prepared(db, scripts := read(source, db.capabilities.dialect), Limits()) as (history, _):
        script = _named(scripts, version)
        if not await history.sign(db, version, script.checksum):
            raise script.fault("it has not been applied", code="migration_unknown", fix="arlen migrate")


async def resolve(db: Database, source: Source, version: str, state: Literal["applied", "pending"]) -> None:
    """Say how a migration stands, without running it: after a failure in the middle, or for a database that has it.

    Args:
        db: opened.
        source: see `migrate`.
        version: of the migration.
        state: "applied", or "pending": it runs with the next `migrate`.

    Raises:
        MigrationError: there is no such file.
    """
    async with _prepared(db, scripts := read(source, db.capabilities.dialect), Limits()) as (history, _):
        script = _named(scripts, version)
        async with db.transaction() as tx:
            await history.forget(tx, version)
            if state == "applied":
                await history.claim(tx, version, script.checksum, "applied")


async def at_start(db: Database, source: Source | None = FOLDER, mode: Mode = "apply", **options: Any) -> list[Done]:
    """Do what an application does about migrations when it starts; return what was applied.

    Args:
        db: opened.
        source: see `migrate`; `None` does nothing.
        mode: "apply" applies them. "check" refuses to start while something is pending that belongs before this code;
            what belongs after it is fine, and so is what is not known here. "off" does nothing.
        options: of `migrate`, for "apply".

    Raises:
        MigrationError: what `migrate` raises; the code is "migrations_pending" when "check" refuses.
    """
    if mode not in {"apply", "check", "off"}:
        raise MigrationError(f"{mode!r} is no mode", code="migration_mode", fix="name apply, check or off")
    if source is None or mode == "off":
        return []
    if mode == "apply":
        return await migrate(db, source, **options)
    todo = pending(read(source, db.capabilities.dialect), await _entries(db), "pre")
    if todo:
        names = ", ".join(each.version for each in todo[:5]) + ", ..." * (len(todo) > 5)
        message = f"the database {db.name!r} lacks {len(todo)} migrations: {names}"
        raise MigrationError(message, code="migrations_pending", fix="arlen migrate")
    return []


@asynccontextmanager
async def _prepared(db: Database, scripts: Sequence[Script], limits: Limits) -> AsyncIterator[tuple[History, Runner]]:
    history = History(db.capabilities, db.name)
    async with turn(db, history.table, limits.wait) as ours:
        runner = Runner(ours, scripts, history, limits)
        await runner.prepare()
        yield history, runner


async def _entries(db: Database) -> dict[str, Entry]:
    history = History(db.capabilities, db.name)
    return await history.entries(db) if await history.find(db) else {}


def _named(scripts: Sequence[Script], version: str) -> Script:
    names = {script.version: script for script in scripts}
    if version not in names:
        near = get_close_matches(version, names, 1)
        fix = f"did you mean {near[0]!r}?" if near else "arlen migrate status lists them"
        raise MigrationError(f"there is no migration {version!r}", code="migration_unknown", fix=fix)
    return names[version]
