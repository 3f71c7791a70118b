"""Access: one line for each completed request."""

import json
from time import perf_counter_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.access import Access
from arlen_core.clock import VirtualClock
from arlen_core.logs import Logs, LogSettings
from arlen_core.requests import Request
from arlen_core.responses import Response


class Capture:
    """An access log whose lines are kept."""

    def __init__(self, setting="json", **settings):
        logs = Logs(LogSettings(format=setting, **settings), "production", clock=VirtualClock())
        self.rows = []
        logs.sink.write = self.rows.append
        self.access = Access(logs)

    def line(self, request, response=None, sent=0, error=None):
        """Log one request and return its line."""
        self.access(request, response or Response("x"), sent, error)
        assert self.rows[-1].endswith(b"\n")
        return self.rows.pop().decode()[:-1]

    def record(self, *args, **options):
        """Log one request and return its record."""
        return json.loads(self.line(*args, **options))


def request(target=b"/notes/7", query=b"", **attributes):
    """Make a request that has been answered."""
    made = Request("GET", target, query, client=("192.0.2.7", 4711))
    made.id, made.trace, made.template = "r" * 32, f"00-{'a' * 32}-{'b' * 16}-01", "/notes/{id}"
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def test_a_line_says_what_happened():
    """All fields, in their fixed order."""
    record = Capture().record(request(), Response("hello", 201), 5)
    timings = record.pop("timings")
    assert record == {
        "timestamp": "2026-01-01T00:00:00.000Z",
        "level": "info",
        "event": "http.request.completed",
        "method": "GET",
        "path": "/notes/7",
        "status": 201,
        "request_id": "r" * 32,
        "correlation_id": "r" * 32,
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "route": "/notes/{id}",
        "client": "192.0.2.7",
        "bytes": 5,
    }
    assert ["route", "action", "write", "total"] == list(timings)


def test_the_stages_add_up():
    """In milliseconds: route, action and write make the total."""
    now = perf_counter_ns()
    made = request(received=now - 9_000_000, routed=now - 8_000_000, handled=now - 2_000_000)
    timings = Capture().record(made)["timings"]
    assert (1.0, 6.0) == (timings["route"], timings["action"])
    assert timings["write"] >= 2.0
    assert timings["total"] == pytest.approx(sum(timings[each] for each in ("route", "action", "write")), abs=0.003)


@pytest.mark.parametrize("marks", [[1, 0, 0], [1, 2, 0]])
def test_a_stage_that_was_not_reached_takes_no_time(marks):
    """A request that failed before its route has no action; nothing is negative."""
    now = perf_counter_ns()
    received, routed, handled = (mark and now + mark for mark in marks)
    timings = Capture().record(request(received=received, routed=routed, handled=handled))["timings"]
    assert timings["write"] == 0.0
    assert all(each >= 0 for each in timings.values())


def test_an_answer_before_the_route_took_no_action():
    """What a hook answered early is over when it is made; no stage is negative."""
    now = perf_counter_ns()
    timings = Capture().record(request(received=now - 9_000_000, handled=now - 2_000_000))["timings"]
    assert (7.0, 0.0) == (timings["route"], timings["action"])


def test_the_query_is_left_out():
    """It holds secrets; who wants it can have it."""
    made = request(query=b"token=hunter2")
    assert Capture().record(made)["path"] == "/notes/7"
    assert Capture(query=True).record(made)["path"] == "/notes/7?token=hunter2"
    assert Capture(query=True).record(request())["path"] == "/notes/7"


def test_the_path_is_complete_under_a_mount():
    """With the prefix that was taken off."""
    assert Capture().record(request(root="/shop"))["path"] == "/shop/notes/7"


@pytest.mark.parametrize(("target", "path"), [
    (b"/a%20b", "/a%20b"), (b"/\xc3\xbc", "/%C3%BC"), (b"/a\nb\x1b\x7f", "/a%0Ab%1B%7F"), (b"/ x", "/%20x"), (b"", ""),
])  # fmt: skip
def test_the_path_is_as_it_was_sent_and_printable(target, path):
    """Still percent-encoded; what should have been is."""
    assert path == Capture().record(request(target)).get("path")


@pytest.mark.parametrize(
    ("status", "error", "level"),
    [(200, None, "info"), (404, None, "info"), (499, None, "info"), (500, None, "error"), (200, OSError(), "error")],
)
def test_failures_are_errors(status, error, level):
    """Server errors and responses that could not be sent."""
    assert level == Capture().record(request(), Response("", status), error=error)["level"]


def test_what_stopped_the_sending_is_named():
    """By its class; its text could hold anything."""
    record = Capture().record(request(), error=BrokenPipeError("hunter2"))
    assert record["error"] == "BrokenPipeError"
    assert "hunter2" not in str(record)


def test_what_is_not_known_is_empty():
    """No route, no client: the fields are there all the same, and so is an identity that nobody had asked for."""
    made = Request()
    record = Capture().record(made)
    assert ("", "") == (record["route"], record["client"])
    assert (made.id, made.trace[3:35], made.trace[36:52]) == (
        record["request_id"],
        record["trace_id"],
        record["span_id"],
    )


def test_text_is_for_people():
    """The request line first."""
    now = perf_counter_ns()
    made = request(received=now, routed=now, handled=now)
    line = Capture("text").line(made, Response("hello"), 5, OSError())
    head, _, rest = line.partition(" in ")
    assert head == "2026-01-01T00:00:00.000Z error    GET /notes/7 200"
    assert rest.partition(" ms, ")[2] == (
        f"5 bytes route=/notes/{{id}} client=192.0.2.7 request_id={'r' * 32} trace_id={'a' * 32} error=OSError"
    )


def test_text_leaves_out_what_is_not_known():
    """No empty fields."""
    line = Capture("text").line(Request())
    assert "route=" not in line
    assert "client=" not in line
    assert "error=" not in line


words = st.text(max_size=10)


@given(st.binary(max_size=30), st.binary(max_size=30), words, words, st.sampled_from(["json", "text"]))
def test_whatever_was_sent_it_is_one_printable_line(target, query, method, client, setting):
    """Paths, queries, methods and addresses cannot forge lines, whatever server hands them on."""
    made = request(target, query)
    made.method, made.client = method, (client, 1)
    line = Capture(setting, query=True).line(made)
    assert line.isprintable()
    if setting == "json":
        json.loads(line)
