"""Leases and outboxes on SQLite."""

import pytest

from arlen_data.conformance import LeaseContract, OutboxContract
from arlen_sqlite import SQLite


class Given:
    """A file of its own."""

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with SQLite(str(tmp_path / "test.db")) as db:
            yield db


class TestSQLiteLease(Given, LeaseContract):
    version = 1
    capabilities = ("shared",)


class TestSQLiteOutbox(Given, OutboxContract):
    version = 1
    capabilities = ("shared", "savepoints")
