"""Sites: where `arlen migrate` finds the database and the migrations of an application."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from arlen_core.commands import CommandError
from arlen_core.config import Config
from arlen_core.loading import LoadError, load
from arlen_data.brought import folder, gathered
from arlen_data.database import Database
from arlen_data.folders import suffix
from arlen_data.settings import DatabaseSettings
from arlen_data.targets import Databases, database

if TYPE_CHECKING:
    from argparse import Namespace

    from arlen_data.folders import Source

__all__ = ["Site", "site"]


class Site(Struct, frozen=True):
    """What a command works on: a database, not opened, and the migrations for it."""

    database: Database
    source: Source


def site(args: Namespace) -> Site:
    """Return the database and the migrations that the arguments of `arlen migrate` mean.

    The database is that of `--url`; or the one that the application uses, whose name is `--target`; or that of the
    section `[database]`, when there is no application in the folder.

    Raises:
        CommandError: there is no such database.
        StartupError: the application, or the URL, is broken.
    """
    target = args.target or "default"
    suffix(target)
    if args.url is not None:
        return Site(database(args.url, name=target), args.folder or folder(target))
    app = _app(args)
    if app is None:
        return Site(_configured(target), args.folder or folder(target))
    found = _used(app, target)
    return Site(found, args.folder or gathered(app, found))


def _app(args: Namespace) -> Any:
    """Return the application; `None` when there is none here and none is named."""
    os.environ.setdefault("ARLEN_ENV", "development")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return load(args.app, Path.cwd())
    except LoadError as error:
        if error.stage != "find" or args.app or os.environ.get("ARLEN_APP"):
            raise
        return None


def _used(app: Any, target: str) -> Database:
    found: dict[str, Database] = {}
    for plugin in app.plugins:
        if isinstance(plugin, Database):
            found[plugin.name] = plugin
        elif isinstance(plugin, Databases):
            found |= plugin._made  # noqa: SLF001
    if target in found:
        return found[target]
    if found:
        reason = f"the application has no database {target!r}; it has {', '.join(sorted(found))}"
        raise CommandError("database_unknown", reason, fix="name one of them with --target", exit=2)
    return _configured(target, app.config)


def _configured(target: str, config: Config | None = None) -> Database:
    config = Config.load(Path.cwd()) if config is None else config
    settings = config.section("database", DatabaseSettings)
    url = settings.url if target == "default" else settings.targets.get(target)
    if not url:
        key = "url" if target == "default" else f"targets.{target}"
        fix = "name it with --url, or set ARLEN_DATABASE__" + key.upper().replace(".", "__")
        reason = f"there is no application here that uses a database, and database.{key} is not set"
        raise CommandError("database_missing", reason, fix=fix, exit=2)
    return database(url, name=target)
