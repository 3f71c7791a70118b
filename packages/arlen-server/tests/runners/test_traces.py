"""Traces: the last requests, what happened in them, and that they take a bounded part of the memory."""

from __future__ import annotations

from threading import Thread

import msgspec
import pytest
from msgspec.json import encode

from arlen_core.requests import Request
from arlen_core.responses import Response
from arlen_core.spans import Event, Span
from arlen_server import traces as module
from arlen_server.traces import REPEATED, Traces

MS = 1_000_000


def server(number=1, *, trace="t1", start=0, end=10 * MS, **attributes):
    """The span of a request, as the tracer makes it."""
    known = {"http.request.method": "GET", "url.path": "/notes", "http.response.status_code": 200}
    known |= {"arlen.request_id": f"r{number}", "arlen.route.ms": 1.0, "arlen.action.ms": 8.0, "arlen.write.ms": 1.0}
    return Span(
        name="GET /notes",
        kind="server",
        trace_id=trace,
        span_id=f"s{number}",
        start=start,
        end=end,
        attributes=known | attributes,
    )


def child(name="work", number=1, *, parent="s1", trace="t1", start=2 * MS, end=3 * MS, error=None, **attributes):
    """A span inside of it."""
    return Span(
        name=name,
        trace_id=trace,
        span_id=f"c{number}",
        parent_id=parent,
        start=start,
        end=end,
        attributes=attributes,
        error=error,
    )


def sql(text="select 1", number=1, **options):
    """A query."""
    return child("select", number, **options, **{"db.query.text": text, "db.system.name": "sqlite"})


def ids(traces):
    """The requests that are kept, the last one first."""
    return [each.id for each in traces.newest()]


# what is kept


def test_request_is_kept_with_its_facts():
    """A request says what was asked and answered, how long it took, and where the time went."""
    traces = Traces()
    traces.tell([server(**{"http.route": "/notes", "client.address": "10.0.0.7"})])
    (trace,) = traces.newest()
    assert ("r1", "t1", "s1") == (trace.id, trace.trace_id, trace.span_id)
    assert ("GET", "/notes", 200, "/notes", "10.0.0.7") == (
        trace.method,
        trace.path,
        trace.status,
        trace.route,
        trace.client,
    )
    assert 10.0 == trace.duration
    assert {"route": 1.0, "action": 8.0, "write": 1.0} == trace.stages
    assert trace.time > 1_700_000_000


def test_spans_are_in_the_order_in_which_they_began():
    """Spans end before those around them, and are shown after them, with their times since the request began."""
    traces = Traces()
    inner, outer = child("inner", 1, parent="c2", start=3 * MS, end=4 * MS), child("outer", 2, start=2 * MS, end=6 * MS)
    traces.tell([server(start=MS), inner, outer])
    (trace,) = traces.newest()
    assert [("outer", "s1", 1.0, 4.0), ("inner", "c2", 2.0, 1.0)] == [
        (each.name, each.parent_id, each.start, each.duration) for each in trace.spans
    ]


def test_queries_are_counted_and_repeated_ones_marked():
    """Queries are those spans with a query's text; one that runs often in a request is told as such."""
    traces = Traces()
    spans = [sql("select * from notes where id = ?", number) for number in range(REPEATED)]
    traces.tell([server(), child(), *spans, sql("select 2", 8)])
    (trace,) = traces.newest()
    assert REPEATED + 1 == len(trace.queries)
    assert float(REPEATED + 1) == trace.query_ms
    assert REPEATED == trace.repeated
    assert {"select 2": 1, "select * from notes where id = ?": REPEATED} == {e.query: e.runs for e in trace.queries}
    assert (REPEATED + 1, REPEATED) == (trace.summary["queries"], trace.summary["repeated"])


def test_query_inside_of_a_query_counts_once():
    """A span that sums up the queries below it is one query, as in `Server-Timing`."""
    traces = Traces()
    traces.tell(
        [
            server(),
            sql("select 1", 1, parent="c9"),
            sql("begin; select 1", 9),
            child("page", 3, **{"arlen.stage": "render"}),
            child("x", 4),
        ]
    )
    (trace,) = traces.newest()
    assert ["begin; select 1"] == [each.query for each in trace.queries]
    assert ["sql", "sql", "render", ""] == [each.part for each in trace.spans]


def test_few_runs_of_a_query_are_no_cause_for_alarm():
    """Below the number nothing is said."""
    traces = Traces()
    traces.tell([server(), *(sql(number=number) for number in range(REPEATED - 1))])
    assert 0 == traces.newest()[0].repeated


@pytest.mark.parametrize(
    ("error", "expected"),
    [(None, ""), ("500", "500"), (ValueError("no"), "ValueError: no"), (KeyError(), "KeyError")],
)
def test_errors_are_kept_as_text(error, expected):
    """An exception becomes text, so that neither it nor its frames stay alive."""
    traces = Traces()
    traces.tell([server(), child(error=error)])
    assert expected == traces.newest()[0].spans[0].error


def test_secrets_are_masked():
    """Attributes with secret names, and those that the configuration names, show no value."""
    traces = Traces(mask=frozenset({"pin"}))
    traces.tell([server(), child(api_key="k", pin="1234", rows=3)])
    assert {"api_key": "********", "pin": "********", "rows": 3} == traces.newest()[0].spans[0].attributes


def test_values_are_cut():
    """No value takes more room than it is worth, whatever it is."""

    class Broken:
        def __str__(self):
            raise RuntimeError

    traces = Traces()
    traces.tell([server(), child(long="x" * 100_000, broken=Broken()), sql("x" * 100_000, 2)])
    first, second = traces.newest()[0].spans
    assert 512 == len(first.attributes["long"])
    assert "<Broken>" == first.attributes["broken"]
    assert 4096 == len(second.query)


def test_attributes_and_events_are_kept():
    """What the application notes in its spans, and in the span of the request, is there; what is said anyway is not."""
    traces, event = Traces(), Event("cache.miss", 4 * MS, {"key": "a", "token": "b"})
    own, inner = server(start=MS, **{"shop.name": "north", "http.response.status_code": "odd"}), child("work")
    own.events = inner.events = (event,)
    traces.tell([own, inner])
    (trace,) = traces.newest()
    assert ({"shop.name": "north"}, 0) == (trace.attributes, trace.status)
    for noted in (trace.events, trace.spans[0].events):
        assert [(3.0, "cache.miss", {"key": "a", "token": "********"})] == [(e.at, e.event, e.values) for e in noted]


# what the spans do not tell


def test_header_fields_query_and_lines_are_added():
    """When a request is over it gets its header fields and query, masked, and the lines that were written for it."""
    traces = Traces()
    request = Request("GET", b"/notes", query=b"q=a&token=b", headers=[(b"cookie", b"id=1"), (b"accept", b"*/*")])
    own = server(start=5 * MS)
    own.span_id = request.trace[36:52]
    traces.hear({"level": "info", "event": "note.read", "request_id": request.id, "trace_id": "t", "id": 7})
    traces.hear({"level": "info", "event": "elsewhere"})
    traces.hear({"level": "debug", "event": "database.query", "request_id": request.id})
    traces.tell([own])
    traces.dress(request, Response("x", headers={"set-cookie": "id=2"}))
    trace = traces.find(request.id)
    assert trace is traces.newest()[0]
    assert "q=a&token=********" == trace.query
    assert [("cookie", "********"), ("accept", "*/*")] == trace.request
    assert ("set-cookie", "********") in trace.response
    assert [("info", "note.read", {"id": 7})] == [(line.level, line.event, line.values) for line in trace.lines]
    traces.hear({"level": "error", "event": "mail.failed", "request_id": request.id})
    assert ["note.read", "mail.failed"] == [line.event for line in trace.lines]


def test_request_that_nobody_told_of():
    """A request without spans, such as one that was not sampled, adds nothing."""
    traces = Traces()
    traces.dress(Request(), Response("x"))
    assert [] == traces.newest()


# parts


def test_long_request_is_told_in_parts():
    """Spans that come before their request's own are found by their trace."""
    traces = Traces()
    traces.tell([child("early", 1), child("early", 2)])
    traces.tell([server(), child("late", 3)])
    assert ["early", "early", "late"] == [each.name for each in traces.newest()[0].spans]


def test_work_after_the_answer_is_added():
    """What a request has left to do in the background joins it."""
    traces = Traces()
    traces.tell([server()])
    traces.tell([child("mail", start=20 * MS, end=30 * MS)])
    traces.tell([child("job of nobody", trace="t9")])
    (trace,) = traces.newest()
    assert [("mail", 20.0)] == [(each.name, each.start) for each in trace.spans]


# bounds


def test_oldest_requests_are_forgotten():
    """So many are kept, and no more."""
    traces = Traces(limit=3)
    for number in range(5):
        traces.tell([server(number)])
    assert ["r4", "r3", "r2"] == ids(traces)
    assert None is traces.find("r1")
    assert "r3" == traces.find("s3").id


def test_many_spans_make_older_requests_go():
    """All spans together are bounded; the last request stays, with as many of its own as there is room for."""
    traces = Traces(limit=10, spans=100)
    for number in range(4):
        traces.tell([server(number, trace=f"t{number}"), *(child(number=each) for each in range(40))])
    assert ["r3", "r2"] == ids(traces)
    traces.tell([server(9, trace="t9"), *(child(number=each) for each in range(1000))])
    assert ["r9"] == ids(traces)
    assert 99 == len(traces.newest()[0].spans)
    for _ in range(50):
        traces.tell([child(trace="t9")])
    assert 99 == len(traces.newest()[0].spans)
    assert 1 == len(traces._begun)


def test_what_never_ends_is_forgotten():
    """Parts and lines of requests that never end are bounded, too."""
    traces = Traces(spans=1600)
    for number in range(100):
        traces.tell([child(trace=f"t{number}"), child(trace=f"t{number}")])
        for _ in range(300):
            traces.hear({"level": "info", "event": "x", "request_id": f"r{number}"})
        traces.tell([child(trace="long")] * 50)
    assert module._WAITING == len(traces._early) == len(traces._lines)
    assert {module._LINES} == {len(lines) for lines in traces._lines.values()}
    assert sum(map(len, traces._early.values())) <= 1600


def test_threads_may_tell():
    """What ends in threads at one time is told from there, and nothing is lost or torn."""
    traces = Traces(limit=1000)
    told = [
        Thread(target=lambda at=at: [traces.tell([server(at * 50 + each)]) for each in range(50)]) for at in range(4)
    ]
    for each in told:
        each.start()
    for each in told:
        each.join()
    assert 200 == len(set(ids(traces))) == traces._weights.total()


def test_whatever_is_noted_can_be_told_as_json():
    """Numbers that are too long, halves of characters and keys that are no text spoil neither the list nor a page."""
    traces = Traces()
    own, inner = server(start=MS), child("half \ud800")
    own.error = ValueError("half \ud800")
    own.attributes |= {"big": 1 << 70, "long": 10**6000, "half": "\udc80", 5: "five"}
    inner.events = (Event("half \ud800", 4 * MS, {"half \ud800": "\ud800"}),)
    traces.tell([own, inner])
    (trace,) = traces.newest()
    traces.hear({"request_id": trace.id, "level": "info", "event": "half \ud800", "\ud800": "\ud800", "n": 1 << 64})
    assert trace.summary == msgspec.json.decode(msgspec.json.encode(trace.summary))
    assert {"big": str(1 << 70), "long": "<int>", "half": "\\udc80", "5": "five"} == trace.attributes
    assert b"half \\\\ud800" in msgspec.json.encode(trace)


def test_a_secret_in_an_address_is_masked_wherever_it_is_noted():
    """A line and an attribute show no more of an address than the list does."""
    traces = Traces()
    own, inner = server(start=MS), child("GET")
    inner.attributes["url.full"] = "https://api.test/x?api_key=abc"
    traces.tell([own, inner])
    (trace,) = traces.newest()
    traces.hear({"request_id": trace.id, "level": "info", "event": "called", "path": "/reset/dGhpcyBpcyBhIHNlY3JldCAx"})
    assert {"url.full": "https://api.test/x?api_key=********"} == trace.spans[0].attributes
    assert {"path": "/reset/********"} == trace.lines[-1].values


def test_long_texts_make_room_for_fewer_requests():
    """Attributes and lines are bounded as spans are: the memory of the developer is not the application's."""
    traces = Traces(200, 1000)
    long = {f"k{number}": "x" * 500 for number in range(100)}
    for number in range(1, 101):
        own = server(number, trace=f"t{number}")
        traces.tell([own, child(number=number, trace=f"t{number}", parent=own.span_id, **long)])
        for _ in range(50):
            traces.hear({"request_id": f"r{number}", "level": "info", "event": "said", "all": "y" * 9999})
        assert f"r{number}" == traces.newest()[0].id
    assert traces._weights.total() <= 1000
    assert len(encode(traces.newest())) < 1_200_000


def test_one_request_alone_is_bounded():
    """A request that goes on and on keeps what fits, and the newest one is always there."""
    traces = Traces(200, 100)
    spans = [
        child(number=number, text="x" * 2000, **{f"k{each}": "x" * 500 for each in range(9)}) for number in range(100)
    ]
    traces.tell([server(), *spans])
    assert len(encode(traces.newest())) < 200_000
    assert ["r1"] == ids(traces)
