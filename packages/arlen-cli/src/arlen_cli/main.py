"""Main: from the words on the command line to an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from arlen_cli import brought, catalog, parsers, reports
from arlen_core.commands import CommandError, Result
from arlen_core.errors import StartupError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and print what it answers.

    Args:
        arguments: without the program's name; those of the process by default.

    Returns:
        0; 1 when the command failed; 2 when it was used wrongly.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    told = _Told(as_json="--json" in words)
    try:
        code = _run(words, told)
        sys.stdout.flush()  # here, where a reader that has left is no error
    except CommandError as error:
        return _fail(told, error)
    except StartupError as error:
        _trace(getattr(error, "output", ""), told)
        return _fail(told, CommandError(error.code, error.reason, fix=error.fix))
    except KeyboardInterrupt:
        return _fail(told, CommandError("interrupted", "interrupted"))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains while it ends
        return 1
    except Exception as error:  # noqa: BLE001  # the last resort: a bug, here or in a command
        _trace(traceback.format_exc(), told)
        fix = "this is a bug: please report it with the lines above"
        return _fail(told, CommandError("internal_error", f"{type(error).__name__}: {error}", fix=fix))
    return code


class _Told:
    """What is known about the command so far, for the report of a failure."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json, self.command, self.entered = as_json, "", False


def _run(words: list[str], told: _Told) -> int:
    front, rest = parsers.split(words)
    if front.version:
        front.command = "version"
    if front.command is None:
        return _list(rest, told)
    told.command = front.command
    command = _find(front.command, rest, told).load()
    args = parsers.parse(command, ["--help"] if front.help else rest)
    told.as_json = args.json
    _enter(args, told)
    result = command.run(args)
    reports.show(command.name, result, as_json=args.json)
    return result.exit


def _find(name: str, rest: list[str], told: _Told) -> catalog.Entry:
    try:
        return catalog.find(name)
    except CommandError as error:
        if error.code != "unknown_command":
            raise
        args = parsers.shared(rest)
        _enter(args, told)
        return brought.find(name, args, error)


def _list(rest: list[str], told: _Told) -> int:
    args = parsers.shared(rest)
    _enter(args, told)
    found = catalog.entries()
    own, note = brought.listed(args, [each.name for each in found])
    text = f"{parsers.Front().format_help()}\ncommands (arlen COMMAND --help says more):\n{_lines(found)}"
    if own:
        text += f"\n\nof this application:\n{_lines(own)}"
    if note:
        text += f"\n\n{note}"
    rows = [{"name": each.name, "help": each.help, "package": each.package} for each in [*found, *own]]
    reports.show("", Result({"commands": rows}, text), as_json=args.json)
    return 0


def _lines(entries: list[catalog.Entry]) -> str:
    return reports.columns([[f"  {entry.name}", entry.help] for entry in entries])


def _enter(args: Namespace, told: _Told) -> None:
    if told.entered:
        return
    told.entered, root, env = True, args.root, args.env
    if root is not None:
        if not Path(root).is_dir():
            raise CommandError("no_folder", f"there is no folder {root}", fix="name another with --root", exit=2)
        os.chdir(root)
    if env is not None:
        os.environ["ARLEN_ENV"] = env


def _fail(told: _Told, error: CommandError) -> int:
    reports.show_error(told.command, error, as_json=told.as_json)
    return error.exit


def _trace(text: str, told: _Told) -> None:
    if text and not told.as_json:
        with contextlib.suppress(OSError):
            print(text.rstrip(), file=sys.stderr)
