"""Environments: what a count of instructions depends on besides our own code."""

import platform
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tools.lock import pins

__all__ = ["LIBRARIES", "differences", "here", "strangers"]

ROOT = Path(__file__).parents[2]
LIBRARIES = ("anyio", "httptools", "jinja2", "markupsafe", "msgspec", "structlog")
"""The libraries on the hot paths."""


def here(root: Path = ROOT) -> dict[str, str]:
    """Return what this run depends on: the interpreter, how it was built, the machine, and the locked libraries."""
    found = {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "machine": platform.machine(),
        "compiler": platform.python_compiler(),
        "optimised": _optimised(sysconfig.get_config_var("CONFIG_ARGS") or ""),
        "libc": " ".join(platform.libc_ver()),
    }
    return found | _locked(root)


def strangers(root: Path = ROOT) -> list[str]:
    """Return a sentence for each library that is installed in another version than the locked one."""
    found = []
    for name, wanted in _locked(root).items():
        try:
            have = version(name)
        except PackageNotFoundError:
            have = "missing"
        if have != wanted:
            found.append(f"{name} is {have}, the lock says {wanted}")
    return found


def differences(wanted: dict[str, str], have: dict[str, str]) -> list[str]:
    """Return what differs between two environments, as sentences without a verb.

    >>> differences({"python": "3.11.7"}, {"python": "3.11.8"})
    ['python 3.11.8 instead of 3.11.7']
    """
    keys = [key for key in {**wanted, **have} if wanted.get(key) != have.get(key)]
    return [f"{key} {have.get(key, 'none')} instead of {wanted.get(key, 'none')}" for key in keys]


def _optimised(arguments: str) -> str:
    """Return how CPython was built, as far as it changes how many instructions it takes."""
    words = ("enable-optimizations", "with-lto", "enable-shared", "with-pydebug")
    return " ".join(word for word in words if word in arguments) or "plain"


def _locked(root: Path) -> dict[str, str]:
    locked = pins(root)
    lines = {name: locked[name].partition("\n")[0] for name in LIBRARIES if name in locked}
    return {name: line.partition("==")[2].split()[0].rstrip("\\;") for name, line in lines.items()}
