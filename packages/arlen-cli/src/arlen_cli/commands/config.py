"""`arlen config`: the merged configuration."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from msgspec import to_builtins
from msgspec.json import encode

from arlen_cli.apps import load_app
from arlen_cli.catalog import OWN
from arlen_cli.reports import columns
from arlen_core.commands import Result
from arlen_core.config import InvalidConfig
from arlen_core.errors import StartupError

__all__ = ["Settings", "command"]

_WIDTH = 60


class Settings:
    """Show every setting with its value and origin; secrets are masked."""

    name = "config"
    help = OWN["config"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add the prefix of keys."""
        parser.add_argument("prefix", nargs="?", default="", help="only keys that begin so, such as server")

    def run(self, args: Namespace) -> Result:
        """Return `env` and `settings`: by key, the value and its origin; or `problems` when something is wrong."""
        try:
            app = load_app(args)
            app.config.discover()
            app.config.check()
        except StartupError as error:
            wrong = error if isinstance(error, InvalidConfig) else error.__cause__  # the module may have read a section
            if not isinstance(wrong, InvalidConfig):
                raise
            return Result({"problems": to_builtins(wrong.problems)}, wrong.reason, exit=1)
        rows = {key: row for key, row in app.config.dump().items() if key.startswith(args.prefix)}
        lines = [[key, _shown(row["value"]), row["origin"]] for key, row in rows.items()]
        text = columns([["KEY", "VALUE", "ORIGIN"], *lines])
        return Result({"env": app.env, "settings": rows}, text)


command = Settings()


def _shown(value: object) -> str:
    text = encode(value).decode()
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
