"""`arlen generate`: parts of an application, wired in, with their tests."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from arlen_cli import names
from arlen_cli.catalog import OWN
from arlen_cli.drafts import Draft
from arlen_cli.endpoints import METHODS, endpoint
from arlen_cli.presets import PRESETS, files
from arlen_cli.texts import fill
from arlen_cli.wiring import find, wire
from arlen_core.commands import CommandError, Result
from arlen_core.loading import target

__all__ = ["Generate", "command"]


class Generate:
    """Add a controller, an endpoint, a migration, a plugin or a test to the application in this folder."""

    name = "generate"
    help = OWN["generate"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add the kind, the name and what some kinds can be told."""
        parser.add_argument("kind", metavar="KIND", choices=sorted(_KINDS), help=", ".join(sorted(_KINDS)))
        parser.add_argument("name", metavar="NAME", help="lower-case letters, digits and _")
        parser.add_argument("--route", metavar="TEMPLATE", help="endpoint: its path, such as '/orders/{id:int}'")
        parser.add_argument("--method", choices=METHODS, help="endpoint: GET by default")
        parser.add_argument("--target", metavar="DATABASE", help="migration: of a second database")
        parser.add_argument("--preset", metavar="PRESET", help=f"plugin: a package of its own; {', '.join(PRESETS)}")
        parser.add_argument("--into", metavar="FOLDER", help="plugin with a preset: where its folder is made")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be written")

    def run(self, args: Namespace) -> Result:
        """Return `kind`, `created_files` and `modified_files`, sorted, and `dry_run`; of a package `next` too.

        Raises:
            CommandError: the name or an option is wrong, a file is there already, or the wiring has to be done by hand.
        """
        for option, kind in _OPTIONS.items():
            if getattr(args, option) is not None and args.kind != kind:
                message = f"--{option} is for {kind}, not for {args.kind}"
                raise CommandError("usage", message, fix=f"leave --{option} out", exit=2)
        if args.kind == "plugin" and (args.preset or args.into) is not None:
            return _package(args)
        site = _Site(args)
        _KINDS[args.kind](site)
        made = site.draft.save(dry=args.dry_run)
        return Result({"kind": args.kind, **made.data}, made.text)


class _Site:
    """The application that is added to."""

    def __init__(self, args: Namespace) -> None:
        self.args, self.name = args, (names.plugin if args.kind == "plugin" else names.module)(args.name)
        self.draft = Draft(Path.cwd())
        self.values = {
            "name": self.name,
            "upper": self.name.upper(),
            "camel": names.camel(self.name),
            "title": names.title(self.name),
            "words": names.title(self.name).lower(),
            "path": self.name.replace("_", "-"),
        }

    def locate(self) -> None:
        """Find the application's module; what is generated goes beside it."""
        root = self.draft.root
        module, attribute = target(self.args.app, root)
        self.file = find(self.args.app, root)
        self.source = (root / self.file).read_text(encoding="utf-8")
        self.base = self.file.rpartition("/")[0] + "/" * ("/" in self.file)
        self.prefix = module.rpartition(".")[0] + "." * ("." in module)
        self.values |= {"module": module, "app": attribute, "prefix": self.prefix}

    def create(self, path: str, skeleton: str) -> None:
        self.draft.create(path, fill(f"generate/{skeleton}", self.values))

    def ensure(self, path: str, skeleton: str) -> None:
        self.draft.ensure(path, fill(f"generate/{skeleton}", self.values))

    def wire(self, package: str, name: str, call: str, argument: str) -> None:
        self.source = wire(self.source, package, name, call, argument)
        self.draft.modify(self.file, self.source)

    def test(self, skeleton: str, name: str = "") -> None:
        self.ensure("tests/conftest.py", "conftest.py")
        self.create(f"tests/test_{name or self.name}.py", skeleton)


def _controller(site: _Site) -> None:
    site.locate()
    site.create(f"{site.base}controllers/{site.name}.py", "controller.py")
    site.ensure(f"{site.base}controllers/__init__.py", "controllers.py")
    site.create(f"{site.base}templates/{site.name}/index.html", "controller_page.html")
    site.ensure(f"{site.base}templates/layout.html", "controller_layout.html")
    site.test("controller_test.py")
    if "Web(" not in site.source:
        site.wire("arlen", "Web", "use", "Web()")
    site.wire(f"{site.prefix}controllers", site.name, "include", f"{site.name}.router")


def _endpoint(site: _Site) -> None:
    site.locate()
    code, test = endpoint(site.name, site.args.method or "GET", site.args.route or f"/{site.values['path']}")
    site.draft.create(f"{site.base}controllers/{site.name}.py", code)
    site.ensure(f"{site.base}controllers/__init__.py", "controllers.py")
    site.ensure("tests/conftest.py", "conftest.py")
    site.draft.create(f"tests/test_{site.name}.py", test)
    site.wire(f"{site.prefix}controllers", site.name, "include", f"{site.name}.router")


def _migration(site: _Site) -> None:
    folder = "db/migrations" + (f"/{names.module(site.args.target)}" if site.args.target else "")
    there = sorted((site.draft.root / folder).glob(f"*_{site.name}.sql"))
    if there:
        message = f"{folder}/{there[0].name} is called so already"
        raise CommandError("file_exists", message, fix="choose another name")
    site.create(f"{folder}/{datetime.now(UTC):%Y%m%d%H%M%S}_{site.name}.sql", "migration.sql")


def _plugin(site: _Site) -> None:
    site.locate()
    site.create(f"{site.base}plugins/{site.name}.py", "plugin.py")
    site.ensure(f"{site.base}plugins/__init__.py", "plugins.py")
    site.test("plugin_test.py", f"{site.name}_plugin")
    site.wire(f"{site.prefix}plugins.{site.name}", site.values["camel"], "use", f"{site.values['camel']}()")


def _package(args: Namespace) -> Result:
    """Make a plugin that is a package of its own."""
    base, preset = Path(args.into or "."), args.preset or "generic"
    made = list(files(args.name, preset))
    for each in (*reversed(base.parents), base):
        if os.path.lexists(each) and not each.is_dir():
            raise CommandError("no_folder", f"--into: {each} is no folder", fix="name a folder, or a new one", exit=2)
    if os.path.lexists(base / args.name):
        raise CommandError("file_exists", f"{base / args.name} exists already", fix="choose another name, or remove it")
    draft = Draft(base)
    for path, text in made:
        draft.create(f"{args.name}/{path}", text)
    saved, module = draft.save(dry=args.dry_run), args.name.replace("-", "_")
    steps = [f"pip install -e {base / args.name}", f"arlen plugin enable {module}"]
    hint = "" if args.dry_run else f"\n\nNow: {' && '.join(steps)}"
    data = {"kind": "plugin", "preset": preset, "into": str(base), **saved.data, "next": steps}
    return Result(data, saved.text + hint)


def _test(site: _Site) -> None:
    site.locate()
    site.test("test.py")


_OPTIONS = {"into": "plugin", "method": "endpoint", "preset": "plugin", "route": "endpoint", "target": "migration"}
_KINDS: dict[str, Callable[[_Site], None]] = {
    "controller": _controller,
    "endpoint": _endpoint,
    "migration": _migration,
    "plugin": _plugin,
    "test": _test,
}


command = Generate()
