"""Catalog: the contracts that installed packages bring, and things by their import path."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pytest

from arlen_conformance.contract import Contract
from arlen_conformance.refusals import ContractError, Refusal

__all__ = ["GROUP", "contract", "find", "points", "rewrite"]

GROUP = "arlen.contracts"
"""The entry-point group by which packages publish contracts."""


def points() -> list[EntryPoint]:
    """Return the published contracts, sorted by name."""
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def rewrite(*modules: str) -> None:
    """Let pytest explain the failed asserts of some modules: those of published contracts, or others by name."""
    for module in modules or [point.module for point in points()]:
        if module not in sys.modules:
            pytest.register_assert_rewrite(module)


def contract(name: str) -> type[Contract]:
    """Return a contract by its short name, or by the import path `module:Class`.

    Raises:
        ContractError: there is none.
    """
    published = {point.name: point.value for point in points()}
    found = find(published.get(name, name) if ":" not in name else name)
    if isinstance(found, type) and issubclass(found, Contract) and hasattr(found, "specification"):
        return found
    raise ContractError(Refusal("contract_invalid", f"{name} is no contract", "name a subclass of Contract"))


def find(path: str) -> Any:
    """Import what `module:name` names; the name may have dots.

    Raises:
        ContractError: there is nothing, or the module cannot be imported.

    >>> find("arlen_core.clock:VirtualClock").__name__
    'VirtualClock'
    """
    module, _, names = path.partition(":")
    fix = "write module:name; the folder of the command is looked at first"
    if not names:
        known = ", ".join(point.name for point in points()) or "none"
        raise ContractError(Refusal("path_invalid", f"{path!r} is no import path; published contracts: {known}", fix))
    try:
        found = import_module(module)
        for name in names.split("."):
            found = getattr(found, name)
    except Exception as error:
        raise ContractError(Refusal("import_failed", f"{path}: {type(error).__name__}: {error}", fix)) from error
    return found
