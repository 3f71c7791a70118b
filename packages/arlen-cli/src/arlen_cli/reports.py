"""Reports: what a command prints, for people or as one JSON document."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arlen_core.commands import CommandError, Result

__all__ = ["VERSION", "columns", "document", "failure", "show", "show_error"]

VERSION = 1
"""The version of the JSON documents; it changes when a key goes or means something else."""


def document(command: str, result: Result) -> dict[str, Any]:
    """Return the JSON document of a result: `version`, `command`, `status` ("ok" or "failed"), then its data."""
    return {"version": VERSION, "command": command, "status": "failed" if result.exit else "ok", **result.data}


def failure(command: str, error: CommandError) -> dict[str, Any]:
    """Return the JSON document of an error: `version`, `command`, `status` ("error"), `error`, `exit_code`."""
    told = {"code": error.code, "message": error.message, "fix": error.fix}
    return {"version": VERSION, "command": command, "status": "error", "error": told, "exit_code": error.exit}


def show(command: str, result: Result, *, as_json: bool) -> None:
    """Print a result to standard output."""
    if as_json:
        _print(document(command, result))
    elif result.text:
        print(result.text)


def show_error(command: str, error: CommandError, *, as_json: bool) -> None:
    """Print an error: as JSON to standard output, or for people to standard error."""
    if as_json:
        _print(failure(command, error))
        return
    print(f"arlen {command}: {error.message}".replace(" :", ":"), file=sys.stderr)
    if error.fix:
        print(f"  fix: {error.fix}", file=sys.stderr)


def columns(rows: list[list[str]]) -> str:
    """Lay rows out in columns; the last one is as wide as it likes.

    >>> print(columns([["a", "bb", "c"], ["aaa", "b", "c"]]))
    a    bb  c
    aaa  b   c
    """
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _print(data: dict[str, Any]) -> None:
    indent = 2 if sys.stdout.isatty() else None  # one line for programs, so that lines of JSON stay lines
    print(json.dumps(data, indent=indent, ensure_ascii=False, default=str))
