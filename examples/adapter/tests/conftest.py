"""What the tests share: where the modules are, and the event loop."""

import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parents[1])
sys.path.insert(0, HERE)
pytest.register_assert_rewrite("stores")  # a published contract needs no such line


def pytest_collection_finish() -> None:
    """Everything is imported: other tests of this process do not find modules here."""
    if HERE in sys.path:
        sys.path.remove(HERE)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Contract tests run on asyncio."""
    return "asyncio"
