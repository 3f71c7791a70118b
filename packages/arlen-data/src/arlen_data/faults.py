"""Faults: what can be wrong with migrations, told with the file, the statement and the line."""

from __future__ import annotations

from arlen_core.errors import StartupError

__all__ = ["MigrationError"]


class MigrationError(StartupError):
    """A migration cannot be read, run, checked or taken back.

    Args:
        reason: what is wrong, naming the file; the cause is the error of the database, when there is one.
        fix: what to do about it.
        code: a stable word; docs/migrations.md lists them.
        version: of the migration, such as "jobs::0001_init".
        file: as it is shown to people.
        line: from 1; 0 when it is about the whole file.
        statement: its number in the file, from 1; 0 when it is about none.

    >>> raise MigrationError("there is no SQL in it", code="migration_empty", file="db/0001_users.sql", line=3)
    Traceback (most recent call last):
        ...
    arlen_data.faults.MigrationError: db/0001_users.sql:3: there is no SQL in it
    """

    def __init__(
        self,
        reason: str,
        *,
        code: str,
        fix: str = "",
        version: str = "",
        file: str = "",
        line: int = 0,
        statement: int = 0,
    ) -> None:
        place = f"{file}:{line}" if line else file
        number = f"statement {statement}" if statement else ""
        super().__init__(": ".join(each for each in (place, number, reason) if each), fix=fix, code=code)
        self.version, self.file, self.line, self.statement = version, file, line, statement
