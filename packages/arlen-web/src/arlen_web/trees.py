"""Trees: questions to the syntax tree of a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Reference", "constants", "defined", "free", "guarded", "line", "literals", "parents", "references"]

Reference = nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport


class _Any(dict[str, Any]):
    """Filters or tests among which every name is."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, default) or str


def constants(node: nodes.Node) -> list[str]:
    """Return the texts that an expression may have: one for a literal, several for a list of them, none if unknown."""
    if isinstance(node, nodes.Const):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, nodes.Tuple | nodes.List):
        found = [constants(item) for item in node.items]
        return [each for texts in found for each in texts] if all(found) else []
    return []


def references(tree: nodes.Template) -> Iterator[Reference]:
    """Yield every extends, include and import."""
    yield from tree.find_all(nodes.Extends)
    yield from tree.find_all(nodes.Include)
    yield from tree.find_all(nodes.Import)
    yield from tree.find_all(nodes.FromImport)


def defined(tree: nodes.Template) -> set[str]:
    """Return every name that a template gives a value anywhere: set, loops, macros and their parameters, imports."""
    found = {node.name for node in tree.find_all(nodes.Name) if node.ctx in {"store", "param"}}
    found |= {node.name for node in tree.find_all(nodes.Macro)} | {node.target for node in tree.find_all(nodes.Import)}
    names = [name for node in tree.find_all(nodes.FromImport) for name in node.names]
    return found | {name if isinstance(name, str) else name[1] for name in names}


def free(tree: nodes.Template) -> set[str]:
    """Return the names that a template takes from outside, beside the globals; it may use unknown filters and tests."""
    real = tree.environment
    if real is None:  # it is set by whoever parses
        raise ValueError("the tree has no environment")
    lenient = real.overlay()
    lenient.filters, lenient.tests = _Any(real.filters), _Any(real.tests)
    tree.set_environment(lenient)
    try:
        return find_undeclared_variables(tree)
    finally:
        tree.set_environment(real)


def guarded(tree: nodes.Template) -> set[str]:
    """Return the names that a template asks about first: `x is defined`, `x|default(...)`."""
    tests = [node.node for node in tree.find_all(nodes.Test) if node.name in {"defined", "undefined"}]
    filters = [node.node for node in tree.find_all(nodes.Filter) if node.name in {"default", "d"}]
    return {node.name for node in [*tests, *filters] if isinstance(node, nodes.Name)}


def line(tree: nodes.Template, name: str) -> int:
    """Return the line where a name is first used."""
    return min((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), default=1)


def literals(tree: nodes.Template, name: str) -> Iterator[tuple[int, str]]:
    """Yield line and text for each call of a global with a literal text first: `asset("app.css")`."""
    for node in tree.find_all(nodes.Call):
        if isinstance(node.node, nodes.Name) and node.node.name == name and node.args:
            for text in constants(node.args[0]):
                yield node.lineno, text


def parents(tree: nodes.Template, trees: Mapping[str, nodes.Template]) -> list[nodes.Template] | None:
    """Return the layouts above a template, the nearest first; `None` when they are only known while it is rendered."""
    found: list[nodes.Template] = []
    while (extends := tree.find(nodes.Extends)) is not None:
        names = constants(extends.template)
        if len(names) != 1 or names[0] not in trees or trees[names[0]] in found:
            return None
        tree = trees[names[0]]
        found.append(tree)
    return found
