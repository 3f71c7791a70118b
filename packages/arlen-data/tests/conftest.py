"""What the tests of the contract share: the smallest adapter, open on a file, and one with types."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # so that tests find tiny.py

from tiny import Tiny


@pytest.fixture
async def db(tmp_path):
    """The smallest adapter on a file, open."""
    async with Tiny(str(tmp_path / "tiny.db")) as made:
        yield made
