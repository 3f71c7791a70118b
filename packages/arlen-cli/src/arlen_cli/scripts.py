"""Scripts: Python with `await` at the top level, run inside an event loop."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

__all__ = ["compiled", "evaluate"]


def compiled(source: str, file: str) -> tuple[CodeType, bool]:
    """Compile a script; say whether it ends in an expression, whose value `evaluate` then returns.

    Raises:
        SyntaxError: it is no Python.
    """
    tree = ast.parse(source, file)
    ends = bool(tree.body) and isinstance(tree.body[-1], ast.Expr)
    if ends:
        value = tree.body[-1]
        tree.body[-1] = ast.copy_location(ast.Assign([ast.Name(_RESULT, ast.Store())], value.value), value)  # type: ignore[attr-defined]
        ast.fix_missing_locations(tree)
    return compile(tree, file, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True), ends


async def evaluate(code: CodeType, names: dict[str, Any]) -> Any:
    """Run compiled code in these names; return the value of its last expression, or `None`."""
    names.pop(_RESULT, None)
    function: Callable[[], Any] = FunctionType(code, names)
    made = function()
    if inspect.iscoroutine(made):
        await made
    return names.pop(_RESULT, None)


_RESULT = "__arlen_result__"
