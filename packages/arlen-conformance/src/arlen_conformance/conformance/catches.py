"""Catches: the saboteurs of a contract, written down before the contract is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from arlen_conformance.contract import Contract

__all__ = ["Catches"]

Breaks = TypeVar("Breaks", bound=Callable[[Any], Any])


class Catches:
    """Saboteurs, each with the test that must catch it; a contract that stands in another module takes them over."""

    def __init__(self) -> None:
        self._found: list[tuple[str, Callable[[Any], Any]]] = []

    def by(self, test: str) -> Callable[[Breaks], Breaks]:
        """Decorate a saboteur; `test` must catch it."""

        def add(breaks: Breaks) -> Breaks:
            self._found.append((test, breaks))
            return breaks

        return add

    def into(self, contract: type[Contract]) -> None:
        """Add them all to a contract; `ContractError` when it has no such test."""
        for test, breaks in self._found:
            contract.saboteur(test)(breaks)
