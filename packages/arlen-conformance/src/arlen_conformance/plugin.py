"""The pytest plugin of the kit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

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
    group.addoption(
        "--arlen-plugin-compat", metavar="MODULE:NAME", help="certify what makes a plugin, without a test file"
    )
    group.addoption("--conformance-badge", metavar="FILE", help="write a badge, as .svg or as JSON for shields.io")


def pytest_configure(config: pytest.Config) -> None:
    """Record what comes of contract tests, and let pytest explain their failures."""
    rewrite()
    config.pluginmanager.register(Recorder(config), "arlen-conformance-recorder")
    if (factory := config.getoption("--arlen-plugin-compat")) and not hasattr(config, "workerinput"):
        _certify(config, factory)


def _certify(config: pytest.Config, factory: str) -> None:
    """Run the contract of plugins, beside the files that were asked for, if any were."""
    from arlen_conformance.refusals import ContractError
    from arlen_conformance.running import Order, compose, under_test

    folder = TemporaryDirectory(prefix="arlen-")
    config.add_cleanup(folder.cleanup)
    sys.path.insert(0, str(config.invocation_params.dir))  # as for pytest that runs as a module
    try:
        order = Order("plugin", factory)
        under_test(order)
        written = str(compose(order, Path(folder.name)))
    except ContractError as error:
        raise pytest.UsageError(str(error)) from error
    asked = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    config.args = [*asked, written]


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> pytest.Class | None:
    """Collect the classes of the kit our way."""
    return adopt(collector, name, obj)
