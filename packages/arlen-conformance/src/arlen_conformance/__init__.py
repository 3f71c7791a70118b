"""Contracts that adapters prove: write one, subclass one, break one."""

from arlen_conformance.contract import Contract
from arlen_conformance.promises import promise
from arlen_conformance.refusals import ContractError, Refusal
from arlen_conformance.saboteurs import Saboteurs
from arlen_core.clock import VirtualClock

__all__ = ["Contract", "ContractError", "Refusal", "Saboteurs", "VirtualClock", "promise"]
