"""The benchmark of metrics: fair turns, the right ratios, and lanes that do what they say."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.metricsbench import __main__ as command
from tools.metricsbench import rounds
from tools.metricsbench.lanes import ARLEN, PEER, PROCESSES, SERIES, Task
from tools.metricsbench.report import page
from tools.perf.baseline import Baseline

pytestmark = pytest.mark.anyio


def test_nobody_is_always_the_first():
    """The lanes of a task take turns at being the first of a round."""
    task = Task("x", {"a": lambda: None, "b": lambda: None, "c": lambda: None})
    assert [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]] == [task.order(n) for n in range(4)]


class Lanes:
    """Lanes that count how often they are called."""

    def __init__(self):
        self.calls = {"plain": 0, "awaited": 0}
        self.tasks = [
            Task("plain", {"a": self.plain, "b": self.plain}),
            Task("awaited", {"a": self.awaited}, weight=10, waits=True),
        ]

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.closed = True

    def plain(self):
        self.calls["plain"] += 1

    async def awaited(self):
        self.calls["awaited"] += 1


async def test_every_lane_has_its_turn_in_every_round(monkeypatch):
    """A round to warm up, which does not count; longer tasks are called less often."""
    lanes = Lanes()
    monkeypatch.setattr(rounds, "Lanes", lambda: lanes)
    found = await rounds._measured(3, 20)
    assert {"plain": 4 * 2 * 20, "awaited": 4 * 2} == lanes.calls
    assert {"plain": {"a": 3, "b": 3}, "awaited": {"a": 3}} == {
        task: {lane: len(took) for lane, took in found[task].items()} for task in found
    }
    assert lanes.closed


def test_the_page_tells_ratios_round_by_round():
    """A table a task; the last lane is 1, and a ratio is that of the same round."""
    pytest.importorskip("prometheus_client", reason="the page tells its version")
    result = {"a counter": {ARLEN: [10.0, 30.0, 20.0], PEER: [100.0, 100.0, 50.0]}}
    text = page(result, 3, 1000, datetime(2026, 11, 22, tzinfo=UTC))
    assert text.startswith("# Metrics\n\n2026-11-22 00:00 UTC, commit ")
    assert "\n## A counter\n" in text
    assert f"| {ARLEN} | 20 | 0.30 (0.10 to 0.40) |" in text
    assert f"| {PEER} | 100 | 1.00 (1.00 to 1.00) |" in text


@pytest.fixture
def told(monkeypatch):
    """Return what would be run, and what would be measured."""
    seen = []

    def run(line, **options):
        seen.append((line[1:], options["env"][command.MODE]))
        return subprocess.CompletedProcess(line, 3)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(command, "measured", lambda *numbers: seen.append(numbers) or {})
    monkeypatch.setattr(command, "page", lambda *_: "# Metrics\n")
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda _: True)
    monkeypatch.delenv(command.MODE, raising=False)
    return seen


def test_the_peer_gets_its_folder_before_it_is_imported(told):
    """It looks at the environment when it is imported, so the benchmark runs in a process of its own."""
    assert 3 == command.main(["--rounds", "2"])
    ((line, folder),) = told
    assert ["-m", "tools.metricsbench", "--rounds", "2"] == line
    assert not Path(folder).exists()  # it went with the run


def test_what_is_printed_can_be_kept(told, monkeypatch, tmp_path, capsys):
    """`--save` writes the page that is printed, and nothing is written without it."""
    monkeypatch.setenv(command.MODE, str(tmp_path))
    monkeypatch.setattr(command, "FILE", tmp_path / "metrics.md")
    assert 0 == command.main(["--rounds", "2", "--times", "5"])
    assert not (tmp_path / "metrics.md").exists()
    assert 0 == command.main(["--rounds", "2", "--times", "5", "--save"])
    assert "# Metrics\n" == (tmp_path / "metrics.md").read_text()
    assert [(2, 5), (2, 5)] == told
    assert "# Metrics\n" * 2 == capsys.readouterr().out


def test_without_the_peer_there_is_nothing_to_measure(monkeypatch, capsys):
    """The command says what is missing."""
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda _: None)
    assert 2 == command.main([])
    assert "prometheus_client is not installed" in capsys.readouterr().err


def test_the_lanes_do_what_they_say(tmp_path):
    """One round of a few calls, for real: both tell the same counts of all processes."""
    pytest.importorskip("prometheus_client", reason="it is measured")
    program = f"""
import asyncio
from tools.metricsbench.lanes import ARLEN, PEER, Lanes

async def main():
    async with Lanes() as lanes:
        scrape = next(each for each in lanes.tasks if each.name.startswith("a scrape"))
        ours, theirs = scrape.lanes[ARLEN](), scrape.lanes[PEER]().decode()
        assert {SERIES} == ours.count("}} {PROCESSES}\\n"), ours[:500]
        assert {SERIES} == theirs.count("}} {PROCESSES}.0\\n"), theirs[:500]
        for task in lanes.tasks:
            for call in task.lanes.values():
                made = call()
                if task.waits:
                    assert b"Hello" in await made
    print("well")

asyncio.run(main())
"""
    line = [command.sys.executable, "-c", program]
    variables = os.environ | {command.MODE: str(tmp_path)}
    done = subprocess.run(
        line,
        cwd=command.ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "well\n" == done.stdout, done.stderr


def test_the_committed_price_of_a_request_is_within_the_budget():
    """Three microseconds for all series of a request are about 20,000 instructions."""
    for entry in Baseline().entries:
        counts = entry.instructions
        if "metrics.on" in counts:
            assert counts["metrics.on"] - counts["metrics.off"] <= 20_000
