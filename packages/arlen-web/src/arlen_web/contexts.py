"""Contexts: which names each template is given, by the handlers that render it and by the templates that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes

from arlen_web.calls import ANYWHERE
from arlen_web.trees import constants, defined, references

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = ["contexts"]

Given = dict[str, "frozenset[str] | None"]


def contexts(trees: Mapping[str, nodes.Template], passed: Mapping[str, Collection[str] | None]) -> Given:
    """Return the names that each template may see beside the globals; `None` where anything may come.

    A page sees what handlers pass. A layout or an included template sees what its users see and define. A template that
    is imported without context sees nothing. A template that nobody is known to use may be given anything.

    Args:
        trees: of all templates, by name.
        passed: see `arlen_web.calls.passed`.
    """
    always = passed.get(ANYWHERE, frozenset())
    edges = [(user, *edge) for user, tree in trees.items() for edge in _edges(tree)]
    dynamic = any(not constants(node.template) for tree in trees.values() for node in references(tree))
    used = {target for _, target, _ in edges}
    given: Given = {}
    for name in trees:
        names = passed.get(name, passed.get(name.removesuffix(".html"), ()))
        rendered = name in passed or name.removesuffix(".html") in passed
        if always is None or names is None or (not rendered and (dynamic or name not in used)):
            given[name] = None
        else:
            given[name] = frozenset(names) | (frozenset(always) if rendered else frozenset())
    return _spread(given, trees, edges)


def _edges(tree: nodes.Template) -> Iterator[tuple[str, bool]]:
    """Yield the templates that one uses, and whether they see its names."""
    for node in references(tree):
        for target in constants(node.template):
            yield target, getattr(node, "with_context", True)


def _spread(given: Given, trees: Mapping[str, nodes.Template], edges: list[tuple[str, str, bool]]) -> Given:
    own = {name: frozenset(defined(tree)) for name, tree in trees.items()}
    changed = True
    while changed:
        changed = False
        for user, target, sees in edges:
            before = given.get(target)
            if target not in given or before is None or not sees:
                continue
            names = given[user]
            after = None if names is None else before | names | own[user]
            changed |= after != before
            given[target] = after
    return given
