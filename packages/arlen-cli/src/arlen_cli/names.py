"""Names: what things may be called."""

from __future__ import annotations

import re
import sys
from keyword import iskeyword

from arlen_core.commands import CommandError
from arlen_core.enabling import points

__all__ = ["LIMIT", "camel", "module", "plugin", "project", "title"]

LIMIT = 40
"""The longest name, in characters."""

_TAKEN = frozenset({"app", "arlen", "config", "controllers", "plugins", "public", "templates", "tests"})


def project(name: str) -> str:
    """Check the name of an application, which is that of its folder and its distribution.

    Raises:
        CommandError: it is not of lower-case letters, digits, "-" and "_", or it is taken by something else.

    >>> project("field-notes")
    'field-notes'
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*", name) or len(name) > LIMIT:
        raise _refused(name, "lower-case letters, digits, - and _", name.lower(), "-")
    if name == "arlen" or name.startswith(("arlen-", "arlen_")):
        raise CommandError("name_taken", f"{name!r} is a package of the platform", fix="choose another name", exit=2)
    return name


def module(name: str) -> str:
    """Check the name of a controller, an endpoint, a plugin, a migration or a test, which becomes a module or a file.

    Raises:
        CommandError: it is no lower-case identifier, or a module is called so already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", name) or len(name) > LIMIT:
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        raise _refused(name, "lower-case letters, digits and _", snake, "_")
    if iskeyword(name) or name in _TAKEN or name in sys.stdlib_module_names:
        raise CommandError("name_taken", f"{name!r} means something else already", fix="choose another name", exit=2)
    return name


def plugin(name: str) -> str:
    """Check the name of a plugin, which becomes a module, and what the configuration calls it.

    Raises:
        CommandError: as `module`, or there is an installed plugin of that name.
    """
    if module(name) in points():
        fix = f"choose another name, such as my_{name}"
        raise CommandError("name_taken", f"{name!r} is an installed plugin", fix=fix, exit=2)
    return name


def camel(name: str) -> str:
    """Return the name of a class.

    >>> camel("order_items")
    'OrderItems'
    """
    return "".join(part.title() for part in name.split("_"))


def title(name: str) -> str:
    """Return the name for people.

    >>> title("order_items")
    'Order items'
    """
    return re.sub("[-_]", " ", name).capitalize()


def _refused(name: str, wanted: str, near: str, joint: str) -> CommandError:
    near = re.sub(r"[^a-z0-9]+", joint, near).strip("-_0123456789")[:LIMIT].rstrip("-_")
    fix = f"write it as {near}" if near else "begin with a letter"
    message = f"{name!r} is no name here: at most {LIMIT} {wanted}, a letter first"
    return CommandError("name_invalid", message, fix=fix, exit=2)
