"""Leases, outboxes, listings and sandboxes on PostgreSQL."""

import pytest

from arlen_conformance import Saboteurs
from arlen_core.errors import ValidationFailed
from arlen_core.queries import Query
from arlen_data.columns import Order
from arlen_data.conformance import LeaseContract, OutboxContract
from arlen_data.conformance.services import WORDS, Listings, Processes, Sandboxes
from arlen_data.cursors import encode
from arlen_data.listing import Listing
from arlen_pg import Postgres


class Given:
    """A database of its own."""

    @pytest.fixture
    def url(self, postgres_url):
        return postgres_url

    @pytest.fixture
    async def adapter(self, postgres_url):
        async with Postgres(postgres_url) as db:
            yield db


class TestListing(Given, Listings):
    async def test_a_forged_cursor_is_refused(self, people):
        """It never becomes an error of the engine."""
        orders = [Order("born", WORDS["born"], "born"), Order("id", WORDS["id"], "id")]
        for values in (["x", "y"], [1.5, 2], [None, True]):
            text = f"sort=born&after={encode(orders, values)}"
            with pytest.raises(ValidationFailed):
                await Listing("people", WORDS).fetch(people, Query.parse(text.encode()))


class TestSandbox(Given, Sandboxes):
    pass


class TestProcesses(Given, Processes):
    pass


class TestPostgresLease(Given, LeaseContract):
    version = 1
    capabilities = ("shared",)


class TestPostgresOutbox(Given, OutboxContract):
    version = 1
    capabilities = ("shared", "savepoints", "listen", "concurrent_writes")


@pytest.mark.soak  # minutes: a database for each of many
class TestPostgresOutboxSaboteurs(Given, Saboteurs, contract=OutboxContract):
    capabilities = ("shared", "savepoints", "listen", "concurrent_writes")
