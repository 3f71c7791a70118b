"""`arlen routes`: the route table."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from arlen_cli.apps import load_app
from arlen_cli.catalog import OWN
from arlen_cli.reports import columns
from arlen_core.commands import Result
from arlen_core.routes import table

__all__ = ["Routes", "command"]

_FIELDS = ("method", "path", "name", "handler", "source")


class Routes:
    """List the routes of the application, sorted by path."""

    name = "routes"
    help = OWN["routes"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add `--match`."""
        parser.add_argument("--match", metavar="TEXT", default="", help="only rows that hold this text")

    def run(self, args: Namespace) -> Result:
        """Return `routes`: rows of method, path, name, handler, guards, formats and source."""
        app = load_app(args)
        rows = [row for row in table(app.flat(), app.root) if _holds(row, args.match)]
        lines = [[field.upper() for field in _FIELDS], *([row[field] for field in _FIELDS] for row in rows)]
        return Result({"routes": rows}, columns(lines) if rows else "there are no routes")


command = Routes()


def _holds(row: dict[str, Any], text: str) -> bool:
    return any(text in str(row[field]) for field in _FIELDS)
