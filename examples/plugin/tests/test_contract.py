"""Certifies the plugin."""

import pytest
from arlen_conformance.conformance import PluginContract

from maintenance import Maintenance


class TestMaintenance(PluginContract):
    """It keeps every promise but one: answering requests for others is its purpose."""

    version = 1
    capabilities = frozenset({"guards"})

    @pytest.fixture
    def adapter(self):
        """What makes the plugin."""
        return Maintenance
