"""The suites for leases and outboxes, on the smallest adapter."""

import pytest
from tiny import Tiny

from arlen_conformance import Saboteurs
from arlen_data.conformance.lease import LeaseContract


class Given:
    """Tiny on a file."""

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with Tiny(str(tmp_path / "test.db")) as db:
            yield db


class TestTinyLease(Given, LeaseContract):
    version = 1
    capabilities = ("shared",)


class TestLeaseSaboteurs(Given, Saboteurs, contract=LeaseContract):
    capabilities = ("shared",)
