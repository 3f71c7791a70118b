"""Checks: what can be wrong with one template among the others."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from jinja2 import Environment, nodes
from msgspec import Struct

from arlen_web.contexts import Given
from arlen_web.trees import constants, defined, free, guarded, line, literals, parents, references

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

__all__ = ["CHECKS", "Case", "Finding"]

_ALWAYS = frozenset({"ctx", "request", "caller", "varargs", "kwargs", "self", "super", "loop"})


class Finding(Struct, frozen=True, order=True):
    """One thing that is wrong.

    Attributes:
        template: the name of the template.
        line: from 1.
        code: a stable word.
        message: what is wrong.
        fix: what to do.
        severity: "error", which fails at run time, or "warning", which may not do what was meant.
        file: the template's file.
    """

    template: str
    line: int
    code: str
    message: str
    fix: str = ""
    severity: str = "error"
    file: str = ""


class Case(Struct, frozen=True):
    """A template and what is known around it.

    Attributes:
        name: of the template.
        tree: its syntax tree.
        env: with all filters, tests and helpers.
        trees: of all templates that can be parsed.
        names: of all templates.
        given: what it is given by handlers and by templates that use it.
        asset: raises `LookupError` for a static file that does not exist; `None` to check none.
    """

    name: str
    tree: nodes.Template
    env: Environment
    trees: Mapping[str, nodes.Template]
    names: Collection[str]
    given: Given = Given(open=True)
    asset: Callable[[str], object] | None = None

    def found(self, line: int, code: str, message: str, fix: str = "", severity: str = "error") -> Finding:
        """Make a finding about this template."""
        return Finding(self.name, line, code, message, fix or "correct it", severity)


def _filters(case: Case) -> Iterator[Finding]:
    kinds: tuple[tuple[type[nodes.Filter | nodes.Test], str, Collection[str]], ...] = (
        (nodes.Filter, "filter", case.env.filters),
        (nodes.Test, "test", case.env.tests),
    )
    for kind, word, known in kinds:
        for node in case.tree.find_all(kind):
            if node.name not in known:
                advice = _near(node.name, known) or f"add it: web.views.env.{word}s[{node.name!r}] = ..."
                yield case.found(node.lineno, f"unknown_{word}", f"there is no {word} {node.name!r}", advice)


def _references(case: Case) -> Iterator[Finding]:
    for node in references(case.tree):
        wanted = constants(node.template)
        missing = [each for each in wanted if each not in case.names]
        if getattr(node, "ignore_missing", False) or len(missing) < len(wanted):
            continue  # an include may say that it can do without, or name several
        for each in missing:
            advice = _near(each, case.names) or "make it, or correct the name"
            yield case.found(node.lineno, "missing_template", f"there is no template {each!r}", advice)


def _imports(case: Case) -> Iterator[Finding]:
    for node in case.tree.find_all(nodes.FromImport):
        for target in constants(node.template):
            if target not in case.trees or case.trees[target].find(nodes.Extends):
                continue
            exported = {each for each in defined(case.trees[target]) if not each.startswith("_")}
            for each in node.names:
                wanted = each if isinstance(each, str) else each[0]
                if wanted not in exported:
                    message = f"{target} has no macro or variable {wanted!r}"
                    yield case.found(node.lineno, "missing_import", message, _near(wanted, exported))


def _names(case: Case) -> Iterator[Finding]:
    above = parents(case.tree, case.trees)
    known = {*case.env.globals, *_ALWAYS, *case.given.names, *defined(case.tree)}
    for layout in above or ():
        known |= defined(layout)
    unknown = free(case.tree) - known - guarded(case.tree)
    called = {node.node.name for node in case.tree.find_all(nodes.Call) if isinstance(node.node, nodes.Name)}
    sure = not case.given.open and above is not None
    for each in sorted(unknown):
        at, advice = line(case.tree, each), _near(each, known)
        if each in called:
            fix = advice or f"register it: app.helper({each!r}, ...)"
            severity = "error" if sure else "warning"
            yield case.found(at, "unknown_helper", f"there is no helper {each!r}", fix, severity)
        elif sure:
            fix = advice or f"pass it to render(), or write {each}|default(...)"
            yield case.found(at, "undefined_name", f"nobody passes {each!r}", fix)


def _blocks(case: Case) -> Iterator[Finding]:
    above = parents(case.tree, case.trees)
    if not above:
        return
    known = {block.name for parent in above for block in parent.find_all(nodes.Block)}
    for node in case.tree.body:
        if isinstance(node, nodes.Block) and node.name not in known:
            message = f"no layout has a block {node.name!r}, so it is never shown"
            yield case.found(node.lineno, "unused_block", message, _near(node.name, known), "warning")
        elif isinstance(node, nodes.Output) and _text(node):
            message = "text outside of blocks is never shown in a template that extends another"
            yield case.found(node.lineno, "text_outside_block", message, "put it into a block", "warning")


def _assets(case: Case) -> Iterator[Finding]:
    for at, path in literals(case.tree, "asset") if case.asset else ():
        try:
            case.asset(path)  # type: ignore[misc]
        except LookupError as error:
            yield case.found(at, "missing_asset", str(error.args[0]), "make it, or correct the path")


def _text(node: nodes.Output) -> str:
    return "".join(each.data for each in node.nodes if isinstance(each, nodes.TemplateData)).strip()


def _near(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else ""


CHECKS = (_filters, _references, _imports, _names, _blocks, _assets)
"""Every check: a function from a `Case` to what is wrong."""
