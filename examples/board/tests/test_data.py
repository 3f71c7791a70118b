"""The sample data: what the generator says, and nothing else."""

import csv
import importlib.util
import sys
from collections import Counter
from types import ModuleType

import pytest
from drafts import BOARD

from sheets import COLUMNS

FILE = BOARD / "data" / "incidents.csv"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """The script, which lives beside the words it uses."""
    folder = str(BOARD / "tools")
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location("board_generate", BOARD / "tools" / "generate.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
        sys.modules.pop("stories", None)
    return module


def rows() -> list[dict[str, str]]:
    """Return what the file holds."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_file_is_what_the_generator_writes(generator: ModuleType) -> None:
    """Byte for byte, on every supported Python."""
    assert FILE.read_bytes() == generator.render().encode()


def test_the_generator_writes_where_it_is_told(generator: ModuleType, tmp_path: object) -> None:
    """So that one can compare before one replaces."""
    target = tmp_path / "made.csv"  # type: ignore[operator]
    generator.main([str(target)])
    assert FILE.read_bytes() == target.read_bytes()


def test_the_file_is_of_a_useful_size() -> None:
    """Thousands of rows, under two megabytes, with the columns of an export."""
    assert FILE.stat().st_size < 2_000_000
    found = rows()
    assert 5000 == len(found)
    assert list(COLUMNS) == list(found[0])


def test_the_data_is_varied() -> None:
    """As a team's would be: most is resolved, little is critical, no service and no person is left out."""
    found = rows()
    severities, statuses = Counter(row["severity"] for row in found), Counter(row["status"] for row in found)
    assert severities["critical"] < severities["high"] < severities["medium"]
    assert statuses["resolved"] > 4500
    assert min(statuses["open"], statuses["watching"]) > 10
    assert 14 == len({row["service"] for row in found})
    assert 17 == len({row["owner"] for row in found})
    assert len({row["title"] for row in found}) > 1500
    assert sum(bool(row["notes"]) for row in found) > 4500


def test_no_gap_is_left_open() -> None:
    """Every word of a story was filled in."""
    text = FILE.read_text("utf-8")
    assert "{" not in text
    assert "}" not in text


def test_the_readme_says_whose_it_is() -> None:
    """Invented, and free to use."""
    text = (FILE.parent / "README.md").read_text("utf-8")
    assert "invented" in text
    assert "CC0" in text
    assert all(f"`{name}`" in text for name in COLUMNS)
