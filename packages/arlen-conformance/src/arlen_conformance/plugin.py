"""The pytest plugin of the kit."""

from __future__ import annotations

import pytest

from arlen_conformance.collecting import adopt
from arlen_conformance.recorder import Recorder
from arlen_conformance.servers import postgres_engine, postgres_server, postgres_url
from arlen_core.clock import VirtualClock

__all__ = [
    "clock",
    "postgres_engine",
    "postgres_server",
    "postgres_url",
    "pytest_addoption",
    "pytest_configure",
    "pytest_pycollect_makeitem",
]


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that moves only when the test moves it."""
    return VirtualClock()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("arlen-conformance", "conformance of adapters to contracts")
    group.addoption("--conformance-report", metavar="FILE", help="write what came of every promise, as JSON")
    group.addoption("--conformance-badge", metavar="FILE", help="write a badge, as .svg or as JSON for shields.io")


def pytest_configure(config: pytest.Config) -> None:
    """Record what comes of contract tests."""
    config.pluginmanager.register(Recorder(config), "arlen-conformance-recorder")


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> pytest.Class | None:
    """Collect the classes of the kit our way."""
    return adopt(collector, name, obj)
