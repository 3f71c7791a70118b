"""The contract of plugins, proved on a small one."""

import pytest

from arlen_conformance import Saboteurs
from arlen_conformance.conformance import PluginContract
from arlen_conformance.conformance.couriers import Courier


class TestCourier(PluginContract):
    """The small plugin keeps every promise."""

    version = 1

    @pytest.fixture
    def adapter(self):
        """What makes it."""
        return Courier


class TestSaboteurs(Saboteurs, contract=PluginContract):
    """Each is caught by exactly its test."""

    @pytest.fixture
    def adapter(self):
        """What makes a good one."""
        return Courier
