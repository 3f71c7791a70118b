"""Brought: the commands that the application in this folder and its plugins add to the command line."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection
from difflib import get_close_matches
from functools import partial
from typing import Any

from arlen_cli.apps import load_app
from arlen_cli.catalog import Entry, checked
from arlen_core.commands import CommandError
from arlen_core.errors import StartupError

__all__ = ["commands", "find", "listed"]


def commands(app: Any) -> list[Entry]:
    """Return the commands of an application whose plugins have registered, sorted by name; of two, the first."""
    owners = {id(item): each.name for each in app.plugins.order() for item in each.items.get("commands", ())}
    found: dict[str, Entry] = {}
    for each in app.commands:
        name, package = str(getattr(each, "name", each)), owners.get(id(each), app.title)
        load = partial(checked, each, name, package, type(each).__name__)
        found.setdefault(name, Entry(name, package, str(getattr(each, "help", "")), load))
    return [found[name] for name in sorted(found)]


def find(name: str, args: Namespace, error: CommandError) -> Entry:
    """Return a command of the application.

    Args:
        name: of the command; nothing that is installed has it.
        args: which application.
        error: to raise when the application has no such command either, or when there is none.

    Raises:
        CommandError: there is no such command.
    """
    try:
        app = load_app(args)
    except StartupError as failure:
        if _nowhere(failure, args):
            raise error from None
        reason = f"{error.message}, and the application, which may have it, cannot be loaded: {failure.reason}"
        raise CommandError(error.code, reason, fix=failure.fix, exit=2) from failure
    found = {each.name: each for each in commands(app)}
    if name in found:
        return found[name]
    near = get_close_matches(name, found, 1)
    raise CommandError(error.code, error.message, fix=f"did you mean {near[0]!r}?", exit=2) if near else error


def listed(args: Namespace, taken: Collection[str]) -> tuple[list[Entry], str]:
    """Return the commands of the application beside those that are taken, and a note when it cannot be loaded."""
    try:
        return [each for each in commands(load_app(args)) if each.name not in taken], ""
    except StartupError as failure:
        if _nowhere(failure, args):
            return [], ""
        return [], f"the commands of this application are missing, for it cannot be loaded: {failure.reason}"


def _nowhere(failure: StartupError, args: Namespace) -> bool:
    return getattr(failure, "stage", "") == "find" and not args.app
