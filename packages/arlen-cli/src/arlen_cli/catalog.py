"""Catalog: the commands that there are, the own ones and those of other packages, imported only when used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from arlen_core.commands import CommandError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from arlen_core.commands import Command

__all__ = ["GROUP", "OWN", "Entry", "checked", "contributed", "entries", "find"]

GROUP = "arlen.commands"
"""The entry-point group by which packages add commands."""

OWN = {
    "config": "show the merged configuration, with the origin of every value",
    "doctor": "look for what is wrong here, and say how to put it right",
    "generate": "add a controller, an endpoint, a migration, a plugin or a test",
    "get": "send a request to the application, without a server",
    "new": "make an application",
    "plugin": "list the plugins, look for what is wrong with them, or enable one",
    "routes": "list the routes",
    "run": "run a script with the application started",
    "shell": "talk to the started application in Python",
    "test": "run the tests",
    "version": "show the versions of what is installed",
}
"""The commands of this package, with their help."""

_KNOWN = {
    "boomhauer": "serve for development: reload on change, survive broken code",
    "conformance": "try an adapter against a contract, and show what came of it",
    "migrate": "apply the migrations of the database, show how they stand, or take some back",
    "openapi": "write the OpenAPI document of the application, compare it, make clients from it",
    "propane": "serve for production: several workers, rolling reload, graceful stop",
    "templates": "compile and check every template",
}


class Entry(Struct, frozen=True):
    """A command that can be loaded.

    Attributes:
        name: what stands after `arlen`.
        package: the distribution that it comes from.
        help: one line, known without an import.
        load: imports and returns the command; raises `CommandError` when it is broken.
    """

    name: str
    package: str
    help: str
    load: Callable[[], Command]


def entries() -> list[Entry]:
    """Return all commands, sorted by name; of two with the same name the own one, then that of the first package."""
    own = [Entry(name, "arlen-cli", text, _own(name)) for name, text in OWN.items()]
    found = {entry.name: entry for entry in [*reversed(list(contributed())), *own]}
    return [found[name] for name in sorted(found)]


def contributed() -> Iterator[Entry]:
    """Yield the commands that other packages add, sorted by package, broken ones included."""
    from importlib.metadata import entry_points  # own commands do without, and start sooner

    points = sorted(entry_points(group=GROUP), key=lambda point: (_package(point), point.name))
    for point in points:
        package = _package(point)
        yield Entry(point.name, package, _KNOWN.get(point.name, f"(of {package})"), _other(point, package))


def find(name: str) -> Entry:
    """Return a command by its name.

    Raises:
        CommandError: there is none; the code is "unknown_command", the fix names the nearest.
    """
    if name in OWN:  # the entry points of everything installed need not be read for these
        return Entry(name, "arlen-cli", OWN[name], _own(name))
    everything = {entry.name: entry for entry in entries()}
    if name not in everything:
        near = get_close_matches(name, everything, 1)
        fix = f"did you mean {near[0]!r}?" if near else "arlen --help lists the commands"
        raise CommandError("unknown_command", f"there is no command {name!r}", fix=fix, exit=2)
    return everything[name]


def checked(made: Any, name: str, package: str, place: str) -> Command:
    """Return a command that has all that a command has.

    Raises:
        CommandError: it lacks something; the code is "command_broken".
    """
    lacking = [each for each in ("name", "help", "configure", "run") if not hasattr(made, each)]
    if lacking:
        raise _broken(name, package, f"{place} has no {lacking[0]!r}")
    return cast("Command", made)


def _own(name: str) -> Callable[[], Command]:
    return lambda: cast("Command", import_module(f"arlen_cli.commands.{name}").command)


def _other(point: EntryPoint, package: str) -> Callable[[], Command]:
    def load() -> Command:
        try:
            made = point.load()
        except Exception as error:  # whatever a package does when it is imported
            raise _broken(point.name, package, f"{type(error).__name__}: {error}") from error
        return checked(made, point.name, package, point.value)

    return load


def _broken(name: str, package: str, reason: str) -> CommandError:
    message = f"the command {name!r} of {package} cannot be used: {reason}"
    return CommandError("command_broken", message, fix=f"reinstall {package}, or remove it")


def _package(point: Any) -> str:
    return str(point.dist.name if point.dist is not None else point.module)
