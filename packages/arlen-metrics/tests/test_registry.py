"""The registry: what instruments tell is kept, bounded, and survives a change of where it stands."""

import gc
import math
import os
import threading

import pytest

from arlen_core.errors import StartupError
from arlen_core.meters import Declaration, Meters
from arlen_metrics.files import SUFFIX
from arlen_metrics.registry import Registry
from arlen_metrics.store import Alone, Shared


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, event, **details):
        self.lines.append((event, details))


@pytest.fixture
def log():
    """Return a log that remembers."""
    return Log()


@pytest.fixture
def registry(log):
    """Return a registry with small bounds."""
    made = Registry(max_series=3, max_label=10, log=log)
    yield made
    made.use(Alone(), keep=False)


@pytest.fixture
def meters(registry):
    """Return what declares instruments."""
    made = Meters()
    made.attach(registry)
    return made


def series(registry, name):
    """Return the series of a metric."""
    return registry.totals().families[name].series


def test_a_counter_adds(registry, meters):
    """Amounts of the same labels are added up; without an amount it is one."""
    sent = meters.counter("mail.sent", "Mails.", labels=("result",))
    sent.add(2, "ok"), sent.add(0.5, "ok"), sent.add(1, "failed")
    assert {("ok",): [2.5], ("failed",): [1.0]} == series(registry, "mail.sent")


def test_a_counter_without_labels_is_there_from_the_start(registry, meters):
    """So that its first increase is seen as one."""
    meters.counter("mail.sent", "Mails.")
    assert {(): [0.0]} == series(registry, "mail.sent")


@pytest.mark.parametrize("amount", [-1, math.nan, math.inf, -math.inf])
def test_a_counter_only_grows(meters, amount):
    """What is no amount is refused: it would spoil the sum of all processes."""
    with pytest.raises(ValueError, match=r"mail\.sent only grows"):
        meters.counter("mail.sent", "Mails.").add(amount)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_a_histogram_takes_sizes(meters, value):
    """A value that is no size is refused."""
    with pytest.raises(ValueError, match=r"mail\.duration cannot hold"):
        meters.histogram("mail.duration", "How long.").record(value)


def test_a_histogram_counts_each_value_in_the_first_bucket_that_holds_it(registry, meters):
    """A bound belongs to its bucket; what is larger than all goes past the last; the sum is kept."""
    sizes = meters.histogram("mail.size", "How big.", unit="By", buckets=(10.0, 100.0))
    for value in (1, 10, 11, 100, 101):
        sizes.record(value)
    assert {(): [2.0, 2.0, 1.0, 223.0]} == series(registry, "mail.size")


def test_a_gauge_is_set_and_changed(registry, meters):
    """The last value counts, and changes begin with 0."""
    level = meters.gauge("queue.size", "Jobs.", labels=("queue",))
    level.set(5, "mail"), level.add(-2, "mail"), level.add(4, "print")
    assert {("mail",): [3.0], ("print",): [4.0]} == series(registry, "queue.size")


def test_a_gauge_that_nobody_set_is_not_there(registry, meters):
    """The greatest of nothing is nothing; a plain sum is 0."""
    meters.gauge("queue.age", "Seconds.", combine="max"), meters.gauge("queue.size", "Jobs.")
    assert {} == series(registry, "queue.age")
    assert {(): [0.0]} == series(registry, "queue.size")


def test_labels_are_texts(registry, meters):
    """Numbers given as labels are written as texts, and are the same series."""
    answers = meters.counter("answers", "Answers.", labels=("status",))
    answers.add(1, 200), answers.add(1, "200")
    assert {("200",): [2.0]} == series(registry, "answers")


def test_labels_that_do_not_fit_are_an_error(meters):
    """Too few or too many values name the metric and its labels."""
    sent = meters.counter("mail.sent", "Mails.", labels=("result",))
    with pytest.raises(ValueError, match=r"'mail\.sent' has the labels \('result',\)"):
        sent.add(1)
    with pytest.raises(ValueError, match=r"mail\.sent"):
        sent.add(1, "a", "b")


def test_series_are_bounded(registry, meters, log):
    """What comes past the bound is counted in one series, told once, and none of the others is touched."""
    sent = meters.counter("mail.sent", "Mails.", labels=("to",))
    for number in range(50):
        sent.add(1, str(number))
    seen = series(registry, "mail.sent")
    assert {("0",): [1.0], ("1",): [1.0], ("2",): [1.0], None: [47.0]} == seen
    assert [("metrics.overflow", {"metric": "mail.sent", "series": 3})] == log.lines
    assert {("mail.sent",): [47.0]} == series(registry, "arlen.metrics.overflows")
    sent.add(1, "0")
    assert [2.0] == series(registry, "mail.sent")["0",]


def test_long_labels_count_as_past_the_bound(registry, meters):
    """A value of megabytes takes no memory."""
    meters.counter("mail.sent", "Mails.", labels=("to",)).add(1, "x" * 11)
    assert {None: [1.0]} == series(registry, "mail.sent")


def test_histograms_have_an_overflow_and_gauges_have_none(registry, meters):
    """Sums of counts mean something, a sum of what many set does not."""
    times = meters.histogram("mail.duration", "Seconds.", labels=("to",), buckets=(1.0,))
    level = meters.gauge("mail.open", "Mails.", labels=("to",))
    for number in range(5):
        times.record(0.5, str(number)), level.set(1, str(number))
    assert [2.0, 0.0, 1.0] == series(registry, "mail.duration")[None]
    assert {("0",), ("1",), ("2",)} == set(series(registry, "mail.open"))


def test_the_same_declaration_is_the_same_metric(registry):
    """Two who declare the same metric, with whatever help, count in the same series."""
    registry.counter(Declaration("counter", "mail.sent", "Mails."))(1)
    registry.counter(Declaration("counter", "mail.sent", "Sent mails."))(1)
    assert {(): [2.0]} == series(registry, "mail.sent")


@pytest.mark.parametrize(
    "other",
    [
        Declaration("gauge", "mail.sent", "Mails."),
        Declaration("counter", "mail.sent", "Mails.", ("to",)),
        Declaration("counter", "mail.sent", "Mails.", (), "By"),
    ],
)
def test_another_shape_is_an_error(registry, other):
    """A metric that is declared as two things stops the start."""
    registry.counter(Declaration("counter", "mail.sent", "Mails."))
    with pytest.raises(StartupError, match=r"'mail\.sent' is declared as something else"):
        registry.observe(other, lambda: 1)


def test_observed_values_are_asked_for(registry, meters):
    """A function is asked at each look; what it does not tell any more is not there any more."""
    found = {("a",): 1, ("b",): 2}
    meters.observe("pool.size", "Connections.", lambda: found, labels=("pool",))
    assert {("a",): [1.0], ("b",): [2.0]} == series(registry, "pool.size")
    del found["a",]
    assert {("b",): [2.0]} == series(registry, "pool.size")


def test_what_several_observe_is_put_together(registry, meters):
    """A mounted application observes the same names as the one above it; nobody who is attached twice counts twice."""
    child = Meters()
    for each, number in ((meters, 2), (child, 5)):
        each.observe("pool.size", "Connections.", lambda number=number: {("main",): number}, labels=("pool",))
        each.observe("pool.oldest", "Age.", lambda number=number: number, combine="max")
    child.under(meters)
    meters.attach(registry)
    found = registry.totals().families
    assert {("main",): [7.0]} == found["pool.size"].series
    assert {(): [5.0]} == found["pool.oldest"].series


def test_an_observed_counter_is_a_total(registry, meters):
    """What a function says of a counter is its total, not an amount."""
    meters.observe("gc.runs", "Runs.", lambda: 7, kind="counter")
    for _ in range(3):
        assert {(): [7.0]} == series(registry, "gc.runs")


def test_a_function_that_fails_costs_its_own_value_only(registry, meters, log):
    """The others are asked all the same, and the failure is told once."""

    def broken():
        raise OSError("no such file")

    meters.observe("a.broken", "Nothing.", broken)
    meters.observe("b.well", "Something.", lambda: 3)
    for _ in range(2):
        assert {(): [3.0]} == series(registry, "b.well")
    assert [("metrics.observe.failed", "a.broken")] == [(event, details["metric"]) for event, details in log.lines]


def test_a_gauge_whose_function_fails_is_left_out(registry, meters):
    """What it was before is not told as what it is."""
    known = [7]
    meters.observe("a.level", "How full.", lambda: known[0])
    assert {(): [7.0]} == series(registry, "a.level")
    known.clear()
    assert {} == series(registry, "a.level")
    known.append(8)
    assert {(): [8.0]} == series(registry, "a.level")


@pytest.mark.parametrize("total", [math.nan, math.inf, -math.inf, -1])
def test_what_is_observed_of_a_counter_is_a_total(registry, meters, log, total):
    """No reader takes a counter that is no number or below zero: the last total stays, and the failure is told."""
    said = iter([5, total])
    meters.observe("a.total", "Things.", lambda: next(said), kind="counter")
    for _ in range(2):
        assert {(): [5.0]} == series(registry, "a.total")
    assert ["metrics.observe.failed"] == [event for event, _ in log.lines]


def test_observed_totals_past_the_bound_are_added_up():
    """What comes past the bound is one series with the sum of the others, as with what is counted."""
    meters, registry = Meters(), Registry(max_series=2)
    meters.attach(registry)
    meters.observe("a.total", "Things.", lambda: {(each,): 2 for each in "abcde"}, labels=("k",), kind="counter")
    for _ in range(2):
        assert {("a",): [2.0], ("b",): [2.0], None: [6.0]} == series(registry, "a.total")


def test_threads_lose_nothing(registry, meters):
    """Plain handlers run in threads: an addition of one is not lost to another."""
    sent = meters.counter("mail.sent", "Mails.")
    times = meters.histogram("mail.duration", "Seconds.", buckets=(1.0,))

    def work():
        for _ in range(20_000):
            sent.add(), times.record(0.5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    [each.start() for each in threads], [each.join() for each in threads]
    assert {(): [80_000.0]} == series(registry, "mail.sent")
    assert {(): [80_000.0, 0.0, 40_000.0]} == series(registry, "mail.duration")


def test_what_was_counted_goes_along_to_a_store(registry, meters, folder):
    """Before the start there is no folder; what was counted by then is shared when there is one."""
    sent = meters.counter("mail.sent", "Mails.", labels=("to",))
    level = meters.gauge("mail.open", "Mails.", combine="max")
    for number in range(5):
        sent.add(1, str(number))
    level.set(4)
    registry.use(Shared(folder))
    sent.add(1, "0")
    assert {("0",): [2.0], ("1",): [1.0], ("2",): [1.0], None: [2.0]} == series(registry, "mail.sent")
    assert {(): [4.0]} == series(registry, "mail.open")
    level.set(6)
    assert {(): [6.0]} == series(registry, "mail.open")
    registry.use(Shared(folder), keep=False)
    assert {("0",): [2.0], ("1",): [1.0], ("2",): [1.0], None: [2.0]} == series(registry, "mail.sent")


def test_a_forked_process_counts_in_a_file_of_its_own(registry, meters, folder):
    """A fork is noticed: the child's counts are added to its parent's, begin at 0, and stay when it is killed."""
    sent, level = meters.counter("mail.sent", "Mails."), meters.gauge("mail.open", "Mails.")
    registry.use(Shared(folder))
    sent.add(5), level.set(2)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover  # its coverage dies with it
        sent.add(3), level.add(1)
        os.write(writer, b"!")
        os._exit(0)
    assert b"!" == os.read(reader, 1)
    os.waitpid(child, 0), os.close(reader), os.close(writer)
    assert 2 == len(list(folder.glob(f"*{SUFFIX}")))
    assert {(): [8.0]} == series(registry, "mail.sent")
    assert {(): [2.0]} == series(registry, "mail.open")
    assert 1 == registry.fold()
    assert {(): [8.0]} == series(registry, "mail.sent")


def test_a_fork_without_a_folder_any_more_goes_on_alone(registry, meters, folder, monkeypatch):
    """When a child cannot make its file it counts for itself, and does not die of it."""
    sent = meters.counter("mail.sent", "Mails.")
    registry.use(Shared(folder))
    sent.add(5)
    store = registry._store

    def gone():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(store, "forked", gone)
    registry.forked()
    sent.add(1)
    assert {(): [1.0]} == series(registry, "mail.sent")
    store.close()


def test_a_full_file_costs_new_series_only(folder, log):
    """When the file is full, what has a series goes on; what has none is counted past the bound, and is told."""
    registry, meters = Registry(log=log), Meters()
    meters.attach(registry)
    sent = meters.counter("mail.sent", "Mails.", labels=("to",))
    registry.use(Shared(folder, limit=1 << 16))
    for number in range(1900):
        sent.add(1, f"{number:050}")
    seen = series(registry, "mail.sent")
    assert 1900 > len(seen) > 500
    assert 1900 == sum(cells[0] for cells in seen.values())
    assert "metrics.overflow" in {event for event, _ in log.lines}
    meters.counter("mail.other", "Mails.").add(1)
    assert "metrics.full" in {event for event, _ in log.lines}
    registry.use(Alone())


def test_another_process_that_disagrees_is_told_and_left_out(folder, log):
    """Of two processes that declare a metric differently, as in a reload, each shows its own."""
    first, second = Registry(log=log), Registry(log=log)
    for each, bounds in ((first, (1.0,)), (second, (2.0,))):
        each.use(Shared(folder))
        each.histogram(Declaration("histogram", "mail.duration", "Seconds.", (), "s", bounds))(0.5)
    assert {(): [1.0, 0.0, 0.5]} == series(first, "mail.duration")
    assert {(): [1.0, 0.0, 0.5]} == series(second, "mail.duration")
    assert ["metrics.conflict", "metrics.conflict"] == [event for event, _ in log.lines]
    for each in (first, second):
        each.use(Alone())


def test_a_registry_that_nobody_has_is_forgotten():
    """The look at forks keeps no registry alive."""
    from arlen_metrics import registry as module

    before = len(module._living)
    Registry()
    gc.collect()
    assert before >= len(module._living)


def test_declarations_are_by_name(registry, meters):
    """What was declared is listed in the order of names."""
    meters.counter("b", "B."), meters.counter("a", "A.")
    assert ["a", "arlen.metrics.overflows", "b"] == [each.name for each in registry.declarations]


def test_half_a_character_is_replaced(registry, meters):
    """A label made of bytes that are no text is counted, and can be written."""
    meters.counter("mail.sent", "Mails.", labels=("to",)).add(1, b"caf\xe9".decode(errors="surrogateescape"))
    assert {("caf?",): [1.0]} == series(registry, "mail.sent")


def test_a_damaged_file_is_told(registry, folder, log):
    """The log names the file of another process that cannot be read, once."""
    registry.use(Shared(folder))
    (folder / f"other{SUFFIX}").write_bytes(b"something else")
    registry.totals(), registry.totals()
    assert [("metrics.unreadable", f"other{SUFFIX}")] == [(event, details["file"]) for event, details in log.lines]
