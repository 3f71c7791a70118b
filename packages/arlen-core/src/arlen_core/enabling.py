"""Enabling: find the plugins that the configuration names, and import nothing else."""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from arlen_core.errors import StartupError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "found", "points"]

GROUP = "arlen.plugins"
"""The entry-point group by which installed packages offer plugins."""

_place = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*").fullmatch


def points() -> dict[str, list[EntryPoint]]:
    """Return what installed packages offer, by name, sorted, nothing of it imported; two packages may use one name."""
    from importlib.metadata import entry_points  # slow, and seldom needed

    made: dict[str, list[EntryPoint]] = {}
    for each in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        if each.value not in {other.value for other in made.setdefault(each.name, [])}:
            made[each.name].append(each)
    return made


def found(word: str) -> Any:
    """Import and return a plugin.

    Args:
        word: "package.module:Name", where Name is a plugin, or makes one when it is called; or the name of an entry
            point in `GROUP`.

    Raises `StartupError` naming the word, with reason and fix.
    """
    place = word if _place(word) else _offered(word)
    module, _, attribute = place.partition(":")
    made = _imported(word, module)
    for part in attribute.split("."):
        made = _picked(word, module, made, part)
    return _called(word, place, made)


def _offered(word: str) -> str:
    offers = points()
    if len(offers.get(word, ())) == 1:
        return offers[word][0].value
    if word in offers:
        places = ", ".join(each.value for each in offers[word])
        raise _error(word, f"several packages offer it: {places}", "write one of these instead", "plugin_ambiguous")
    near = get_close_matches(word, offers, 1)
    known = f"installed here: {', '.join(offers)}" if offers else "no installed package offers one"
    fix = f"did you mean {near[0]!r}?" if near else f'install its package, or write "package.module:Name"; {known}'
    raise _error(word, "there is no such plugin", fix, "plugin_unknown")


def _imported(word: str, module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            fix = "install its package, or correct plugins.enabled in config/app.toml"
            raise _error(word, f"there is no module {error.name!r}", fix, "plugin_unknown") from error
        fix = f"install {error.name}, which it imports"
        raise _error(word, f"{module} failed to import: there is no module {error.name!r}", fix) from error
    except (Exception, SystemExit) as error:
        reason = f"{module} failed to import: {type(error).__name__}: {error}"
        raise _error(word, reason, "mend it, or drop it from plugins.enabled") from error


def _picked(word: str, module: str, owner: Any, part: str) -> Any:
    try:
        return getattr(owner, part)
    except AttributeError:
        known = getattr(owner, "__dict__", {})
        names = [name for name in known if _registers(known[name])]
        near = get_close_matches(part, names, 1) or names[:1]
        fix = f"did you mean {near[0]!r}?" if near else "correct plugins.enabled in config/app.toml"
        raise _error(word, f"{module} has no {part!r}", fix, "plugin_unknown") from None
    except (Exception, SystemExit) as error:  # a module may import lazily
        reason = f"{part!r} of {module} failed: {type(error).__name__}: {error}"
        raise _error(word, reason, "mend it, or drop it from plugins.enabled") from error


def _called(word: str, place: str, made: Any) -> Any:
    if not isinstance(made, type) and _registers(made):
        return made
    if not callable(made):
        raise _error(word, f"{place} is no plugin", "name a class with a method `register(app)`", "plugin_invalid")
    try:
        plugin = made()
    except (Exception, SystemExit) as error:
        fix = "give every parameter a default, and read options from a section of the configuration"
        raise _error(word, f"{place}() failed: {type(error).__name__}: {error}", fix) from error
    if not _registers(plugin):
        reason = f"{place}() gives a {type(plugin).__name__}, which is no plugin"
        raise _error(word, reason, "name a class with a method `register(app)`", "plugin_invalid")
    return plugin


def _registers(made: Any) -> bool:
    try:
        return callable(made.register)
    except Exception:  # noqa: BLE001  # whatever a property raises: it is no plugin
        return False


def _error(word: str, reason: str, fix: str, code: str = "plugin_load_failed") -> StartupError:
    return StartupError(f"plugin {word!r} cannot be loaded: {reason}", fix=fix, code=code)
