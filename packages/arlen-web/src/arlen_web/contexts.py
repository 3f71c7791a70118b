"""Contexts: which names each template is given, by the handlers that render it and by the templates that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from arlen_web.calls import ANYWHERE
from arlen_web.trees import constants, defined, parents, references

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from jinja2 import nodes

__all__ = ["Given", "contexts"]


class Given(Struct, frozen=True):
    """What a template is given: these names, and when it is `open`, anything else too."""

    names: frozenset[str] = frozenset()
    open: bool = False

    def joined(self, other: Given) -> Given:
        """Return what one or the other gives."""
        return Given(self.names | other.names, self.open or other.open)


def contexts(trees: Mapping[str, nodes.Template], passed: Mapping[str, Collection[str] | None]) -> dict[str, Given]:
    """Return what each template may see beside the globals and its own names.

    A page sees what handlers pass. A layout or an included template sees what its users see and define. A template that
    is imported without context sees nothing. A template that nobody is known to use may be given anything.

    Args:
        trees: of all templates, by name.
        passed: see `arlen_web.calls.passed`.
    """
    edges = [(user, *edge) for user, tree in trees.items() for edge in _edges(tree)]
    dynamic = any(not constants(node.template) for tree in trees.values() for node in references(tree))
    used = {target for _, target, _ in edges}
    always = _given(passed.get(ANYWHERE, ()))
    given: dict[str, Given] = {}
    for name in trees:
        key = name if name in passed else name.removesuffix(".html")
        if key in passed:
            given[name] = _given(passed[key]).joined(always)
        else:
            given[name] = Given(open=dynamic or name not in used or always.open)
    return _spread(given, trees, edges)


def _given(names: Collection[str] | None) -> Given:
    return Given(open=True) if names is None else Given(frozenset(names))


def _edges(tree: nodes.Template) -> Iterator[tuple[str, bool]]:
    """Yield the templates that one uses, and whether they see its names."""
    for node in references(tree):
        for target in constants(node.template):
            yield target, getattr(node, "with_context", True)


def _spread(
    given: dict[str, Given], trees: Mapping[str, nodes.Template], edges: list[tuple[str, str, bool]]
) -> dict[str, Given]:
    own = {name: Given(_own(tree, trees)) for name, tree in trees.items()}
    seeing = [(user, target) for user, target, sees in edges if sees and target in given]
    changed = True
    while changed:
        changed = False
        for user, target in seeing:
            after = given[target].joined(given[user]).joined(own[user])
            changed |= after != given[target]
            given[target] = after
    return given


def _own(tree: nodes.Template, trees: Mapping[str, nodes.Template]) -> frozenset[str]:
    """Return what a template and its layouts define: blocks see both."""
    return frozenset().union(*(defined(each) for each in (tree, *(parents(tree, trees) or ()))))
