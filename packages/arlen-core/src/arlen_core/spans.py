"""Spans: what happened in a request and when, from one clock, for traces, the developer's page and Server-Timing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any, Literal, Self

from msgspec import Struct, field

from arlen_core import ambient
from arlen_core.ambient import bridge, inside
from arlen_core.errors import error_type
from arlen_core.ids import new_id, new_span, parse_state, parse_trace
from arlen_core.logs import current

if TYPE_CHECKING:
    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["METHODS", "Event", "Listener", "Span", "Tracer", "active", "propagation"]

MOST = 512
"""Spans of one request that are kept until its end; those of a longer one are told in parts."""

_KEY = "arlen_core.spans"  # in `request.state`, which is the application's
_ATTRIBUTES = 128  # of one span, as OpenTelemetry's limit; further ones are left out
_EVENTS = 128  # the same
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "CONNECT", "TRACE"})
"""The methods that traces and metrics name; any other one is "_OTHER", for clients may make up as many as they like."""


class Event(Struct, frozen=True):
    """Something that happened in a span at one moment, `time`, in nanoseconds of `time.perf_counter_ns`."""

    name: str
    time: int
    attributes: dict[str, Any]


class Span(Struct, kw_only=True):
    """Something that took some time.

    Attributes:
        name: few different ones: "GET /orders/{id}", "select orders", never a value.
        kind: "server" for a request, "client" for what another process did, "producer" and "consumer" for jobs and
            messages, "internal" for the rest.
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        parent_id: of the span in which it happened; "" for the first of a trace.
        start, end: in nanoseconds of `time.perf_counter_ns`; add `Tracer.epoch()` for Unix time.
        attributes: by OpenTelemetry's names; strings, numbers, booleans, or lists of one of these.
        error: what it failed with, or a short word for it; `None` when it went well.
        links: the `traceparent` of spans that led to this one although it is no part of them.
        flags: of the trace: bit 0 "sampled".
        tracestate: what the caller sent of it, for the span of a request.
        events: what happened in it at one moment.
    """

    name: str
    kind: Literal["internal", "server", "client", "producer", "consumer"] = "internal"
    trace_id: str
    span_id: str
    parent_id: str = ""
    start: int
    end: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    error: BaseException | str | None = None
    links: tuple[str, ...] = ()
    flags: int = 1
    tracestate: str = ""
    events: tuple[Event, ...] = ()

    def set(self, name: str, value: Any) -> None:
        """Set an attribute; the 129th and later ones are left out."""
        if name in self.attributes or len(self.attributes) < _ATTRIBUTES:
            self.attributes[name] = value

    def event(self, name: str, /, **attributes: Any) -> None:
        """Note that something happens in it now; the 129th and later events are left out."""
        if len(self.events) < _EVENTS:
            self.events = (*self.events, Event(name, perf_counter_ns(), attributes))

    @property
    def traceparent(self) -> str:
        """What to send to whoever does a part of this (W3C Trace Context §3.2)."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


class Listener(Struct, frozen=True):
    """Who wants to know.

    Attributes:
        tell: called with spans that have ended: those of a request together, on the event loop, its own first; others
            alone, where they end, which may be a thread. Quick; what it raises is logged.
        sample: called with the `traceparent` of a request, or of a span outside of one; whether to record it.
        decide: called with the id of a trace that begins here, outside of requests; whether it gets the flag "sampled".
        starts: whether to tell it how the application started, too, a trace of its own; who listens by then.
    """

    tell: Callable[[Sequence[Span]], object]
    sample: Callable[[str], bool] = lambda _: True
    decide: Callable[[str], bool] = lambda _: True
    starts: bool = False


active = ambient.active
"""The innermost span of `Tracer.span` that has not ended; `None` directly below a request."""


class _Null:
    """A span that nobody records."""

    __slots__ = ()
    trace_id = span_id = parent_id = traceparent = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def set(self, name: str, value: Any) -> None:
        """Do nothing."""

    def event(self, name: str, /, **attributes: Any) -> None:
        """Do nothing."""


_NULL: Any = _Null()


class _Record:
    """The spans of one request, shared with the applications mounted on its way."""

    __slots__ = ("open", "own", "spans")

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.open = True
        self.own: Span | None = None


class Tracer:
    """The spans of an application, `app.spans`.

    Nothing is recorded unless somebody listens: then `on` is true. The span of a request is made when it has ended,
    from the times that the log line has too; what happens inside of it names it as its parent.

    Attributes:
        on: whether anybody listens; ask before work that only makes a span.
        listeners: who does.

    >>> tracer = Tracer()
    >>> told = []
    >>> listener = tracer.listen(lambda spans: told.extend(spans))
    >>> with tracer.span("reports.build", **{"report.rows": 3}) as outer:
    ...     with tracer.span("reports.write") as inner:
    ...         pass
    >>> [each.name for each in told]
    ['reports.write', 'reports.build']
    >>> inner.parent_id == outer.span_id, inner.trace_id == outer.trace_id
    (True, True)
    """

    def __init__(
        self,
        failed: Callable[[str, BaseException], object] | None = None,
        changed: Callable[[], object] | None = None,
    ) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self._failed, self._changed = failed, changed
        self._below: list[Tracer] = []
        self.on = False

    @staticmethod
    def epoch() -> int:
        """Return what to add to the times of a span to have Unix time, in nanoseconds."""
        return time_ns() - perf_counter_ns()

    def listen(self, tell: Callable[[Sequence[Span]], object], **options: Any) -> Listener:
        """Have `tell` called with spans; see `Listener` for the options. Pass what this returns to `leave`."""
        made = Listener(tell, **options)
        self.change((*self.listeners, made))
        return made

    def leave(self, listener: Listener) -> None:
        """Tell a listener no more; harmless when that has happened."""
        self.change(tuple(each for each in self.listeners if each is not listener))

    def only(self, wants: Callable[[Listener], bool]) -> Tracer:
        """Return a tracer that tells some of those who listen now."""
        made = Tracer(self._failed)
        made.change(tuple(filter(wants, self.listeners)))
        return made

    def under(self, tracer: Tracer) -> None:
        """Tell those who listen to another tracer too, that of the application on which this one's is mounted."""
        if self not in tracer._below:
            tracer._below.append(self)
            self.change((*self.listeners, *(each for each in tracer.listeners if each not in self.listeners)))

    @contextmanager
    def span(
        self,
        name: str,
        kind: Literal["internal", "server", "client", "producer", "consumer"] = "internal",
        *,
        parent: str = "",
        links: tuple[str, ...] = (),
        **attributes: Any,
    ) -> Iterator[Span]:
        """Record what happens in the `with` block; it yields the span, to which attributes can be set.

        Args:
            name: see `Span`.
            kind: see there.
            parent: a `traceparent`, when it is not the span around this one: of the request that queued a job. One that
                is wrong counts as none, for it may come from elsewhere.
            links: see `Span`; wrong ones are left out.
            **attributes: by their names, `**{"db.system.name": "sqlite"}`.

        What the block raises is the span's error, and goes on. Without listeners it yields one that keeps nothing.
        """
        request = current.get()
        if parent and parse_trace(parent) is None:
            parent = ""
        if not self.on or (request is not None and not parent and self.record(request) is None):
            yield _NULL
            return
        made = self._made(name, kind, parent, request)
        made.attributes, made.links = attributes, links and tuple(filter(parse_trace, links))
        token, other = active.set(made), bridge()
        entered = None if other is None else other.enter(made)
        try:
            yield made
        except BaseException as error:
            made.error = error
            raise
        finally:
            if other is not None:
                other.leave(entered)
            with suppress(ValueError):  # a generator may be closed in another context than it was begun in
                active.reset(token)
            made.end = perf_counter_ns()
            self._keep(made, None if parent else request)

    def add(
        self,
        name: str,
        start: int,
        *,
        end: int = 0,
        kind: Literal["internal", "server", "client", "producer", "consumer"] = "internal",
        attributes: dict[str, Any] | None = None,
        error: BaseException | str | None = None,
    ) -> Span | None:
        """Record what has happened already, inside of what runs now; returns the span, `None` when nobody listens.

        Args:
            name: see `Span`.
            start: `time.perf_counter_ns()` at its beginning.
            end: at its end; now by default.
            kind: see `Span`.
            attributes: kept, not copied.
            error: see `Span`.
        """
        request = current.get()
        if not self.on or (request is not None and self.record(request) is None):
            return None
        made = self._made(name, kind, "", request)
        made.start, made.end, made.error = start, end or perf_counter_ns(), error
        if attributes is not None:
            made.attributes = attributes
        self._keep(made, request)
        return made

    def server(self) -> Span:
        """Return the span of the request that is being answered, to set attributes and to note events.

        Its name, when it gets one, and its attributes come in the place of those that it would have. Outside of
        requests, after their end, and when nobody records them, it is one that keeps nothing.
        """
        request = current.get()
        record = self.record(request) if request is not None and self.on else None
        if record is None or not record.open:
            return _NULL  # type: ignore[no-any-return]
        if record.own is None:
            record.own = _begun(request)
        return record.own  # type: ignore[no-any-return]

    def recorded(self, request: Request) -> Sequence[Span]:
        """Return the spans of a request so far, in the order in which they ended; none after its end."""
        record = request.state.get(_KEY)
        return record.spans if record is not None and record.open else ()

    def record(self, request: Request) -> Any:
        """Begin to record a request that somebody wants; `None` when nobody does. Mounts call it, and the tracer."""
        try:
            return request.state[_KEY]
        except KeyError:
            trace = request.trace
            try:
                for each in self.listeners:
                    if each.sample(trace):
                        made = request.state[_KEY] = _Record()
                        return made
            except Exception as error:  # noqa: BLE001  # a trace is no reason to fail
                self._fail(error)
            request.state[_KEY] = None
            return None

    def finished(self, request: Request, response: Response, sent: int, error: BaseException | None) -> None:
        """Make the span of a request that is over and tell everybody; `App.finish` calls it."""
        record = self.record(request)
        if record is not None and record.open:
            record.open = False  # what comes after this is told alone
            own = _begun(request) if record.own is None else record.own
            self._tell([_server(own, request, response, sent, error), *record.spans])
            record.spans = []

    def _keep(self, span: Span, request: Request | None) -> None:
        record = None if request is None else request.state.get(_KEY)
        if record is None or not record.open:
            self._tell([span])
            return
        record.spans.append(span)
        if len(record.spans) >= MOST:
            spans, record.spans = record.spans, []
            self._tell(spans)

    def change(self, listeners: tuple[Listener, ...]) -> None:
        """Put these listeners in the place of those before, for the applications mounted below too."""
        before, self.listeners, self.on = self.listeners, listeners, bool(listeners)
        if self._changed is not None:
            self._changed()
        for each in self._below:
            own = tuple(one for one in each.listeners if one not in before)
            each.change((*own, *(one for one in listeners if one not in own)))

    def _made(self, name: str, kind: Any, parent: str, request: Request | None) -> Span:
        """Return a span that begins now, in what is around it."""
        parent = parent or inside() or ("" if request is None else request.trace)
        if parent:
            trace_id, parent_id, flags = parent[3:35], parent[36:52], int(parent[53:55], 16)
        else:
            trace_id, parent_id = new_id(), ""
            flags = self._decided(trace_id)
        own, begun = new_span(), perf_counter_ns()
        return Span(name=name, kind=kind, trace_id=trace_id, span_id=own, parent_id=parent_id, start=begun, flags=flags)

    def _tell(self, spans: Sequence[Span]) -> None:
        trace = spans[0].traceparent
        for each in self.listeners:
            try:
                if each.sample(trace):
                    each.tell(spans)
            except Exception as error:  # noqa: BLE001  # as above
                self._fail(error)

    def _decided(self, trace_id: str) -> int:
        try:
            return int(all(each.decide(trace_id) for each in self.listeners))
        except Exception as error:  # noqa: BLE001  # as above
            self._fail(error)
            return 0

    def _fail(self, error: Exception) -> None:
        if self._failed is not None:
            self._failed("a listener of spans", error)


def propagation() -> dict[str, str]:
    """Return the header fields for whoever does a part of what runs now; none outside of requests and spans.

    They are `traceparent` and, when the caller sent one, `tracestate` (W3C Trace Context §3).

    >>> propagation()
    {}
    """
    request, trace = current.get(), inside()
    if request is None:
        return {"traceparent": trace} if trace else {}
    fields = {"traceparent": trace or str(request.trace)}
    state = _state(request) if fields["traceparent"][3:35] == request.trace[3:35] else ""
    return fields | {"tracestate": state} if state else fields


def _begun(request: Request) -> Span:
    """Return the span of a request with what is known from its beginning."""
    trace, parent = request.trace, _caller(request)
    return Span(
        name="",
        kind="server",
        trace_id=trace[3:35],
        span_id=trace[36:52],
        parent_id=parent,
        start=request.received,
        flags=int(trace[53:55], 16),
        tracestate=_state(request) if parent else "",
    )


def _server(span: Span, request: Request, response: Response, sent: int, error: BaseException | None) -> Span:
    method = request.method if request.method in METHODS else "_OTHER"
    failure = error if error is not None else request.failure if response.status >= 500 else None
    begun, ended = request.received, request.ended
    handled = request.handled or ended
    routed = request.routed or handled
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "url.path": request.root + request.target.decode("latin-1"),
        "url.scheme": request.scheme,
        "network.protocol.version": request.version,
        "http.response.status_code": response.status,
        "http.response.body.size": sent,
        "arlen.request_id": request.id,
    }
    if request.template:
        attributes["http.route"] = request.template
    if method == "_OTHER":
        attributes["http.request.method_original"] = request.method
    if request.client is not None:
        attributes["client.address"] = request.client[0]
    if failure is not None:
        attributes["error.type"] = error_type(failure)
    elif response.status >= 500:
        attributes["error.type"] = str(response.status)
    for name, first, last in (
        ("route", begun, routed),
        ("action", routed, handled),
        ("write", handled, ended),
    ):
        attributes[f"arlen.{name}.ms"] = (last - first) // 1000 / 1000  # as in the log
    span.name = span.name or (f"{method} {request.template}" if request.template else method)
    span.start, span.end = begun, ended
    span.attributes = attributes | span.attributes if span.attributes else attributes
    if span.error is None:
        span.error = failure if failure is not None else str(response.status) if response.status >= 500 else None
    return span


def _caller(request: Request) -> str:
    for name, value in request.raw:
        if name == b"traceparent":
            found = parse_trace(value.decode("latin-1"))
            if found is not None and found.trace_id == request.trace[3:35]:
                return found.span_id
    return ""


def _state(request: Request) -> str:
    """Return the `tracestate` to pass on: none without the `traceparent` that it belongs to (§3.3)."""
    values = request.headers.all("tracestate")
    return parse_state(values) if values and _caller(request) else ""
