"""Interface: OpenTelemetry's own, so that spans made by it and spans of Arlen are parts of the same traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as Noted
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags, TraceState

from arlen_core.ambient import bridge
from arlen_core.errors import error_type
from arlen_core.spans import Event, Tracer
from arlen_otel.limits import values
from arlen_otel.sampling import sampled

if TYPE_CHECKING:
    from arlen_core.app import App
    from arlen_core.requests import Request
    from arlen_core.spans import Span

__all__ = ["Interface", "Shadow", "encoded", "quiet"]

_EVENTS = 128


class Interface:
    """Connects one application with OpenTelemetry's interface. The first one that starts sets the tracer provider.

    A provider that is there already stays: then its spans go where it sends them, with the right parents.

    Args:
        app: the application.
        decide: which traces to record that begin outside of requests, by their ids.
        put: takes the spans that the interface has made.
        length: most characters of their texts; see `arlen_otel.limits`.
    """

    def __init__(
        self,
        app: App,
        *,
        decide: Callable[[str], bool],
        put: Callable[[Sequence[ReadableSpan]], object],
        length: int = 1024,
    ) -> None:
        self._app, self.decide, self.put, self.length = app, decide, put, length

    def start(self, attributes: Mapping[str, Any]) -> None:
        """Begin to take spans; the attributes are those of the resource."""
        _started.append(self)
        if bridge() is None:
            bridge(_Bridge())
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            # A forked child runs the provider's hook, which takes a lock of this module: the module's own hook has to
            # come first, or the child hangs.
            import_module("concurrent.futures.thread")
            provider = TracerProvider(_Follower(), Resource(dict(attributes)), shutdown_on_exit=False)
            provider.add_span_processor(_Relay())
            trace.set_tracer_provider(provider)

    def stop(self) -> None:
        """End."""
        _started.remove(self)

    def begin(self, request: Request) -> None:
        """Make the span of a request the current one."""
        own = Shadow(request.trace, self._app.spans.server, tracestate=request)
        contexts.attach(trace.set_span_in_context(own, contexts.Context()))

    def end(self, request: Request, *_: object) -> None:
        """Make it the current one no more, where it still is."""
        found = trace.get_current_span()
        if isinstance(found, Shadow) and found.traceparent == request.trace:
            contexts.attach(contexts.Context())


class Shadow(trace.Span):
    """One of our spans, as the interface sees it. It ends when ours does.

    Args:
        traceparent: its own.
        find: returns our span; one without ids when there is none to add to.
        tracestate: the request whose `tracestate` is passed on, if any.
    """

    def __init__(self, traceparent: str, find: Callable[[], Span], *, tracestate: Request | None = None) -> None:
        self.traceparent, self._find, self._request = traceparent, find, tracestate
        self._context: SpanContext | None = None

    @property
    def direct(self) -> bool:
        """Whether it is that of a request."""
        return self._request is not None

    def get_span_context(self) -> SpanContext:
        """Return its ids and flags."""
        if self._context is None:
            text, request = self.traceparent, self._request
            state = TraceState.from_header(request.headers.all("tracestate")) if request is not None else None
            ids, flags = (int(text[3:35], 16), int(text[36:52], 16)), TraceFlags(int(text[53:55], 16))
            self._context = SpanContext(*ids, is_remote=False, trace_flags=flags, trace_state=state)
        return self._context

    def is_recording(self) -> bool:
        """Say whether it is kept, and has not ended."""
        return sampled(self.traceparent) and self._find().traceparent == self.traceparent

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute."""
        self._find().set(key, value)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes."""
        span = self._find()
        for key, value in attributes.items():
            span.set(key, value)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Note that something happens, or has happened at a Unix time in nanoseconds."""
        span = self._find()
        span.event(name, **(attributes or {}))
        if timestamp is not None and self.is_recording() and len(span.events) < _EVENTS:
            made = Event(name, timestamp - Tracer.epoch(), dict(attributes or {}))
            span.events = (*span.events[:-1], made)

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:  # ours have none
        """Name a span that led to this one."""
        if self.is_recording():
            span = self._find()
            span.links = (*span.links, _parent(context))

    def update_name(self, name: str) -> None:
        """Give it another name."""
        if self.is_recording():
            self._find().name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Say that it failed; that it went well is the case without words."""
        code, text = (status.status_code, status.description) if isinstance(status, Status) else (status, description)
        if code is StatusCode.ERROR and self.is_recording():
            self._find().error = text or "error"

    def record_exception(
        self,
        exception: BaseException,
        attributes: Any = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002  # the interface says so
    ) -> None:
        """Note an exception: its type and its text."""
        told = {"exception.type": error_type(exception), "exception.message": str(exception)}
        self.add_event("exception", told | dict(attributes or {}), timestamp)

    def end(self, end_time: int | None = None) -> None:
        """Do nothing: it ends by itself."""


def encoded(spans: Sequence[ReadableSpan]) -> bytes:
    """Return spans of the interface as the bytes of an `ExportTraceServiceRequest`."""
    made: bytes = encode_spans(spans).SerializeToString()
    return made


def quiet() -> None:
    """Keep what this thread does out of the traces, whatever library it uses."""
    keys = {
        getattr(contexts, name, "") for name in ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY")
    }
    contexts.attach(contexts.Context(dict.fromkeys(keys | {"suppress_instrumentation"}, True)))


_started: list[Interface] = []


class _Bridge:
    """See `arlen_core.ambient.Bridge`."""

    def inside(self) -> str:
        found = trace.get_current_span()
        if found is trace.INVALID_SPAN:
            return ""
        if isinstance(found, Shadow):
            return "" if found.direct else found.traceparent
        context = found.get_span_context()
        return _parent(context) if context.is_valid else ""

    def enter(self, span: Span) -> contexts.Context:
        before = contexts.get_current()
        contexts.attach(trace.set_span_in_context(Shadow(span.traceparent, lambda: span), before))
        return before

    def leave(self, token: contexts.Context) -> None:
        contexts.attach(token)  # not detach: that complains where a generator is closed in another task


class _Relay(SpanProcessor):
    """Hands on the spans that the interface has made, to the application that started last."""

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if _started and context is not None and context.trace_flags.sampled:
            _started[-1].put([_limited(span, _started[-1].length)])


class _Follower(Sampler):
    """Records what is in a recorded trace, and decides as our sampler does where one begins."""

    def should_sample(  # noqa: PLR0917  # the interface says so
        self,
        parent_context: contexts.Context | None,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        if parent.is_valid:
            wanted = bool(parent.trace_flags.sampled) and bool(_started)
        else:
            wanted = bool(_started) and _started[-1].decide(f"{trace_id:032x}")
        decision = Decision.RECORD_AND_SAMPLE if wanted else Decision.DROP
        return SamplingResult(decision, attributes if wanted else None, parent.trace_state)

    def get_description(self) -> str:
        return "arlen-otel"


def _limited(span: ReadableSpan, length: int) -> ReadableSpan:
    """Return a span whose texts are cut; itself when none is too long."""
    given = [dict(each or {}) for each in (span.attributes, *(one.attributes for one in span.events))]
    cut, text = [values(each, length) for each in given], span.status.description or ""
    if cut == given and len(span.name) <= length and len(text) <= length:
        return span
    return ReadableSpan(
        span.name[:length],
        span.get_span_context(),
        span.parent,
        span.resource,
        cut[0],
        [Noted(one.name[:length], kept, one.timestamp) for one, kept in zip(span.events, cut[1:], strict=True)],
        span.links,
        span.kind,
        status=Status(span.status.status_code, text[:length] or None),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _parent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 0xFF:02x}"
