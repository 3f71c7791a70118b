"""Encoding: our bytes mean what OpenTelemetry's own encoder writes, field by field."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from arlen_core.spans import Event, Span
from arlen_core.vault import Secret
from arlen_otel.encoding import encode, resource
from arlen_otel.failures import settled

proto = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="needs opentelemetry-proto"
)

TRACE, OWN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
PARTS = resource({"service.name": "shop", "process.pid": 7}, "arlen", "0.1")


def decoded(*spans, epoch=0):
    """The message that is made of spans."""
    return proto.ExportTraceServiceRequest.FromString(encode(spans, epoch, PARTS))


def one(epoch=0, **values):
    """The message of one span, whose values can be given."""
    known = {"name": "GET /", "trace_id": TRACE, "span_id": OWN, "start": 1, "end": 2} | values
    return decoded(Span(**known), epoch=epoch).resource_spans[0].scope_spans[0].spans[0]


def plain(value):
    """A value of the message as Python has it."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return {each.key: plain(each.value) for each in value.kvlist_value.values}
    return getattr(value, kind)


def attributes(message):
    """The attributes of a message as a dictionary."""
    return {each.key: plain(each.value) for each in message.attributes}


def test_ids_and_times():
    """Ids are bytes, times are Unix nanoseconds, and what is not there is empty."""
    span = one(epoch=1_700_000_000 * 10**9, parent_id=PARENT, tracestate="rojo=1,congo=2", start=5, end=9)
    assert (TRACE, OWN, PARENT) == (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    assert ("rojo=1,congo=2", "GET /") == (span.trace_state, span.name)
    assert (1_700_000_000_000_000_005, 1_700_000_000_000_000_009) == (
        span.start_time_unix_nano,
        span.end_time_unix_nano,
    )
    assert (b"", "", 0) == (one().parent_span_id, one().trace_state, one().status.code)


@pytest.mark.parametrize(
    ("kind", "number"), [("internal", 1), ("server", 2), ("client", 3), ("producer", 4), ("consumer", 5)]
)
def test_kinds(kind, number):
    """Each kind has its number."""
    assert number == one(kind=kind).kind


@pytest.mark.parametrize(
    ("kind", "parent", "flags"),
    [("server", PARENT, 0x301), ("consumer", PARENT, 0x301), ("server", "", 0x101), ("internal", PARENT, 0x101)],
)
def test_flags_say_whether_the_parent_is_elsewhere(kind, parent, flags):
    """The flags of the trace, that it is known where the parent is, and whether that is another process."""
    assert flags == one(kind=kind, parent_id=parent).flags


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "x" * 125,
        "x" * 20_000,
        "é\u20ac",
        0,
        1,
        127,
        128,
        2**63 - 1,
        -1,
        -(2**63),
        0.0,
        -1.5,
        True,
        False,
        b"\x00",
    ],
    ids=lambda value: repr(value)[:20],
)
def test_values_keep_their_types(value):
    """Texts, numbers, booleans and bytes of all sizes arrive as they are."""
    made = attributes(one(attributes={"a": value, "b" * 100: value}))
    assert ({"a": value, "b" * 100: value}, type(value)) == (made, type(made["a"]))


def test_lists_and_mappings():
    """Lists, tuples and sets are arrays, mappings are lists of pairs, at any depth."""
    made = attributes(one(attributes={"a": ["x", "y"], "b": (1, 2), "c": [], "d": {"e": [True], "f": 1.5}}))
    assert {"a": ["x", "y"], "b": [1, 2], "c": [], "d": {"e": [True], "f": 1.5}} == made


def test_what_otlp_has_no_form_for_becomes_text():
    """Huge numbers, `None`, broken texts and objects; a secret stays one."""
    made = attributes(one(attributes={"a": 2**64, "b": None, "c": "\ud800", "d": Secret("x"), "e": 1 + 2j}))
    assert {"a": str(2**64), "b": "None", "c": "?", "d": "********", "e": "(1+2j)"} == made


def test_children_have_the_state_of_their_request():
    """The `tracestate` of a request goes with all its spans, and not with those of another trace."""
    server = Span(name="GET /", kind="server", trace_id=TRACE, span_id=OWN, start=1, tracestate="rojo=1")
    child = Span(name="inner", trace_id=TRACE, span_id=PARENT, start=1)
    other = Span(name="other", trace_id=TRACE[::-1], span_id=PARENT, start=1)
    made = decoded(server, child, other).resource_spans[0].scope_spans[0].spans
    assert ["rojo=1", "rojo=1", ""] == [each.trace_state for each in made]


def test_links():
    """A link has ids and flags."""
    (link,) = one(links=(f"00-{TRACE}-{PARENT}-01",)).links
    assert (TRACE, PARENT, 0x301) == (link.trace_id.hex(), link.span_id.hex(), link.flags)


def test_events():
    """An event has its time, its name and its attributes."""
    first, second = one(events=(Event("paid", 5, {"amount": 3}), Event("sent", 6, {}))).events
    assert (5, "paid", {"amount": 3}) == (first.time_unix_nano, first.name, attributes(first))
    assert (6, "sent", {}) == (second.time_unix_nano, second.name, attributes(second))


def test_a_word_for_an_error_is_the_status():
    """A span that failed without an exception has no event."""
    span = one(error="503")
    assert (2, "503", []) == (span.status.code, span.status.message, list(span.events))


def test_an_exception_is_the_status_and_an_event():
    """Type, text and stack of an exception; the values of variables are not in it."""
    hidden = "hunter" + "2"

    def fails():
        raise LookupError("nothing there")

    try:
        fails()
    except LookupError as error:
        span = Span(name="a", trace_id=TRACE, span_id=OWN, start=1, end=9, error=error)
    made = decoded(settled(span)).resource_spans[0].scope_spans[0].spans[0]
    (event,) = made.events
    told = attributes(event)
    assert (2, "LookupError", 9, "exception") == (
        made.status.code,
        made.status.message,
        event.time_unix_nano,
        event.name,
    )
    assert ("LookupError", "nothing there") == (told["exception.type"], told["exception.message"])
    assert 'raise LookupError("nothing there")' in told["exception.stacktrace"]
    assert hidden not in str(told)


def test_the_resource_and_the_scope():
    """Who tells the spans, and what made them, once for all of them."""
    message = decoded(*[Span(name="a", trace_id=TRACE, span_id=OWN, start=1)] * 3)
    (part,) = message.resource_spans
    (scope,) = part.scope_spans
    assert {"service.name": "shop", "process.pid": 7} == attributes(part.resource)
    assert ("arlen", "0.1", 3) == (scope.scope.name, scope.scope.version, len(scope.spans))


def test_a_name_may_be_odd():
    """Names that are no proper text do not keep a span from being told."""
    assert ("?", "é") == (one(name="\ud800").name, one(name="é").name)


def test_keys_are_not_kept_without_bound():
    """Names of attributes that are all different, from outside say, fill no memory."""
    from arlen_otel import encoding

    for number in range(encoding._MOST_KEYS + 10):
        encoding._any({f"k{number}": 1})
    assert encoding._MOST_KEYS >= len(encoding._keys)
    assert {"fresh": 1} == attributes(one(attributes={"fresh": 1}))


texts = st.text(max_size=200)
values = st.one_of(
    texts, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(allow_nan=False), st.lists(texts, max_size=4)
)
pairs = st.dictionaries(st.text(min_size=1, max_size=140), values, max_size=6)
numbers = st.integers(0, 2**62)


@given(name=texts, given=pairs, start=numbers, end=numbers, inner=pairs)
def test_it_means_what_the_official_encoder_writes(name, given, start, end, inner):
    """Whatever stands in a span: both encoders make the same message, but for the flags that theirs leaves out."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="needs opentelemetry-sdk")
    encoder = pytest.importorskip("opentelemetry.exporter.otlp.proto.common.trace_encoder")
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

    state = TraceState([("rojo", "1")])
    context = SpanContext(int(TRACE, 16), int(OWN, 16), is_remote=False, trace_flags=TraceFlags(1), trace_state=state)
    parent = SpanContext(int(TRACE, 16), int(PARENT, 16), is_remote=True, trace_flags=TraceFlags(1))
    theirs = encoder.encode_spans([
        sdk.ReadableSpan(
            name, context, parent, Resource({"service.name": "shop", "process.pid": 7}), given,
            [sdk.Event("e", inner, start)], kind=SpanKind.SERVER, status=Status(StatusCode.ERROR, "bad"),
            start_time=start, end_time=end, instrumentation_scope=InstrumentationScope("arlen", "0.1"),
        )
    ])  # fmt: skip
    ours = decoded(
        Span(
            name=name, kind="server", trace_id=TRACE, span_id=OWN, parent_id=PARENT, start=start, end=end,
            attributes=given, events=(Event("e", start, inner),), error="bad", tracestate="rojo=1",
        )
    )  # fmt: skip
    ours.resource_spans[0].scope_spans[0].spans[0].flags &= 0x300
    assert theirs == ours
