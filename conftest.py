"""What every test of the repository shares."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio; a package that supports more overrides this."""
    return "asyncio"
