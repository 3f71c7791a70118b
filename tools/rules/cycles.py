"""No import cycles, inside a package or between packages, whether an import waits for a call or not."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from tools.rules.model import Module, Package, Repository, Violation, imports

__all__ = ["check"]

BREAK = "move what both need into a module below them"


def check(repository: Repository) -> Iterator[Violation]:
    """Sort the modules of each package, and the packages; a cycle has no order."""
    for package in repository.packages:
        yield from _modules(package)
    yield from _packages(repository)


def _modules(package: Package) -> Iterator[Violation]:
    known = {module.name: module for module in package.modules}
    graph = {module.name: _edges(module, known) for module in package.modules}
    while cycle := _cycle(graph):
        module = known[cycle[0]]
        line = next(found.line for found in imports(module) if cycle[1] in _targets(found.target, found.names, known))
        yield Violation("cycle", cycle[0], module.path, line, f"import cycle: {' -> '.join(cycle)}", BREAK)
        graph[cycle[0]].discard(cycle[1])  # look for the next one


def _edges(module: Module, known: dict[str, Module]) -> set[str]:
    found = (
        target for item in imports(module) if not item.typing for target in _targets(item.target, item.names, known)
    )
    return set(found) - {module.name}


def _targets(target: str, names: tuple[str, ...], known: dict[str, Module]) -> Iterator[str]:
    submodules = [f"{target}.{name}" for name in names if f"{target}.{name}" in known]
    yield from submodules
    if target in known and len(submodules) < max(len(names), 1):
        yield target


def _packages(repository: Repository) -> Iterator[Violation]:
    packages = {package.name: package for package in repository.packages}
    graph = {name: set(package.required) & set(packages) for name, package in packages.items()}
    if cycle := _cycle(graph):
        reason = f"dependency cycle: {' -> '.join(cycle)}"
        yield Violation("package-cycle", cycle[0], packages[cycle[0]].config, 1, reason, BREAK)


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        nodes: list[str] = error.args[1]
        return nodes[::-1]  # graphlib lists predecessors first
    return []
