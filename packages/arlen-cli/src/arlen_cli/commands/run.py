"""`arlen run`: a script in the application."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from argparse import REMAINDER, ArgumentParser, Namespace
from pathlib import Path
from types import CodeType
from typing import Any

from arlen_cli.apps import load_app, quiet
from arlen_cli.catalog import OWN
from arlen_cli.scripts import compiled, evaluate
from arlen_core.commands import CommandError, Result

__all__ = ["Run", "command"]


class Run:
    """Run a Python file with the application started; it sees `app`, and may `await` at its top level."""

    name = "run"
    help = OWN["run"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add the file and what follows it."""
        parser.add_argument("script", metavar="FILE", help="a Python file")
        parser.add_argument("arguments", nargs=REMAINDER, metavar="...", help="for the script, in sys.argv")

    def run(self, args: Namespace) -> Result:
        """Return `script`; with `--json` what the script prints goes to standard error.

        Raises:
            CommandError: there is no such file, it is no Python, or it raised.
        """
        code = _read(args.script)
        app = load_app(args)
        sys.argv = [args.script, *args.arguments]
        names: dict[str, Any] = {"__name__": "__main__", "__file__": args.script, "app": app}
        with quiet() if args.json else contextlib.nullcontext():
            return Result({"script": args.script}, exit=asyncio.run(_run(app, code, names)))


command = Run()


async def _run(app: Any, code: CodeType, names: dict[str, Any]) -> int:
    await app.start()
    try:
        await evaluate(code, names)
    except SystemExit as left:
        return _code(left)
    except Exception as error:  # whatever a script raises
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != code.co_filename:
            trace = trace.tb_next
        print("".join(traceback.format_exception(type(error), error, trace)).rstrip(), file=sys.stderr)
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        raise CommandError("script_failed", f"{code.co_filename}: {said}", fix="see the traceback") from error
    finally:
        await app.stop()
    return 0


def _code(left: SystemExit) -> int:
    if left.code is None or isinstance(left.code, int):
        return left.code or 0 if left.code in {None, 0, 1} else 2
    print(left.code, file=sys.stderr)
    return 1


def _read(script: str) -> CodeType:
    try:
        return compiled(Path(script).read_text(encoding="utf-8"), script)[0]
    except OSError as error:
        raise CommandError("no_file", f"{script}: {error.strerror}", fix="name a file that is there", exit=2) from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        message = f"{script}{f':{line}' if line else ''}: {getattr(error, 'msg', error)}"
        raise CommandError("script_invalid", message, fix="correct that line") from error
