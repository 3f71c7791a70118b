"""Traces: the command that tells what they cost."""

import json

import anyio
import pytest

from tools.tracesbench import ways as traces

pytest.importorskip("arlen_otel")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs opentelemetry-exporter-otlp-proto-http")


def test_each_way_is_measured(capsys):
    """In turns, and all of them; what is off and what is on are told beside what is without."""
    assert 0 == traces.main(["--rounds", "2", "--requests", "5", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [*traces.WAYS] == [*found]
    assert {"median", "low", "high"} == found["own"].keys()
    assert found["none"]["median"] > 0


def test_the_table_has_a_line_for_each_way():
    """With the quartiles."""
    found = {name: {"median": 1.0, "low": 0.5, "high": 1.5} for name in traces.WAYS}
    lines = traces._table(found).splitlines()
    assert 1 + len(traces.WAYS) == len(lines)
    assert "own       1.00  (0.50 to 1.50)" == lines[3]


def test_the_page_says_where_it_was_measured():
    """Versions, date and machine stand above the table."""
    found = {name: {"median": 1.0, "low": 0.5, "high": 1.5} for name in traces.WAYS}
    page = traces._page(found, 30, 2000)
    assert "# Traces" == page.splitlines()[0]
    assert "opentelemetry-sdk" in page.splitlines()[2]
    assert traces._table(found) in page


def test_spans_that_are_lost_end_it():
    """What was not exported would cost nothing."""

    class Exporter:
        exported, taken, dropped = 0, 1, {"queue_full": 1}

    with pytest.raises(RuntimeError, match="dropped"):
        anyio.run(traces._exported, Exporter())
