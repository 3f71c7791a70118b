"""Presets: plugins as packages of their own, which are installed, tested and certified like any third party's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct

from arlen_cli import names
from arlen_cli.installed import packages
from arlen_cli.texts import tree
from arlen_core.commands import CommandError

__all__ = ["PRESETS", "Preset", "chosen", "files"]


class Preset(Struct, frozen=True):
    """One kind of plugin.

    Attributes:
        about: of the package; one line.
        exports: the classes of the package beside the plugin's.
        own: those that stand beside it in its module.
        dependencies: beside arlen-core.
        untyped: modules whose types mypy need not find.
    """

    about: str
    exports: tuple[str, ...]
    own: tuple[str, ...] = ("Settings",)
    dependencies: tuple[str, ...] = ()
    untyped: str = ""


PRESETS = {
    "generic": Preset(
        "A plugin for Arlen applications",
        ("Greeter", "Settings"),
        own=("Greet", "Settings"),
        dependencies=("msgspec>=0.21",),
    ),
    "queue-jobs": Preset(
        "A queue of jobs for Arlen applications",
        ("Job", "Jobs", "QueueFull", "Settings", "Storage"),
        dependencies=("anyio>=4.10", "msgspec>=0.21"),
    ),
    "redis-cache": Preset(
        "A cache for Arlen applications",
        ("Cache", "Memory", "Redis", "Settings", "Store"),
        dependencies=("msgspec>=0.21", "redis>=5"),
        untyped="redis.*",
    ),
    "smtp-mail": Preset(
        "Mail for Arlen applications",
        ("Carrier", "Files", "Mailer", "Settings", "Smtp"),
        dependencies=("anyio>=4.10", "msgspec>=0.21"),
    ),
}
"""What a plugin can begin with."""

_TOOLS = {"hatchling", "mypy", "pytest", "ruff"}


def chosen(name: str) -> Preset:
    """Return a preset; `CommandError` "unsupported_plugin_preset" when there is none of that name."""
    if name not in PRESETS:
        fix = f"use one of {', '.join(PRESETS)}"
        raise CommandError("unsupported_plugin_preset", f"there is no preset {name!r}", fix=fix, exit=2)
    return PRESETS[name]


def files(name: str, preset: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every file of a new package.

    Args:
        name: of the package and its folder; the plugin has the same, with _ for -.
        preset: one of `PRESETS`.

    Raises:
        CommandError: there is no such preset, or the name is wrong or taken.
    """
    values = _values(names.project(name), chosen(preset))
    for folder in ("common", preset):
        for path, text in tree(f"plugin/{folder}", values):
            yield path.replace("src/package/", f"src/{values['module']}/"), text
    yield f"src/{values['module']}/py.typed", ""


def _values(project: str, preset: Preset) -> dict[str, str]:
    module = names.plugin(project.replace("-", "_"))
    if module in _needed():
        reason = f"{module!r} is a package that plugins need: one of that name would stand in its way"
        raise CommandError("name_taken", reason, fix=f"choose another name, such as my-{project}", exit=2)
    wanted, plugin = _range(), f"{names.camel(module).removesuffix('Plugin') or 'My'}Plugin"
    overrides = f'\n[[tool.mypy.overrides]]\nmodule = "{preset.untyped}"\nignore_missing_imports = true\n'
    return {
        "project": project,
        "module": module,
        "upper": module.upper(),
        "path": module.replace("_", "-"),
        "title": names.title(module),
        "camel": plugin.removesuffix("Plugin"),
        "public": ", ".join(_sorted(plugin, "Settings")),
        "exported": _lines(plugin, *preset.exports),
        "own": _lines(plugin, *preset.own),
        "about": preset.about,
        "range": wanted,
        "dependencies": ", ".join(f'"{each}"' for each in sorted((f"arlen-core{wanted}", *preset.dependencies))),
        "overrides": overrides if preset.untyped else "",
        "year": str(datetime.now(UTC).year),
    }


def _needed() -> set[str]:
    """Return the packages that those of presets import, build with, and are checked with."""
    return _TOOLS | {re.split(r"[^a-z]", each)[0] for preset in PRESETS.values() for each in preset.dependencies}


def _sorted(*words: str) -> list[str]:
    """Return names as linters want them in imports and in `__all__`."""
    return sorted(words, key=str.lower)


def _lines(*words: str) -> str:
    return "\n".join(f'    "{each}",' for each in _sorted(*words))


def _range() -> str:
    """Return what the package's pyproject says after "arlen-core": this version, and nothing that may break it."""
    major, minor = (int(part) for part in packages().get("arlen-core", "0.1.0").split(".")[:2])
    return f">={major}.{minor},<{major}.{minor + 1}" if major == 0 else f">={major}.{minor},<{major + 1}"
