"""Wiring: add an import and a statement to the module that makes the application, and leave the rest as it is."""

from __future__ import annotations

import ast
from pathlib import Path

from arlen_core.commands import CommandError
from arlen_core.loading import target

__all__ = ["find", "wire"]

_WIDTH = 88


def find(name: str | None, root: Path) -> str:
    """Return the path, relative to `root`, of the module that makes the application.

    Raises:
        StartupError: there is no application here.
        CommandError: its module is no file below `root`.
    """
    module, _ = target(name, root)
    parts = module.split(".")
    for base in ("", "src/"):
        for end in (".py", "/__init__.py"):
            path = base + "/".join(parts) + end
            if (root / path).is_file():
                return path
    raise CommandError("no_app_file", f"there is no file of the module {module} in {root}", fix="name it with --app")


def wire(source: str, package: str, name: str, call: str, argument: str) -> str:
    """Return the source with `from package import name`, and with `app.call(argument)` after the like.

    The application is what is assigned from `App(...)`. What is there already is not added again.

    Args:
        source: of the module.
        package: to import from.
        name: to be imported.
        call: "include" or "use".
        argument: of the call.

    Raises:
        CommandError: the module has no `app = App(...)`; the fix says what to write by hand.
    """
    tree = ast.parse(source)
    app = _app(tree)
    if app is None:
        lines = f"`from {package} import {name}` and `app.{call}({argument})`"
        raise CommandError("not_wired", "the application's module has no `app = App(...)`", fix=f"add {lines} by hand")
    statement = f"{app}.{call}({argument})"
    if statement not in {ast.unparse(node) for node in tree.body}:
        source = _insert(source, _after(tree, app, call), [statement])
    return _imported(source, package, name)


def _app(tree: ast.Module) -> str | None:
    for node in tree.body:
        made = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        goal = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(made, ast.Call) and ast.unparse(made.func).split(".")[-1] == "App" and isinstance(goal, ast.Name):
            return goal.id
    return None


def _after(tree: ast.Module, app: str, call: str) -> int:
    """Return the line after which the statement goes: the last of its sort, else the last of the others, else `App`."""
    lines = {_call(node): node.end_lineno or 0 for node in tree.body}
    sorts = {"include": ("include", "mount", "use", "App"), "use": ("use", "App")}[call]
    return next(lines[wanted] for each in sorts if (wanted := "App" if each == "App" else f"{app}.{each}") in lines)


def _call(node: ast.stmt) -> str:
    value = getattr(node, "value", None)
    name = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
    return "App" if name.split(".")[-1] == "App" else name


def _imported(source: str, package: str, name: str) -> str:
    imports = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    line = f"from {package} import {name}"
    for node in imports:
        if isinstance(node, ast.ImportFrom) and node.module == package and not node.level:
            return _merged(source, node, name)
    if not imports:
        first = ast.parse(source).body[0]
        docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        return _insert(source, (first.end_lineno or 0) if docstring else 0, ["", line] if docstring else [line, ""])
    last = imports[-1]
    module = (last.module or "") if isinstance(last, ast.ImportFrom) else ""
    own = module.partition(".")[0] in {"controllers", "plugins", package.partition(".")[0]}
    if own and module > package:
        return _insert(source, last.lineno - 1, [line])
    return _insert(source, last.end_lineno or 0, [line] if own else ["", line])


def _merged(source: str, node: ast.ImportFrom, name: str) -> str:
    written = sorted({*(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in node.names), name})
    line = f"from {node.module} import {', '.join(written)}"
    if len(line) > _WIDTH:
        line = "\n".join([f"from {node.module} import (", *(f"    {each}," for each in written), ")"])
    lines = source.splitlines()
    lines[node.lineno - 1 : node.end_lineno] = [line]
    return "\n".join(lines) + "\n"


def _insert(source: str, after: int, new: list[str]) -> str:
    lines = source.splitlines()
    lines[after:after] = new
    return "\n".join(lines) + "\n"
