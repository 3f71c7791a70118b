"""What the tests of migrations share: a folder to write files into, and the smallest adapter on a file."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that tests find tiny.py

from tiny import Tiny


class Folder:
    """A folder of migrations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)

    def write(self, name: str, text: str) -> Path:
        (self.path / name).write_text(text, encoding="utf-8", newline="")
        return self.path / name

    def __fspath__(self) -> str:
        return str(self.path)


@pytest.fixture
def folder(tmp_path):
    """An empty folder `db/migrations`."""
    return Folder(tmp_path / "db" / "migrations")


@pytest.fixture
async def db(tmp_path):
    """An open database without tables."""
    async with Tiny(str(tmp_path / "app.db")) as made:
        yield made
