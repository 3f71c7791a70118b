"""Servers: the fixtures that give tests a real PostgreSQL, Redis or NATS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from arlen_conformance.engines import Nats, Postgres, Redis

__all__ = [
    "nats_engine",
    "nats_server",
    "nats_url",
    "postgres_engine",
    "postgres_server",
    "postgres_url",
    "redis_engine",
    "redis_server",
    "redis_url",
    "run_key",
]


def run_key(config: pytest.Config) -> str:
    """Return what is the same in all processes of this run of pytest; empty when there is but one.

    pytest-xdist gives each worker the id of the run.
    """
    return str(getattr(config, "workerinput", {}).get("testrunuid", ""))


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[Postgres]:
    """The PostgreSQL server of this run, shared with the other workers of pytest-xdist."""
    from arlen_conformance.engines import postgres

    with postgres(share=run_key(pytestconfig), external=True) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """The URL of a fresh and empty database, which is dropped afterwards, open connections or not."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def postgres_engine() -> Iterator[Postgres]:
    """A PostgreSQL server for this test alone: stop it, kill it, pause it."""
    from arlen_conformance.engines import postgres

    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(pytestconfig: pytest.Config) -> Iterator[Redis]:
    """The Redis server of this run, shared with the other workers of pytest-xdist."""
    from arlen_conformance.engines import redis

    with redis(share=run_key(pytestconfig), external=True) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Redis) -> Iterator[str]:
    """The URL of an empty database, which nobody else uses until this test is over."""
    with redis_server.database() as url:
        yield url


@pytest.fixture
def redis_engine() -> Iterator[Redis]:
    """A Redis server for this test alone, which keeps its data when it is restarted: stop it, kill it, pause it."""
    from arlen_conformance.engines import redis

    with redis(durable=True) as server:
        yield server


@pytest.fixture(scope="session")
def nats_server(pytestconfig: pytest.Config) -> Iterator[Nats]:
    """The NATS server of this run, shared with the other workers of pytest-xdist."""
    from arlen_conformance.engines import nats

    with nats(share=run_key(pytestconfig), external=True) as server:
        yield server


@pytest.fixture
def nats_url(nats_server: Nats) -> str:
    """The URL of the shared NATS server: name streams and subjects so that no other test has the same."""
    return nats_server.url()


@pytest.fixture
def nats_engine() -> Iterator[Nats]:
    """A NATS server for this test alone: stop it, kill it, pause it."""
    from arlen_conformance.engines import nats

    with nats() as server:
        yield server
