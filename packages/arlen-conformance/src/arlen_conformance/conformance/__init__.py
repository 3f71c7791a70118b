"""Conformance: the contracts of the core, for everybody who writes a plugin or something that starts and stops parts.

Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arlen_conformance.conformance.lifecycle import LifecycleContract
    from arlen_conformance.conformance.plugin import PluginContract

__all__ = ["LifecycleContract", "PluginContract"]

_HOMES = {"LifecycleContract": "lifecycle", "PluginContract": "plugin"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
