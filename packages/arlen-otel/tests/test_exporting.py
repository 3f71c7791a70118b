"""Exporting: batches, bounds, outages, stops and forks."""

from __future__ import annotations

import os
import threading

import pytest

from arlen_core.logs import Logs, LogSettings
from arlen_core.spans import Span, Tracer
from arlen_core.vault import Secret
from arlen_otel.exporting import Exporter
from arlen_otel.options import Options
from arlen_otel.sending import Refused


def span(name="a", **values):
    """A span."""
    known = {"trace_id": "1" * 32, "span_id": "2" * 16, "start": 1, "end": 2}
    return Span(name=name, **known | values)


class Odd:
    """A value that cannot be told."""

    def __str__(self):
        raise ValueError("odd")


@pytest.fixture
def lines(tmp_path):
    """Return a function that reads what was logged."""
    return lambda: (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""


@pytest.fixture
def make(collector, tmp_path):
    """Return a function that makes exporters which have started; they are stopped at the end."""
    made, logs = [], Logs(LogSettings(target="log"), "test", root=tmp_path)

    def start(**values):
        known = {
            "url": f"{collector.url}/v1/traces",
            "interval": 0.01,
            "drain": 20.0,
            "resource": {"service.name": "x"},
        }
        exporter = Exporter(Options(**known | values), logs.log)
        exporter.start()
        made.append(exporter)
        return exporter

    yield start
    collector.hold.set()
    for each in made:
        threads = [one for one in threading.enumerate() if one.name == "arlen-otel"]
        each.stop()
        for one in threads:
            one.join(20)


def test_spans_arrive(make, collector):
    """With Unix times, and the process that tells them."""
    exporter, epoch = make(), Tracer.epoch()
    exporter.put([span(start=10, end=20)])
    collector.until(lambda: collector.spans)
    (got,) = collector.spans
    assert abs(got.start_time_unix_nano - epoch - 10) < 10**9
    assert 10 == got.end_time_unix_nano - got.start_time_unix_nano
    about = {each.key: each.value for each in collector.requests[0][1].resource_spans[0].resource.attributes}
    assert ("x", os.getpid()) == (about["service.name"].string_value, about["process.pid"].int_value)
    assert "arlen" == collector.requests[0][1].resource_spans[0].scope_spans[0].scope.name
    exporter.stop()
    assert (1, {}) == (exporter.exported, exporter.dropped)


def test_many_spans_go_in_batches(make, collector):
    """What is more than a batch goes in several, without waiting for the interval."""
    exporter = make(batch=10, interval=60.0)
    for number in range(25):
        exporter.put([span(f"s{number}")])
    collector.until(lambda: len(collector.spans) >= 20)
    exporter.stop()
    assert [f"s{number}" for number in range(25)] == [each.name for each in collector.spans]
    assert all(len(message.resource_spans[0].scope_spans[0].spans) >= 5 for _, message in collector.requests)


def test_an_idle_application_sends_nothing(make, collector):
    """There is not even a thread."""
    make()
    assert "arlen-otel" not in {each.name for each in threading.enumerate()}
    assert [] == collector.requests


def test_the_queue_is_bounded_while_the_collector_hangs(make, collector, lines):
    """What does not fit is dropped and counted; what was taken arrives when the collector is there again."""
    exporter = make(queue=10, batch=5)
    collector.hold.clear()
    exporter.put([span("first")])
    _spin(lambda: collector.paths)
    for number in range(30):
        exporter.put([span(f"s{number}")])
    assert (10, {("queue_full",): 20}) == (exporter.queue.size, exporter.dropped)
    collector.hold.set()
    exporter.stop()
    assert (11, 11) == (exporter.exported, len(collector.spans))


def test_a_collector_that_refuses_is_told_once(make, collector, lines):
    """The line names host, reason and count; the next one comes when it is over. Paths and fields are not shown."""
    exporter = make(timeout=0.05, headers=(("api-key", Secret("s3cr3t")),), url=f"{collector.url}/k3y/v1/traces")
    collector.answers.extend([500] * 3)
    for number in range(3):
        exporter.put([span()])
        _spin(lambda number=number: exporter.queue.dropped["export"] > number)
    assert (1, 0) == (lines().count("otel.failed"), lines().count("otel.recovered"))
    exporter.put([span()])
    collector.until(lambda: collector.spans)
    exporter.stop()
    assert (1, 1) == (lines().count("otel.failed"), lines().count("otel.recovered"))
    assert f'reason="status 500" collector=127.0.0.1:{collector.port} failures=1 spans_lost=1' in lines()
    assert ({("export",): 3}, 1) == (exporter.dropped, exporter.exported)
    assert ("s3cr3t" in lines(), "k3y" in lines()) == (False, False)


def test_it_is_told_again_after_a_while(make, collector, lines):
    """As often as the settings say."""
    exporter = make(timeout=0.05, warn=1e-9)
    collector.answers.extend([500] * 3)
    for number in range(3):
        exporter.put([span()])
        _spin(lambda number=number: exporter.queue.dropped["export"] > number)
    assert 3 == lines().count("otel.failed")


def test_a_collector_that_comes_back(make, collector):
    """Nobody listens, then somebody does: what was put while it was away is lost or arrives, and all is counted."""
    collector.stop()
    exporter = make(timeout=0.05)
    exporter.put([span("lost")])
    _spin(lambda: exporter.queue.dropped["export"])
    collector.start()
    exporter.put([span("found")])
    collector.until(lambda: collector.spans)
    exporter.stop()
    assert (["found"], 1, {("export",): 1}) == (
        [each.name for each in collector.spans],
        exporter.exported,
        exporter.dropped,
    )


def test_rejected_spans_are_counted(make, collector):
    """Those that the collector did not want."""
    collector.body = b"\x0a\x02\x08\x02"
    exporter = make(interval=60.0)
    exporter.put([span()] * 3)
    exporter.stop()
    assert (1, {("rejected",): 2}) == (exporter.exported, exporter.dropped)


@pytest.fixture
def small(collector):
    """The collector takes at most so many spans at once, and says 413 to more; a function that sets how many."""
    proto = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

    def take(most):
        class Answers:
            def __bool__(self):
                return True

            def popleft(self):
                message = proto.ExportTraceServiceRequest.FromString(collector.data)
                count = sum(len(scope.spans) for part in message.resource_spans for scope in part.scope_spans)
                return 200 if count <= most else 413

        collector.answers = Answers()

    return take


def test_a_batch_that_is_too_large_is_sent_in_parts(make, collector, small):
    """413 is no reason to lose all of it: each span arrives once, in order."""
    small(3)
    exporter = make(interval=60.0)
    exporter.put([span(f"s{number}") for number in range(20)])
    exporter.stop()
    assert [f"s{number}" for number in range(20)] == [each.name for each in collector.spans]
    assert (20, {}) == (exporter.exported, exporter.dropped)


def test_a_span_that_is_too_large_is_lost_alone(make, collector, lines):
    """The others arrive, and the log says why it did not."""
    exporter = make(interval=60.0)
    collector.answers.extend([413, 413, 413, 200, 200])
    exporter.put([span(name) for name in "abcd"])
    exporter.stop()
    assert ["b", "c", "d"] == [each.name for each in collector.spans]
    assert (3, {("export",): 1}) == (exporter.exported, exporter.dropped)
    assert 'reason="status 413"' in lines()


def test_parts_are_bounded(make, collector, small):
    """A collector that takes nothing gets so many requests and no more."""
    small(0)
    exporter = make(interval=60.0)
    exporter.put([span()] * 512)
    exporter.stop()
    assert (63, {("export",): 512}) == (collector.refused, exporter.dropped)


def test_parts_have_the_time_of_one_batch(make, monkeypatch):
    """All of them together."""
    ends = []

    def send(_, __, end):
        ends.append(end)
        refused = Refused("status 413")
        refused.large = True
        raise refused

    monkeypatch.setattr("arlen_otel.sending.Sender.send", send)
    exporter = make(interval=60.0)
    exporter.put([span()] * 4)
    exporter.stop()
    assert (7, 1) == (len(ends), len(set(ends)))


def test_parts_count_odd_and_rejected_spans_once(make, collector, small):
    """Whatever is wrong with them beside their number."""
    small(2)
    collector.body = b"\x0a\x02\x08\x01"
    exporter = make(interval=60.0)
    exporter.put([span(), span(attributes={"x": Odd()}), span(), span(), span()])
    exporter.stop()
    assert {("encoding",): 1, ("rejected",): 3} == exporter.dropped
    assert 1 == exporter.exported


def test_an_odd_span_does_not_take_others_with_it(make, collector, lines):
    """It is left out, and counted."""
    exporter = make(interval=60.0)
    exporter.put([span("a"), span("b", attributes={"x": Odd()}), span("c"), span("d", trace_id="zz")])
    exporter.stop()
    assert ["a", "c"] == [each.name for each in collector.spans]
    assert (2, {("encoding",): 2}) == (exporter.exported, exporter.dropped)
    assert "otel.failed" in lines()


def test_the_thread_survives_whatever_happens_in_it(make, collector, lines, monkeypatch):
    """A batch that fails in a way that nobody thought of is lost, and counted; the next one arrives."""
    failed = threading.Event()

    def fail(*_):
        failed.set()
        raise MemoryError

    exporter = make()
    with monkeypatch.context() as patch:
        patch.setattr("arlen_otel.sending.Sender.send", fail)
        exporter.put([span("a")])
        assert failed.wait(20)
    exporter.put([span("b")])
    exporter.stop()
    assert ["b"] == [each.name for each in collector.spans]
    assert (1, {("export",): 1}) == (exporter.exported, exporter.dropped)
    assert "MemoryError" in lines()


def test_stopping_sends_what_is_left(make, collector):
    """All of it, at once."""
    exporter = make(interval=60.0, batch=3)
    for number in range(10):
        exporter.put([span(f"s{number}")])
    exporter.stop()
    assert 10 == len(collector.spans)
    exporter.put([span("late")])
    assert 0 == exporter.queue.size


def test_stopping_does_not_wait_for_a_collector_that_hangs(make, collector, lines):
    """What is left after `drain` seconds is dropped, and the log says so; the thread is nobody's any more."""
    exporter = make(drain=0.05, timeout=30.0, batch=2)
    collector.hold.clear()
    exporter.put([span()] * 2)
    _spin(lambda: collector.paths)
    exporter.put([span()] * 3)
    exporter.stop()
    assert {("stopped",): 5} == exporter.dropped
    assert "otel.stopped spans_lost=5" in lines()
    assert "otel.draining" not in lines()
    collector.hold.set()


def test_a_stop_that_takes_long_says_what_is_left(make, collector, lines, monkeypatch):
    """Before its end: who serves the application may kill it earlier, and then nobody says what was lost."""
    monkeypatch.setattr("arlen_otel.exporting._SILENT", 0.01)
    exporter = make(drain=20.0, timeout=30.0, batch=2)
    collector.hold.clear()
    exporter.put([span()] * 2)
    _spin(lambda: collector.paths)
    exporter.put([span()] * 3)
    stops = threading.Thread(target=exporter.stop)
    stops.start()
    _spin(lambda: "otel.draining" in lines())
    assert f"otel.draining spans_left=5 seconds=19.99 collector=127.0.0.1:{collector.port}" in lines()
    collector.hold.set()
    stops.join(20)
    assert (5, False) == (exporter.exported, "otel.stopped" in lines())


def test_a_stop_that_is_quick_says_nothing(make, collector, lines):
    """Nothing is left, and nothing is lost."""
    exporter = make(interval=60.0)
    exporter.put([span()])
    exporter.stop()
    assert "" == lines()


def test_stopping_ends_the_pauses(make, collector):
    """Between attempts nobody waits any more."""
    exporter = make(timeout=60.0)
    collector.answers.extend([503] * 9)
    collector.fields = {"retry-after": "50"}
    exporter.put([span()])
    collector.until(lambda: collector.refused)
    exporter.stop()
    assert {("export",): 1} == exporter.dropped


def test_it_can_start_again(make, collector):
    """After a stop, also one that left a thread behind."""
    exporter = make(drain=0.05, timeout=30.0)
    collector.hold.clear()
    exporter.put([span("first")])
    _spin(lambda: collector.paths)
    exporter.stop()
    collector.hold.set()
    exporter.start()
    exporter.put([span("second")])
    collector.until(lambda: "second" in {each.name for each in collector.spans})
    _spin(lambda: exporter.exported)
    exporter.stop()
    assert (1, {("stopped",): 1}) == (exporter.exported, exporter.dropped)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_begins_anew(make, collector):
    """It has a thread of its own, and does not tell the spans of its parent a second time."""
    exporter = make(interval=60.0, batch=100)
    exporter.put([span("parent")])
    _spin(lambda: exporter._thread)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            exporter.put([span("child")])
            exporter.stop()
            code = 0 if exporter.exported == 1 else 2
        finally:
            os._exit(code)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    exporter.stop()
    assert ["child", "parent"] == [each.name for each in collector.spans]
    pids = [
        next(one.value.int_value for one in part.resource.attributes if one.key == "process.pid")
        for _, message in collector.requests
        for part in message.resource_spans
    ]
    assert [child, os.getpid()] == pids


def test_exceptions_become_words_at_once(make):
    """Before they wait: see `arlen_otel.failures`."""
    exporter = make(interval=60.0)
    exporter.put([span(error=KeyError("x")), span(), "foreign"])
    first, second, third = exporter.queue.take()
    assert ("KeyError", None, "foreign") == (first.error.name, second.error, third)


def test_texts_are_cut_before_they_wait(make):
    """A queue of so many spans is one of so many bytes, whatever callers put into paths."""
    exporter = make(interval=60.0, attribute_length=10)
    exporter.put([span("GET", attributes={"url.path": "x" * 15_000}), "foreign"])
    first, second = exporter.queue.take()
    assert ({"url.path": "x" * 10}, "foreign") == (first.attributes, second)


def _spin(wanted):
    """Wait until something is true that nothing tells of."""
    pause = threading.Event()
    for _ in range(4000):
        if wanted():
            return
        pause.wait(0.005)
    raise AssertionError("it did not come true")
