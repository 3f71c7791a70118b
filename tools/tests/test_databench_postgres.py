"""The benchmark of arlen-pg: it measures, checks answers, and says what is met."""

import pytest

from tools.databench import postgres

pytestmark = pytest.mark.anyio


def sample(**measures):
    """Return what a round gives, for every measure that somebody looks at."""
    names = {"cpu": "cpu, us", "rows": "rows/s", "p99": "p99, ms", "wall": "wall, us", "mib": "MiB"}
    return {names[each]: value for each, value in measures.items()}


def test_a_ratio_is_one_of_medians():
    """A ratio is our median by the other's, so that one slow round changes nothing."""
    found = {
        postgres.OURS: [sample(cpu=1.0), sample(cpu=2.0), sample(cpu=90.0)],
        "psycopg": [sample(cpu=4.0), sample(cpu=4.0), sample(cpu=0.1)],
    }
    assert 0.5 == postgres.ratio(found, "cpu, us", "psycopg")
    assert 2.0 == postgres.ratio(found, "cpu, us", "")


def test_a_bar_that_is_missed_is_told_and_counted():
    """The table says which bars are missed, and how many."""
    name = "one row by key"
    found = {
        name: {
            postgres.OURS: [sample(cpu=3.0, wall=9.0)],
            "psycopg": [sample(cpu=10.0, wall=9.0)],
            "asyncpg": [sample(cpu=3.0, wall=9.0)],
        }
    }
    lines, missed = postgres.table(found)
    assert 1 == missed
    assert any("psycopg: **0.30** (bar <= 0.5: met)" in line for line in lines)
    assert any("asyncpg: **1.00** (bar <= 0.8: MISSED)" in line for line in lines)


async def test_rounds_take_turns_and_the_first_does_not_count():
    """Everybody is measured once in a round, and the round that warms up leaves no sample."""
    called = []

    def driver(name):
        async def work(times):
            called.append((name, times))
            return sample(cpu=float(times))

        return work

    found = await postgres.rounds({"a": (driver("a"), 10), "b": (driver("b"), 20)}, 3, 1.0)
    assert {"a": [10.0] * 3, "b": [20.0] * 3} == {
        name: [each["cpu, us"] for each in samples] for name, samples in found.items()
    }
    assert [2, 2, 2, 2] == [len({name for name, _ in called[place : place + 2]}) for place in range(0, 8, 2)]


async def test_a_wrong_answer_stops_the_measurement():
    """A driver that answers something else is not measured."""

    async def wrong(key):
        return (key, key)

    with pytest.raises(ValueError, match="an answer is not right"):
        await postgres._sequence(wrong)(3)


def test_everything_is_measured_and_checked(postgres_url, capsys):
    """One command prints a table for each scenario and every bar."""
    pytest.importorskip("asyncpg")
    pytest.importorskip("psycopg_pool")
    postgres.main(["--url", postgres_url, "--rounds", "1", "--scale", "0.01", "--loop", "asyncio"])
    printed = capsys.readouterr().out
    for scenario, bars in postgres.BARS.items():
        assert f"| {scenario} |" in printed
        assert all(f"(bar {sign} {bar:g}:" in printed for _, _, sign, bar in bars)
