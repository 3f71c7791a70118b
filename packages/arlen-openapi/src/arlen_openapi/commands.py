"""Commands: `arlen openapi export`, `check`, `diff` and `client`."""

from __future__ import annotations

import contextlib
import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import arlen_openapi
from arlen_core.commands import CommandError, Result
from arlen_core.loading import load
from arlen_openapi import exceptions, python, typescript
from arlen_openapi.changes import LEVELS, Change, compare
from arlen_openapi.differences import differences, told
from arlen_openapi.references import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arlen_openapi.exceptions import Judged

__all__ = ["OpenAPI", "openapi"]

_ROWS = 50
_ADVICE = "keep the old form beside the new one, or declare the change in a file for --exceptions"


class OpenAPI:
    """Write the OpenAPI document of the application, compare it, and make clients from it."""

    name = "openapi"
    help = "write the OpenAPI document of the application, compare it, make clients from it"

    def configure(self, parser: ArgumentParser) -> None:
        """Add the actions: export, check, diff, client."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
        export = actions.add_parser("export", help="write the document of the application")
        export.add_argument("--output", metavar="FILE", help="where to; standard output by default")
        check = actions.add_parser("check", help="fail when the document of the application is not the one in a file")
        check.add_argument("file", metavar="FILE", help="the document as it should be")
        check.add_argument("--update", action="store_true", help="write the document of the application to the file")
        diff = actions.add_parser(
            "diff", help="tell what changed from one document to another, and what breaks clients"
        )
        diff.add_argument("old", metavar="OLD", help="a file with the older document")
        diff.add_argument(
            "new", metavar="NEW", nargs="?", help="a file with the newer one; the application's by default"
        )
        diff.add_argument("--fail-on", choices=("breaking", "any"), help="exit with 1 when there are such changes")
        diff.add_argument("--exceptions", metavar="FILE", help="TOML: the changes that are wanted")
        client = actions.add_parser("client", help="make a client in a language")
        client.add_argument("language", choices=sorted(_CLIENTS), metavar="LANGUAGE", help="python or typescript")
        client.add_argument("--output", metavar="FOLDER", required=True, help="where to")
        client.add_argument("--document", metavar="FILE", help="the document; the application's by default")
        for each in (export, check, diff, client):
            _common(each)

    def run(self, args: Namespace) -> Result:
        """Do it; docs/openapi-tools.md says what each action returns.

        Raises:
            CommandError: it was used wrongly, or a file is wrong.
            StartupError: the application is broken.
        """
        result: Result = _ACTIONS[args.action](args)
        return result


openapi = OpenAPI()


def _export(args: Namespace) -> Result:
    data = _application(args)
    if args.output is None:
        return Result({"document": msgspec.json.decode(data)}, data.decode().rstrip("\n"))
    _write(Path(args.output), data)
    return Result({"file": args.output, "bytes": len(data)}, f"wrote  {args.output}")


def _check(args: Namespace) -> Result:
    path, data = Path(args.file), _application(args)
    there = _read(path) if path.exists() else b""
    before, after = parse(there, args.file).tree if there else {}, msgspec.json.decode(data)
    found = list(differences(before, after))
    if args.update:
        if there != data:
            _write(path, data)
        text = f"updated  {args.file}" if there != data else f"{args.file} is up to date"
        return Result({"file": args.file, "updated": there != data, "differences": len(found)}, text)
    rows = [msgspec.to_builtins(each) for each in islice(found, _ROWS)]
    result = {"file": args.file, "matches": not found, "differences": rows, "more": max(len(found) - _ROWS, 0)}
    if not found:
        return Result(result, f"{args.file} is the document of the application")
    return Result(result, "\n".join(_listed(args.file, [told(each) for each in found], exists=bool(there))), exit=1)


def _listed(name: str, lines: list[str], *, exists: bool) -> Iterable[str]:
    if exists:
        yield f"{name} is not the document of the application ({len(lines)} differences):"
        yield from lines[:_ROWS]
        if len(lines) > _ROWS:
            yield f"and {len(lines) - _ROWS} more"
    else:
        yield f"there is no {name}"
    yield "  fix: arlen openapi diff tells what breaks clients; --update writes the document of the application"


def _diff(args: Namespace) -> Result:
    old = parse(_read(Path(args.old)), args.old)
    new = parse(_read(Path(args.new)), args.new) if args.new else parse(_application(args), "the application")
    allowed = exceptions.read(_text(Path(args.exceptions)), args.exceptions) if args.exceptions else ()
    judged = exceptions.judge(compare(old, new), allowed, new.version)
    counts = {level: sum(each.level == level for each in judged.counted) for level in LEVELS}
    failed = {"breaking": counts["breaking"] + counts["unknown"], "any": len(judged.counted), None: 0}[args.fail_on]
    data = {"changes": judged.counted, **counts, **msgspec.structs.asdict(judged)}
    del data["counted"]
    return Result(msgspec.to_builtins(data), "\n".join(_report(judged, counts, failed)), exit=int(bool(failed)))


def _report(judged: Judged, counts: dict[str, int], failed: int) -> Iterable[str]:
    yield from map(_change, judged.counted)
    yield from (f"excepted    {each.rule}  {each.place}" for each in judged.excepted)
    for word, listed in (("unused", judged.unused), ("expired", judged.expired)):
        yield from (f"{word} exception  {each.rule}  {each.place}  (until {each.until})" for each in listed)
    told = ", ".join(f"{counts[level]} {level}" for level in LEVELS)
    yield told if judged.counted else "there is no change that counts"
    if failed:
        yield f"  fix: {_ADVICE}"


def _change(each: Change) -> str:
    return f"{each.level:<10}  {each.rule}  {each.place}\n            {each.reason}"


def _client(args: Namespace) -> Result:
    data = _read(Path(args.document)) if args.document else _application(args)
    name, make = _CLIENTS[args.language]
    path = Path(args.output) / name
    _write(path, make(parse(data, args.document or "the application")).encode())
    return Result({"created_files": [path.as_posix()]}, f"wrote  {path.as_posix()}")


_CLIENTS: dict[str, Any] = {"python": ("client.py", python.client), "typescript": ("client.ts", typescript.client)}
_ACTIONS: dict[str, Any] = {"export": _export, "check": _check, "diff": _diff, "client": _client}


def _application(args: Namespace) -> bytes:
    """Return the document of the application, byte for byte as `export` writes it."""
    os.environ.setdefault("ARLEN_ENV", "development")
    with contextlib.redirect_stdout(sys.stderr):
        app = load(args.app, Path.cwd())
        return arlen_openapi.encode(arlen_openapi.document(app), indent=2)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError("file_unreadable", f"{path}: {error.strerror}", fix="name a file that is there") from error


def _text(path: Path) -> str:
    try:
        return _read(path).decode()
    except UnicodeDecodeError as error:
        raise CommandError("file_unreadable", f"{path} is no UTF-8", fix="write it as UTF-8") from error


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise CommandError("file_unwritable", f"{path}: {error.strerror}", fix="name another") from error


def _common(parser: ArgumentParser) -> None:
    """Let the options that every command has stand behind the action too."""
    group = parser.add_argument_group("everywhere")
    group.add_argument("--json", action="store_true", default=SUPPRESS, help="answer with one JSON document")
    for name in ("app", "root", "env"):
        group.add_argument(f"--{name}", default=SUPPRESS, help=SUPPRESS)
