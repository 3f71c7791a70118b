"""The suite for databases sees what is broken: its saboteurs, made of SQLite."""

import pytest

from arlen_conformance import Saboteurs
from arlen_data.conformance import DatabaseContract
from arlen_sqlite import SQLite


class TestSaboteurs(Saboteurs, contract=DatabaseContract):
    capabilities = SQLite(":memory:").capabilities.names()

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with SQLite(tmp_path / "test.db", synchronous="off") as db:
            yield db
