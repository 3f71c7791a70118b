"""Benches: applications to try a plugin in, and what is seen there."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from arlen_conformance import leaks
from arlen_core import App
from arlen_core.clock import Clock, SystemClock
from arlen_core.plugins import Plugged, Plugin
from arlen_core.routes import Mount, Route

__all__ = [
    "RESERVED",
    "Bench",
    "Leaping",
    "Make",
    "importing",
    "lacking",
    "own",
    "paths",
    "remains",
    "strangers",
    "taken",
]

Make = Callable[[], Any]

RESERVED = frozenset(
    {
        "/.well-known/openapi.json", "/clusterz", "/docs/openapi", "/healthz", "/livez", "/metrics", "/openapi",
        "/openapi.json", "/readyz",
    }
)  # fmt: skip
"""The platform's own paths."""

SHARED = ("cache.", "db.", "http.", "messaging.", "process.", "rpc.", "system.")
"""How the names of OpenTelemetry's own metrics begin: a plugin that measures the same thing gives it the same name."""

GRACE = 1.0
"""Seconds for a thread or a process that has been told to end."""

PROBE = """
import json, os, sys, threading
sys.dont_write_bytecode = True
loud = ("os.fork", "os.forkpty", "os.posix_spawn", "os.system", "socket.connect", "subprocess.Popen")
seen = []
def hook(event, args):
    if event in loud:
        seen.append(event)
    elif event == "socket.bind" and isinstance(args[1], tuple) and args[1][1]:  # to any port: HTTP clients try IPv6 so
        seen.append(f"binds {args[1]}")
    elif event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append(f"opens {args[0]} for writing")
before = set(threading.enumerate())
sys.addaudithook(hook)
__import__(sys.argv[1])
seen += [f"starts the thread {each.name}" for each in threading.enumerate() if each not in before]
sys.stdout.flush()
print("\\n" + json.dumps(seen))
"""


class Leaping(SystemClock):
    """The system's clock, which also can be set forward."""

    __slots__ = ("ahead",)

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return super().monotonic() + self.ahead


class Bench:
    """Makes applications, each with a fresh plugin and fresh companions.

    Args:
        folder: where they live.
        companions: what makes the plugins that this one depends on.
    """

    def __init__(self, folder: Path, companions: Iterable[Make] = ()) -> None:
        self.folder = folder
        self.companions = tuple(companions)

    def app(
        self, make: Make, *, env: str = "test", clock: Clock | None = None, environ: Mapping[str, str] | None = None
    ) -> tuple[App, Plugged]:
        """Return an application that uses a plugin, and what it knows about that.

        Args:
            make: makes the plugin.
            env: the environment of the application.
            clock: its clock.
            environ: its variables, none by default.
        """
        app = App("bench", root=self.folder, env=env, environ=environ or {}, clock=clock)
        plugin = make()
        if isinstance(plugin, type) or not callable(getattr(plugin, "register", None)):
            raise AssertionError(f"the fixture `adapter` is to return what makes a plugin; it made {plugin!r}")  # noqa: TRY004 - a promise is broken
        for each in (*(companion() for companion in self.companions), plugin):
            app.use(each)
        return app, next(each for each in app.plugins.known() if each.plugin is plugin)

    @asynccontextmanager
    async def running(self, make: Make, **options: Any) -> AsyncIterator[tuple[App, Plugged]]:
        """Give a started application."""
        app, plugged = self.app(make, **options)
        await app.start()
        try:
            yield app, plugged
        finally:
            await app.stop()


def paths(plugged: Plugged) -> list[str]:
    """Return the path of everything that a plugin answers."""
    made = [template for template, _ in _routes(plugged)]
    return made + [str(each) for each in plugged.items.get("reserved", ())] + _statics(plugged)


def taken(app: App) -> list[str]:
    """Return the reserved paths that somebody else answers than those who did when the application was made."""
    bare = {each.template for each in App("bare", environ={})._reserved}  # noqa: SLF001 - nobody else asks
    handlers = {each.template: each.endpoint for each in app._reserved}  # noqa: SLF001 - the same
    return sorted(path for path in bare if getattr(handlers[path], "__self__", None) is not app.health)


def strangers(plugged: Plugged) -> list[str]:
    """Return what a plugin brings, but for its paths, under a name that does not begin with its own."""
    named = {
        "route": [name for _, name in _routes(plugged)],
        "helper": plugged.items.get("helpers", ()),
        "health check": plugged.items.get("health", ()),
        "command": [getattr(each, "name", "") for each in plugged.items.get("commands", ())],
        "migrations": [getattr(each, "namespace", "") for each in plugged.items.get("migrations", ())],
        "metric": [each for each in plugged.items.get("metrics", ()) if not str(each).startswith(SHARED)],
    }
    found = [f"{kind} {name!r}" for kind, names in named.items() for name in names if not own(name, plugged.name)]
    types = [each.type for each in plugged.items.get("services", ())]
    common = [each for each in types if getattr(each, "__module__", "").partition(".")[0] in {"builtins", "arlen_core"}]
    return found + [f"service of type {each.__name__}" for each in common]


def own(name: str, plugin: str) -> bool:
    """Say whether a name is a plugin's: its own, alone or with something after it.

    >>> own("mail_sent", "mail"), own("mail.svg", "mail"), own("mailer", "mail"), own("e-mail", "e_mail")
    (True, True, False, True)
    """
    stem = re.escape(plugin.replace("_", "-"))
    return re.fullmatch(rf"{stem}([.:-].*)?", str(name).replace("_", "-"), re.DOTALL) is not None


def lacking(app: App, plugged: Plugged) -> list[str]:
    """Return what a doctor would say about a plugin: problems, commands that cannot be parsed, folders that are not."""
    found = [str(each) for each in app.plugins.problems()]
    for each in plugged.items.get("commands", ()):
        found += [f"a command has no {word}" for word in ("name", "help", "run") if not getattr(each, word, None)]
        each.configure(ArgumentParser())
    folders = [*plugged.items.get("templates", ()), *(each[1] for each in plugged.items.get("statics", ()))]
    folders += plugged.items.get("translations", ())
    return found + [f"there is no folder {each}" for each in folders if not Path(str(each)).is_dir()]


async def remains(before: dict[Hashable, str]) -> list[str]:
    """Return what was left behind since a snapshot, when it had a second to go."""
    deadline = time.monotonic() + GRACE
    while leaks.left(before) and time.monotonic() < deadline:
        gc.collect()
        await asyncio.sleep(0.01)
    return leaks.left(before)


def importing(plugin: Plugin) -> list[str]:
    """Import the module of a plugin in a process of its own; return what that did beside."""
    module = type(plugin).__module__
    if importlib.util.find_spec(module) is None:
        raise AssertionError(f"there is no module {module} to import: keep the plugin apart from its tests")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-c", PROBE, module]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environ)
    if done.returncode:
        raise AssertionError(f"{module} cannot be imported alone:\n{done.stderr}")
    said, _, seen = done.stdout.strip().rpartition("\n")
    found: list[str] = json.loads(seen)
    return found + [f"prints {line!r}" for line in (said + done.stderr).split("\n")[:1] if line]


def _routes(plugged: Plugged) -> Iterator[tuple[str, str]]:
    for prefix, name, thing in plugged.items.get("routes", ()):
        if isinstance(thing, Mount):
            yield prefix + thing.prefix, plugged.name
            continue
        for each in [thing] if isinstance(thing, Route) else thing.flat():
            yield prefix + each.template, (name + each.name) if each.named else plugged.name


def _statics(plugged: Plugged) -> list[str]:
    return [str(each[0]) for each in plugged.items.get("statics", ())]
