"""Names: OpenTelemetry's in Prometheus spelling."""

import pytest

from arlen_core.errors import StartupError
from arlen_core.meters import Declaration
from arlen_metrics import names


def declared(kind="counter", name="mail.sent", unit="", labels=()):
    """Return a declaration."""
    return Declaration(kind, name, "Help.", labels, unit, (1.0,) if kind == "histogram" else ())


@pytest.mark.parametrize(
    ("kind", "name", "unit", "expected"),
    [
        ("counter", "mail.sent", "{mail}", "mail_sent"),
        ("counter", "mail.total", "", "mail"),
        ("counter", "process.cpu.time", "s", "process_cpu_time_seconds"),
        ("gauge", "process.memory.usage", "By", "process_memory_usage_bytes"),
        ("gauge", "disk.utilization", "1", "disk_utilization_ratio"),
        ("counter", "disk.things", "1", "disk_things"),
        ("histogram", "http.server.request.duration", "s", "http_server_request_duration_seconds"),
        ("gauge", "wait.seconds", "s", "wait_seconds"),
        ("gauge", "speed", "By/s", "speed_bytes_per_second"),
        ("gauge", "speed", "{mail}/min", "speed_per_minute"),
        ("gauge", "share", "%", "share_percent"),
        ("gauge", "odd", "foo bar", "odd_foo_bar"),
        ("gauge", "level", "", "level"),
    ],
)
def test_names_follow_the_rules(kind, name, unit, expected):
    """Dots become underscores, units are written out at the end, annotations in braces are left out."""
    assert expected == names.family(declared(kind, name, unit))


def test_two_metrics_of_one_spelling_are_an_error():
    """What would be the same for Prometheus stops the start, and names both."""
    taken = {}
    names.check(declared(name="mail.sent"), taken)
    names.check(declared(name="mail.sent"), taken)
    with pytest.raises(StartupError, match=r"'mail_sent' and 'mail\.sent' would both be 'mail_sent'"):
        names.check(declared(name="mail_sent"), taken)


def test_suffixes_of_samples_count_too():
    """A counter may not have the name of a histogram's count."""
    taken = {}
    names.check(declared("histogram", "mail.duration"), taken)
    with pytest.raises(StartupError, match="mail_duration_count"):
        names.check(declared("gauge", "mail.duration.count"), taken)


@pytest.mark.parametrize("labels", [("le",), ("quantile",), ("otel.metric.overflow",), ("http.route", "http_route")])
def test_labels_that_cannot_be_are_an_error(labels):
    """Reserved labels, and two that are spelled the same, stop the start."""
    with pytest.raises(StartupError, match="is reserved, or there twice"):
        names.check(declared(labels=labels), {})
