"""What every test of the repository shares: the backend, the guard against leaks, the documentation as tests."""

from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tools import blocks, leaks

ROOT = Path(__file__).parent
FAILED = pytest.StashKey[bool]()

hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("smoke", deadline=None, max_examples=10)
hypothesis.settings.load_profile("default")


def pytest_configure(config: pytest.Config) -> None:
    """Watch event loops from the start."""
    leaks.install()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio; a package that supports more overrides this."""
    return "asyncio"


@pytest.fixture(autouse=True)
def leak_guard(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test leaves no thread, file descriptor or child process behind."""
    with leaks.watch(lambda: FAILED in request.node.stash):
        yield


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Remember which tests have failed."""
    if call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
        item.stash[FAILED] = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """A test, and the fixtures that end with it, leave no task behind and no error that nobody saw."""
    try:
        return (yield)
    finally:
        if (found := leaks.collect()) and FAILED not in item.stash:
            raise leaks.Leak(found)


pytest_collect_file = blocks.collector(ROOT)
