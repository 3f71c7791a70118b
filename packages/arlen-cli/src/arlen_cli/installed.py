"""Installed: the packages of the house that are here, and whether they fit together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, version

from arlen_core import versions

__all__ = ["conflicts", "fits", "packages"]

_requirement = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(;.*)?").fullmatch


def packages() -> dict[str, str]:
    """Return the installed distributions called `arlen` or `arlen-...`, sorted, with their versions."""
    found = ((each.name.lower().replace("_", "-"), each.version) for each in distributions() if _ours(each.name))
    return dict(sorted(found))


def conflicts() -> Iterator[str]:
    """Yield a sentence for each requirement of an `arlen` package on another that is not met; extras are left out."""
    for each in sorted(distributions(), key=lambda found: found.name):
        if not _ours(each.name):
            continue
        for line in each.requires or ():
            found = _requirement(line)
            if found is None or not _ours(found[1]) or "extra" in (found[3] or ""):
                continue
            reason = _reason(found[1], found[2])
            if reason:
                yield f"{each.name} {each.version} needs {found[1]}{found[2].strip()}, but {reason}"


def fits(installed: str, wanted: str) -> bool:
    """Say whether a version fits a list of bounds; pre-releases count as the release.

    >>> fits("0.1.4", ">=0.1.0,<0.2"), fits("0.2", ">=0.1.0,<0.2")
    (True, False)
    """
    for bound in filter(None, (part.strip() for part in wanted.split(","))):
        try:
            if not versions.fits(installed, bound):
                return False
        except ValueError:
            continue  # other forms are pip's to judge
    return True


def _reason(name: str, wanted: str) -> str:
    try:
        installed = version(name)
    except PackageNotFoundError:
        return "it is not installed"
    return "" if fits(installed, wanted) else f"{installed} is installed"


def _ours(name: str) -> bool:
    return name == "arlen" or name.startswith(("arlen-", "arlen_"))
