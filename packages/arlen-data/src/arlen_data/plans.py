"""Plans: what is to be done, from the files and the state table; nothing here touches a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from arlen_data.faults import MigrationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from arlen_data.history import Entry
    from arlen_data.scripts import Script

__all__ = ["Row", "Want", "drifted", "latest", "pending", "rows"]

Want = Literal["all", "pre", "post"]
"""Which migrations to run: all, those before the new code runs, or those after it."""


class Row(Struct, frozen=True):
    """How one migration stands.

    Attributes:
        version: see `Script`.
        state: "pending"; "applied"; "drifted": applied, and its file has changed since; "running" and "failed": a file
            without a transaction that did not come to its end; "missing": applied, and there is no such file here.
        phase: see `Script`.
        file: "" when it is missing.
        applied_at: in UTC, as in RFC 3339; "" when it is pending.
        can_go_down: somebody has written what takes it back.
    """

    version: str
    state: Literal["pending", "applied", "drifted", "running", "failed", "missing"]
    phase: str = ""
    file: str = ""
    applied_at: str = ""
    can_go_down: bool = False


def rows(scripts: Sequence[Script], entries: Mapping[str, Entry]) -> list[Row]:
    """Return how every migration stands, in the order of the files; the missing ones come last."""
    made = [_row(script, entries.get(script.version)) for script in scripts]
    known = {script.version for script in scripts}
    gone = [Row(each.version, "missing", applied_at=each.applied_at) for each in entries.values()]
    return made + [row for row in gone if row.version not in known]


def pending(scripts: Sequence[Script], entries: Mapping[str, Entry], phase: Want = "all") -> list[Script]:
    """Return what is to be run, in its order.

    Raises:
        MigrationError: a file has changed since it was applied, one did not come to its end, or `phase` is "post" and
            something that belongs before the new code is pending.
    """
    _wanted(phase)
    for script in scripts:
        entry = entries.get(script.version)
        if entry is not None:
            _sound(script, entry)
    open_ = [script for script in scripts if script.version not in entries]
    early = [script for script in open_ if script.phase != "post"]
    if phase == "post" and early:
        fix = "run them first: `arlen migrate --phase pre`"
        message = f"it is pending, and belongs before the new code ({len(early)} in all)"
        raise early[0].fault(message, code="migration_phase", fix=fix)
    return {"all": open_, "pre": early, "post": [script for script in open_ if script.phase == "post"]}[phase]


def latest(scripts: Iterable[Script], entries: Mapping[str, Entry], count: int) -> list[Script]:
    """Return the migrations that were applied last, the last one first.

    Args:
        scripts: those that may be taken back; others are passed over.
        entries: in the order in which they were applied.
        count: how many, at least 1.

    Raises:
        MigrationError: one of them cannot be taken back.
    """
    if count < 1:
        raise MigrationError(f"{count} migrations cannot be taken back", code="migration_count", fix="name 1 or more")
    known = {script.version: (at, script) for at, script in enumerate(scripts)}
    done = [(entry.applied_at, *known[entry.version]) for entry in entries.values() if entry.version in known]
    done.sort(key=lambda each: each[:2], reverse=True)
    chosen = [script for _, _, script in done[:count]]
    for script in chosen:
        _sound(script, entries[script.version])
        if script.down is None:
            fix = "write a line `-- arlen: down` and what takes it back after it, or go forward with a new migration"
            raise script.fault("nobody has written what takes it back", code="migration_no_down", fix=fix)
    return chosen


def drifted(script: Script, entry: Entry) -> bool:
    """Tell whether a file has changed since it was applied."""
    return entry.state == "applied" and entry.checksum != script.checksum


def _row(script: Script, entry: Entry | None) -> Row:
    state = "pending" if entry is None else "drifted" if drifted(script, entry) else entry.state
    moment = "" if entry is None else entry.applied_at
    return Row(script.version, state, script.phase, script.file, moment, script.down is not None)


def _sound(script: Script, entry: Entry) -> None:
    name = script.version
    if entry.state != "applied":
        message = f"it did not come to its end: {entry.done} of its statements took effect (begun {entry.applied_at})"
        fix = (
            f"look what there is, repair it by hand, then `arlen migrate resolve {name} --as applied`, "
            "or `--as pending` to run it again"
        )
        raise script.fault(message, code="migration_dirty", fix=fix)
    if drifted(script, entry):
        message = f"it has changed since it was applied at {entry.applied_at}"
        fix = f"take the change back and write a new migration, or `arlen migrate accept {name}` if it does no harm"
        raise script.fault(message, code="migration_drift", fix=fix)


def _wanted(phase: str) -> None:
    if phase not in {"all", "pre", "post"}:
        raise MigrationError(f"{phase!r} is no phase", code="migration_phase", fix="name all, pre or post")
