"""What the tests of the services share: the smallest adapter, open, and an application's log."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that tests find tiny.py

from tiny import Tiny


class Lines:
    """A log that keeps what it gets."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict]] = []

    def write(self, level: str, event: str, values: dict) -> None:
        self.lines.append((level, event, values))

    def debug(self, event: str, **values) -> None:
        self.write("debug", event, values)

    def info(self, event: str, **values) -> None:
        self.write("info", event, values)

    def warning(self, event: str, **values) -> None:
        self.write("warning", event, values)

    def error(self, event: str, **values) -> None:
        self.write("error", event, values)

    def named(self, event: str) -> list[dict]:
        return [values for _, each, values in self.lines if each == event]


@pytest.fixture
def lines() -> Lines:
    """A log that keeps what it gets."""
    return Lines()


@pytest.fixture
async def db(tmp_path):
    """The smallest adapter on a file, open."""
    async with Tiny(str(tmp_path / "tiny.db")) as made:
        yield made
