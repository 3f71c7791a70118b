"""`arlen shell`: Python inside the started application."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from arlen_cli.apps import load_app, quiet
from arlen_cli.catalog import OWN
from arlen_cli.scripts import compiled, evaluate
from arlen_core.commands import CommandError, Result

__all__ = ["Shell", "command"]


class Shell:
    """Start the application and talk to it: `await` works, and everything that the application started goes on."""

    name = "shell"
    help = OWN["shell"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add `-c`."""
        parser.add_argument("-c", "--code", metavar="CODE", help="run this and print the value of its last expression")

    def run(self, args: Namespace) -> Result:
        """Return `result`, the `repr` of the value of `--code`; without it, `--json` is refused.

        Raises:
            CommandError: the code is no Python, or raised.
        """
        if args.code is not None:
            return self._once(args)
        if args.json:
            raise CommandError("usage", "an interactive shell has no JSON", fix="give it code: -c CODE", exit=2)
        app = load_app(args)
        asyncio.run(_session(app))
        return Result()

    def _once(self, args: Namespace) -> Result:
        try:
            code, _ = compiled(args.code, "<code>")
        except (SyntaxError, ValueError) as error:
            raise CommandError("code_invalid", str(error), fix="correct the code", exit=2) from error
        app = load_app(args)
        with quiet():
            value = asyncio.run(_evaluated(app, code))
        return Result({"result": repr(value)}, "" if value is None else repr(value))


command = Shell()


async def _evaluated(app: Any, code: Any) -> Any:
    async with _client(app) as client:
        try:
            return await evaluate(code, _names(app, client))
        except Exception as error:
            said = f"{type(error).__name__}: {error}".rstrip(": ")
            raise CommandError("code_failed", said, fix="correct the code") from error


async def _session(app: Any) -> None:
    from arlen_cli.consoles import talk  # readline and threads, for this only

    async with _client(app) as client:
        names = _names(app, client)
        await talk(names, _banner(app, names))


def _client(app: Any) -> Any:
    from arlen_core.testing import Client  # the heaviest import of the command

    return Client(app)


def _names(app: Any, client: Any) -> dict[str, Any]:
    return {"__name__": "__console__", "app": app, "client": client, "url_for": app.url_for, "service": app.service}


def _banner(app: Any, names: dict[str, Any]) -> str:
    routes = len(app.flat())
    return "\n".join(
        [
            f"{app.title} in {app.env}, started: {routes} routes, Python {sys.version.partition(' ')[0]}",
            f"There are {', '.join(name for name in names if not name.startswith('_'))}; `await` works here.",
            "Try: await client.get('/')   await service(SomeType)   url_for('name')   Leave with Ctrl-D.",
        ]
    )
