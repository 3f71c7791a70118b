"""Checks: what `arlen doctor` looks at, each on its own, so that one that fails hides no other."""

from __future__ import annotations

import os
import platform
import socket
import ssl
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from msgspec import Struct

from arlen_cli import catalog, parsers
from arlen_cli.apps import load_app
from arlen_cli.installed import conflicts, packages
from arlen_core.app import App
from arlen_core.commands import CommandError
from arlen_core.config import installed
from arlen_core.errors import StartupError
from arlen_core.matcher import Matcher

__all__ = ["FLOOR", "Check", "checks"]

FLOOR = (3, 11)
"""The oldest Python that is supported."""

_EXTRAS = {
    "uvloop": ("arlen-server[uvloop]", "a faster event loop"),
    "watchfiles": ("arlen-server[watchfiles]", "reload without polling"),
    "multipart": ("arlen-core[multipart]", "file uploads"),
    "brotli": ("arlen-core[brotli]", "brotli compression"),
    "a2wsgi": ("arlen-core[wsgi]", "WSGI applications below a prefix"),
    "selectolax": ("arlen-core[testing]", "CSS selectors in tests"),
}


class Check(Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        name: what; stable.
        status: "ok", "warning", "failed" or "skipped".
        message: what was found.
        fix: what to do, unless it is ok.
    """

    name: str
    status: str
    message: str
    fix: str = ""


def checks(args: Namespace) -> Iterator[Check]:
    """Yield every check; `args` says which application.

    A check that breaks is a failed check.
    """
    os.environ.setdefault("ARLEN_ENV", "development")
    for name, look in _CHECKS.items():
        try:
            yield from look(args)
        except StartupError as error:
            yield Check(name, "failed", error.reason, error.fix)
        except CommandError as error:
            yield Check(name, "failed", error.message, error.fix)
        except Exception as error:  # noqa: BLE001  # the others are wanted all the same
            yield Check(name, "failed", f"{type(error).__name__}: {error}", "report this as a bug of arlen-cli")


def _python(_: Namespace) -> Iterator[Check]:
    floor = ".".join(map(str, FLOOR))
    good = sys.version_info[:2] >= FLOOR
    yield Check("python", "ok" if good else "failed", platform.python_version(), "" if good else f"use Python {floor}")


def _packages(_: Namespace) -> Iterator[Check]:
    wrong = list(conflicts())
    for reason in wrong:
        yield Check("packages", "failed", reason, "pip install --upgrade arlen")
    if not wrong:
        yield Check("packages", "ok", ", ".join(f"{name} {version}" for name, version in packages().items()))


def _extras(_: Namespace) -> Iterator[Check]:
    for module, (extra, use) in _EXTRAS.items():
        there = find_spec(module) is not None
        fix = "" if there else f"pip install '{extra}', if you want it"
        yield Check(f"extra:{module}", "ok" if there else "skipped", use if there else f"not installed: {use}", fix)


def _commands(_: Namespace) -> Iterator[Check]:
    found: dict[str, str] = dict.fromkeys(catalog.OWN, "arlen-cli")
    for entry in catalog.contributed():
        name = f"command:{entry.name}"
        if entry.name in found:
            message = f"{entry.package} and {found[entry.name]} both have it; that of {found[entry.name]} is used"
            yield Check(name, "warning", message, f"remove {entry.package}, or ask for another name")
            continue
        found[entry.name] = entry.package
        try:
            parsers.build(entry.load())
        except CommandError as error:
            yield Check(name, "failed", error.message, error.fix)
        except Exception as error:  # noqa: BLE001  # whatever a package does
            fix = f"reinstall {entry.package}, or remove it"
            yield Check(name, "failed", f"{entry.package}: {type(error).__name__}: {error}", fix)
        else:
            yield Check(name, "ok", f"of {entry.package}")


def _folders(_: Namespace) -> Iterator[Check]:
    for name, folder in (("here", Path.cwd()), ("temporary", Path(tempfile.gettempdir()))):
        good = os.access(folder, os.W_OK | os.X_OK)
        fix = (
            "" if good else "give this user the right to write, or set TMPDIR" if name == "temporary" else "chmod u+w ."
        )
        yield Check(
            f"folder:{name}", "ok" if good else "failed", f"{folder} {'can' if good else 'cannot'} be written", fix
        )


def _config(_: Namespace) -> Iterator[Check]:
    config = App("doctor", root=Path.cwd()).config  # which opens the sections of the core
    sections = {name: config.section(name, kind()) for name, kind in installed().items()}
    rows = config.dump()
    yield Check("config", "ok", f"{len(rows)} settings for {config.env}")
    if "server.port" in rows:
        yield _port(str(rows["server.host"]["value"]), int(rows["server.port"]["value"]))
    tls: Any = getattr(sections.get("server"), "tls", None)
    if tls is not None:
        yield _tls(tls)


def _port(host: str, port: int) -> Check:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, kind, protocol)) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        fix = "stop what uses it, or set ARLEN_SERVER__PORT"
        return Check("port", "warning", f"{host}:{port} cannot be listened on: {error.strerror}", fix)
    return Check("port", "ok", f"{host}:{port} is free")


def _tls(tls: Any) -> Check:
    """Open certificate, key and authorities as the server will."""
    fix = "check server.tls.certificate, key, password and client_ca; paths are relative to this folder"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.certificate, tls.key or None, password=tls.password.reveal)
        if tls.client_ca:
            context.load_verify_locations(tls.client_ca)
    except (OSError, ValueError) as error:  # what they say never has the password
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        files = ", ".join(filter(None, (tls.certificate, tls.key, tls.client_ca)))
        return Check("tls", "failed", f"{files}: {reason}", fix)
    return Check("tls", "ok", f"{tls.certificate} and its key fit")


def _app(args: Namespace) -> Iterator[Check]:
    try:
        app = load_app(args)
    except StartupError as error:
        here = getattr(error, "stage", "") == "find" and not args.app and "there is no app" in error.reason
        yield Check("app", "skipped" if here else "failed", error.reason, error.fix)
        return
    app.config.discover()
    app.config.check()
    Matcher(app.flat())
    yield Check("app", "ok", f"{app.title}: {len(app.flat())} routes")
    if getattr(app, "renderer", None) is None:
        yield Check("templates", "skipped", "the application shows no templates", "app.use(Web()), if you want pages")
    else:
        yield from _templates(args)


def _templates(args: Namespace) -> Iterator[Check]:
    found: dict[str, Any] = {entry.name: entry for entry in catalog.contributed()}
    if "templates" not in found:
        yield Check("templates", "skipped", "arlen-web is not installed", "pip install arlen-web, if you want pages")
        return
    command = found["templates"].load()
    result = command.run(parsers.parse(command, ["--json", *([f"--app={args.app}"] if args.app else [])]))
    fix = "" if result.exit == 0 else "arlen templates says where"
    said = result.text.strip().splitlines()[-1:] or ["compiled"]
    yield Check("templates", "ok" if result.exit == 0 else "failed", said[0], fix)


_CHECKS: dict[str, Callable[[Namespace], Iterator[Check]]] = {
    "python": _python,
    "packages": _packages,
    "extras": _extras,
    "commands": _commands,
    "folders": _folders,
    "config": _config,
    "app": _app,
}
