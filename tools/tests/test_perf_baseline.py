"""The baseline: read, found by environment, compared, and written without losing what others wrote."""

import json

import pytest

from tools.perf.baseline import FILE, LIMIT, Baseline, Change, Unreadable

HERE = {"python": "3.11.7", "implementation": "cpython", "machine": "x86_64", "msgspec": "0.22.0", "httptools": "0.9.0"}
COUNTS = {"wire.minimal": 50_000, "head.plain": 15_000}


@pytest.fixture
def file(tmp_path):
    """A baseline with one environment."""
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps([{"environment": HERE, "instructions": COUNTS}]), "utf-8")
    return path


def test_missing_file_has_no_entries(tmp_path):
    """No file is an empty baseline, which the gate fails with the command that writes one."""
    assert [] == Baseline(tmp_path / "none.json").entries


def test_find(file):
    """An entry is found by everything that its counts depend on."""
    assert Baseline(file).find(HERE).instructions == COUNTS


@pytest.mark.parametrize("key", list(HERE))
def test_find_another_environment(file, key):
    """One thing that differs is another environment."""
    assert Baseline(file).find({**HERE, key: "other"}) is None


@pytest.mark.parametrize("key", ["python", "implementation", "machine"])
def test_another_interpreter_is_not_stale(file, key):
    """Another interpreter is an environment that the baseline never knew."""
    assert [] == Baseline(file).stale({**HERE, key: "other"})


def test_other_libraries_are_stale(file):
    """The same interpreter with other libraries: the lock has changed, and the baseline has not."""
    assert ["msgspec 0.23.0 instead of 0.22.0"] == Baseline(file).stale({**HERE, "msgspec": "0.23.0"})


def test_new_library_is_stale(file):
    """A library that the entry does not name makes it stale too."""
    assert ["jinja2 3.1.6 instead of none"] == Baseline(file).stale({**HERE, "jinja2": "3.1.6"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "[{}]",
        '[{"environment": {}}]',
        '[{"environment": {}, "instructions": {"a.b": "many"}}]',
        '[{"environment": {}, "instructions": {"a.b": 0}}]',
        '[{"environment": {"python": 3}, "instructions": {}}]',
        '[{"environment": {}, "instructions": {}, "more": {}}]',
        '[{"environment": [], "instructions": {}}]',
    ],
)
def test_corrupt_file(tmp_path, text):
    """What is no baseline is refused with its name and a way out, never taken for an empty one."""
    path = tmp_path / "baseline.json"
    path.write_text(text, "utf-8")
    with pytest.raises(Unreadable, match=r"baseline\.json is no baseline: .*; take the last good one") as caught:
        Baseline(path)
    assert "python -m tools.perf --update" in str(caught.value)


def test_update_writes_a_new_file(tmp_path):
    """The first update makes the file."""
    path = tmp_path / "baseline.json"
    Baseline(path).update(HERE, COUNTS, list(COUNTS))
    assert Baseline(path).find(HERE).instructions == COUNTS


def test_update_of_some_paths_keeps_the_others(file):
    """Only what was counted changes."""
    Baseline(file).update(HERE, {"head.plain": 14_000}, list(COUNTS))
    assert {"wire.minimal": 50_000, "head.plain": 14_000} == Baseline(file).find(HERE).instructions


def test_update_drops_paths_that_are_gone(file):
    """A path that is measured no more leaves the baseline."""
    Baseline(file).update(HERE, {"head.plain": 14_000}, ["head.plain"])
    assert {"head.plain": 14_000} == Baseline(file).find(HERE).instructions


def test_update_keeps_other_environments(file):
    """Another interpreter has an entry of its own."""
    other = {**HERE, "python": "3.12.1"}
    Baseline(file).update(other, {"head.plain": 13_000}, ["head.plain"])
    made = Baseline(file)
    assert (COUNTS, {"head.plain": 13_000}) == (made.find(HERE).instructions, made.find(other).instructions)


def test_update_replaces_a_stale_entry(file):
    """With other libraries, old counts mean nothing: the entry is written anew, and not merged."""
    newer = {**HERE, "msgspec": "0.23.0"}
    Baseline(file).update(newer, {"head.plain": 13_000}, list(COUNTS))
    made = Baseline(file)
    assert (None, {"head.plain": 13_000}) == (made.find(HERE), made.find(newer).instructions)


def test_file_is_the_same_for_the_same_counts(file):
    """Writing twice changes nothing, so that git shows only what has changed."""
    Baseline(file).update(HERE, dict(reversed(COUNTS.items())), list(COUNTS))
    first = file.read_bytes()
    Baseline(file).update(HERE, COUNTS, list(COUNTS))
    assert first == file.read_bytes()


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (100_000, 100_000, "same"),
        (100_000, 103_000, "same"),
        (100_000, 103_001, "slower"),
        (100_000, 97_000, "same"),
        (100_000, 96_999, "faster"),
        (None, 1, "missing"),
    ],
)
def test_verdict(before, now, verdict):
    """Up to three per cent in either direction is the same."""
    assert verdict == Change("wire.minimal", before, now).verdict


def test_ratio():
    """The ratio is the part that came on top; without a baseline there is none."""
    assert (pytest.approx(0.1), 0.0) == (Change("a.b", 100, 110).ratio, Change("a.b", None, 110).ratio)


def test_limit():
    """The limit is three per cent."""
    assert LIMIT == 0.03


def test_committed_file_can_be_read():
    """The baseline of this repository is one, and knows at least one environment."""
    assert all(each.instructions for each in Baseline(FILE).entries)
