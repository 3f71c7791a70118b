"""Refusals: what is wrong with a contract, or with what somebody claims about an adapter."""

from __future__ import annotations

from msgspec import Struct

from arlen_core.errors import ArlenError

__all__ = ["ContractError", "Refusal"]


class Refusal(Struct, frozen=True):
    """One thing that is refused: a stable code, the reason, and the fix.

    >>> print(Refusal("version_missing", "TestMine claims no version", "write version = 1"))
    version_missing: TestMine claims no version (fix: write version = 1)
    """

    code: str
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.code}: {self.reason} (fix: {self.fix})"


class ContractError(ArlenError):
    """A contract, a saboteur or a claim is wrong; `refusals` says what, all at once."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("\n".join(map(str, refusals)))
        self.refusals = refusals
