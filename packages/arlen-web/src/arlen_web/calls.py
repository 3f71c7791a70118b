"""Calls: what the application's own Python passes to its templates, read without running it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ANYWHERE", "passed"]

ANYWHERE = "*"
"""Stands for every template: the key of calls whose template is not a literal."""

_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "tests", "test"})
_OPTIONS = frozenset({"status", "data", "headers"})


def passed(root: Path) -> dict[str, frozenset[str] | None]:
    """Return the names that `.render("template", name=...)` and `.page(...)` pass to each template, over all calls.

    A template that is once given `**values` has `None`: anything may come. What calls without a literal template pass
    stands under `ANYWHERE`.

    Args:
        root: the folder of the application; hidden folders, tests and installed packages are left out.
    """
    found: dict[str, frozenset[str] | None] = {}
    for file in _files(root):
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):  # not for this check to report
            continue
        for name, values in _renders(tree):
            before = found.get(name, frozenset())
            found[name] = None if before is None or values is None else before | values
    return found


def _files(folder: Path) -> Iterator[Path]:
    for each in sorted(folder.iterdir()):
        if each.name.startswith(".") or each.name in _SKIPPED or each.is_symlink():
            continue
        if each.is_dir() and not (each / "pyvenv.cfg").exists():
            yield from _files(each)
        elif each.suffix == ".py":
            yield each


def _renders(tree: ast.AST) -> Iterator[tuple[str, frozenset[str] | None]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        if node.func.attr not in {"render", "page"}:
            continue
        first = node.args[0]
        literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
        names = [each.arg for each in node.keywords]
        known = frozenset(name for name in names if name is not None) - _OPTIONS
        yield first.value if literal else ANYWHERE, None if None in names else known  # type: ignore[attr-defined]
