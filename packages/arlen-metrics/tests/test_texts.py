"""Texts: what Prometheus's own parsers read is what was counted."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.meters import Declaration
from arlen_metrics.texts import number, openmetrics, prometheus
from arlen_metrics.totals import Family

pytest.importorskip("prometheus_client", reason="its parsers are the judges")

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain

READERS = {prometheus: read_plain, openmetrics: read_open}


def family(kind, name, *rows, labels=(), unit="", help="Help.", buckets=()):
    """Return a metric with its series."""
    made = Family(Declaration(kind, name, help, labels, unit, buckets))
    for values, cells in rows:
        made.put(values, cells)
    return made


def samples(write, families):
    """Return the samples that the judge reads."""
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value
        for parsed in READERS[write](write(families))
        for each in parsed.samples
    }


@pytest.fixture(params=[prometheus, openmetrics], ids=["prometheus", "openmetrics"])
def write(request):
    """Return the one and the other format."""
    return request.param


def test_nothing_is_an_empty_text():
    """No metric makes no line, but the mark of the end."""
    assert ("", "# EOF\n") == (prometheus([]), openmetrics([]))


def test_a_metric_without_series_is_left_out(write):
    """Nobody has to skip headings of nothing."""
    assert {} == samples(write, [family("counter", "mail.sent", labels=("to",))])


def test_counters_and_gauges(write):
    """One line a series; a counter ends in `_total`."""
    made = [
        family("counter", "mail.sent", (("a",), [3.0]), (("b",), [0.5]), labels=("to",)),
        family("gauge", "mail.open", ((), [-2.0])),
    ]
    assert {
        ("mail_sent_total", (("to", "a"),)): 3.0,
        ("mail_sent_total", (("to", "b"),)): 0.5,
        ("mail_open", ()): -2.0,
    } == samples(write, made)


def test_histograms_are_cumulative(write):
    """Each bucket counts everything up to its bound, the last everything; count and sum stand beside."""
    made = family("histogram", "mail.duration", ((), [1.0, 2.0, 3.0, 9.5]), unit="s", buckets=(0.5, 1.0))
    name = "mail_duration_seconds"
    assert {
        (f"{name}_bucket", (("le", "0.5"),)): 1.0,
        (f"{name}_bucket", (("le", "1.0"),)): 3.0,
        (f"{name}_bucket", (("le", "+Inf"),)): 6.0,
        (f"{name}_count", ()): 6.0,
        (f"{name}_sum", ()): 9.5,
    } == samples(write, [made])


def test_empty_labels_are_left_out(write):
    """A label without a value is no label."""
    made = family("counter", "mail.sent", (("a", ""), [1.0]), labels=("to", "error"))
    assert {("mail_sent_total", (("to", "a"),)): 1.0} == samples(write, [made])


def test_the_overflow_has_opentelemetrys_label(write):
    """What came past the bound is told apart by one label."""
    made = family("counter", "mail.sent", (None, [1.0]), (("a",), [2.0]), labels=("to",))
    assert {
        ("mail_sent_total", (("otel_metric_overflow", "true"),)): 1.0,
        ("mail_sent_total", (("to", "a"),)): 2.0,
    } == samples(write, [made])


def test_units_are_told():
    """OpenMetrics says the unit in a line of its own, which the name ends in."""
    (parsed,) = read_open(openmetrics([family("gauge", "process.memory", ((), [1.0]), unit="By")]))
    assert ("process_memory_bytes", "bytes", "gauge", "Help.") == (
        parsed.name, parsed.unit, parsed.type, parsed.documentation,
    )  # fmt: skip


@given(
    value=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"), min_size=1),
    help=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"), min_size=1),
    kind=st.sampled_from(["counter", "gauge"]),
)
def test_any_text_is_a_label_and_a_help(value, help, kind):
    """Backslashes, quotes and line ends come back as they were, in both formats."""
    made = family(kind, "mail.sent", ((value,), [1.0]), labels=("to",), help=help.strip() or "x")
    for write, read in READERS.items():
        (parsed,) = read(write([made]))
        assert [{"to": value}] == [each.labels for each in parsed.samples]
        if write is openmetrics:
            assert (help.strip() or "x") == parsed.documentation


@given(st.floats(allow_nan=False))
def test_any_number_comes_back_as_it_was(value):
    """No digit is lost: counts beyond 2**53 and the smallest fractions alike."""
    assert value == float(number(value))


def test_numbers_that_are_none():
    """Prometheus's words for what is no number."""
    assert ("NaN", "+Inf", "-Inf") == (number(math.nan), number(math.inf), number(-math.inf))


@given(
    st.lists(
        st.tuples(st.text("ab", min_size=1, max_size=3), st.lists(st.integers(0, 99), min_size=4, max_size=4)),
        max_size=5,
        unique_by=lambda item: item[0],
    )
)
def test_both_formats_say_the_same(rows):
    """Whatever was counted, both parsers read the same samples."""
    made = [
        family(
            "histogram", "a.sizes", *(((k,), list(map(float, v))) for k, v in rows), labels=("x",), buckets=(1.0, 2.0)
        ),
        family("counter", "b.count", *(((k,), [float(v[0])]) for k, v in rows), labels=("x",)),
    ]
    assert samples(prometheus, made) == samples(openmetrics, made)
