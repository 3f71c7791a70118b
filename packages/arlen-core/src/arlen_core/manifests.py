"""Manifests: what a plugin says about itself, and what is wrong in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any

from arlen_core.errors import StartupError
from arlen_core.ordering import Node
from arlen_core.plugins import API
from arlen_core.versions import fits

__all__ = ["absent", "faults", "node"]

_LISTS = ("depends_on", "after", "before")
_name = re.compile(r"[a-z][a-z0-9_-]{0,63}").fullmatch
_version = re.compile(r"[0-9]+(\.[0-9]+)*([a-z0-9.+_-]*)").fullmatch


def node(plugin: Any, name: str) -> Node:
    """Return where a plugin wants to be; what it says wrongly counts as nothing."""
    asked = {each: getattr(plugin, each, ()) for each in _LISTS}
    return Node(name, **{word: tuple(names) if _names(names) else () for word, names in asked.items()})


def faults(plugin: Any, name: str) -> Iterator[StartupError]:
    """Yield what is wrong in what a plugin says about itself; one without `arlen_api` need only say its order right."""
    for word in _LISTS:
        if not _names(getattr(plugin, word, ())):
            yield _wrong(name, f"its {word} is no tuple of names", f'write {word} = ("other",)')
    if not hasattr(plugin, "arlen_api"):
        return
    called, version = getattr(plugin, "name", ""), getattr(plugin, "version", "")
    if not isinstance(called, str) or not _name(called):
        fix = f'give {type(plugin).__name__} a name = "..." of lower-case letters, digits, - and _, a letter first'
        yield _wrong(name, f"{called!r} is no name", fix)
    if version and not _version(str(version)):
        yield _wrong(name, f"{version!r} is no version", 'write one such as "0.1.0"')
    timeout = getattr(plugin, "timeout", None)
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0):
        yield _wrong(name, f"its timeout {timeout!r} is no time", "write seconds, more than 0, such as timeout = 60.0")
    yield from _unfit(plugin, name)


def absent(plugin: Any, name: str, known: Collection[str]) -> Iterator[StartupError]:
    """Yield an error for each plugin that this one depends on and that is not in use."""
    for wanted in node(plugin, name).depends_on:
        if wanted not in known:
            yield StartupError(
                f"plugin {name!r} depends on {wanted!r}, which is not in use",
                fix=_remedy(wanted, known),
                code="plugin_missing",
            )


def _unfit(plugin: Any, name: str) -> Iterator[StartupError]:
    here = ".".join(map(str, API))
    try:
        good = fits(here, str(plugin.arlen_api))
    except ValueError as error:
        yield _wrong(name, f"its arlen_api is wrong: {error}", 'write bounds such as ">=1,<2"')
        return
    if not good:
        yield StartupError(
            f"plugin {name!r} is for the plugin interface {plugin.arlen_api}, and this is {here}",
            fix="install a release of the plugin, or of arlen-core, that fits the other",
            code="plugin_api",
        )


def _wrong(name: str, reason: str, fix: str) -> StartupError:
    return StartupError(f"plugin {name!r}: {reason}", fix=fix, code="plugin_invalid")


def _names(asked: Any) -> bool:
    return isinstance(asked, tuple | list) and all(isinstance(each, str) for each in asked)


def _remedy(wanted: str, known: Collection[str]) -> str:
    from arlen_core.enabling import points  # reads the lists of all installed packages

    near = get_close_matches(wanted, known, 1)
    if wanted in points():
        return f'it is installed: add "{wanted}" to plugins.enabled'
    if near:
        return f"did you mean {near[0]!r}?"
    return f'app.use(...) a plugin called "{wanted}", or add it to plugins.enabled'
