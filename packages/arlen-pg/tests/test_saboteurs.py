"""The suite for databases sees what is broken: its saboteurs, made of PostgreSQL.

In every run each meets its own check; the soak run proves that no other check fails.
"""

import pytest

from arlen_conformance import Saboteurs
from arlen_data.conformance import DatabaseContract
from arlen_pg import Postgres
from arlen_pg.database import CAPABILITIES


class TestSaboteurs(Saboteurs, contract=DatabaseContract):
    capabilities = CAPABILITIES.names()
    timeout = 20.0
    alone = True

    @pytest.fixture
    async def adapter(self, url):
        async with Postgres(url) as db:
            yield db


@pytest.mark.soak
class TestAllSaboteurs(TestSaboteurs, contract=DatabaseContract):
    alone = False
