"""Servers: the fixtures that give tests a real PostgreSQL, Redis or NATS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from arlen_conformance.engines import Postgres

__all__ = ["postgres_engine", "postgres_server", "postgres_url", "run_key"]


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
