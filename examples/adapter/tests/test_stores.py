"""Proves the contract: each saboteur is caught by exactly its test."""

import pytest

from arlen_conformance import Saboteurs
from folder import Folder
from stores import Memory, StoreContract


class TestMemory(StoreContract):
    """The good store keeps every promise."""

    version = 2
    capabilities = frozenset({"expiry"})

    @pytest.fixture
    def adapter(self, clock):
        """An empty store, whose time the test moves."""
        return Memory(clock)


class TestSaboteurs(Saboteurs, contract=StoreContract):
    """Those of a store that can forget."""

    capabilities = frozenset({"expiry"})

    @pytest.fixture
    def adapter(self, clock):
        """A good store."""
        return Memory(clock)


class TestSaboteursWithoutExpiry(Saboteurs, contract=StoreContract):
    """Those of a store that cannot."""

    @pytest.fixture
    def adapter(self, tmp_path):
        """A good store."""
        return Folder(tmp_path)
