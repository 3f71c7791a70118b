"""Lint: what is dangerous about a migration, told before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from arlen_data.habits import HABITS
from arlen_data.limits import LIMITS
from arlen_data.locks import LOCKS
from arlen_data.looks import Look, looks
from arlen_data.scripts import allowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arlen_data.lexer import Statement
    from arlen_data.scripts import Script

__all__ = ["CODES", "Finding", "lint"]

CODES = frozenset(
    {
        "alter_unsupported",
        "backfill_unbounded",
        "backfill_under_lock",
        "cascade_drops",
        "column_refused",
        "constraint_builds_index",
        "drop_breaks_code",
        "index_blocks_writes",
        "index_drop_locks",
        "invalid_index_stays",
        "lock_timeout_missing",
        "needs_no_transaction",
        "not_null_scan",
        "partial_failure",
        "partition_locks",
        "pragma_ignored",
        "rebuild_loses_rows",
        "refresh_locks",
        "rename_breaks_code",
        "session_setting",
        "table_rewrite",
        "validates_under_lock",
    }
)
"""The codes of all findings that can be allowed."""

_RULES = {"postgresql": [*HABITS, *LOCKS], "sqlite": [*HABITS, *LIMITS]}


class Finding(Struct, frozen=True):
    """Something that may do harm.

    Attributes:
        code: a stable word; `-- arlen: allow CODE: REASON` at the statement silences it.
        reason: what happens.
        fix: what to write instead.
        file: as it is shown to people.
        line: from 1.
        statement: its number in the file, from 1.
    """

    code: str
    reason: str
    fix: str
    file: str
    line: int
    statement: int


def lint(script: Script, dialect: str) -> list[Finding]:
    """Return what is dangerous about a migration; nothing is looked up in a database.

    Args:
        script: the migration; what takes it back is not looked at.
        dialect: "postgresql" or "sqlite".

    >>> from arlen_data.scripts import parse
    >>> script = parse("create index i on users (email);", "postgresql", version="2", file="2.sql")
    >>> [(each.code, each.line) for each in lint(script, "postgresql")]
    [('index_blocks_writes', 1)]
    """
    made: list[Finding] = []
    for statement, look in zip(script.up.statements, looks(script), strict=True):
        made += _about(script, statement, look, dialect)
    return made


def _about(script: Script, statement: Statement, look: Look, dialect: str) -> Iterator[Finding]:
    permitted = list(allowed(statement))
    codes = {each.code for each in permitted}
    number = look.place + 1
    for each in permitted:
        if each.code not in CODES:
            reason, fix = f"there is no finding {each.code!r}", "docs/migrations.md lists them"
            yield Finding("allow_unknown", reason, fix, script.file, each.line, number)
    for rule in _RULES[dialect]:
        for code, reason, fix in rule(look):
            if code not in codes:
                yield Finding(code, reason, fix, script.file, statement.line, number)
