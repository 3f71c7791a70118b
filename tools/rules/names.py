"""Names: `__all__` is exact in every public module, and every public name has a docstring."""

import ast
from collections.abc import Iterator

from tools.rules.model import FunctionNode, Module, Repository, Violation

__all__ = ["check"]

Definition = FunctionNode | ast.ClassDef
EXEMPT = {"overload", "override", "setter", "deleter"}  # documented at what they belong to


def check(repository: Repository) -> Iterator[Violation]:
    """Check the public modules of every package."""
    for package in repository.packages:
        for module in package.modules:
            if module.public:
                yield from _exports(module)
            yield from _documented(module)


def _exports(module: Module) -> Iterator[Violation]:
    if module.exported is None:
        yield _violation("all-missing", module, 1, ("has no __all__", "list the public names in __all__"))
        return
    defined = {node.name: node.lineno for node in module.tree.body if isinstance(node, Definition)}
    for name, line in defined.items():
        if not name.startswith("_") and name not in module.exported:
            reason = f"{name} is not in __all__"
            yield _violation(
                "all-incomplete", module, line, (reason, "add it, or begin its name with an underscore"), name
            )
    yield from _listed(module, module.exported)


def _listed(module: Module, exported: list[str]) -> Iterator[Violation]:
    own, imported = set(_bound(module.tree.body)), set(_imported(module.tree.body))
    door = module.path.name == "__init__.py" or "__getattr__" in own
    for name in exported:
        if name not in own | imported and not door:
            yield _violation("all-unknown", module, 1, (f"__all__ lists {name}, which is not there", "remove it"), name)
        elif name not in own and not door:
            reason = f"__all__ lists {name}, which another module defines"
            yield _violation("all-foreign", module, 1, (reason, "let users import it from where it is defined"), name)
    for name in sorted(n for n in exported if exported.count(n) > 1 or (n.startswith("_") and n != "__version__")):
        yield _violation("all-odd", module, 1, (f"__all__ lists {name} twice, or it is private", "remove it"), name)


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, Definition):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
        elif isinstance(node, ast.If | ast.Try):
            yield from _bound([child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node])


def _imported(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((name.asname or name.name).partition(".")[0] for name in node.names)
        elif isinstance(node, ast.If | ast.Try):
            yield from _imported(
                [child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node]
            )


def _documented(module: Module) -> Iterator[Violation]:
    if not ast.get_docstring(module.tree):
        fix = "begin it with one line that says what it is"
        yield _violation("undocumented", module, 1, ("the module has no docstring", fix))
    if module.public:
        yield from _undocumented(module, module.tree, "")


def _undocumented(module: Module, tree: ast.Module | ast.ClassDef, prefix: str) -> Iterator[Violation]:
    for node in tree.body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
        if not ast.get_docstring(node) and not decorators & EXEMPT:
            name = prefix + node.name
            yield _violation(
                "undocumented", module, node.lineno, (f"{name} has no docstring", "say what it does"), name
            )
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(module, node, f"{prefix}{node.name}.")


def _violation(rule: str, module: Module, line: int, text: tuple[str, str], name: str = "") -> Violation:
    return Violation(rule, f"{module.name}:{name}" if name else module.name, module.path, line, *text)
