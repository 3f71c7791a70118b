"""Workers and aliases: series that are made when somebody asks."""

import pytest

from arlen_metrics import aliases, workers
from arlen_metrics.totals import Totals
from arlen_metrics.traffic import ACTIVE, DURATION


def test_nobody_is_no_series():
    """Without a supervisor there are no workers to tell of."""
    totals = Totals()
    workers.add(workers.read(None), totals)
    assert {} == totals.families


@pytest.mark.parametrize("text", [None, b"", b"{", b"[]", b'{"pools": 7}'])
def test_a_file_that_cannot_be_read_is_nobody(tmp_path, text):
    """A file that is missing or damaged is no reason to lose everything else."""
    if text is not None:
        (tmp_path / workers.FILE).write_bytes(text)
    assert workers.read(tmp_path) is None


def test_sizes_and_restarts_are_told_by_pool(tmp_path):
    """What should be there, what is, and why others were replaced; what else the file holds does not matter."""
    text = b'{"pid":7,"started":5.5,"pools":{"web":{"size":4,"alive":3,"ready":2,"restarts":{"killed":1},"new":[]}}}'
    (tmp_path / workers.FILE).write_bytes(text)
    totals = Totals()
    workers.add(workers.read(tmp_path), totals)
    assert {("web", "size"): [4.0], ("web", "alive"): [3.0], ("web", "ready"): [2.0]} == (
        totals.families["arlen.workers"].series
    )
    assert {("web", "killed"): [1.0]} == totals.families["arlen.worker.restarts"].series
    assert {(): [5.5]} == totals.families["arlen.manager.start_time"].series


def histogram(count, seconds):
    """Return the cells of so many requests of the fastest bucket."""
    return [float(count), *[0.0] * 14, seconds]


def series(totals, name):
    """Return the series of a metric."""
    return totals.families[name].series


def test_aliases_are_the_sums_of_what_is_there():
    """All routes together, by status, errors from 500, in milliseconds."""
    totals = Totals()
    rows = [
        (("GET", "/", "200", ""), histogram(3, 0.5)),
        (("POST", "/", "200", ""), histogram(2, 0.25)),
        (("GET", "/x", "503", "503"), histogram(1, 0.25)),
        (None, histogram(4, 1.0)),
    ]
    totals.add(DURATION, rows)
    totals.add(ACTIVE, [((), [2.0])])
    aliases.add(totals)
    assert {(): [10.0]} == series(totals, "aln.http.requests")
    assert {(): [1.0]} == series(totals, "aln.http.errors")
    assert {(): [2.0]} == series(totals, "aln.http.requests.active")
    assert {(): [5.0]} == series(totals, "aln.http.status.200")
    assert {(): [1.0]} == series(totals, "aln.http.status.503")
    assert {(): [4.0]} == series(totals, "aln.http.status.other")
    assert {(): [10.0, *[0.0] * 14, 2000.0]} == series(totals, "aln.http.request.duration.ms")
    assert 5.0 == totals.families["aln.http.request.duration.ms"].declaration.buckets[0]


def test_aliases_are_there_before_the_first_request():
    """A deployment asks for their names before anybody asks for a page."""
    totals = Totals()
    aliases.add(totals)
    assert {(): [0.0]} == series(totals, "aln.http.requests")
    assert {"aln.http.requests", "aln.http.errors", "aln.http.request.duration.ms"} <= set(totals.families)


def test_aliases_change_nothing_else():
    """What they are made of is shown as it was."""
    totals = Totals()
    totals.add(DURATION, [(("GET", "/", "200", ""), histogram(3, 0.5))])
    aliases.add(totals)
    assert {("GET", "/", "200", ""): histogram(3, 0.5)} == series(totals, DURATION.name)
