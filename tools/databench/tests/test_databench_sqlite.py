"""The benchmark of SQLite: every lane answers, and its report says what was compared."""

import anyio
import anyio.lowlevel
import pytest

from tools.databench import sqlite

pytest.importorskip("aiosqlite", reason="the peers are in an environment of their own")
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", autouse=True)
def libuv():
    """Run uvloop once: it makes a pipe that stays for the life of the process."""
    with sqlite.runner("uvloop") as runner:
        runner.run(anyio.lowlevel.checkpoint())


async def test_reads(tmp_path):
    """Each lane is measured in each round, with one task and with several."""
    for tasks in (1, 4):
        times = await sqlite.reads(tmp_path / "bench.db", rounds=2, queries=8, tasks=tasks)
        assert ["arlen-sqlite", "arlen-sqlite, inline_reads", sqlite.PEER] == list(times)
        assert all(len(each) == 2 and min(each) > 0 for each in times.values())


async def test_writes(tmp_path):
    """Every writer's transactions are counted, and no change is lost."""
    await sqlite.reads(tmp_path / "bench.db", rounds=1, queries=1)
    found = await sqlite.writes(tmp_path / "bench.db", rounds=1, seconds=0.05)
    assert 3 == len(found)
    assert all(times and not errors and rate > 0 for times, errors, rate in found.values())
    async with sqlite.SQLite(tmp_path / "bench.db") as db:
        assert sum(len(times) for times, _, _ in found.values()) == await db.value("select n from people where id = 1")


def test_p99():
    """99 of 100 stay below it."""
    assert 99 <= sqlite.p99([float(number) for number in range(1, 101)]) <= 100


def test_report(capsys):
    """The report has a table for each loop and each question, the versions, and a verdict."""
    code = sqlite.main(["--rounds", "1", "--queries", "32", "--seconds", "0.05", "--writes", "1"])
    said = capsys.readouterr().out
    assert 2 * 3 == said.count("## ")
    assert "aiosqlite 0." in said
    assert ("Every bar is met." in said) is (code == 0)
