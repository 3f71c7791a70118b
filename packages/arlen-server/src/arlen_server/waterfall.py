"""Waterfall: requests as HTML: a list, and one with everything that happened in it, on one scale of time."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from arlen_core.lines import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from arlen_server.traces import Entry, Line, Trace

__all__ = ["listing", "missing", "single", "why"]

_WIDE = 1000  # units of a bar
_HOME = "/__arlen__/requests"
_KEYS = "<kbd>j</kbd> <kbd>k</kbd> move, <kbd>Enter</kbd> opens, <kbd>/</kbd> filters, <kbd>Esc</kbd> goes back"


def listing(traces: Sequence[Trace], words: str, limit: int) -> str:
    """Return the page with all requests, the last one first.

    Args:
        traces: those that it shows.
        words: what they were filtered by.
        limit: how many are kept.
    """
    most = max((each.duration for each in traces), default=0.0)
    rows = "".join(_row(each, most) for each in traces)
    empty = "Nothing that was asked has all these words." if words else "Nothing was asked yet."
    table = (
        '<table><thead><tr><th scope="col">Time</th><th scope="col">Request</th><th scope="col">Status</th>'
        '<th scope="col" class="n">Duration</th><th scope="col"><span class="hidden">Share</span></th>'
        f'<th scope="col" class="n">Queries</th></tr></thead><tbody>{rows}</tbody></table>'
    )
    head = (
        f'<header><h1>Requests</h1><form role="search" action="{_HOME}"><label for="q">Filter</label> '
        f'<input type="search" id="q" name="q" value="{escape(words)}" placeholder="post /notes 500 n+1" '
        'autocomplete="off"></form></header>'
    )
    note = f'<p class="note">The last {limit}, the newest first; a restart forgets them. {_KEYS}.</p>'
    return _page("Requests", f'{head}<main id="list">{table if traces else f"<p>{empty}</p>"}</main>{note}')


def single(trace: Trace) -> str:
    """Return the page of one request."""
    title = f"{trace.method} {trace.path}"
    address = f"{trace.path}?{trace.query}" if trace.query else trace.path
    error = f'<p class="bad">{_text(trace.error)}</p>' if trace.error else ""
    body = (
        f'<nav><a href="{_HOME}" rel="up">All requests</a></nav>'
        f"<h1>{_text(trace.method)} {_text(address)} {_status(trace.status)}</h1>{error}{_facts(trace)}"
        f"<main>{_spans(trace)}{_lines('Log', trace.lines)}{_lines('Events', trace.events)}"
        f"{_fields('Request headers', trace.request)}{_fields('Response headers', trace.response)}"
        f"{_fields('Attributes', trace.attributes.items())}</main>"
    )
    return _page(title, body)


def missing(name: str, limit: int) -> str:
    """Return the page for a request that is not there."""
    reason = f'<p>There is no request <code>{_text(name[:100])}</code>: {why(limit)}.</p><p><a href="{_HOME}" rel="up">'
    return _page("No such request", f"<h1>No such request</h1><main>{reason}All requests</a></p></main>")


def why(limit: int) -> str:
    """Say why a request may be missing."""
    return f"only the last {limit} are kept, and a restart of the application forgets them"


# one request


def _facts(trace: Trace) -> str:
    count = len(trace.queries)
    queries = f"{count} in {_ms(trace.query_ms)} {_badge(trace)}" if count else "none"
    facts = {
        "Arrived": f'<time datetime="{_moment(trace.time).isoformat()}">{_clock(trace.time)}</time> UTC',
        "Took": _ms(trace.duration),
        "Queries": queries,
        "Route": f"<code>{_text(trace.route)}</code>" if trace.route else "none",
        "Request id": f"<code>{_text(trace.id)}</code>",
        "Trace id": f"<code>{_text(trace.trace_id)}</code>",
        "Client": _text(trace.client) or "not known",
    }
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in facts.items())}</dl>"


def _spans(trace: Trace) -> str:
    total = max([trace.duration, *(each.start + each.duration for each in trace.spans), 0.001])
    scale = "".join(f"<span>{_ms(total * part / 4)}</span>" for part in range(5))
    rows, begun = "", 0.0
    for stage, took in trace.stages.items():
        rows += f'<div class="row stage"><span class="name">{stage}</span>{_bar("stage", begun, took, total)}</div>'
        begun += took
    depths = _depths(trace.spans)
    rows += "".join(_span(each, depths[each.span_id], total) for each in trace.spans)
    return (
        f'<section aria-label="What happened when"><h2>Waterfall</h2><div class="fall"><div class="row scale">'
        f'<span></span><span class="ticks" aria-hidden="true">{scale}</span><span></span></div>{rows}</div></section>'
    )


def _span(entry: Entry, depth: int, total: float) -> str:
    shown = entry.query or entry.name
    runs = f'<strong class="bad" title="runs in this request">&times;{entry.runs}</strong> ' if entry.runs > 1 else ""
    wrong = ' <strong class="bad">failed</strong>' if entry.error else ""
    name = f"<code>{_text(shown)}</code>" if entry.query else _text(shown)
    head = f'<span class="name d{min(depth, 6)}">{runs}{name}{wrong}</span>'
    bar = _bar(entry.part if entry.part in {"sql", "render"} else "other", entry.start, entry.duration, total)
    more = {"span": entry.name, "begins": _ms(entry.start), "kind": entry.kind, **entry.attributes}
    more |= {"error": entry.error} if entry.error else {}
    full = f"<pre>{_text(entry.query, lines=True)}</pre>" if entry.query else ""
    body = f'<div class="more">{full}{_pairs(more.items())}{_lines("", entry.events)}</div>'
    return f'<details class="row"><summary>{head}{bar}</summary>{body}</details>'


def _bar(kind: str, start: float, took: float, total: float) -> str:
    return f'{_svg(kind, start, took, total)}<span class="n">{_ms(took)}</span>'


def _svg(kind: str, start: float, took: float, total: float) -> str:
    # an attribute of SVG is no inline style, so a strict Content-Security-Policy lets it be
    at = max(0.0, min(_WIDE - 2.0, start / total * _WIDE))
    width = max(2.0, min(_WIDE - at, took / total * _WIDE))
    return (
        f'<svg viewBox="0 0 {_WIDE} 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{kind}" x="{at:.1f}" y="0" width="{width:.1f}" height="10"/></svg>'
    )


def _depths(spans: Sequence[Entry]) -> dict[str, int]:
    parents = {each.span_id: each.parent_id for each in spans}
    depths: dict[str, int] = {}
    for each in spans:
        depth, above = 0, each.parent_id
        while above in parents and depth < len(parents):
            depth, above = depth + 1, parents[above]
        depths[each.span_id] = depth
    return depths


def _lines(title: str, lines: Sequence[Line]) -> str:
    if not lines:
        return ""
    rows = "".join(
        f'<tr><td class="n">{_ms(each.at)}</td><td class="{_text(each.level)}">{_text(each.level)}</td>'
        f"<td>{_text(each.event)} {_values(each)}</td></tr>"
        for each in lines
    )
    table = f'<table class="log"><tbody>{rows}</tbody></table>'
    return f"<section><h2>{title}</h2>{table}</section>" if title else table


def _values(line: Line) -> str:
    short = " ".join(f"{_text(name)}={_text(value)}" for name, value in line.values.items() if name != "exception")
    trace = str(line.values.get("exception", ""))
    return f"<code>{short}</code>" + (f"<pre>{_text(trace, lines=True)}</pre>" if trace else "")


def _fields(title: str, fields: Iterable[tuple[str, Any]]) -> str:
    return f"<section><details><summary><h2>{title}</h2></summary>{_pairs(fields)}</details></section>"


def _pairs(pairs: Iterable[tuple[str, Any]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(value, lines=True)}</td></tr>' for name, value in pairs
    )
    return f'<table class="pairs"><tbody>{rows}</tbody></table>' if rows else ""


# the list


def _row(trace: Trace, most: float) -> str:
    queries = f"{len(trace.queries)} <small>{_ms(trace.query_ms)}</small>" if trace.queries else ""
    address = f"{trace.path}?{trace.query}" if trace.query else trace.path
    return (
        f'<tr><td><time datetime="{_moment(trace.time).isoformat()}">{_clock(trace.time)}</time></td>'
        f'<td class="path"><a href="{_HOME}/{quote(trace.id, safe="")}" id="r-{_text(trace.span_id)}">'
        f"<b>{_text(trace.method)}</b> {_text(address)}</a></td><td>{_status(trace.status)}</td>"
        f'<td class="n">{_ms(trace.duration)}</td>'
        f'<td class="share">{_svg("stage", 0.0, trace.duration, max(most, 0.001))}</td>'
        f'<td class="n">{_badge(trace)} {queries}</td></tr>'
    )


def _badge(trace: Trace) -> str:
    if not trace.repeated:
        return ""
    return f'<strong class="bad" title="one query ran {trace.repeated} times">N+1</strong>'


def _status(status: int) -> str:
    return f'<span class="s{status // 100}">{status}</span>'


# words


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="{_HOME}.css"><script src="{_HOME}.js" defer></script></head>'
        f"<body>{body}</body></html>"
    )


def _text(value: Any, *, lines: bool = False) -> str:
    text = str(value)
    return escape("\n".join(map(printable, text.splitlines())) if lines else printable(text))


def _ms(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 10 else f"{value:.2f} ms"


def _moment(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC)


def _clock(time: float) -> str:
    return _moment(time).strftime("%H:%M:%S.%f")[:-3]
