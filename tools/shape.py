"""Check the shape of the house: budgets, imports, dependencies and public names, as CONTRIBUTING.md states them.

`python -m tools.shape` prints every violation as `file:line: rule: reason; fix`, and the figures; `--json` the same for
programs. Exceptions are in tools/shape.toml, by name, each with its reason.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from tools.rules import arrows, cycles, names, sizes
from tools.rules.model import Repository, Violation, load

__all__ = ["check", "main"]

ROOT = Path(__file__).parents[1]
RULES = (sizes.check, cycles.check, arrows.check, names.check)


def check(repository: Repository) -> list[Violation]:
    """Return what is wrong and not excepted, in the order of files and lines."""
    found = [violation for rule in RULES for violation in rule(repository)]
    exceptions = repository.config.get("exception", [])
    allowed = {(item.get("rule"), item.get("where")) for item in exceptions}
    rest = [violation for violation in found if (violation.rule, violation.where) not in allowed]
    return sorted([*rest, *_exceptions(repository, exceptions, found)], key=lambda item: (str(item.path), item.line))


def main(arguments: list[str] | None = None) -> int:
    """Print the violations; return 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m tools.shape", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository to check")
    options = parser.parse_args(arguments)
    repository = load(options.root.resolve())
    found = check(repository)
    print("\n".join(_json(repository, found) if options.json else _text(repository, found)))
    return 1 if found else 0


def _exceptions(
    repository: Repository, exceptions: list[dict[str, str]], found: list[Violation]
) -> Iterator[Violation]:
    path = repository.root / "tools" / "shape.toml"
    known = {(violation.rule, violation.where) for violation in found}
    for item in exceptions:
        rule, where = item.get("rule", ""), item.get("where", "")
        if not item.get("reason"):
            yield Violation("exception", where, path, 1, f"the exception for {rule} has no reason", "give the reason")
        elif (rule, where) not in known:
            reason = f"nothing needs the exception {rule} of {where} any more"
            yield Violation("exception", where, path, 1, reason, "remove it")


def _text(repository: Repository, found: list[Violation]) -> Iterable[str]:
    for item in found:
        yield f"{_relative(repository, item)}:{item.line}: {item.rule}: {item.where}: {item.reason}; {item.fix}"
    for name, figures in sizes.figures(repository).items():
        functions = "/".join(f"{figures[key]:g}" for key in ("function_median", "function_p90", "function_max"))
        modules = f"{figures['modules']} modules of {figures['module_median']:g} lines, longest {figures['module_max']}"
        yield f"{name}: {modules}; functions {functions} (median/p90/longest)"
    yield f"{len(found)} violations" if found else "the shape is right"


def _json(repository: Repository, found: list[Violation]) -> Iterable[str]:
    items = [asdict(item) | {"path": _relative(repository, item)} for item in found]
    yield json.dumps({"violations": items, "figures": sizes.figures(repository)}, indent=2)


def _relative(repository: Repository, item: Violation) -> str:
    return item.path.relative_to(repository.root).as_posix()


if __name__ == "__main__":
    sys.exit(main())
