"""Schema: the migrations, applied at the start, also to the file of a board that had none yet."""

from pathlib import Path

from arlen import StartupError
from arlen_data import Database
from arlen_data.migrations import Mode, at_start, resolve

__all__ = ["MIGRATIONS", "prepare"]

MIGRATIONS = Path(__file__).parent / "db" / "migrations"
FIRST = "0001_incidents"
"""What the first version of the board made by itself; it marked its files with `pragma user_version = 1`."""


async def prepare(db: Database, mode: Mode = "apply") -> None:
    """Apply the migrations that are missing, or only look whether `arlen migrate` has done it.

    Args:
        db: opened.
        mode: "apply", "check" or "off"; see `arlen_data.migrations.at_start`, which says what is raised.

    Raises `StartupError` for a file that belongs to something else.
    """
    if mode == "apply" and db.capabilities.dialect == "sqlite":
        await _adopt(db)
    await at_start(db, MIGRATIONS, mode)


async def _adopt(db: Database) -> None:
    tables = set(await db.all("select name from sqlite_master where type = 'table'", into=str))
    if not tables or "arlen_schema_migrations" in tables:
        return
    if await db.value("pragma user_version") != 1 or not tables >= {"incidents", "tags", "notes"}:
        fix = "point database.url at another file, or move this one away"
        raise StartupError("the database holds the tables of something else", fix=fix)
    await resolve(db, MIGRATIONS, FIRST, "applied")
