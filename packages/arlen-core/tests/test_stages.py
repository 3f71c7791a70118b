"""Stages: where the time went, told alike by the log, by spans and by `Server-Timing`."""

from __future__ import annotations

import json
import re
from time import perf_counter_ns

import pytest

from arlen_core.app import App
from arlen_core.requests import Request
from arlen_core.responses import Response
from arlen_core.spans import Span
from arlen_core.stages import outermost, part, server_timing

pytestmark = pytest.mark.anyio

MS = 1_000_000
PAGE = {"arlen.stage": "render"}
QUERY = {"db.query.text": "select 1", "db.system.name": "sqlite"}


def span(name="work", number=1, start=0, end=MS, parent="", **attributes):
    """A span that is over."""
    return Span(
        name=name, trace_id="t", span_id=f"s{number}", parent_id=parent, start=start, end=end, attributes=attributes
    )


def asked(received=0, routed=2 * MS, handled=10 * MS):
    """A request whose response is made."""
    request = Request()
    request.received, request.routed, request.handled = received, routed, handled
    return request


def read(header):
    """The members of the header: durations, and the words beside them."""
    found = [re.fullmatch(r'([a-z]+);dur=(\d+\.\d{3})(?:;desc="([^"]*)")?', part) for part in header.split(", ")]
    return {each[1]: float(each[2]) for each in found}, {each[1]: each[3] for each in found if each[3]}


@pytest.fixture
def make(tmp_path):
    """Make an application that logs to a file."""

    def one(name="staged", *, env="development", **environ):
        words = {"ARLEN_ENV": env, "ARLEN_LOG__TARGET": "app.log", "ARLEN_LOG__FORMAT": "json"}
        return App(name, root=tmp_path, environ=words | environ)

    return one


async def ask(app, target=b"/"):
    """Ask as a server does, to the end."""
    request = Request("GET", target)
    response = await app.handle(request)
    app.finish(request, response, sent=len(response.body or b""))
    return response


# the header


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], "route;dur=2.000, action;dur=8.000, total;dur=10.000"),
        ([span()], "route;dur=2.000, action;dur=8.000, total;dur=10.000"),
        (
            [span("select", **QUERY)],
            'route;dur=2.000, action;dur=8.000, sql;dur=1.000;desc="1 query", total;dur=10.000',
        ),
        (
            [span("select", 1, **QUERY), span("select", 2, end=2 * MS, **QUERY), span("notes", 3, **PAGE)],
            'route;dur=2.000, action;dur=8.000, sql;dur=3.000;desc="2 queries", render;dur=1.000, total;dur=10.000',
        ),
    ],
)
def test_header(spans, expected):
    """The stages, then what there was of queries and pages, then the sum of the stages."""
    assert expected == server_timing(asked(), spans).decode()


def test_what_is_inside_counts_once():
    """A page in a page, and a query in a query, add nothing to the one around it."""
    pages = [span("part", 1, parent="s2", **PAGE), span("page", 2, end=4 * MS, **PAGE), span("other", 3, **PAGE)]
    assert {"render": 5.0}.items() <= read(server_timing(asked(), pages).decode())[0].items()
    summary = span("select", 1, **{"db.query.summary": "select notes"})
    assert [summary] == outermost([summary, span("select", 2, parent="s1", **QUERY)], "sql")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, ""),
        (PAGE, "render"),
        (QUERY, "sql"),
        ({"db.query.summary": "select notes"}, "sql"),
        (QUERY | {"arlen.stage": "cache"}, "cache"),
        ({"arlen.stage": 'x;desc="'}, ""),
        ({"arlen.stage": "total"}, ""),
        ({"arlen.stage": 7}, ""),
    ],
)
def test_part_of_a_span(attributes, expected):
    """A span says what it is a part of; a word that would break the header, or is a stage's, says nothing."""
    assert expected == part(span(**attributes))


def test_answer_before_the_route():
    """What was answered early took no action."""
    told, _ = read(server_timing(asked(routed=0)).decode())
    assert {"route": 10.0, "action": 0.0, "total": 10.0} == told


def test_response_that_nobody_marked():
    """A response whose making failed is made now."""
    request = asked(received=perf_counter_ns(), routed=0, handled=0)
    server_timing(request)
    assert request.handled >= request.received


# agreement


async def test_log_spans_and_header_agree(make, tmp_path):
    """The log line, the request's span and the header say the same about each stage, to the digit."""
    app, told = make(), []

    @app.get("/notes")
    async def notes():
        for _ in range(3):
            app.spans.add("select", perf_counter_ns(), kind="client", attributes=dict(QUERY))
        with app.spans.span("notes", **PAGE):
            pass
        return {"ok": True}

    app.spans.listen(told.extend)
    await app.start()
    response = await ask(app, b"/notes")
    await app.stop()
    shown, words = read(response.headers["server-timing"])
    own, *inner = told
    (line,) = [each for each in map(json.loads, (tmp_path / "app.log").read_text().splitlines()) if "timings" in each]
    for stage in ("route", "action"):
        assert line["timings"][stage] == own.attributes[f"arlen.{stage}.ms"] == shown[stage]
    assert line["timings"]["write"] == own.attributes["arlen.write.ms"]
    assert shown["total"] == pytest.approx(line["timings"]["total"] - line["timings"]["write"], abs=0.002)
    assert line["timings"]["total"] == (own.end - own.start) // 1000 / 1000
    assert {"sql": "3 queries"} == words
    spent = {"select": 0, "notes": 0}
    for each in inner:
        spent[each.name] += each.end - each.start
    assert (spent["select"] // 1000 / 1000, spent["notes"] // 1000 / 1000) == (shown["sql"], shown["render"])


@pytest.mark.parametrize("target", [b"/early", b"/fails", b"/nowhere", b"/broken"])
async def test_they_agree_whatever_happens(make, tmp_path, target):
    """So they do for an answer of a hook, an exception, a miss, and a response that cannot be finished."""
    app, told = make(), []

    @app.hook("before_request")
    async def early(ctx):
        return {"early": True} if ctx.request.target == b"/early" else None

    @app.hook("before_response")
    async def broken(ctx, response):
        if ctx.request.target == b"/broken":
            raise RuntimeError("no")

    @app.get("/fails")
    async def fails():
        raise ValueError("no")

    @app.get("/broken")
    async def fine():
        return "x"

    app.spans.listen(told.extend)
    await app.start()
    response = await ask(app, target)
    await app.stop()
    shown, _ = read(response.headers["server-timing"])
    (line,) = [each for each in map(json.loads, (tmp_path / "app.log").read_text().splitlines()) if "timings" in each]
    for stage in ("route", "action"):
        assert line["timings"][stage] == told[0].attributes[f"arlen.{stage}.ms"] == shown[stage]
        assert shown[stage] >= 0


# on and off


async def test_off_records_nothing(make):
    """Without timing there is no header, and nobody listens to spans."""
    app = make(env="production", ARLEN_LOG__ACCESS="false")
    await app.start()
    response = await ask(app)
    await app.stop()
    assert "server-timing" not in response.headers
    assert app.spans.on is False


async def test_on_by_configuration(make):
    """`[http] timing` turns it on in production, once, however often the application starts."""
    app = make(env="production", ARLEN_LOG__ACCESS="false", ARLEN_HTTP__TIMING="true")
    for _ in range(2):
        await app.start()
        assert "server-timing" in (await ask(app)).headers
        await app.stop()
    assert 1 == len(app.spans.listeners)


async def test_mounted_application_adds_no_second_one(make):
    """There is one header of ours, that of the application around it; one that a handler made is left alone."""
    outer, inner = make("outer"), make("inner")

    @inner.get("/")
    async def home():
        inner.spans.add("select", perf_counter_ns(), kind="client", attributes=dict(QUERY))
        return Response("x", headers={"server-timing": "cache;dur=1"})

    outer.mount("/in", inner)
    await outer.start()
    response = await ask(outer, b"/in/")
    await outer.stop()
    mine, ours = response.headers.all("server-timing")
    assert "cache;dur=1" == mine
    assert {"sql": "1 query"} == read(ours)[1]
