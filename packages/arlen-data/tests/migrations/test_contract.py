"""MigrationContract on the smallest adapter, and every saboteur caught by exactly its check."""

import pytest
from tiny import CAPABILITIES, Tiny

from arlen_conformance import Saboteurs
from arlen_data.conformance import MigrationContract


class Fresh:
    """An empty database for every check."""

    @pytest.fixture
    async def adapter(self, tmp_path):
        """The smallest adapter, open."""
        async with Tiny(str(tmp_path / "contract.db")) as made:
            yield made


class TestTiny(Fresh, MigrationContract):
    version = 1
    capabilities = CAPABILITIES.names()


class TestSaboteurs(Fresh, Saboteurs, contract=MigrationContract):
    capabilities = CAPABILITIES.names()
