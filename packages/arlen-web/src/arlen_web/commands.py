"""Commands: `arlen templates`, which compiles and checks every template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import to_builtins

from arlen_core.commands import CommandError, Result
from arlen_core.errors import StartupError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from arlen_core.app import App
    from arlen_web.checks import Finding
    from arlen_web.web import Web

__all__ = ["Templates", "templates"]


class Templates:
    """Compiles and checks every template of an application, without rendering one.

    It exits with 0 when all is well, 1 when a template has an error (with `--strict`, a warning), and raises
    `CommandError` when the application cannot be loaded.
    """

    name = "templates"
    help = "compile and check every template"

    def configure(self, parser: ArgumentParser) -> None:
        """Add the arguments of the command."""
        parser.add_argument("--strict", action="store_true", help="fail on warnings too")

    def run(self, args: Namespace) -> Result:
        """Check the templates of the application that `args.app` names."""
        app = _loaded(getattr(args, "app", None))
        web = _web(app)
        found = web.lint()
        errors = sum(each.severity == "error" for each in found)
        failed = bool(errors or (found and getattr(args, "strict", False)))
        rows = [to_builtins(each) for each in found]
        count = len(web.views.names())
        data = {"templates": count, "errors": errors, "warnings": len(found) - errors, "findings": rows}
        return Result(data, _text(found, count, errors), exit=int(failed))


templates = Templates()


def _loaded(name: str | None) -> App:
    from arlen_core.loading import load  # brings importlib's machinery, only for this command

    try:
        found: App = load(name)
    except StartupError as error:
        raise CommandError(error.code, error.reason, fix=error.fix) from error
    return found


def _web(app: App) -> Web:
    from arlen_web.web import Web  # brings the template engine

    web = getattr(app, "renderer", None)
    if not isinstance(web, Web):
        raise CommandError("no_templates", "this application has no templates", fix="app.use(Web())")
    return web


def _text(found: list[Finding], count: int, errors: int) -> str:
    here = Path.cwd()
    lines = []
    for each in found:
        path = Path(each.file)
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        lines.append(f"{shown}:{each.line}: {each.severity}: {each.message} [{each.code}]; {each.fix}")
    total = f"{count} templates, {errors} errors, {len(found) - errors} warnings"
    return "\n".join([*lines, total])
