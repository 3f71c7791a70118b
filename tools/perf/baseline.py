"""Baseline: the committed counts, one entry an environment, and what a new count means beside them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.perf.environments import LIBRARIES, differences

__all__ = ["FILE", "LIMIT", "Baseline", "Change", "Entry", "Unreadable"]

FILE = Path(__file__).with_name("baseline.json")
LIMIT = 0.03
"""More than so much more is a failure; so much less is worth a new baseline."""


class Unreadable(Exception):
    """The file is no baseline."""


@dataclass
class Entry:
    """The instructions of one step of each path, in one environment."""

    environment: dict[str, str]
    instructions: dict[str, int]


@dataclass(frozen=True)
class Change:
    """A path, what one step took when the baseline was written, and what it takes now."""

    path: str
    before: int | None
    now: int

    @property
    def ratio(self) -> float:
        """The part by which it grew: 0.03 is three per cent more."""
        return (self.now - self.before) / self.before if self.before else 0.0

    @property
    def verdict(self) -> str:
        """One of "missing", "slower", "faster" and "same"."""
        if self.before is None:
            return "missing"
        if self.ratio > LIMIT:
            return "slower"
        return "faster" if self.ratio < -LIMIT else "same"


class Baseline:
    """The entries of a file.

    Raises `Unreadable` when the file is there and no baseline; one that is not there has no entries.
    """

    def __init__(self, file: Path = FILE) -> None:
        self.file = file
        self.entries = _read(file)

    def find(self, environment: Mapping[str, str]) -> Entry | None:
        """Return the entry of an environment."""
        return next((each for each in self.entries if each.environment == environment), None)

    def stale(self, environment: Mapping[str, str]) -> list[str]:
        """Return what differs when there is an entry for the same interpreter with other libraries, else nothing."""
        for each in self.entries:
            if _interpreter(each.environment) == _interpreter(environment):
                return differences(each.environment, dict(environment))
        return []

    def update(self, environment: dict[str, str], counts: Mapping[str, int], known: list[str]) -> None:
        """Write new counts; of the entry's others, those that are `known` paths stay. A stale entry is replaced."""
        old = self.find(environment)
        kept = {name: count for name, count in (old.instructions if old else {}).items() if name in known}
        entry = Entry(environment, dict(sorted({**kept, **counts}.items())))
        others = [each for each in self.entries if _interpreter(each.environment) != _interpreter(environment)]
        self.entries = sorted([*others, entry], key=lambda each: sorted(each.environment.items()))
        text = json.dumps([asdict(each) for each in self.entries], indent=2)
        self.file.write_text(text + "\n", encoding="utf-8")


def _read(file: Path) -> list[Entry]:
    try:
        return [_entry(item) for item in json.loads(file.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unreadable(f"{file} is no baseline: {error}; take the last good one from git, or delete it and run"
                         " `python -m tools.perf --update`") from None  # fmt: skip


def _entry(item: dict[str, dict[str, Any]]) -> Entry:
    if not all(isinstance(count, int) and count > 0 for count in item["instructions"].values()):
        raise TypeError("a count of instructions is no positive number")
    if not all(isinstance(word, str) for word in item["environment"].values()):
        raise TypeError("an environment holds something else than words")
    return Entry(**item)


def _interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key not in LIBRARIES}
