"""Plugins: what an application uses, what is installed for it, and what is wrong with either."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from msgspec import Struct

from arlen_cli import brought, catalog, parsers
from arlen_cli.apps import import_app, load_app
from arlen_core.commands import CommandError
from arlen_core.config import InvalidConfig
from arlen_core.enabling import points
from arlen_core.errors import StartupError
from arlen_core.matcher import Matcher

__all__ = ["Finding", "Row", "findings", "rows"]


class Row(Struct, frozen=True):
    """A plugin that is in use, or one that is installed and not enabled.

    Attributes:
        name: the plugin's; of one that is not enabled, its entry point's.
        version: the plugin's own, or its package's.
        enabled: whether the application uses it.
        order: its place in the order of the start, from 1; 0 when it is not enabled.
        source: "code", or what is written in `plugins.enabled`; of one that is not enabled, what could be.
        arlen_api: the versions of the plugin interface that it says it is for.
        depends_on, after, before: what it says about its order.
        contributions: what it added, by kind.
    """

    name: str
    version: str
    enabled: bool
    order: int
    source: str
    arlen_api: str = ""
    depends_on: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    contributions: dict[str, list[str]] = {}


class Finding(Struct, frozen=True):
    """One thing that is wrong, or may be.

    Attributes:
        code: stable, for programs.
        status: "failed" or "warning".
        plugin: which; "" when it is about several or none.
        message, fix: what it is, and what to do.
    """

    code: str
    status: str
    plugin: str
    message: str
    fix: str


def rows(args: Namespace) -> list[Row]:
    """Return the plugins in the order of the start, then what is installed and not enabled, which is not imported.

    Raises:
        StartupError: the application, or one of its plugins, is broken. It is no error that there is no application.
    """
    try:
        known = load_app(args).plugins.order()
    except StartupError as error:
        if getattr(error, "stage", "") != "find" or args.app:
            raise
        known = []
    made = [_row(each, order) for order, each in enumerate(known, 1)]
    taken = {each.source for each in known} | {each.name for each in known}
    offers = [offer for name, found in points().items() if name not in taken for offer in found]
    return made + [Row(each.name, each.dist.version if each.dist else "", False, 0, each.name) for each in offers]


def findings(args: Namespace) -> Iterator[Finding]:
    """Yield what is wrong with the plugins of the application, as far as it can be seen without starting it.

    Pending migrations are looked for in the database.
    """
    try:
        app = import_app(args)
    except StartupError as error:
        yield _failed(error)
        return
    wrong = [each for error in app.plugins.problems() for each in _split(error)]
    if wrong:
        yield from wrong
        return
    try:
        app.plugins.settle()
    except StartupError as error:
        yield from _split(error)
        return
    for look in (_config, _routes, _commands, _folders, _stated, _migrations):
        try:
            yield from look(app, args)
        except StartupError as error:
            yield from _split(error)
        except Exception as error:  # noqa: BLE001  # the others are wanted all the same
            reason = f"{type(error).__name__}: {error}"
            yield Finding("doctor_failed", "failed", "", reason, "report this as a bug of arlen-cli")


def _row(each: Any, order: int) -> Row:
    said = {word: tuple(getattr(each.plugin, word, ())) for word in ("depends_on", "after", "before")}
    api, own = (str(getattr(each.plugin, word, "") or "") for word in ("arlen_api", "version"))
    return Row(
        each.name, own or _release(each.plugin), True, order, each.source, api, **said, contributions=each.brought
    )


def _release(plugin: Any) -> str:
    """Return the version of the package that a plugin is from, as far as that has the name of its module."""
    package = type(plugin).__module__.partition(".")[0].replace("_", "-")
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _config(app: Any, _: Namespace) -> Iterator[Finding]:
    app.config.check()
    yield from ()


def _routes(app: Any, _: Namespace) -> Iterator[Finding]:
    Matcher(app.flat())
    yield from ()


def _commands(app: Any, _: Namespace) -> Iterator[Finding]:
    taken = usual = {each.name: each.package for each in catalog.entries()}
    fix = "give the command another name"
    for each in app.commands:
        name, owner = str(getattr(each, "name", each)), _owner(app, "commands", each)
        if name in taken:
            message = f"the command {name!r} cannot be reached: {taken[name]} has one of that name"
            yield Finding("command_taken", "failed", owner, message, fix)
        taken = {name: owner or app.title, **taken}
    for entry in brought.commands(app):
        if entry.name in usual:
            continue
        try:
            parsers.build(entry.load())
        except CommandError as error:
            yield Finding(error.code, "failed", entry.package, error.message, "give it what a command has")


def _folders(app: Any, _: Namespace) -> Iterator[Finding]:
    shown = getattr(app, "renderer", None) is not None
    for kind in ("templates", "statics"):
        for each in getattr(app, kind) if not shown else ():
            message = f"nothing shows its {kind}: {each if kind == 'templates' else each[0]}"
            fix = "app.use(Web()) of arlen-web"
            yield Finding(f"{kind}_unused", "warning", _owner(app, kind, each), message, fix)


def _stated(app: Any, _: Namespace) -> Iterator[Finding]:
    for each in app.plugins.order():
        if getattr(each.plugin, "arlen_api", None) == "":
            message = "it does not say which versions of the plugin interface it is for"
            yield Finding("plugin_api_unstated", "warning", each.name, message, 'give it arlen_api = ">=1,<2"')


def _migrations(app: Any, args: Namespace) -> Iterator[Finding]:
    found = [(each, _owner(app, "migrations", each)) for each in app.migrations]
    for plugged in app.plugins.order():
        own = getattr(plugged.plugin, "migrations", None) or ()
        found += [(each, plugged.name) for each in (own if isinstance(own, list | tuple) else [own])]
    owners = {(each.target, each.namespace): owner for each, owner in found if hasattr(each, "namespace")}
    for target in sorted({target for target, _ in owners}):
        for version in _pending(args, target):
            if isinstance(version, Finding):
                yield version
                continue
            owner = owners.get((target, version.rpartition("::")[0]))
            if owner is not None:
                more = "" if target == "default" else f" --target {target}"
                message = f"its migration {version} has not been applied"
                yield Finding("migration_pending", "failed", owner, message, f"arlen migrate{more}")


def _pending(args: Namespace, target: str) -> Iterator[Any]:
    migrate = next((each for each in catalog.contributed() if each.name == "migrate"), None)
    if migrate is None:
        yield Finding(
            "migrations_unused", "warning", "", "plugins bring migrations, and arlen-data is missing", "install it"
        )
        return
    words = ["status", "--json", f"--target={target}", *([f"--app={args.app}"] if args.app else [])]
    try:
        command = migrate.load()
        data = command.run(parsers.parse(command, words)).data
    except Exception as error:  # noqa: BLE001  # whatever keeps a database from answering
        reason = getattr(error, "reason", None) or getattr(error, "message", None) or f"{type(error).__name__}: {error}"
        message = f"whether migrations are pending cannot be seen: {reason}"
        fix = getattr(error, "fix", "") or "arlen migrate status says more"
        yield Finding("migrations_unknown", "warning", "", message, fix)
        return
    yield from (row["version"] for row in data["migrations"] if row["state"] == "pending")


def _split(error: StartupError) -> list[Finding]:
    if not isinstance(error, InvalidConfig):
        return [_failed(error)]
    made = []
    for each in error.problems:
        where = f"{each.origin}:{each.line}" if each.line else each.origin
        message = f"{where}: {each.key} {each.reason}" if each.key else f"{where}: {each.reason}"
        fix = each.fix or f"correct {each.key}"
        made.append(Finding(error.code, "failed", each.key.partition(".")[0].replace("_", "-"), message, fix))
    return made


def _failed(error: StartupError) -> Finding:
    return Finding(error.code, "failed", "", error.reason, error.fix)


def _owner(app: Any, kind: str, item: Any) -> str:
    return next((each.name for each in app.plugins.order() if item in each.items.get(kind, ())), "")
