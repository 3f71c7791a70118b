"""Brought: the migrations of an application for one of its databases, those of its plugins too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlen_data.folders import Migrations
from arlen_data.migrations import FOLDER
from arlen_data.queries import Queries

if TYPE_CHECKING:
    from arlen_data.database import Database

__all__ = ["folder", "gathered"]


def folder(target: str) -> str:
    """Return the folder of an application's migrations for a database.

    >>> folder("default"), folder("reports")
    ('db/migrations', 'db/migrations/reports')
    """
    return FOLDER if target == "default" else f"{FOLDER}/{target}"


def gathered(app: Any, db: Database) -> list[Migrations]:
    """Return all migrations of an application for a database: those of its plugins, then its own.

    Args:
        app: whose plugins may have an attribute `migrations`, a `Migrations` or several, or add them to
            `app.migrations`.
        db: its attribute `migrations`, when it has one, is the folder of the application's own; otherwise that is
            `db/migrations`, or `db/migrations/NAME` for another database than the default one.
    """
    app.plugins.settle()
    found: list[Migrations] = []
    for each in app.plugins.order():
        brought = [] if isinstance(each.plugin, Queries) else getattr(each.plugin, "migrations", None) or []
        found += [brought] if isinstance(brought, Migrations) else brought
        found += each.items.get("migrations", ())
    made = [each for each in dict.fromkeys([*found, *app.migrations]) if each.target == db.name]
    own = getattr(db, "migrations", None) or folder(db.name)
    own = own if isinstance(own, Migrations) else Migrations(Path(app.root) / own, target=db.name)
    return [*made, own] if own.folder.is_dir() or not made else made
