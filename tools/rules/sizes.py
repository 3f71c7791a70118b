"""The budgets: functions and modules that fit on a screen, and more tests than code."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median, quantiles

from tools.rules.model import Function, Module, Package, Repository, Violation, functions

__all__ = ["body", "check", "figures"]

FUNCTION_MEDIAN = 7
FUNCTION_NINTH = 25
FUNCTION_MAX = 60
MODULE_MEDIAN = 150
MODULE_MAX = 500
TESTS = 1.3
INSTRUMENTS = 0.7
PROOF = {"tests", "conformance"}
SPLIT = "split it, or give the measured reason in tools/shape.toml"


def check(repository: Repository) -> Iterator[Violation]:
    """Compare each function, module and package with its budget."""
    for package in repository.packages:
        yield from _package(package)
    for module in [*repository.modules.values(), *repository.tools]:
        yield from _module(module)
    yield from _tests(repository)


def figures(repository: Repository) -> dict[str, dict[str, float]]:
    """Return the figures of each package, for the record."""
    return {package.name: _figures(package) for package in repository.packages}


def body(function: Function, code: set[int]) -> int | None:
    """Count the lines of a function's body that hold code; None for a stub without a body."""
    statements = function.node.body
    if _constant(statements[0]):
        statements = statements[1:]
    if not statements:
        return None
    return sum(number in code for number in range(statements[0].lineno, (statements[-1].end_lineno or 0) + 1))


def _constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)  # a docstring or an ellipsis


def _bodies(module: Module) -> Iterator[tuple[Function, int]]:
    for function in functions(module.tree):
        if (size := body(function, module.code)) is not None:
            yield function, size


def _figures(package: Package) -> dict[str, float]:
    bodies = [size for module in package.modules for _, size in _bodies(module)]
    modules = [module.lines for module in package.modules]
    return {
        "modules": len(modules),
        "lines": sum(modules),
        "module_median": median(modules or [0]),
        "module_max": max(modules, default=0),
        "functions": len(bodies),
        "function_median": median(bodies or [0]),
        "function_p90": quantiles(bodies, n=10)[8] if len(bodies) > 1 else sum(bodies),
        "function_max": max(bodies, default=0),
    }


def _package(package: Package) -> Iterator[Violation]:
    found = _figures(package)
    budgets = {"function_median": FUNCTION_MEDIAN, "function_p90": FUNCTION_NINTH, "module_median": MODULE_MEDIAN}
    for name, budget in budgets.items():
        if found[name] > budget:
            reason = f"{name.replace('_', ' ')} is {found[name]:g} lines, the budget is {budget}"
            yield Violation(name.replace("_", "-"), package.name, package.config, 1, reason, "split the longest ones")


def _module(module: Module) -> Iterator[Violation]:
    if module.lines > MODULE_MAX:
        reason = f"the module has {module.lines} lines, the budget is {MODULE_MAX}"
        yield Violation("module-length", module.name, module.path, 1, reason, SPLIT)
    for function, size in _bodies(module):
        if size > FUNCTION_MAX:
            where, reason = f"{module.name}:{function.name}", f"the body has {size} lines, the budget is {FUNCTION_MAX}"
            yield Violation("function-length", where, module.path, function.node.lineno, reason, SPLIT)


def _tests(repository: Repository) -> Iterator[Violation]:
    """Compare tests with source: the product's, and those of the instruments that measure and attack it."""
    instruments = repository.config.get("instruments", {})
    counts = _counts(repository.root, instruments)
    for where, floor, (tests, source) in zip(("repository", "instruments"), (TESTS, INSTRUMENTS), counts, strict=True):
        if tests < floor * source:
            reason = f"{tests} lines of tests for {source} lines of source: {tests / source:.2f}, the floor is {floor}"
            yield Violation("tests", where, repository.root / "pyproject.toml", 1, reason, "test what is not tested")


def _counts(root: Path, instruments: Iterable[str]) -> list[list[int]]:
    """Return the lines of tests and of source, of the product and of the instruments."""
    counts = [[0, 0], [0, 0]]
    for folder in ("packages", "tools", "examples"):
        for path in (root / folder).glob("**/*.py"):
            parts = path.relative_to(root).parts
            tests = not PROOF.isdisjoint(parts[:-1]) or parts[-1] == "conformance.py"  # a suite is proof that ships
            words = path.stem.split("_")[1:2] if tests else parts[1:2]
            of_tools = folder == "tools" and words and words[0].removesuffix(".py") in instruments
            counts[bool(of_tools)][not tests] += len(path.read_text(encoding="utf-8").splitlines())
    return counts
