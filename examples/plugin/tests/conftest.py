"""What the tests share: where the package is, and the event loop."""

import sys
from pathlib import Path

import pytest

SOURCE = str(Path(__file__).parents[1] / "src")
sys.path.insert(0, SOURCE)  # an installed plugin needs no such line


def pytest_collection_finish() -> None:
    """Everything is imported: other tests of this process do not find modules here."""
    if SOURCE in sys.path:
        sys.path.remove(SOURCE)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract imports the plugin in a process of its own, which looks where this one does."""
    monkeypatch.syspath_prepend(SOURCE)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Contract tests run on asyncio."""
    return "asyncio"
