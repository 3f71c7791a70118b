"""Commands: `arlen boomhauer` and `arlen propane`."""

from __future__ import annotations

import asyncio
import os
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlen_core.commands import CommandError, Result
from arlen_core.errors import StartupError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from arlen_server.settings import Settings

__all__ = ["Boomhauer", "Propane", "boomhauer", "propane"]


class Boomhauer:
    """`arlen boomhauer`: the development server. Implements `arlen_core.commands.Command`."""

    name = "boomhauer"
    help = "serve for development: reload on change, survive broken code"

    def configure(self, parser: ArgumentParser) -> None:
        """Add `--host` and `--port`."""
        _add_address(parser)

    def run(self, args: Namespace) -> Result:
        """Serve until Ctrl-C; with `--json` events are printed as JSON lines.

        Raises:
            CommandError: the address is taken, or a folder to watch does not exist.
        """
        _check_system()
        from arlen_server.boomhauer import Reloader
        from arlen_server.console import Console
        from arlen_server.lifecycle import Lifecycle

        root, environ = Path.cwd(), _environ(args, "development")
        emit: Callable[..., None] = Lifecycle("boomhauer", json=True) if args.json else Console()
        try:
            reloader = Reloader(_configurer(root, environ), app=_app(args), root=root, environ=environ, emit=emit)
            return _result(asyncio.run(reloader.run()))
        except StartupError as error:
            raise _failed(error) from error


class Propane:
    """`arlen propane`: the production manager. Implements `arlen_core.commands.Command`."""

    name = "propane"
    help = "serve for production: several workers, rolling reload, graceful stop"

    def configure(self, parser: ArgumentParser) -> None:
        """Add `--host`, `--port`, `--workers` and `--pidfile`."""
        _add_address(parser)
        parser.add_argument("--workers", type=int, metavar="N", help="worker processes; 0 is one for each CPU")
        parser.add_argument("--pidfile", metavar="FILE", help="write the manager's process id to this file")

    def run(self, args: Namespace) -> Result:
        """Serve until TERM; lifecycle lines go to standard error, or with `--json` to standard output as JSON.

        Raises:
            CommandError: the address is taken, the configuration is wrong, or the first worker did not start.
        """
        _check_system()
        from arlen_server.lifecycle import Lifecycle
        from arlen_server.propane import Manager

        root, environ = Path.cwd(), _environ(args, "production")
        emit = Lifecycle("propane", json=args.json, copy=environ.get("ARLEN_PROPANE_LIFECYCLE_LOG", ""))
        try:
            manager = Manager(_configurer(root, environ), app=_app(args), root=root, environ=environ, emit=emit)
            return _result(manager.run())
        except StartupError as error:
            raise _failed(error) from error


boomhauer = Boomhauer()
propane = Propane()


def _check_system() -> None:
    if os.name != "posix":
        fix = "use Linux or macOS, or serve the application with another ASGI server"
        raise CommandError("system_not_supported", "boomhauer and propane do not run on Windows", fix=fix)


def _add_address(parser: ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on; [server] host by default")
    parser.add_argument("--port", type=_port, help="port to listen on; [server] port by default")


def _environ(args: Namespace, env: str) -> dict[str, str]:
    """The environment of the application: options are variables, so that the application sees them too."""
    environ = {"ARLEN_ENV": env} | os.environ
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):  # systemd means this process, no other
        environ.pop(name, None)
    options = {"host": "SERVER__HOST", "port": "SERVER__PORT", "workers": "SERVER__PROPANE__WORKERS"}
    options["pidfile"] = "SERVER__PROPANE__PIDFILE"
    for option, variable in options.items():
        value: Any = getattr(args, option, None)
        if value is not None:
            environ[f"ARLEN_{variable}"] = str(value)
    return environ


def _app(args: Namespace) -> str:
    return getattr(args, "app", None) or ""


def _configurer(root: Path, environ: dict[str, str]) -> Callable[[], Settings]:
    def configure() -> Settings:
        from arlen_core.config import Config
        from arlen_server.settings import Settings

        return Config.load(root, environ=environ).section("server", Settings)

    return configure


def _result(code: int) -> Result:
    if code:
        fix = "read what the worker printed above, and correct it"
        raise CommandError("manager_failed", "no worker could be kept alive", fix=fix, exit=code)
    return Result()


def _failed(error: StartupError) -> CommandError:
    return CommandError(error.code, error.reason, fix=error.fix)


def _port(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) <= 65535):
        raise ArgumentTypeError(f"{word!r} is no port: use 0 to 65535, where 0 lets the system choose")
    return int(word)
