"""The suites of the data layer, on both transports."""

import pytest

from arlen_data.conformance import DatabaseContract, MigrationContract
from arlen_pg import Postgres
from arlen_pg.database import CAPABILITIES


class TestRaw(DatabaseContract):
    version = 1
    capabilities = CAPABILITIES.names()

    @pytest.fixture
    async def adapter(self, url):
        async with Postgres(url) as db:
            yield db


class TestPsycopg(DatabaseContract):
    version = 1
    capabilities = CAPABILITIES.names()

    @pytest.fixture
    async def adapter(self, url):
        async with Postgres(url, transport="psycopg") as db:
            yield db


class TestMigrations(MigrationContract):
    version = 1
    capabilities = CAPABILITIES.names()

    @pytest.fixture
    async def adapter(self, url):
        async with Postgres(url) as db:
            yield db
