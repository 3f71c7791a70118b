"""What the rules look at: the packages of the repository, their modules, and what is wrong with them."""

import ast
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["Function", "Import", "Module", "Package", "Repository", "Violation", "functions", "imports", "load"]

NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong: the rule, the name that an exception would give, the place, the reason and the fix."""

    rule: str
    where: str
    path: Path
    line: int
    reason: str
    fix: str


@dataclass
class Module:
    """One Python file of a package."""

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        """The source."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, str(self.path))

    @cached_property
    def code(self) -> set[int]:
        """The numbers of the lines that hold code, strings included."""
        with self.path.open("rb") as file:
            tokens = [token for token in tokenize.tokenize(file.readline) if token.type not in NO_CODE]
        return {number for token in tokens for number in range(token.start[0], token.end[0] + 1)}

    @cached_property
    def imported(self) -> "list[Import]":
        """Every import, in the order of the file."""
        return list(_imports(self.tree, lazy=False, typing=False))

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return len(self.text.splitlines())

    @property
    def public(self) -> bool:
        """Whether users may import it: no part of its name begins with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))

    @cached_property
    def exported(self) -> list[str] | None:
        """The names in `__all__`, or None when there is none that can be read."""
        for node in self.tree.body:
            value = _assigned(node, "__all__")
            if value is not None:
                return list(ast.literal_eval(value))
        return None


@dataclass
class Package:
    """One distribution: its folder, its `[project]` table, its modules."""

    name: str
    folder: Path
    project: dict[str, Any]
    modules: list[Module]

    @property
    def top(self) -> str:
        """The name that users import."""
        return self.name.replace("-", "_")

    @property
    def config(self) -> Path:
        """Its pyproject.toml."""
        return self.folder / "pyproject.toml"

    @cached_property
    def required(self) -> dict[str, Requirement]:
        """What is installed with it, by canonical name."""
        return _requirements(self.project.get("dependencies", []))

    @cached_property
    def optional(self) -> dict[str, Requirement]:
        """What its extras add, by canonical name."""
        extras = self.project.get("optional-dependencies", {}).values()
        return _requirements([line for lines in extras for line in lines])


@dataclass
class Repository:
    """The packages, the tools, and what tools/shape.toml says."""

    root: Path
    packages: list[Package]
    tools: list[Module]
    config: dict[str, Any]

    @cached_property
    def modules(self) -> dict[str, Module]:
        """All modules of all packages, by name."""
        return {module.name: module for package in self.packages for module in package.modules}


@dataclass(frozen=True)
class Import:
    """One import: what, which names from it, where, and whether it waits until a function runs."""

    target: str
    names: tuple[str, ...]
    line: int
    lazy: bool
    typing: bool


@dataclass(frozen=True)
class Function:
    """One function or method: its name in the module and its node."""

    name: str
    node: FunctionNode


def load(root: Path) -> Repository:
    """Read a repository."""
    packages = [_package(path) for path in sorted(root.glob("packages/*/pyproject.toml"))]
    paths = [path for path in sorted(root.glob("tools/**/*.py")) if "tests" not in path.relative_to(root).parts]
    tools = [Module(_dotted(path, root), path) for path in paths]
    config = root / "tools" / "shape.toml"
    return Repository(root, packages, tools, tomllib.loads(config.read_text("utf-8")) if config.is_file() else {})


def functions(tree: ast.AST, prefix: str = "") -> Iterator[Function]:
    """Yield every function in a tree with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, FunctionNode):
            yield Function(prefix + node.name, node)
        name = f"{node.name}." if isinstance(node, FunctionNode | ast.ClassDef) else ""
        yield from functions(node, prefix + name)


def imports(module: Module) -> list[Import]:
    """Return every import of a module, also those by name through importlib."""
    return module.imported


def _imports(tree: ast.AST, *, lazy: bool, typing: bool) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(name.name, (), node.lineno, lazy, typing) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield Import(node.module, tuple(name.name for name in node.names), node.lineno, lazy, typing)
        elif isinstance(node, ast.Call) and (target := _by_name(node)):
            yield Import(target, (), node.lineno, lazy or "find_spec" in ast.unparse(node.func), typing)
        inside = isinstance(node, FunctionNode | ast.Lambda)
        only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        yield from _imports(node, lazy=lazy or inside, typing=typing or only)


def _by_name(node: ast.Call) -> str | None:
    name = ast.unparse(node.func).rpartition(".")[2]
    if name in {"import_module", "find_spec"} and node.args and isinstance(node.args[0], ast.Constant):
        return str(node.args[0].value)
    return None


def _package(config: Path) -> Package:
    project = tomllib.loads(config.read_text(encoding="utf-8"))["project"]
    source = config.parent / "src"
    modules = [Module(_dotted(path, source), path) for path in sorted(source.glob("**/*.py"))]
    return Package(project["name"], config.parent, project, modules)


def _dotted(path: Path, base: Path) -> str:
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _requirements(lines: list[str]) -> dict[str, Requirement]:
    found = map(Requirement, lines)
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def _assigned(node: ast.stmt, name: str) -> ast.expr | None:
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
        return node.value
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
        return node.value
    return None
