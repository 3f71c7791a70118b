"""What the tests of this package share: folders in memory, as those of a supervisor are."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture(scope="session")
def shared() -> Iterator[Path]:
    """Return a folder in shared memory where there is such a thing."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture
def folder(shared: Path) -> Iterator[Path]:
    """Return the path of a folder for metrics that is not there yet."""
    with TemporaryDirectory(dir=shared) as made:
        yield Path(made, "metrics")
