"""Processes: what this one takes, by the place that its supervisor gave it."""

import gc
import os
import time

import pytest

from arlen_core.meters import Meters
from arlen_metrics import processes
from arlen_metrics.registry import Registry


@pytest.fixture
def seen():
    """Return what is observed of this process, by metric."""

    def look(worker="web.0"):
        meters, registry = Meters(), Registry()
        meters.attach(registry)
        processes.observe(meters, worker)
        return {name: family.series for name, family in registry.totals().families.items()}

    return look


def test_processor_time_is_that_of_the_process(seen):
    """User and system time, which never fall."""
    before, after = seen()["process.cpu.time"], seen()["process.cpu.time"]
    assert {("web.0", "user"), ("web.0", "system")} == set(before)
    assert all(before[key][0] <= after[key][0] for key in before)
    assert pytest.approx(sum(os.times()[:2]), abs=1) == sum(cells[0] for cells in after.values())


def test_memory_descriptors_and_threads(seen):
    """Where the system tells: bytes that are in use, open descriptors, threads."""
    if not processes._SELF.exists():
        pytest.skip("this system has no /proc")
    found = seen()
    assert 1 << 20 < found["process.memory.usage"]["web.0",][0] < 1 << 40
    reader, writer = os.pipe()
    assert (
        found["process.unix.file_descriptor.count"]["web.0",][0] + 2
        == (seen()["process.unix.file_descriptor.count"]["web.0",][0])
    )
    os.close(reader), os.close(writer)
    assert found["process.thread.count"]["web.0",][0] >= 1


def test_the_start_is_before_now(seen):
    """In seconds of Unix time."""
    assert time.time() - 3600 < seen()["process.start_time"]["web.0",][0] <= time.time()


def test_the_garbage_collector_counts_by_generation(seen):
    """Each run counts in its generation."""
    before = seen()["cpython.gc.collections"]
    assert {("0",), ("1",), ("2",)} == set(before)
    gc.collect()
    assert seen()["cpython.gc.collections"]["2",][0] >= before["2",][0] + 1
    assert {"cpython.gc.collected_objects", "cpython.gc.uncollectable_objects"} <= set(seen())


def test_the_build_is_named(seen):
    """One series, always 1, whose labels say which versions run."""
    ((labels, cells),) = seen()["arlen.build.info"].items()
    assert [1.0] == cells
    assert f"{os.sys.version_info[0]}.{os.sys.version_info[1]}" == ".".join(labels[1].split(".")[:2])


def test_the_place_comes_from_the_supervisor(monkeypatch, seen):
    """`ARLEN_WORKER` names it; without one the label is left out."""
    monkeypatch.setenv(processes.WORKER, "jobs.1")
    assert {("jobs.1",)} == set(seen(None)["process.start_time"])
    monkeypatch.delenv(processes.WORKER)
    assert {("",)} == set(seen(None)["process.start_time"])


def test_a_build_without_metadata_has_no_version(monkeypatch):
    """An application that is frozen into one file has no metadata, and starts all the same."""

    def missing(_):
        raise processes.PackageNotFoundError

    monkeypatch.setattr(processes, "version", missing)
    assert "" == processes._version()
