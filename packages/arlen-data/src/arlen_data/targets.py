"""Targets: databases by their URLs, so that one line of configuration moves an application to another engine."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from arlen_core.errors import ConfigError
from arlen_core.vault import Secret
from arlen_data.database import Database
from arlen_data.errors import InvalidArgument
from arlen_data.plugin import install
from arlen_data.settings import DatabaseSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from arlen_core.app import App

__all__ = ["Databases", "database", "schemes"]


def schemes() -> Mapping[str, Callable[[], Any]]:
    """Return what loads the adapters of installed packages, by scheme: their entry points in `arlen.databases`."""
    from importlib.metadata import entry_points  # slow, and seldom needed

    return {each.name: each.load for each in entry_points(group="arlen.databases")}


def database(
    url: str | Secret, *, find: Callable[[], Mapping[str, Callable[[], Any]]] = schemes, **options: Any
) -> Database:
    """Return the database of a URL, not opened.

    Args:
        url: `sqlite:app.db`, `postgresql://user@host/name`: the scheme chooses the adapter, which reads the rest. It
            is in no error and no log line, for it may hold a password.
        find: how to look for adapters.
        options: the settings of the adapter's constructor, such as `name`.

    Raises `ConfigError` for a scheme that no installed package knows, and for what the adapter cannot read.
    """
    text = url.reveal() if isinstance(url, Secret) else url
    scheme = text.partition(":")[0].lower()
    known = find()
    if ":" not in text or scheme not in known:
        raise ConfigError(_unknown(scheme if ":" in text else ""), fix=_fix(scheme, known))
    try:
        made: Database = known[scheme]().from_url(text, **options)
    except InvalidArgument as error:
        fix = error.fix or "correct the URL of the database, or ARLEN_DATABASE__URL"
        raise ConfigError(f"the URL of the database: {error.reason}", fix=fix) from error
    return made


class Databases:
    """The databases of the section `[database]`, as a plugin: `databases = app.use(Databases())`.

    Args:
        find: how to look for adapters.
        options: settings for every adapter's constructor.

    Handlers get the one of `database.url` as `Database`; those of `database.targets` are here: `databases["reports"]`.
    Each is opened and closed with the application.
    """

    name = "databases"
    version = "0.1.0"
    arlen_api = ">=1,<2"

    def __init__(self, *, find: Callable[[], Mapping[str, Callable[[], Any]]] = schemes, **options: Any) -> None:
        self._find, self._options = find, options
        self._made: dict[str, Database] = {}

    def register(self, app: App) -> None:
        """Add what the section says; `app.use` calls it. Raises `ConfigError` when there is no `database.url`."""
        settings = app.settings("database", DatabaseSettings)
        if not settings.url:
            fix = "set ARLEN_DATABASE__URL, or url below [database] in config/app.toml, such as sqlite:app.db"
            raise ConfigError("the application has no database.url", fix=fix)
        if "default" in settings.targets:
            raise ConfigError("database.targets has a 'default'", fix="that is database.url: give it another name")
        for name, url in {"default": settings.url, **settings.targets}.items():
            self._made[name] = made = database(url, find=self._find, name=name, **self._options)
            kind = type(made) if name == "default" else type(name.title(), (), {})
            install(made, app, Database, kind=kind, configured=True)

    def __getitem__(self, name: str) -> Database:
        """Return a database by its name; `KeyError` names those that there are."""
        if name not in self._made:
            raise KeyError(f"there is no database {name!r}; there are {', '.join(self._made) or 'none'}")
        return self._made[name]


def _unknown(scheme: str) -> str:
    if not scheme:
        return "a database's URL has no scheme"
    return f"no installed package knows databases of the scheme {scheme!r}"


def _fix(scheme: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(scheme, [*known, "sqlite", "postgresql"], 1)
    if near and near[0] not in known:
        return f"install {'arlen-sqlite' if near[0] == 'sqlite' else 'arlen-pg'}"
    return f"did you mean {near[0]}:?" if near else f"use one of {', '.join(sorted(known)) or 'sqlite, postgresql'}"
