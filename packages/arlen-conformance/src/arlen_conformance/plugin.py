"""The pytest plugin of the kit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arlen_conformance.catalog import rewrite
from arlen_conformance.collecting import adopt
from arlen_conformance.recorder import Recorder
from arlen_core.clock import VirtualClock

__all__ = ["clock", "no_leaks", "pytest_addoption", "pytest_configure", "pytest_plugins", "pytest_pycollect_makeitem"]

pytest_plugins = ["arlen_conformance.servers"]


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that moves only when the test moves it."""
    return VirtualClock()


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fail a test that leaves a task, a thread, a file descriptor or a child process behind."""
    from arlen_conformance.leaks import watch

    with watch():
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("arlen-conformance", "conformance of adapters to contracts")
    group.addoption("--conformance-report", metavar="FILE", help="write what came of every promise, as JSON")
    group.addoption("--conformance-badge", metavar="FILE", help="write a badge, as .svg or as JSON for shields.io")


def pytest_configure(config: pytest.Config) -> None:
    """Record what comes of contract tests, and let pytest explain their failures."""
    rewrite()
    config.pluginmanager.register(Recorder(config), "arlen-conformance-recorder")


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> pytest.Class | None:
    """Collect the classes of the kit our way."""
    return adopt(collector, name, obj)
