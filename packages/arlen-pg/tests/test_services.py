"""Leases and outboxes on PostgreSQL."""

import pytest

from arlen_conformance import Saboteurs
from arlen_data.conformance import LeaseContract, OutboxContract
from arlen_pg import Postgres


class Given:
    """A database of its own."""

    @pytest.fixture
    async def adapter(self, postgres_url):
        async with Postgres(postgres_url) as db:
            yield db


class TestPostgresLease(Given, LeaseContract):
    version = 1
    capabilities = ("shared",)


class TestPostgresOutbox(Given, OutboxContract):
    version = 1
    capabilities = ("shared", "savepoints", "listen", "concurrent_writes")


@pytest.mark.soak  # minutes: a database for each of many
class TestPostgresOutboxSaboteurs(Given, Saboteurs, contract=OutboxContract):
    capabilities = ("shared", "savepoints", "listen", "concurrent_writes")
