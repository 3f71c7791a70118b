"""Plugin: what a database brings to an application: a service, a health check, telemetry, log lines and a budget."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from arlen_core.errors import ConfigError, StartupError
from arlen_core.logs import LEVELS
from arlen_data.ledger import Ledgers
from arlen_data.settings import DatabaseSettings
from arlen_data.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from arlen_core.app import App
    from arlen_data.database import Database
    from arlen_data.events import QueryEvent

__all__ = ["install"]


def install(database: Database, app: App, base: type, *, kind: type | None = None, configured: bool = False) -> None:
    """Make a database a part of an application; `app.use(database)` comes here.

    Args:
        database: opened when the application starts, closed when it stops. Handlers ask for it by its class; the one
            whose name is "default" also as `Database`.
        app: the application.
        base: `arlen_data.Database`.
        kind: in place of its class.
        configured: whether it comes from the section `[database]`.

    Raises:
        StartupError: another database has that class. Make a class for each: `class Reports(Postgres): ...`.
        ConfigError: the section names the default database, and the code brings one too.
    """
    settings = app.settings("database", DatabaseSettings)
    default = database.name == "default"
    if default and settings.url and not configured:
        fix = "app.use(Databases()) instead, or drop database.url"
        raise ConfigError("database.url names a database, and the application uses one of its own", fix=fix)
    kind = type(database) if kind is None else kind
    if app.services.scope_of(kind) is not None:
        fix = f"make a class for one of them: class Reports({kind.__name__}): pass"
        raise StartupError(f"two databases of the application are {kind.__name__}", fix=fix)
    telemetry = Telemetry(database, app, text=app.debug if settings.trace_sql is None else settings.trace_sql)
    app.services.add(_opening(database, app, settings, telemetry), kind, timeout=None)
    if default:
        app.services.add(_alias(kind, base), base)
    if settings.health:
        name = "database" if default else f"database.{database.name}"
        check = partial(database.check, timeout=settings.health_timeout)
        app.health.add(name, check, timeout=settings.health_timeout + 1)


def _opening(database: Database, app: App, settings: DatabaseSettings, telemetry: Telemetry) -> Any:
    async def opened() -> Any:  # services read annotations at run time, and Database is not here then
        with ExitStack() as stack:
            for listen in _watchers(database, app, settings):
                stack.enter_context(listen)
            stack.callback(telemetry.stop)
            async with database:
                telemetry.start()
                await _migrated(database, app, settings)
                yield database

    return opened


async def _migrated(database: Database, app: App, settings: DatabaseSettings) -> None:
    from arlen_data.brought import gathered  # what most processes of most applications never need
    from arlen_data.migrations import at_start

    mode = settings.migrations or ("check" if app.env == "production" else "apply")
    found = [each for each in gathered(app, database) if each.folder.is_dir()] if mode != "off" else []
    if found:
        for done in await at_start(database, found, mode):
            app.log.info("database.migrated", target=database.name, version=done.version)


def _watchers(database: Database, app: App, settings: DatabaseSettings) -> list[Any]:
    """Return what is to be entered; nothing, when nobody wants to know anything."""
    events, made = database.events, []
    if app.logs.threshold <= LEVELS["debug"]:
        made.append(events.listen(partial(_told, app.log.debug, "database.query"), sql=app.debug))
    if settings.slow:
        slow = partial(_told, app.log.warning, "database.query.slow")
        made.append(events.listen(slow, sql=app.debug, over=settings.slow))
    repeats = (10 if app.debug else 0) if settings.repeats is None else settings.repeats
    ledgers = Ledgers(
        app.log, count=settings.budget, time=settings.budget_time, repeats=repeats, strict=settings.strict
    )
    if ledgers.on:
        made += [events.guard(ledgers.guard), events.listen(ledgers.tell)]
    return made


def _told(write: Callable[..., None], word: str, event: QueryEvent) -> None:
    if event.stage not in {"result", "error"}:
        return
    more = {"error": event.error_code, "sqlstate": event.sqlstate} if event.stage == "error" else {}
    if event.sql is not None:
        more["sql"] = event.sql
    write(
        word,
        target=event.target,
        operation=event.operation,
        statement=event.sql_token,
        sql_hash=event.sql_hash,
        parameters=event.parameter_count,
        ms=round(event.duration_ms, 3),
        rows=event.row_count,
        affected=event.affected_rows,
        **more,
    )


def _alias(kind: type, base: type) -> Callable[[Any], Any]:
    def same(database: Any) -> Any:
        return database

    same.__annotations__ = {"database": kind, "return": base}
    return same
