"""The micro-benchmarks: what is kept of a run, and how it is compared."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.perf import micros
from tools.perf.micros import Run, last, read, save, table

ROOT = Path(__file__).parents[2]
REPORT = {
    "machine_info": {"node": "secret-host", "cpu": {"brand_raw": "x"}},
    "benchmarks": [
        {"name": "test_parse", "stats": {"median": 2.5e-6, "min": 2.0e-6}},
        {"name": "test_match", "stats": {"median": 1.23456789e-6, "min": 1e-6}},
    ],
}
BEFORE = Run("2026-11-01T00:00:00Z", "abc123", "3.11.7", "x86_64", {"parse": {"median": 2100.0, "min": 2000.0}})
NOW = Run(
    "2026-11-02T00:00:00Z",
    "def456",
    "3.11.7",
    "x86_64",
    {"parse": {"median": 2300.0, "min": 2200.0}, "match": {"median": 1100.0, "min": 1000.0}},
)


def test_read():
    """Of a report, medians and minima are kept, in nanoseconds."""
    made = read(REPORT, "abc123")
    assert {"parse": {"median": 2500.0, "min": 2000.0}, "match": {"median": 1234.6, "min": 1000.0}} == made.nanoseconds
    assert made.commit == "abc123"


def test_read_keeps_no_name_of_the_machine(tmp_path):
    """What names the machine is not kept."""
    assert "secret-host" not in save(tmp_path, read(REPORT, "abc123")).read_text("utf-8")


def test_save_and_last(tmp_path):
    """Each run has a file of its own, and the newest is the last."""
    first, second = save(tmp_path, BEFORE), save(tmp_path, NOW)
    assert ("2026-11-01T000000Z-abc123.json", "2026-11-02T000000Z-def456.json") == (first.name, second.name)
    assert last(tmp_path) == NOW


def test_save_makes_the_folder(tmp_path):
    """The folder is made when it is not there."""
    assert save(tmp_path / "a" / "b", NOW).is_file()


@pytest.mark.parametrize("made", [True, False])
def test_no_last(tmp_path, made):
    """Without a run, or without a folder, there is no last one."""
    assert last(tmp_path if made else tmp_path / "none") is None


def test_table():
    """The table has the minimum of both runs and the change; a new benchmark has none."""
    lines = table(BEFORE, NOW)
    assert ["parse", "2,000", "2,200", "+10.0%"] == lines[1].split()
    assert ["match", "-", "1,000", "-"] == lines[2].split()
    assert lines[3] == "before: abc123 of 2026-11-01T00:00:00Z, Python 3.11.7"


def test_first_table():
    """The first run is compared with nothing."""
    assert (3, ["parse", "-", "2,200", "-"]) == (len(table(None, NOW)), table(None, NOW)[1].split())


def test_run(monkeypatch, tmp_path):
    """A run calls pytest on the benchmarks, keeps the result, and compares it with the one before."""
    calls = []

    def call(words, **options):
        calls.append(words)
        file = next((word.partition("=")[2] for word in words if word.startswith("--benchmark-json=")), "")
        if file:
            Path(file).write_text(json.dumps(REPORT), "utf-8")
        return subprocess.CompletedProcess(words, 0, "abc123", "")

    monkeypatch.setattr(micros.subprocess, "run", call)
    monkeypatch.setattr(micros, "ROOT", tmp_path)
    monkeypatch.setattr(micros, "HISTORY", tmp_path / "micro")
    save(tmp_path / "micro", BEFORE)
    report = micros.run()
    assert (True, True) == (report.passed, report.lines[-1].startswith("perf: wrote micro/"))
    assert any(line.startswith("before: abc123") for line in report.lines)
    assert "python_files=bench_*.py" in calls[0]


def test_run_that_fails(monkeypatch, tmp_path):
    """Benchmarks that fail are a failure with what they said, and nothing is kept."""
    done = subprocess.CompletedProcess([], 1, "E assert", "")
    monkeypatch.setattr(micros.subprocess, "run", lambda words, **options: done)
    monkeypatch.setattr(micros, "HISTORY", tmp_path / "micro")
    report = micros.run()
    assert (False, True, False) == (report.passed, "E assert" in report.lines, (tmp_path / "micro").exists())


def test_benchmarks_are_no_tests():
    """A normal test run does not collect them."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tools/perf"]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert "bench_" not in done.stdout


def test_benchmarks_work():
    """Each benchmark runs, without being timed."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "python_files=bench_*.py"]
    words += ["--benchmark-disable", "tools/perf/micro"]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
