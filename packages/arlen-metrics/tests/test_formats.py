"""Formats: each client gets the form that it asks for."""

import json

import pytest

from arlen_core.meters import Declaration
from arlen_core.requests import Request
from arlen_metrics.formats import answer, chosen
from arlen_metrics.totals import Family

TEXT, OPEN = "text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0"
PROMETHEUS_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"  # noqa: E501
PROMETHEUS_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"  # noqa: E501


def asked(accept=None, query=b"", format=""):
    """Return a request."""
    made = Request("GET", b"/metrics", query, [] if accept is None else [(b"accept", accept.encode())])
    made.format = format
    return made


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("text/html", TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        ("application/openmetrics-text", OPEN),
        ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.9", TEXT),
        ("application/openmetrics-text; version=0.0.1", TEXT),
        (PROMETHEUS_2, OPEN),
        (PROMETHEUS_3, OPEN),
        ("text/plain;version=0.0.4;escaping=underscores", TEXT),
        ("application/json", "application/json"),
        ("application/json;q=0.5, text/plain;q=0.6", TEXT),
    ],
)
def test_accept_decides(accept, expected):
    """Weights count; who asks for nothing, or for nothing that there is, gets the oldest text format."""
    assert expected == chosen(asked(accept))


@pytest.mark.parametrize(("name", "expected"), [("json", "application/json"), ("openmetrics", OPEN), ("txt", TEXT)])
def test_a_query_or_a_suffix_says_more_than_accept(name, expected):
    """A person types `?format=json`, or `/metrics.json`."""
    assert expected == chosen(asked("image/png", f"format={name}".encode()))
    assert expected == chosen(asked("image/png", format=name))


@pytest.mark.parametrize(
    ("query", "media", "start"),
    [
        (b"", f"{TEXT}; charset=utf-8", "# HELP"),
        (b"format=openmetrics", f"{OPEN}; charset=utf-8", "# TYPE"),
        (b"format=json", "application/json", "{"),
    ],
)
def test_an_answer_says_what_it_is(query, media, start):
    """Its type, and that nobody may keep it."""
    family = Family(Declaration("counter", "mail.sent", "Mails."))
    family.put((), [1.0])
    made = answer(asked(query=query), [family])
    assert (media, "no-store", "accept") == tuple(
        made.headers[each] for each in ("content-type", "cache-control", "vary")
    )
    assert made.body.decode().startswith(start)


def test_json_has_counters_gauges_and_timings():
    """The three kinds by name, each series with its labels; a histogram tells count, sum, average and buckets."""
    sent = Family(Declaration("counter", "mail.sent", "Mails.", ("to", "error")))
    sent.put(("a", ""), [1.0]), sent.put(None, [2.0])
    size = Family(Declaration("gauge", "mail.open", "Mails."))
    size.put((), [3.5])
    empty = Family(Declaration("histogram", "mail.duration", "Seconds.", (), "s", (1.0,)))
    empty.put((), [0.0, 0.0, 0.0])
    assert {
        "counters": {
            "mail_sent_total": [
                {"labels": {"to": "a"}, "value": 1.0},
                {"labels": {"otel_metric_overflow": "true"}, "value": 2.0},
            ]
        },
        "gauges": {"mail_open": [{"labels": {}, "value": 3.5}]},
        "timings": {
            "mail_duration_seconds": [
                {"labels": {}, "count": 0, "sum": 0.0, "avg": 0.0, "buckets": {"1.0": 0, "+Inf": 0}}
            ]
        },
    } == json.loads(answer(asked("application/json"), [sent, size, empty]).body)
