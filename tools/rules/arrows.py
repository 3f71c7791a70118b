"""Arrows: what a package imports is what it declares, extras are imported when they are used, siblings by name."""

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions

from packaging.utils import canonicalize_name

from tools.rules.model import Import, Module, Package, Repository, Violation, imports

__all__ = ["check"]

STANDARD = sys.stdlib_module_names | {"compression"}  # compression came with Python 3.14
FAMILY = "arlen"


def check(repository: Repository) -> Iterator[Violation]:
    """Check every import against the declared dependencies, and the other way round."""
    siblings = {package.top: package for package in repository.packages}
    for package in repository.packages:
        used: set[str] = set()
        eager = _eager(package)
        for module in package.modules:
            for item in imports(module):
                used |= _names(item, siblings)
                yield from _import(package, module, item, siblings, eager=module.name in eager)
                yield from _public(package, module, item, repository)
        yield from _unused(package, used)
        yield from _siblings(package, repository)


def _eager(package: Package) -> set[str]:
    # A module that nothing here imports at its top is one that users name, as in arlen_jobs.stores.redis: it may begin
    # with the extra that it is for. So may what the suite of a contract is made of, for those who have the kit.
    found = {package.top}
    for module in package.modules:
        if module.name.startswith(f"{package.top}.conformance"):
            continue
        for item in imports(module):
            if not (item.lazy or item.typing):
                found.update([item.target, *(f"{item.target}.{name}" for name in item.names)])
    return found


def _import(
    package: Package, module: Module, item: Import, siblings: Mapping[str, Package], *, eager: bool
) -> Iterator[Violation]:
    top = item.target.partition(".")[0]
    if top in STANDARD or top == package.top:
        return
    names = _names(item, siblings)
    where, label = f"{module.name} -> {top}", " or ".join(sorted(names))
    if not names & (package.required.keys() | package.optional.keys()):
        reason, fix = f"imports {top}, which is not declared", f"add {label} to dependencies in pyproject.toml"
        yield Violation("undeclared", where, module.path, item.line, reason, fix)
    elif eager and not names & package.required.keys() and not (item.lazy or item.typing):
        reason, fix = (
            f"{label} is an extra and is imported at the top",
            "import it inside the function that uses it, or the module that needs it",
        )
        yield Violation("eager-extra", where, module.path, item.line, reason, fix)


def _public(package: Package, module: Module, item: Import, repository: Repository) -> Iterator[Violation]:
    top = item.target.partition(".")[0]
    if top == package.top or top.partition("_")[0] != FAMILY:
        return
    for name in item.names or ("",):
        if problem := _hidden(item.target, name, repository):
            where = f"{module.name} -> {item.target}" + (f".{name}" if name else "")
            fix = "use a public name, or make this one public with a docstring and a test"
            yield Violation("private-import", where, module.path, item.line, problem, fix)


def _hidden(target: str, name: str, repository: Repository) -> str | None:
    if any(part.startswith("_") for part in [*target.split("."), name]):
        return f"imports the private {target}.{name}".rstrip(".")
    module = repository.modules.get(target)
    if module is None or not name or f"{target}.{name}" in repository.modules:
        return None
    return None if name in (module.exported or []) else f"imports {name}, which is not in __all__ of {target}"


def _unused(package: Package, used: set[str]) -> Iterator[Violation]:
    for name in (package.required | package.optional).keys() - used:
        if name in package.required or not name.startswith(FAMILY):
            reason, fix = f"declares {name} and never imports it", "remove it from pyproject.toml"
            yield Violation(
                "unused-dependency", f"{package.name} -> {name}", package.config, _line(package, name), reason, fix
            )


def _siblings(package: Package, repository: Repository) -> Iterator[Violation]:
    allowed = set(repository.config.get("arrows", {}).get(package.name, ["arlen-core"]))
    versions = {other.name: other.project["version"] for other in repository.packages}
    for name, requirement in package.required.items():
        if name.split("-")[0] != FAMILY:
            continue
        where, line = f"{package.name} -> {name}", _line(package, name)
        if name not in allowed:
            reason, fix = (
                f"may not depend on {name}",
                "depend on arlen-core only, or change the table in tools/shape.toml",
            )
            yield Violation("arrow", where, package.config, line, reason, fix)
        if name in versions and not requirement.specifier.contains(versions[name], prereleases=True):
            reason = f"wants {requirement}, and {name} here is {versions[name]}"
            yield Violation("sibling-version", where, package.config, line, reason, "change the range or the version")


def _names(item: Import, siblings: Mapping[str, Package]) -> set[str]:
    top = item.target.partition(".")[0]
    if top in siblings or top.partition("_")[0] == FAMILY:
        return {top.replace("_", "-")}
    return {canonicalize_name(name) for name in _installed().get(top, [top])}


@cache
def _installed() -> Mapping[str, list[str]]:
    return packages_distributions()


def _line(package: Package, name: str) -> int:
    lines = package.config.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if name in line and "name =" not in line), 1)
