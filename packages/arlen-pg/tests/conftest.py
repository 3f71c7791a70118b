"""Fixtures: a PostgreSQL for each test, and a relay to it that breaks."""

import asyncio

import pytest

from arlen_conformance.faults import FaultProxy
from arlen_pg import Postgres


class Engine:
    """What the contract breaks: the connections of one database, and the way to it."""

    def __init__(self, server, url, proxy):
        self.server, self.direct, self.proxy = server, url, proxy
        self.url = proxy.url(url)

    async def terminate(self):
        """End every connection to the database, and return when the other side can see it."""
        links = list(self.proxy._links)
        async with Postgres(self.direct, size=1) as db:
            others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            await db.execute(f"select pg_terminate_backend(pid, 5000) {others}")
        if links:  # a server counts a back end out before it closes the socket
            await asyncio.wait(links, timeout=10)

    async def stop(self):
        """Refuse, and end what there is."""
        await self.proxy.refuse()
        await self.proxy.reset()

    async def start(self):
        """Take connections again."""
        await self.proxy.heal()


@pytest.fixture
async def engine(postgres_server, postgres_url):
    """The relay, with `url` for who wants to connect through it."""
    async with FaultProxy(postgres_server.address) as proxy:
        yield Engine(postgres_server, postgres_url, proxy)


@pytest.fixture
def url(request, postgres_url):
    """Where to connect to: through the relay, for a test that breaks something."""
    if "engine" in request.fixturenames:
        return request.getfixturevalue("engine").url
    return postgres_url


@pytest.fixture(params=["raw", "psycopg"])
def transport(request):
    """Each of the two ways in which bytes move."""
    return request.param


@pytest.fixture
async def db(url, transport):
    """An open database, which is empty."""
    async with Postgres(url, transport=transport, size=4) as made:
        yield made


@pytest.fixture
async def raw(url):
    """The same, on the raw path alone."""
    async with Postgres(url, size=4) as made:
        yield made
