"""`arlen new`: an application that runs, with its tests."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from arlen_cli import names
from arlen_cli.catalog import OWN
from arlen_cli.drafts import Draft
from arlen_cli.installed import packages
from arlen_cli.texts import tree
from arlen_core.commands import CommandError, Result

__all__ = ["New", "command"]


class New:
    """Make an application in a new folder."""

    name = "new"
    help = OWN["new"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add the name, `--lite` and `--dry-run`."""
        parser.add_argument("name", metavar="NAME", help="of the application and its folder")
        parser.add_argument("--lite", action="store_true", help="one file and its tests")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be written")

    def run(self, args: Namespace) -> Result:
        """Return `created_files`, sorted and relative to this folder, `modified_files`, `dry_run` and `next`."""
        name, folder = names.project(args.name), Path.cwd() / args.name
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CommandError("file_exists", f"{args.name} exists already", fix="choose another name, or remove it")
        draft = Draft(Path.cwd())
        values = {"name": name, "title": names.title(name), "range": _range()}
        for path, text in tree("lite" if args.lite else "full", values):
            draft.create(f"{name}/{path}", text)
        made, steps = draft.save(dry=args.dry_run), [f"cd {name}", "arlen boomhauer"]
        hint = "" if args.dry_run else f"\n\nNow: {' && '.join(steps)}"
        return Result({**made.data, "next": steps}, made.text + hint)


command = New()


def _range() -> str:
    """Return what the application's pyproject says after "arlen": this version, and nothing that may break it."""
    found = packages().get("arlen", "0.1.0").split(".")
    major, minor = int(found[0]), int(found[1])
    cap = f"0.{minor + 1}" if major == 0 else str(major + 1)
    return f">={major}.{minor},<{cap}"
