"""Lint: what is wrong with templates, found without rendering them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import TemplateSyntaxError, nodes
from msgspec.structs import replace

from arlen_web.checks import CHECKS, Case, Finding
from arlen_web.contexts import contexts
from arlen_web.failures import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from arlen_web.views import Views

__all__ = ["lint", "uses"]


def lint(
    views: Views,
    passed: Mapping[str, Collection[str] | None] | None = None,
    asset: Callable[[str], object] | None = None,
) -> list[Finding]:
    """Check every template: syntax, filters, tests, helpers, other templates, blocks, assets, names that nobody passes.

    Args:
        views: with all helpers added.
        passed: the names that each template is given, `None` for anything; see `arlen_web.calls.passed`.
        asset: raises `LookupError` for a static file that does not exist.

    Returns what is wrong, by template and line.
    """
    trees: dict[str, nodes.Template] = {}
    broken: list[Finding] = []
    for name in views.names():
        try:
            trees[name] = views.env.parse(views.source(name), name)
            views.env.compile(views.source(name), name)
        except TemplateSyntaxError as error:
            broken.append(Finding(error.name or name, error.lineno, "syntax", explain(error), "correct it"))
        except UnicodeDecodeError:
            broken.append(Finding(name, 1, "encoding", "the file is not UTF-8", "save it as UTF-8"))
    found = _checked(views, trees, passed or {}, asset)
    # the compiler finds one unknown filter or test a template, our own checks all of them, with advice
    seen = {(each.template, each.line) for each in found}
    found += [each for each in broken if (each.template, each.line) not in seen]
    return sorted(replace(each, file=views.file(each.template)) for each in found)


def uses(views: Views, name: str) -> str:
    """Return the first template that uses a global name, or "" when none does."""
    for each in views.names():
        source = views.source(each)
        if name in source and any(node.name == name for node in views.env.parse(source, each).find_all(nodes.Name)):
            return each
    return ""


def _checked(
    views: Views,
    trees: Mapping[str, nodes.Template],
    passed: Mapping[str, Collection[str] | None],
    asset: Callable[[str], object] | None,
) -> list[Finding]:
    given, names = contexts(trees, passed), frozenset(views.names())
    cases = [Case(name, tree, views.env, trees, names, given[name], asset) for name, tree in trees.items()]
    return [found for case in cases for check in CHECKS for found in check(case)]
