"""Lint: what is dangerous about a migration, told before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from arlen_data.scripts import Script

__all__ = ["Finding", "lint"]


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
    """Return what is dangerous about a migration; nothing is looked up in a database."""
    return []
