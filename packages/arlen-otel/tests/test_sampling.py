"""Sampling: which traces are recorded, and that everybody is told so."""

from __future__ import annotations

import secrets

import pytest

from arlen_core.context import Context
from arlen_core.requests import Request
from arlen_core.spans import propagation
from arlen_core.testing import Client
from arlen_otel.sampling import Sampler, sampled

LOW, HIGH = "0af7651916cd43dd" + "0" * 15 + "1", "0af7651916cd43dd" + "f" * 16
SAMPLERS = ("always_on", "always_off", "traceidratio")


def request(trace_id="", flags="01"):
    """A request with a caller, or without one."""
    headers = [(b"accept", b"*/*")]
    if trace_id:
        headers.append((b"traceparent", f"00-{trace_id}-b7ad6b7169203331-{flags}".encode()))
    return Request(headers=headers)


@pytest.mark.parametrize(("flags", "wanted"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)])
def test_the_flag(flags, wanted):
    """Bit 0 of the flags says whether a trace is sampled."""
    assert wanted is sampled(f"00-{LOW}-b7ad6b7169203331-{flags}")


@pytest.mark.parametrize(
    ("name", "trace_id", "flags", "wanted"),
    [
        ("always_on", LOW, "00", True),
        ("always_on", HIGH, "01", True),
        ("always_off", LOW, "01", False),
        ("traceidratio", LOW, "00", True),
        ("traceidratio", HIGH, "01", False),
        ("parentbased_always_on", HIGH, "00", False),
        ("parentbased_always_on", HIGH, "01", True),
        ("parentbased_always_off", LOW, "01", True),
        ("parentbased_always_off", LOW, "00", False),
        ("parentbased_traceidratio", LOW, "00", False),
        ("parentbased_traceidratio", HIGH, "01", True),
    ],
)
def test_with_a_caller(name, trace_id, flags, wanted):
    """Those that follow the caller do, the others decide by the id alone."""
    made = request(trace_id, flags)
    Sampler(name, 0.5).mark(made)
    assert (wanted, trace_id) == (sampled(made.trace), made.trace[3:35])


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("always_on", True, True), ("always_off", False, False), ("traceidratio", True, False)],
)
@pytest.mark.parametrize("prefix", ["", "parentbased_"])
def test_without_a_caller(prefix, name, low, high):
    """The rest of the name decides on traces that begin here."""
    sampler = Sampler(prefix + name, 0.5)
    for trace_id, wanted in ((LOW, low), (HIGH, high)):
        made = request()
        made.trace = f"00-{trace_id}-b7ad6b7169203331-01"
        sampler.mark(made)
        assert (wanted, wanted) == (sampled(made.trace), sampler.decide(trace_id))


def test_a_wrong_caller_is_none():
    """A field that is not valid decides nothing."""
    made = Request(headers=[(b"traceparent", b"00-zz-b7ad6b7169203331-00")])
    Sampler("parentbased_always_off").mark(made)
    assert sampled(made.trace) is False


def test_the_other_flags_stay():
    """That the id is random is still true when the trace is not sampled."""
    made = request(LOW, "03")
    Sampler("always_off").mark(made)
    assert made.trace.endswith("-02")


def test_what_is_right_already_needs_no_mark():
    """The default costs a request nothing here."""
    needed = {name: Sampler(name, 1.0).marks for each in SAMPLERS for name in (each, f"parentbased_{each}")}
    assert {"parentbased_always_on": False, "parentbased_traceidratio": False} == {
        name: wanted for name, wanted in needed.items() if not wanted
    }
    assert Sampler("parentbased_traceidratio", 0.5).marks


def test_a_lower_ratio_records_a_part_of_a_higher_one():
    """So traces through services with different ratios are whole where the lowest one records."""
    low, high = Sampler("traceidratio", 0.2), Sampler("traceidratio", 0.6)
    ids = [secrets.token_hex(16) for _ in range(2000)]
    few, many = [{each for each in ids if sampler.decide(each)} for sampler in (low, high)]
    assert few < many
    assert 200 < len(few) < 600
    assert 1000 < len(many) < 1400


def test_it_decides_as_opentelemetry_does():
    """By the same bits and the same bound, so services in other languages agree."""
    theirs = pytest.importorskip("opentelemetry.sdk.trace.sampling", reason="needs opentelemetry-sdk")
    for ratio in (0.0, 0.001, 0.3, 1.0):
        ours, other = Sampler("traceidratio", ratio), theirs.TraceIdRatioBased(ratio)
        for _ in range(200):
            trace_id = secrets.token_hex(16)
            decision = other.should_sample(None, int(trace_id, 16), "a").decision
            assert ours.decide(trace_id) is decision.is_sampled()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("sampler", "flags"), [("always_on", "01"), ("always_off", "00"), ("parentbased_always_on", "00")]
)
async def test_everybody_is_told(traced, collector, sampler, flags):
    """The answer, what goes out to others, and what is recorded say the same."""
    app = traced(sampler=sampler)

    @app.get("/")
    async def index(ctx: Context) -> dict[str, str]:
        with ctx.app.spans.span("inner"):
            return propagation()

    async with Client(app) as client:
        reply = await client.get("/", headers={"traceparent": f"00-{HIGH}-b7ad6b7169203331-00"})
    assert (flags, flags) == (reply.headers["traceparent"][-2:], reply.json()["traceparent"][-2:])
    assert (2 if flags == "01" else 0) == len(collector.spans)


@pytest.mark.anyio
async def test_spans_outside_of_requests_are_sampled_too(traced, collector):
    """A job that begins a trace is decided on by the ratio, and its children with it."""
    app = traced(sampler="traceidratio", ratio=0.5)
    wanted = set()
    async with Client(app):
        for _ in range(40):
            with app.spans.span("job") as job, app.spans.span("step") as step:
                assert job.flags == step.flags
            if job.flags:
                wanted |= {job.span_id, step.span_id}
    assert wanted == {each.span_id.hex() for each in collector.spans}
    assert 0 < len(wanted) < 80
