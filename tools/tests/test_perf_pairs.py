"""Pairs: two states side by side, in turns, and what happens when one cannot run a path."""

from pathlib import Path

import pytest

from tools.perf import pairs
from tools.perf.interval import Interval
from tools.perf.pairs import ROOT, Lacking, Pair, Worker, compare


class Clockwork:
    """A worker that takes a fixed time a step; what it was asked is in `asked`."""

    def __init__(self, step: float, lacks: tuple[str, ...] = ()) -> None:
        self.step, self.lacks = step, lacks
        self.asked: list[tuple[str, int, float]] = []
        self.closed = 0

    def measure(self, name: str, count: int, extra: float = 0.0) -> int:
        self.asked.append((name, count, extra))
        if name in self.lacks:
            raise Lacking(f"no {name}")
        return round(self.step * count * (1 + extra / 100))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def clockwork(monkeypatch):
    """Two roots, `before` and `now`, and the workers that were made for them."""
    made: list[Clockwork] = []
    steps = {"before": 10_000.0, "now": 10_000.0}
    lacks: dict[str, tuple[str, ...]] = {}

    def worker(root: Path, *, seed: int = 0, cpu: int | None = None) -> Clockwork:
        made.append(Clockwork(steps[root.name], lacks.get(root.name, ())))
        return made[-1]

    monkeypatch.setattr(pairs, "Worker", worker)
    worker.made, worker.steps, worker.lacks = made, steps, lacks
    return worker


BEFORE, NOW = Path("before"), Path("now")


def test_equal_states_are_one(clockwork):
    """Two states that take the same time have the ratio one."""
    assert {"a.a": Interval(1.0, 1.0, 1.0)} == compare(BEFORE, NOW, ["a.a"])


def test_extra_work_shows(clockwork):
    """Work that is put into the present state shows in the ratio, and only there."""
    found = compare(BEFORE, NOW, ["a.a"], extra=10.0)["a.a"]
    assert (pytest.approx(1.1, rel=1e-6), True) == (found.ratio, found.slower(1.03))


def test_slower_state(clockwork):
    """So does a present state that takes longer."""
    clockwork.steps["now"] = 12_000.0
    assert pytest.approx(1.2, rel=1e-6) == compare(BEFORE, NOW, ["a.a"])["a.a"].ratio


def test_processes_are_ended(clockwork):
    """Every worker is ended, two for each pair."""
    compare(BEFORE, NOW, ["a.a"], pairs=3)
    assert [1] * 6 == [each.closed for each in clockwork.made]


def test_processes_are_ended_after_an_error(clockwork):
    """Also when the present state cannot run a path."""
    clockwork.lacks["now"] = ("a.a",)
    with pytest.raises(Lacking, match=r"no a\.a"):
        compare(BEFORE, NOW, ["a.a"])
    assert [1, 1] == [each.closed for each in clockwork.made]


def test_path_that_the_base_lacks(clockwork):
    """A path that only the base cannot run is left out, and the others are compared."""
    clockwork.lacks["before"] = ("a.a",)
    found = compare(BEFORE, NOW, ["a.a", "a.b"], pairs=2)
    assert ("no a.a", Interval(1.0, 1.0, 1.0)) == (str(found["a.a"]), found["a.b"])


def test_unsure_paths_get_more_pairs(clockwork, monkeypatch):
    """While a path looks slower and may not be, more pairs are asked, up to a bound; sure ones are left alone."""
    monkeypatch.setattr(
        pairs, "bootstrap", lambda rows: Interval(1.05, 0.9, 1.2) if rows[0][0] > 1.1 else Interval(1, 1, 1)
    )
    monkeypatch.setattr(
        Pair, "ratios", lambda self, name, **options: [1.2 if name == "a.a" else 1.0] * options["rounds"]
    )
    compare(BEFORE, NOW, ["a.a", "a.b"], pairs=2, most=6)
    asked = [name for each in clockwork.made for name, _, _ in each.asked]
    assert (12, 4) == (asked.count("a.a"), asked.count("a.b"))


def test_turns(clockwork):
    """The two take turns to be first, with as many steps each, of which a turn takes about its span."""
    with Pair(BEFORE, NOW) as pair:
        assert [1.0] * 4 == pair.ratios("a.a", rounds=4)
    before, now = (each.asked for each in clockwork.made)
    assert {pairs.SPAN // 10_000} == {count for _, count, _ in now}
    assert [pairs.SPAN // 10_000] * 4 == [count for _, count, _ in before[-4:]]


def test_a_step_longer_than_a_turn(clockwork):
    """A step that takes longer than a turn is taken once."""
    clockwork.steps.update(before=1e9, now=1e9)
    with Pair(BEFORE, NOW) as pair:
        pair.ratios("a.a", rounds=1)
    assert clockwork.made[1].asked[-1][1] == 1


# -- processes


def test_worker_measures():
    """A worker measures the packages of a root, in nanoseconds of processor time, and more steps take longer."""
    worker = Worker(ROOT)
    try:
        worker.measure("head.plain", 100)
        assert 0 < worker.measure("head.plain", 10) < worker.measure("head.plain", 1000)
    finally:
        worker.close()


def test_worker_goes_on_after_an_error():
    """A path that cannot be run is an error with its reason, and the next one is measured all the same."""
    worker = Worker(ROOT)
    try:
        with pytest.raises(Lacking, match=r"Unknown: there is no path 'head\.nothing'"):
            worker.measure("head.nothing", 1)
        assert worker.measure("head.plain", 1) > 0
    finally:
        worker.close()


def test_worker_measures_the_packages_of_its_root(tmp_path):
    """The root decides which packages are measured: one whose parser is missing cannot run its path."""
    package = tmp_path / "packages" / "arlen-server" / "src" / "arlen_server"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", "utf-8")
    worker = Worker(tmp_path)
    try:
        with pytest.raises(Lacking, match=r"ModuleNotFoundError: No module named 'arlen_server\.heads'"):
            worker.measure("head.plain", 1)
        assert worker.measure("router.static10", 1) > 0
    finally:
        worker.close()


def test_worker_that_died():
    """A worker that has died is an error, not an endless wait."""
    worker = Worker(ROOT)
    worker.measure("head.plain", 1)
    worker._process.kill()
    worker._process.wait()
    try:
        with pytest.raises(Lacking, match="the worker died"):
            worker.measure("head.plain", 1)
    finally:
        worker.close()
