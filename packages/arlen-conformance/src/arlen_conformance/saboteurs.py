"""Saboteurs: the class that proves a contract, by breaking a good adapter in every way that it names."""

from __future__ import annotations

from typing import Any, ClassVar

from arlen_conformance.contract import Contract
from arlen_conformance.refusals import ContractError, Refusal

__all__ = ["Saboteurs"]


class Saboteurs:
    """Subclass it in the tests of a contract: each saboteur becomes a test, which passes when exactly its test fails.

    Keyword arguments of the class:
        contract: the contract to prove.

    Attributes:
        capabilities: what the good adapter claims; a saboteur whose test does not apply to it is skipped.
        timeout: seconds that one contract test gets with one saboteur; one that takes longer has failed.
        alone: each saboteur meets its own test alone, where all of them take too long for every run; that no other test
            fails is then for a class without it, which runs less often.

    It needs the fixture `adapter`, which yields a good and empty adapter, a fresh one for every run of a contract test.
    """

    contract: ClassVar[type[Contract]] = Contract
    capabilities: ClassVar[object] = frozenset()
    timeout: ClassVar[float] = 10.0
    alone: ClassVar[bool] = False

    def __init_subclass__(cls, *, contract: type[Contract] | None = None, **others: Any) -> None:
        super().__init_subclass__(**others)
        cls.contract = contract or cls.contract
        if not hasattr(cls.contract, "specification"):
            fix = f"write class {cls.__name__}(Saboteurs, contract=...)"
            raise ContractError(Refusal("contract_missing", f"{cls.__name__} names no contract", fix))
