"""The arithmetic of tools/bench: ratios round by round, goals and verdicts, records that survive being written."""

import json

import pytest

from tools.bench.goals import GOALS, Goal, judge, verdicts
from tools.bench.ratios import Spread, across, by, series, spread
from tools.bench.records import Options, Results, Sample


def sample(server="raw", scenario="json", round=1, rate=100.0, cpu=10.0, **more):
    """One turn; what is not said is nothing special."""
    fields = {"requests": 200, "errors": 0, "seconds": 2.0, "p50": 500.0, "p99": 900.0, "share": 0.5}
    return Sample(scenario, server, round, rate=rate, cpu=cpu, saturated=False, **(fields | more))


def rounds(server, rates, scenario="json", **more):
    """One turn in each round, with these rates."""
    return [sample(server, scenario, number, rate, **more) for number, rate in enumerate(rates, 1)]


def test_a_spread_has_the_median_and_both_ends():
    """Of an even number of values the median is the mean of the two in the middle."""
    assert Spread(2.0, 1.0, 9.0) == spread([9.0, 1.0, 2.0])
    assert Spread(1.5, 1.0, 2.0) == spread([1.0, 2.0])
    assert Spread(4.0, 4.0, 4.0) == spread(iter([4.0]))


def test_there_is_no_spread_of_nothing():
    """Nothing measured is nothing, not 0."""
    assert spread([]) is None


def test_a_spread_reads_well():
    """Two places, and the ends in brackets."""
    assert "0.75 (0.70 to 0.80)" == str(Spread(0.7512, 0.701, 0.799))


def test_a_series_is_by_round_and_of_one_place():
    """Other servers and other scenarios do not mix in."""
    samples = [*rounds("raw", [10.0, 20.0]), *rounds("arlen", [1.0]), *rounds("raw", [7.0], "single")]
    assert {1: 10.0, 2: 20.0} == series(samples, ("json", "raw"), by("rate"))


def test_a_series_leaves_out_what_the_system_did_not_tell():
    """Without /proc there is no processor time."""
    samples = [sample(round=1, cpu=None), sample(round=2, cpu=8.0)]
    assert {2: 8.0} == series(samples, ("json", "raw"), by("cpu"))


@pytest.mark.parametrize(("name", "value"), [("rate", 100.0), ("cpu", 10.0), ("p50", 500.0), ("p99", 900.0)])
def test_a_measure_is_a_field_of_a_sample(name, value):
    """By its name."""
    assert value == by(name)(sample())


def test_a_ratio_is_of_the_same_round():
    """A round that was slow for both is a round like any other: 0.5 each time, though the medians are 30 and 100."""
    samples = [*rounds("raw", [100.0, 20.0, 200.0]), *rounds("arlen", [50.0, 10.0, 100.0])]
    assert Spread(0.5, 0.5, 0.5) == across(samples, ("json", "arlen"), ("json", "raw"), by("rate"))


def test_a_ratio_has_the_smallest_and_the_largest_round():
    """The median is that of the ratios, not the ratio of the medians."""
    samples = [*rounds("raw", [100.0, 100.0, 50.0]), *rounds("arlen", [80.0, 60.0, 45.0])]
    assert Spread(0.8, 0.6, 0.9) == across(samples, ("json", "arlen"), ("json", "raw"), by("rate"))


def test_rounds_in_which_one_is_missing_do_not_count():
    """A server that ended in the second round has a ratio of the first."""
    samples = [*rounds("raw", [100.0, 100.0, 100.0]), *rounds("arlen", [80.0])]
    assert Spread(0.8, 0.8, 0.8) == across(samples, ("json", "arlen"), ("json", "raw"), by("rate"))


def test_a_ratio_to_nothing_is_no_ratio():
    """A rate of 0 divides nothing, and without common rounds there is nothing."""
    samples = [*rounds("raw", [0.0]), *rounds("arlen", [80.0])]
    assert across(samples, ("json", "arlen"), ("json", "raw"), by("rate")) is None
    assert across(samples, ("json", "arlen"), ("json", "falcon"), by("rate")) is None


def test_samples_may_come_from_an_iterator():
    """They are read more than once all the same."""
    samples = iter([*rounds("raw", [100.0]), *rounds("arlen", [80.0])])
    assert Spread(0.8, 0.8, 0.8) == across(samples, ("json", "arlen"), ("json", "raw"), by("rate"))


def test_a_ratio_can_be_between_scenarios():
    """As for the last of 1,000 routes over the last of 10."""
    samples = [sample("arlen", "routes-10", cpu=10.0), sample("arlen", "routes-1000", cpu=10.4)]
    found = across(samples, ("routes-1000", "arlen"), ("routes-10", "arlen"), by("cpu"))
    assert 1.04 == pytest.approx(found.middle)


LEAST = Goal("speed", ("json", "arlen"), ("json", "raw"), 0.75)
MOST = Goal("latency", ("json", "arlen"), ("json", "raw"), 1.5, "p99", most=True)


@pytest.mark.parametrize(("rate", "met"), [(75.0, True), (74.9, False), (120.0, True)])
def test_a_lower_bound_is_met_from_the_bound_on(rate, met):
    """The bound itself is enough."""
    assert met is judge(LEAST, [*rounds("raw", [100.0]), *rounds("arlen", [rate])]).met


@pytest.mark.parametrize(("p99", "met"), [(1350.0, True), (1351.0, False), (10.0, True)])
def test_an_upper_bound_is_met_up_to_the_bound(p99, met):
    """So for latencies and costs."""
    assert met is judge(MOST, [sample("raw", p99=900.0), sample("arlen", p99=p99)]).met


def test_the_median_decides():
    """One bad round of three does not break a goal, two do."""
    raw = rounds("raw", [100.0] * 3)
    assert judge(LEAST, [*raw, *rounds("arlen", [80.0, 10.0, 80.0])]).met
    assert not judge(LEAST, [*raw, *rounds("arlen", [80.0, 10.0, 70.0])]).met


def test_a_goal_that_was_not_measured_has_no_verdict():
    """It is left out, and neither met nor missed."""
    assert judge(LEAST, rounds("raw", [100.0])) is None
    assert [] == verdicts([])


def test_a_verdict_by_wall_time_has_the_one_by_processor_time_beside_it():
    """Turned, so that larger is better in both: 10 µs of raw over 20 of Arlen are 0.5."""
    verdict = judge(LEAST, [sample("raw", cpu=10.0), sample("arlen", cpu=20.0, rate=80.0)])
    assert (0.8, 0.5) == (verdict.found.middle, verdict.cpu.middle)


def test_a_verdict_on_latency_has_no_processor_time():
    """There is none that says the same."""
    assert judge(MOST, [sample("raw"), sample("arlen")]).cpu is None


def test_a_verdict_without_processor_time_is_a_verdict():
    """Where the system does not tell it."""
    verdict = judge(LEAST, [sample("raw", cpu=None), sample("arlen", cpu=None)])
    assert verdict.met
    assert verdict.cpu is None


@pytest.mark.parametrize(("goal", "text"), [(LEAST, "≥ 0.75"), (MOST, "≤ 1.50")])
def test_a_bound_reads_as_it_is_meant(goal, text):
    """At least, or at most."""
    assert text == goal.wanted


@pytest.mark.parametrize(
    ("scenario", "minimal", "defaults"),
    [
        ("plaintext", 0.75, 0.50),
        ("json", 0.75, 0.50),
        ("params", 0.70, 0.50),
        ("validate", 0.70, 0.50),
        ("template", 0.93, 0.88),
        ("middlewares", 0.85, 0.65),
    ],
)
def test_the_goals_of_both_profiles_are_those_that_were_set(scenario, minimal, defaults):
    """They change only on purpose."""
    bounds = {goal.one[1]: goal.bound for goal in GOALS if goal.one[0] == scenario and goal.measure == "rate"}
    assert (minimal, defaults) == (bounds["arlen"], bounds["arlen-defaults"])


def test_the_other_goals_are_those_that_were_set():
    """Routes, one connection, upload, latency, ASGI."""
    others = [goal for goal in GOALS if goal.one[0] in {"single", "upload", "routes-1000"}]
    others += [goal for goal in GOALS if goal.measure == "p99" or goal.one[1] == "arlen-asgi"]
    expected = [
        (("routes-1000", "arlen"), ("routes-10", "arlen"), "cpu", "≤ 1.05"),
        (("single", "arlen"), ("single", "raw"), "rate", "≥ 0.80"),
        (("upload", "arlen"), ("upload", "raw"), "rate", "≥ 0.80"),
        (("json", "arlen"), ("json", "raw"), "p99", "≤ 1.50"),
        (("json", "arlen-asgi"), ("json", "uvicorn"), "rate", "≥ 0.85"),
    ]
    assert expected == [(goal.one, goal.other, goal.measure, goal.wanted) for goal in others]


def test_verdicts_come_in_the_order_of_the_goals():
    """One for each that was measured."""
    samples = [*rounds("raw", [100.0]), *rounds("arlen", [80.0]), *rounds("arlen-defaults", [60.0])]
    found = [(each.goal.one[1], each.goal.measure) for each in verdicts(samples)]
    assert [("arlen", "rate"), ("arlen-defaults", "rate"), ("arlen", "p99")] == found


def results():
    """A bit of everything."""
    return Results(
        samples=[sample(), sample("arlen", cpu=None)],
        absent={"falcon": "no network"},
        wrong={"json/emmett55": ["GET /json: status 500 instead of 200"]},
        busy={"json/socketify": 0.06},
        options=Options(5, 1.0, 0.0, 0, "wrk"),
        machine={"date": "2026-11-22 10:00 UTC", "peers": {"falcon": ["falcon==4.4.0"]}},
    )


def test_results_survive_being_written():
    """As JSON and back they are the same, every sample included."""
    assert results() == Results.of(json.loads(json.dumps(results().data())))


@pytest.mark.parametrize("missing", ["samples", "absent", "wrong", "busy", "options", "machine"])
def test_data_that_lacks_a_part_is_no_result(missing):
    """A file of something else is refused."""
    data = results().data()
    del data[missing]
    with pytest.raises(KeyError):
        Results.of(data)


def test_a_sample_with_unknown_fields_is_no_sample():
    """A file of another version is refused."""
    data = results().data()
    data["samples"][0]["speed"] = 1
    with pytest.raises(TypeError):
        Results.of(data)


@pytest.mark.parametrize(("core", "pinned"), [(None, False), (0, True), (3, True)])
def test_pinned_is_having_a_core(core, pinned):
    """Core 0 is one too."""
    assert pinned is Options(core=core).pinned
