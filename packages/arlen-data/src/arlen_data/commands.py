"""Commands: `arlen migrate`."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from arlen_core.commands import CommandError, Result
from arlen_data import migrations
from arlen_data.brought import folder
from arlen_data.errors import DatabaseError
from arlen_data.folders import suffix
from arlen_data.sites import site

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Awaitable, Callable, Sequence

    from arlen_data.lint import Finding
    from arlen_data.runner import Done
    from arlen_data.sites import Site

__all__ = ["Migrate", "migrate"]

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_HEADER = """-- {title}
--
-- A migration runs once, after those whose names come before its own, in a transaction of its own.
"""


class Migrate:
    """Apply the migrations of the application, show how they stand, or take some back."""

    name = "migrate"
    help = "apply the migrations of the database, show how they stand, or take some back"

    def configure(self, parser: ArgumentParser) -> None:
        """Add the action, what it is about, and where the database is."""
        actions = ", ".join(sorted(_ACTIONS))
        parser.add_argument(
            "action", nargs="?", choices=sorted(_ACTIONS), default="apply", metavar="ACTION", help=actions
        )
        parser.add_argument(
            "operand", nargs="?", metavar="NAME|COUNT", help="new, accept, resolve: a name; down: how many"
        )
        parser.add_argument("--target", metavar="NAME", help="a database of the application other than the default one")
        parser.add_argument("--url", metavar="URL", help="the database, in place of the application's")
        parser.add_argument("--folder", metavar="FOLDER", help="the migrations, in place of db/migrations")
        parser.add_argument(
            "--phase", choices=("all", "pre", "post"), default="all", help="pre: before the new code runs"
        )
        parser.add_argument("--dry-run", action="store_true", help="apply, down, new: only say what would be done")
        parser.add_argument("--as", dest="state", choices=("applied", "pending"), help="resolve: how it stands")
        parser.add_argument(
            "--lock-timeout", type=float, default=5.0, metavar="SECONDS", help="for a lock; 5 by default"
        )
        parser.add_argument(
            "--wait", type=float, default=300.0, metavar="SECONDS", help="for another runner; 300 by default"
        )

    def run(self, args: Namespace) -> Result:
        """Do it; docs/migrations.md lists what each action returns.

        Raises:
            CommandError: it was used wrongly, there is no such database, or the database refused.
            StartupError: a migration is wrong, or failed.
        """
        _check(args)
        if args.action == "new":
            return _new(args)
        found = site(args)
        try:
            return asyncio.run(_opened(_ACTIONS[args.action], found, args))
        except DatabaseError as error:
            message = str(error).removesuffix(f" (fix: {error.fix})")
            raise CommandError(error.code, message, fix=error.fix) from error


async def _opened(action: Callable[[Site, Namespace], Awaitable[Result]], found: Site, args: Namespace) -> Result:
    async with found.database:
        made = await action(found, args)
    return Result({"target": found.database.name, **made.data}, made.text, made.exit)


async def _apply(found: Site, args: Namespace) -> Result:
    if args.dry_run:
        todo = (await migrations.plan(found.database, found.source, phase=args.phase)).pending
        data = {"applied": [], "pending": [each.version for each in todo], "dry_run": True}
        return Result(data, _lines(("would apply", each.file) for each in todo) or "there is nothing to do")
    limits = {"lock_timeout": args.lock_timeout, "wait": args.wait}
    made = await migrations.migrate(found.database, found.source, phase=args.phase, **limits)
    return Result({"applied": to_builtins(made), "dry_run": False}, _told("applied", made) or "there is nothing to do")


async def _status(found: Site, _: Namespace) -> Result:
    rows = await migrations.status(found.database, found.source)
    lines = [("VERSION", "STATE", "APPLIED"), *((row.version, row.state, row.applied_at) for row in rows)]
    wrong = any(row.state in {"drifted", "failed", "running"} for row in rows)
    text = _lines(lines) if rows else "there are no migrations"
    return Result({"migrations": to_builtins(rows)}, text, exit=int(wrong))


async def _plan(found: Site, args: Namespace) -> Result:
    made = await migrations.plan(found.database, found.source, phase=args.phase)
    data = {"pending": [each.version for each in made.pending], "findings": to_builtins(made.findings)}
    lines = [f"would apply  {each.file}  ({len(each.up.statements)} statements)" for each in made.pending]
    text = "\n".join([*lines, *map(_finding, made.findings)]) or "there is nothing to do"
    return Result(data, text, exit=int(bool(made.findings)))


async def _down(found: Site, args: Namespace) -> Result:
    count = _count(args.operand)
    if args.dry_run:
        todo = await migrations.back(found.database, found.source, count)
        data = {"taken_back": [], "pending": [each.version for each in todo], "dry_run": True}
        return Result(data, _lines(("would take back", each.file) for each in todo) or "there is nothing to take back")
    limits = {"lock_timeout": args.lock_timeout, "wait": args.wait}
    made = await migrations.down(found.database, found.source, count, **limits)
    text = _told("took back", made) or "there is nothing to take back"
    return Result({"taken_back": to_builtins(made), "dry_run": False}, text)


async def _accept(found: Site, args: Namespace) -> Result:
    await migrations.accept(found.database, found.source, args.operand)
    return Result({"version": args.operand, "state": "applied"}, f"accepted  {args.operand}")


async def _resolve(found: Site, args: Namespace) -> Result:
    await migrations.resolve(found.database, found.source, args.operand, args.state)
    return Result({"version": args.operand, "state": args.state}, f"{args.state}  {args.operand}")


def _new(args: Namespace) -> Result:
    name, target = args.operand, args.target or "default"
    suffix(target)
    if not _NAME.fullmatch(name) or len(name) > 60:
        fix = "use lower-case letters, digits and _, a letter first, at most 60 characters"
        raise CommandError("name_invalid", f"{name!r} is no name of a migration", fix=fix, exit=2)
    tag = "" if args.phase == "all" else f".{args.phase}"
    path = Path(args.folder or folder(target)) / f"{datetime.now(UTC):%Y%m%d%H%M%S}_{name}{tag}.sql"
    there = [*path.parent.glob(f"*_{name}{tag}.sql")]
    if there:
        raise CommandError("file_exists", f"{there[0]} is called so already", fix="choose another name")
    if not args.dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_HEADER.format(title=name.replace("_", " ").capitalize()) + "\n", encoding="utf-8")
    verb = "would create" if args.dry_run else "created"
    return Result({"created_files": [path.as_posix()], "dry_run": args.dry_run}, f"{verb}  {path.as_posix()}")


_ACTIONS: dict[str, Any] = {
    "accept": _accept,
    "apply": _apply,
    "down": _down,
    "new": _new,
    "plan": _plan,
    "resolve": _resolve,
    "status": _status,
}
migrate = Migrate()


def _check(args: Namespace) -> None:
    named = args.action in {"accept", "new", "resolve"}
    if named and not args.operand:
        raise CommandError("usage", f"{args.action} needs a name", fix=f"arlen migrate {args.action} NAME", exit=2)
    if not named and args.action != "down" and args.operand:
        raise CommandError("usage", f"{args.action} takes no {args.operand!r}", fix="leave it out", exit=2)
    if (args.action == "resolve") != (args.state is not None):
        fix = "arlen migrate resolve NAME --as applied, or --as pending"
        raise CommandError("usage", "resolve needs --as, and nothing else has it", fix=fix, exit=2)
    if not (0 <= args.lock_timeout <= 86_400 and 0 <= args.wait <= 86_400):
        raise CommandError("usage", "a timeout is from 0 to 86400 seconds", fix="choose another", exit=2)


def _count(text: str | None) -> int:
    if text is None:
        return 1
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise CommandError("usage", f"{text!r} is no number of migrations", fix="arlen migrate down 1", exit=2)
    return int(text)


def _told(verb: str, made: Sequence[Done]) -> str:
    return _lines((verb, each.file, f"{each.seconds:.3f} s") for each in made)


def _finding(each: Finding) -> str:
    return f"{each.file}:{each.line}: {each.code}: {each.reason}\n  fix: {each.fix}"


def _lines(rows: Any) -> str:
    table = list(rows)
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))] if table else []
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
