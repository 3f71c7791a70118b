"""Leases, outboxes, listings and sandboxes on SQLite."""

import pytest

from arlen_core.queries import Query
from arlen_data.columns import Order
from arlen_data.conformance import LeaseContract, OutboxContract
from arlen_data.conformance.services import WORDS, Listings, Processes, Sandboxes
from arlen_data.cursors import encode
from arlen_data.listing import Listing
from arlen_sqlite import SQLite


class Given:
    """A file of its own."""

    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:{tmp_path}/test.db"

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with SQLite(str(tmp_path / "test.db")) as db:
            yield db


class TestListing(Given, Listings):
    async def test_a_forged_cursor_is_a_position(self, people):
        """SQLite compares any two values: it never becomes an error."""
        orders = [Order("born", WORDS["born"], "born"), Order("id", WORDS["id"], "id")]
        for values in (["x", "y"], [1.5, 2], [None, True]):
            text = f"sort=born&after={encode(orders, values)}"
            page = await Listing("people", WORDS).fetch(people, Query.parse(text.encode()))
            assert all(item["id"] in range(17) for item in page.items)


class TestSandbox(Given, Sandboxes):
    pass


class TestProcesses(Given, Processes):
    pass


class TestSQLiteLease(Given, LeaseContract):
    version = 1
    capabilities = ("shared",)


class TestSQLiteOutbox(Given, OutboxContract):
    version = 1
    capabilities = ("shared", "savepoints")
