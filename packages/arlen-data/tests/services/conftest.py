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


class Numbers:
    """A registry of meters that keeps what it is told: `told` has a list of calls by name."""

    def __init__(self) -> None:
        self.told: dict[str, list[tuple]] = {}
        self.asked: dict[str, object] = {}

    def counter(self, declaration):
        return self.note(declaration.name)

    def gauge(self, declaration):
        return self.note(declaration.name), self.note(declaration.name)

    def histogram(self, declaration):
        return self.note(declaration.name)

    def observe(self, declaration, function) -> None:
        self.asked[declaration.name] = function

    def note(self, name):
        return lambda *values: self.told.setdefault(name, []).append(values)


@pytest.fixture
def numbers() -> Numbers:
    """A registry of meters that keeps what it is told."""
    return Numbers()


@pytest.fixture
def lines() -> Lines:
    """A log that keeps what it gets."""
    return Lines()


@pytest.fixture
async def db(tmp_path):
    """The smallest adapter on a file, open."""
    async with Tiny(str(tmp_path / "tiny.db")) as made:
        yield made
