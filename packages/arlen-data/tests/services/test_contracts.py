"""The suites for leases and outboxes, on the smallest adapter."""

import pytest
from tiny import Tiny

from arlen_conformance import Saboteurs
from arlen_data.conformance import LeaseContract, OutboxContract


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


class TestTinyOutbox(Given, OutboxContract):
    version = 1
    capabilities = ("shared", "savepoints")


class TestOutboxSaboteurs(Given, Saboteurs, contract=OutboxContract):
    capabilities = ("shared", "savepoints")
