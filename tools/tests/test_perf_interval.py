"""The bootstrap: a ratio and how sure it is, the same for the same rounds."""

import random

import pytest

from tools.perf.interval import Interval, bootstrap


def rounds(ratio: float, *, pairs: int = 8, count: int = 40, noise: float = 0.05, apart: float = 0.01, seed: int = 1):
    """Return rounds of several pairs: noise in each round, and something that each pair has in common."""
    draw = random.Random(seed)
    made = []
    for _ in range(pairs):
        middle = ratio * draw.gauss(1, apart)
        made.append([middle * draw.gauss(1, noise) for _ in range(count)])
    return made


def test_equal_rounds_are_certain():
    """Rounds that all say the same leave no doubt."""
    assert Interval(2.0, 2.0, 2.0) == Interval(*(round(each, 9) for each in _values(bootstrap([[2.0] * 5] * 3))))


def test_same_rounds_same_interval():
    """The draws are seeded, so that a failure can be repeated."""
    assert bootstrap(rounds(1.0)) == bootstrap(rounds(1.0))


def test_another_seed_draws_otherwise():
    """The seed decides the draws."""
    assert bootstrap(rounds(1.0), seed=1) != bootstrap(rounds(1.0), seed=2)


@pytest.mark.parametrize("seed", range(10))
def test_no_change_passes(seed):
    """Without a change, the interval does not lie above 1.03."""
    assert not bootstrap(rounds(1.0, seed=seed), draws=400).slower(1.03)


@pytest.mark.parametrize("seed", range(10))
def test_ten_per_cent_fail(seed):
    """With ten per cent, all of it does."""
    assert bootstrap(rounds(1.1, seed=seed), draws=400).slower(1.03)


def test_interval_holds_the_ratio():
    """The ratio lies between its bounds."""
    made = bootstrap(rounds(1.02))
    assert made.low < made.ratio < made.high


def test_ratio_is_that_of_the_rounds():
    """It is what the rounds were made of, as exactly as there are rounds."""
    assert pytest.approx(1.2, rel=0.01) == bootstrap(rounds(1.2)).ratio


def test_pairs_that_differ_widen_the_interval():
    """What a whole process has in common is no certainty, however many rounds it ran."""
    narrow, wide = (bootstrap(rounds(1.0, apart=apart)) for apart in (0.0, 0.05))
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2


def test_more_pairs_narrow_it():
    """More processes make it more certain."""
    few, many = (bootstrap(rounds(1.0, pairs=pairs, apart=0.03)) for pairs in (4, 32))
    assert many.high - many.low < few.high - few.low


def test_one_outlier_changes_little():
    """A round in which the machine did something else does not count much."""
    made = rounds(1.0)
    made[0][0] = 50.0
    assert pytest.approx(1.0, abs=0.02) == bootstrap(made).ratio


def test_half_and_double_are_symmetric():
    """Ratios are averaged as such: half and double are one."""
    assert pytest.approx(1.0) == bootstrap([[0.5], [2.0]]).ratio


def test_no_round_is_an_error():
    """Without rounds there is nothing to say."""
    with pytest.raises(ValueError, match="no round"):
        bootstrap([[], []])


@pytest.mark.parametrize(
    ("interval", "slower", "unsure"),
    [
        (Interval(1.10, 1.05, 1.15), True, False),
        (Interval(1.10, 1.03, 1.15), False, True),
        (Interval(1.04, 0.99, 1.09), False, True),
        (Interval(1.03, 1.00, 1.06), False, False),
        (Interval(1.00, 0.90, 1.10), False, False),
        (Interval(0.80, 0.70, 0.90), False, False),
    ],
)
def test_verdicts(interval, slower, unsure):
    """Slower is an interval wholly above the limit; unsure is a ratio above it whose interval is not."""
    assert (slower, unsure) == (interval.slower(1.03), interval.unsure(1.03))


def _values(interval: Interval) -> tuple[float, float, float]:
    return interval.ratio, interval.low, interval.high
