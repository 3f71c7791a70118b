"""The pytest plugin of the kit."""

from __future__ import annotations

import pytest

from arlen_conformance.collecting import adopt
from arlen_conformance.servers import postgres_engine, postgres_server, postgres_url
from arlen_core.clock import VirtualClock

__all__ = ["clock", "postgres_engine", "postgres_server", "postgres_url", "pytest_pycollect_makeitem"]


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that moves only when the test moves it."""
    return VirtualClock()


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> pytest.Class | None:
    """Collect the classes of the kit our way."""
    return adopt(collector, name, obj)
