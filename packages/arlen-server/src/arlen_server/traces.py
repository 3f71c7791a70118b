"""Traces: the last requests with their spans and lines, in memory, for the developer who wonders what took so long."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from threading import RLock
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.json import encode
from msgspec.structs import replace

from arlen_core.lines import printable
from arlen_core.spans import Span, Tracer
from arlen_core.stages import part
from arlen_server.masks import fields, path, query, said

if TYPE_CHECKING:
    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["REPEATED", "Entry", "Line", "Trace", "Traces"]

REPEATED = 3
"""So many runs of one query in one request are told as `N+1`."""

_LONGEST = 4096  # characters of a query, an error or a line
_ATTRIBUTE = 512  # and of any other value
_KIB = 1024
_HUGE = 1 << 63  # JSON has no numbers from here on
_WAITING = 16  # requests that have not ended, whose parts are kept
_LINES = 200  # of one request
_OWN = frozenset({"event", "level", "request_id", "span_id", "trace_id"})  # values that a line has anyway
_STAGES = ("route", "action", "write")
_TEXT = "db.query.text"
_QUERY = "database.query"  # a line that arlen-data writes for what is a span here
_SHOWN_ELSEWHERE = frozenset({_TEXT, "arlen.stage", "db.query.summary", *(f"arlen.{stage}.ms" for stage in _STAGES)})
_SAID = _SHOWN_ELSEWHERE | {
    *("arlen.request_id", "client.address", "http.request.method", "http.response.status_code", "http.route"),
    "url.path",
}


class Entry(Struct, kw_only=True):
    """A span, as it is shown; times in milliseconds.

    Attributes:
        name, kind: those of the span.
        part: "sql" for a query of a database, "render" for a page, another word, or ""; as for `Server-Timing`.
        span_id, parent_id: see there.
        start: since the request arrived.
        duration: how long it took.
        query: the text of a query, without values; "" for other spans.
        runs: how often this query ran in this request.
        error: what it failed with, or "".
        attributes: the others, with secrets masked.
        events: what happened in it at one moment.
    """

    name: str
    kind: str
    part: str = ""
    span_id: str
    parent_id: str
    start: float
    duration: float
    query: str = ""
    runs: int = 1
    error: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[Line] = field(default_factory=list)


class Line(Struct, kw_only=True):
    """A line of the log, or an event of a span: when, in milliseconds since the request arrived, and what."""

    at: float
    level: str
    event: str
    values: dict[str, Any] = field(default_factory=dict)


class Trace(Struct, kw_only=True):
    """A request that is over.

    Attributes:
        id: its request id.
        trace_id, span_id: of its own span.
        time: when it arrived, in Unix seconds.
        method, path, query, status: what was asked and answered.
        route: the template of its route, "" for none.
        client: the address, "" when it is not known.
        duration: milliseconds until the last byte was sent.
        error: what it failed with, or "".
        stages: milliseconds of "route", "action" and "write", as in the log.
        attributes, events: of its own span; attributes that are said elsewhere are left out.
        spans: in the order in which they began.
        lines: of the log.
        request, response: header fields.
    """

    id: str
    trace_id: str
    span_id: str
    time: float
    method: str
    path: str
    query: str = ""
    status: int = 0
    route: str = ""
    client: str = ""
    duration: float = 0.0
    error: str = ""
    stages: dict[str, float] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[Line] = field(default_factory=list)
    spans: list[Entry] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    request: list[tuple[str, str]] = field(default_factory=list)
    response: list[tuple[str, str]] = field(default_factory=list)

    @property
    def queries(self) -> list[Entry]:
        """The queries of databases; one inside of another counts with that."""
        found = {each.span_id: each for each in self.spans if each.part == "sql"}
        return [each for each in found.values() if each.parent_id not in found]

    @property
    def query_ms(self) -> float:
        """What they took together."""
        return round(sum(each.duration for each in self.queries), 3)

    @property
    def repeated(self) -> int:
        """How often the query ran that ran most, if that is `REPEATED` or more; else 0."""
        most = max((each.runs for each in self.queries), default=0)
        return most if most >= REPEATED else 0

    @property
    def summary(self) -> dict[str, Any]:
        """What the list shows of it."""
        keys = ("id", "time", "method", "path", "query", "status", "route", "duration", "error")
        shown = {key: getattr(self, key) for key in keys}
        return shown | {"queries": len(self.queries), "query_ms": self.query_ms, "repeated": self.repeated}


class Traces:
    """Keeps the last requests.

    Args:
        limit: how many requests.
        spans: how many spans of all of them together; for more, older requests are forgotten. Each KiB of text, of
            spans, lines and header fields, counts as one more.
        mask: more names whose values are secrets.

    >>> traces = Traces(limit=2)
    >>> for number in range(3):
    ...     traces.tell([Span(name="GET /", trace_id="a", span_id=str(number), start=0, end=5_000_000, kind="server")])
    >>> [each.span_id for each in traces.newest()], traces.newest()[0].duration
    (['2', '1'], 5.0)
    """

    def __init__(self, limit: int = 200, spans: int = 20_000, mask: frozenset[str] = frozenset()) -> None:
        self.limit = limit
        self._most = spans
        self._mask = mask
        self._kept: deque[Trace] = deque()
        self._begun: dict[str, int] = {}  # when they began, by span id
        self._early: OrderedDict[str, list[Span]] = OrderedDict()  # by trace, of requests that go on
        self._lines: OrderedDict[str, list[Line]] = OrderedDict()
        self._weights: Counter[str] = Counter()  # by span id
        self._lock = RLock()  # what ends in a thread is told there

    def newest(self) -> list[Trace]:
        """Return the requests, the last one first."""
        with self._lock:
            return list(reversed(self._kept))

    def find(self, name: str) -> Trace | None:
        """Return a request by its id, or by the id of its span."""
        return next((each for each in self.newest() if name in {each.id, each.span_id}), None)

    def tell(self, spans: Sequence[Span]) -> None:
        """Take spans that have ended, as a tracer tells them."""
        with self._lock:
            self._tell(spans)

    def _tell(self, spans: Sequence[Span]) -> None:
        own = spans[0]
        if own.kind == "server":
            self._add(own, [*self._early.pop(own.trace_id, ()), *spans[1:]])
        elif len(spans) > 1:  # a part of a long request
            held = _held(self._early, own.trace_id)
            held.extend(spans[: max(0, self._most // _WAITING - len(held))])
        elif (known := self._known(own.trace_id)) is not None:
            self._extend(known, spans)  # background work, after the answer

    def hear(self, record: Mapping[str, Any]) -> None:
        """Take a line of the log: `level`, `event`, `request_id` and other values; queries are spans already."""
        name = record.get("request_id")
        if not isinstance(name, str) or record.get("event") == _QUERY:
            return
        with self._lock:
            known = self.find(name)
            lines = _held(self._lines, name) if known is None else known.lines
            if len(lines) < _LINES:
                begun = 0 if known is None else self._begun[known.span_id]
                lines.append(_line(record, perf_counter_ns() - begun, self._mask))
                if known is not None:
                    self._weigh(known, lines[-1:], 0)

    def dress(self, request: Request, response: Response) -> None:
        """Take what spans do not tell of a request that is over: its identity, query and header fields."""
        with self._lock:
            trace = self.find(request.trace[36:52])
            if trace is not None:
                self._dress(trace, request, response)

    def _dress(self, trace: Trace, request: Request, response: Response) -> None:
        begun = self._begun[trace.span_id] / 1e6
        trace.id, trace.method = request.id, printable(request.method)
        trace.query = query(request.query_string, self._mask)
        trace.request, trace.response = fields(request.raw, self._mask), fields(response.raw, self._mask)
        trace.lines = [replace(line, at=line.at - begun) for line in self._lines.pop(request.id, ())]
        self._weigh(trace, [trace.request, trace.response, *trace.lines], 0)

    def _known(self, trace_id: str) -> Trace | None:
        return next((each for each in reversed(self._kept) if each.trace_id == trace_id), None)

    def _add(self, own: Span, spans: Sequence[Span]) -> None:
        known = own.attributes
        trace = Trace(
            id=str(known.get("arlen.request_id", own.span_id)),
            trace_id=own.trace_id,
            span_id=own.span_id,
            time=(own.start + Tracer.epoch()) / 1e9,
            method=str(known.get("http.request.method", "")),
            path=path(str(known.get("url.path", "")).encode("latin-1", "replace")),
            status=int(_number(known.get("http.response.status_code"))),
            route=str(known.get("http.route", "")),
            client=str(known.get("client.address", "")),
            duration=(own.end - own.start) / 1e6,
            error=_said(own.error),
            stages={stage: _number(known.get(f"arlen.{stage}.ms")) for stage in _STAGES},
            attributes=self._attributes(known, _SAID),
            events=self._events(own, own.start),
        )
        self._begun[own.span_id] = own.start
        self._kept.append(trace)
        self._weigh(trace, [trace], 1)
        self._extend(trace, spans)

    def _extend(self, trace: Trace, spans: Sequence[Span]) -> None:
        for span in spans:
            if self._weights[trace.span_id] >= self._most:
                break
            trace.spans.append(self._entry(span, self._begun[trace.span_id]))
            self._weigh(trace, trace.spans[-1:], 1)
        trace.spans.sort(key=lambda each: each.start)
        runs = Counter(each.query for each in trace.queries)
        for each in trace.queries:
            each.runs = runs[each.query]

    def _weigh(self, trace: Trace, parts: Sequence[Any], each: int) -> None:
        """Note that a request has got longer, by `each` and the texts of these parts; older ones go for it."""
        self._weights[trace.span_id] += sum(each + len(encode(part)) // _KIB for part in parts)
        while len(self._kept) > self.limit or (self._weights.total() > self._most and self._kept[0] is not trace):
            oldest = self._kept.popleft()
            del self._begun[oldest.span_id], self._weights[oldest.span_id]

    def _entry(self, span: Span, begun: int) -> Entry:
        known = span.attributes
        return Entry(
            name=_word(span.name),
            kind=span.kind,
            span_id=span.span_id,
            parent_id=span.parent_id,
            start=(span.start - begun) / 1e6,
            duration=max(0, span.end - span.start) / 1e6,
            part=part(span),
            query=_word(known.get(_TEXT) or known.get("db.query.summary") or "", _LONGEST),
            error=_said(span.error),
            attributes=self._attributes(known, _SHOWN_ELSEWHERE),
            events=self._events(span, begun),
        )

    def _attributes(self, known: Mapping[str, Any], but: frozenset[str] = frozenset()) -> dict[str, Any]:
        shown = ((_word(key), value) for key, value in known.items() if key not in but)
        return {key: _short(said(key, value, self._mask)) for key, value in shown}

    def _events(self, span: Span, begun: int) -> list[Line]:
        return [
            Line(
                at=(each.time - begun) / 1e6, level="", event=_word(each.name), values=self._attributes(each.attributes)
            )
            for each in span.events
        ]


def _held(table: OrderedDict[str, list[Any]], key: str) -> list[Any]:
    found = table.setdefault(key, [])
    if len(table) > _WAITING:
        table.popitem(last=False)
    return found


def _line(record: Mapping[str, Any], after: int, mask: frozenset[str]) -> Line:
    left = {_word(key): value for key, value in record.items() if key not in _OWN}
    values = {key: _short(said(key, value, mask), _LONGEST) for key, value in left.items()}
    event = _word(said("", record.get("event", ""), mask), _LONGEST)
    return Line(at=after / 1e6, level=_word(record.get("level", "")), event=event, values=values)


def _short(value: Any, longest: int = _ATTRIBUTE) -> Any:
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _HUGE):
        return value
    return _word(value, longest)


def _word(value: Any, longest: int = _ATTRIBUTE) -> str:
    """Return a text that every page and every JSON can hold: no halves of characters, and not too long."""
    try:
        text = str(value)[:longest]
    except Exception:  # noqa: BLE001  # somebody's __str__ is broken, or a number too long
        text = f"<{type(value).__name__}>"
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _said(error: BaseException | str | None) -> str:
    if error is None:
        return ""
    text = str(_short(error, _LONGEST))
    return text if isinstance(error, str) else f"{type(error).__name__}: {text}" if text else type(error).__name__
