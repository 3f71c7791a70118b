"""`arlen plugin`: the plugins of the application in this folder."""

from __future__ import annotations

import os
import sys
import tomllib
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from pathlib import Path

from msgspec import to_builtins

from arlen_cli.apps import quiet
from arlen_cli.catalog import OWN
from arlen_cli.drafts import Draft
from arlen_cli.plugins import Finding, Row, findings, rows
from arlen_cli.reports import columns
from arlen_cli.tables import appended
from arlen_core.commands import CommandError, Result
from arlen_core.enabling import found
from arlen_core.errors import StartupError
from arlen_core.manifests import faults

__all__ = ["PluginCommand", "command"]

_FILE = "config/app.toml"
_VARIABLE = "ARLEN_PLUGINS__ENABLED"
_SIGNS = {"warning": "!!", "failed": "NO"}


class PluginCommand:
    """List the plugins, look for what is wrong with them, or enable one."""

    name = "plugin"
    help = OWN["plugin"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add the action, and the plugin that is to be enabled."""
        parser.add_argument("action", choices=sorted(_ACTIONS), metavar="ACTION", help=", ".join(sorted(_ACTIONS)))
        parser.add_argument(
            "plugin", nargs="?", metavar="NAME", help='enable: an installed one, or "package.module:Name"'
        )
        parser.add_argument("--dry-run", action="store_true", help="enable: only say what would be written")

    def run(self, args: Namespace) -> Result:
        """Do it; docs/plugins.md lists what each action returns.

        Raises:
            CommandError: it was used wrongly, there is no such plugin, or the file has to be changed by hand.
            StartupError: the application, or one of its plugins, is broken.
        """
        if (args.action == "enable") != (args.plugin is not None):
            reason = f"{args.action} needs a name" if args.plugin is None else f"{args.action} takes no {args.plugin!r}"
            raise CommandError("usage", reason, fix="arlen plugin enable NAME", exit=2)
        return _ACTIONS[args.action](args)


def _list(args: Namespace) -> Result:
    found = rows(args)
    lines = [["", "NAME", "VERSION", "FROM", "BRINGS"], *map(_line, found)]
    text = columns(lines) if found else "there are no plugins"
    return Result({"plugins": to_builtins(found)}, text)


def _doctor(args: Namespace) -> Result:
    found = list(findings(args))
    failed = sum(each.status == "failed" for each in found)
    lines = [line for each in found for line in _lines(each)]
    text = "\n".join([*lines, f"{failed} failures, {len(found) - failed} warnings" if found else "nothing is wrong"])
    return Result({"findings": to_builtins(found)}, text, exit=int(failed > 0))


def _enable(args: Namespace) -> Result:
    name, root = args.plugin, Path.cwd()
    _check(name)
    draft, file = Draft(root), root / _FILE
    before = file.read_bytes().decode() if file.is_file() else ""
    after = _edited(before, name)
    if not file.is_file():
        draft.create(_FILE, after)
    elif after != before:
        draft.modify(_FILE, after)
    made = draft.save(dry=args.dry_run)
    others = _others(root, name)
    lines = [made.text or f"{name} is enabled already"]
    lines += [f"but {each} sets plugins.enabled too, and goes before {_FILE}: add it there" for each in others]
    return Result({"plugin": name, "changed": after != before, "overridden_by": others, **made.data}, "\n".join(lines))


_ACTIONS = {"doctor": _doctor, "enable": _enable, "list": _list}
command = PluginCommand()


def _check(name: str) -> None:
    """Load the plugin, as the start will: what does not load, or does not fit, is not written down."""
    here = [str(each) for each in (Path.cwd(), Path.cwd() / "src") if each.is_dir()]
    sys.path[:0] = [each for each in here if each not in sys.path]
    try:
        with quiet():
            plugin = found(name)
    except StartupError as error:
        code = 2 if error.code == "plugin_unknown" else 1
        raise CommandError(error.code, error.reason, fix=error.fix, exit=code) from error
    for fault in faults(plugin, name):
        raise CommandError(fault.code, fault.reason, fix=fault.fix)


def _edited(text: str, name: str) -> str:
    try:
        made = appended(text, "plugins", "enabled", name)
    except tomllib.TOMLDecodeError as error:
        raise CommandError("config_invalid", f"{_FILE} is no TOML: {error}", fix="mend it first") from error
    if made is None:
        fix = f'add "{name}" to the list `enabled` in [plugins] by hand'
        raise CommandError("config_shape", f"{_FILE} is written in a way that cannot be added to", fix=fix)
    return made


def _others(root: Path, name: str) -> list[str]:
    """Return what says for some environment, or here, that other plugins are enabled, and not this one."""
    found = []
    for file in sorted((root / "config").glob("*.toml")):
        with suppress(OSError, ValueError):  # another command tells what is wrong in it
            table = tomllib.loads(file.read_text(encoding="utf-8")).get("plugins", {})
            if file.name != "app.toml" and name not in table.get("enabled", [name]):
                found.append(f"config/{file.name}")
    said = os.environ.get(_VARIABLE)
    return [*found, _VARIABLE] if said is not None and name not in said else found


def _line(row: Row) -> list[str]:
    brings = ", ".join(f"{len(items)} {kind}" for kind, items in row.contributions.items())
    place = str(row.order) if row.enabled else "-"
    return [place, row.name, row.version or "-", row.source if row.enabled else "not enabled", brings]


def _lines(each: Finding) -> list[str]:
    first, *more = each.message.splitlines()
    who = f"{each.plugin}: " if each.plugin and each.plugin not in first else ""
    lines = [f"{_SIGNS[each.status]}  {each.code}  {who}{first}", *(f"      {line.strip()}" for line in more)]
    return [*lines, f"      fix: {each.fix}"] if each.fix else lines
