"""Viewer: the page of the last requests, and its twin in JSON."""

from __future__ import annotations

import asyncio
import re
from time import perf_counter_ns

import msgspec
import pytest

from arlen_core.app import App
from arlen_core.pages import Page
from arlen_core.requests import Request
from arlen_core.responses import html
from arlen_server.refresh import Hub, Refresh
from arlen_server.traces import Entry, Line, Trace, Traces
from arlen_server.viewer import REQUESTS, Viewer
from arlen_server.waterfall import single

HTML = (b"accept", b"text/html,*/*;q=0.8")
LOCAL = (b"host", b"127.0.0.1:3000")


def traced(number=1, **options):
    """A request that is over."""
    values = {"method": "GET", "path": f"/notes/{number}", "status": 200, "duration": 10.0, "time": 1.8e9}
    values |= {"stages": {"route": 1.0, "action": 8.0, "write": 1.0}}
    return Trace(**{"id": f"r{number}", "trace_id": "t", "span_id": f"s{number}"} | values | options)


def entry(number=1, **options):
    """A span of it."""
    values = {"name": "select notes", "kind": "client", "parent_id": "s1", "start": 2.0, "duration": 3.0, "part": "sql"}
    return Entry(**{"span_id": f"c{number}"} | values | options)


@pytest.fixture
def traces():
    """Three requests, the last of which asks one thing again and again."""
    made = Traces()
    query = {"query": "select * from notes where id = ?", "runs": 3}
    made._kept.extend([traced(1), traced(2, status=500, method="POST", error="ValueError: no"), traced(3, query="q=1")])
    made._kept[2].spans = [entry(each, **query) for each in range(3)]
    return made


@pytest.fixture
def ask(traces):
    """Asks the viewer."""

    def one(target=REQUESTS, *fields, method="GET", query=b"", host=LOCAL):
        return Viewer(traces).answer(Request(method, target, query=query, headers=[host, *fields]))

    return one


def page(answer):
    """An answer as a page."""
    assert "text/html" == answer.media
    return Page(answer.body.decode())


# the list


def test_list_shows_the_last_request_first(ask):
    """Each row has the time, what was asked with a link, the status, the duration and the queries."""
    shown = page(ask(REQUESTS, HTML))
    rows = shown.all("tbody tr")
    assert ["GET /notes/3?q=1", "POST /notes/2", "GET /notes/1"] == [row.all("a")[0].text for row in rows]
    assert ["r3", "r2", "r1"] == [row.all("a")[0]["href"].rpartition("/")[2] for row in rows]
    assert ["200", "500", "200"] == [row.all("td")[2].text for row in rows]
    assert "N+1 3 9.00 ms" == rows[0].all("td")[5].text
    assert "10.0 ms" == rows[1].all("td")[3].text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (b"q=post", ["r2"]),
        (b"q=NOTES+500", ["r2"]),
        (b"q=n%2B1", ["r3"]),
        (b"q=nothing+like+it", []),
        (b"q=", ["r3", "r2", "r1"]),
    ],
)
def test_list_can_be_filtered(ask, words, expected):
    """Every word must be in the method, the path, the status or the mark; without JavaScript, too."""
    assert expected == [each["id"] for each in msgspec.json.decode(ask(query=words).body)["requests"]]
    assert len(expected) == len(page(ask(REQUESTS, HTML, query=words)).all("tbody tr"))


def test_empty_list_says_so():
    """Without requests there is a sentence, and no table."""
    answer = Viewer(Traces()).answer(Request("GET", REQUESTS, headers=[LOCAL, HTML]))
    assert "Nothing was asked yet." == page(answer).one("main").text


def test_list_as_json(ask):
    """A client that does not prefer HTML gets the same as JSON."""
    answer = ask(REQUESTS)
    told = msgspec.json.decode(answer.body)
    assert ("application/json", 200) == (answer.media, told["limit"])
    assert {"id": "r3", "path": "/notes/3", "queries": 3, "query_ms": 9.0, "repeated": 3}.items() <= told["requests"][
        0
    ].items()


# one request


def test_waterfall_has_stages_and_spans_on_one_scale(ask):
    """The stages follow each other, spans lie where they happened, and queries that run often are marked."""
    shown = page(ask(REQUESTS + b"/r3", HTML))
    assert "GET /notes/3?q=1 200" == shown.one("h1").text
    assert ["route", "action", "write"] == shown.texts(".row.stage .name")
    bars = [(float(each["x"]), float(each["width"])) for each in shown.all("rect")]
    assert [(0.0, 100.0), (100.0, 800.0), (900.0, 100.0), (200.0, 300.0)] == bars[:4]
    assert 3 == len(shown.all("rect.sql"))
    assert "\N{MULTIPLICATION SIGN}3 select * from notes where id = ?" == shown.texts("details.row .name")[0]
    assert "3 in 9.00 ms N+1" == shown.texts("dd")[2]


def test_nested_spans_are_indented():
    """A span inside of another is shown below it, a step to the right; a parent that is missing or itself is none."""
    spans = [entry(1, name="outer"), entry(2, name="inner", parent_id="c1"), entry(3, name="odd", parent_id="c3")]
    shown = Page(single(traced(spans=spans)))
    assert ["name d0", "name d1"] == [each["class"] for each in shown.all("details .name")][:2]


def test_lines_of_the_log():
    """A line has its moment, its level, what happened and the values; the traceback of an exception keeps its lines."""
    lines = [
        Line(at=2.5, level="info", event="note.read", values={"id": 7, "who": "Ada"}),
        Line(at=3.0, level="error", event="note.lost", values={"exception": "Traceback\n  ValueError: no"}),
    ]
    shown = Page(single(traced(lines=lines)))
    assert ["2.50 ms info note.read id=7 who=Ada"] == [
        " ".join(shown.texts("main > section:nth-of-type(2) tr:first-child td"))
    ]
    assert "Traceback\n  ValueError: no" in shown.one("td pre").html


def test_events_and_attributes():
    """Events stand in the span in which they happened, those of the request and its attributes below the log."""
    event = Line(at=2.5, level="", event="cache.miss", values={"key": "a"})
    shown = Page(single(traced(spans=[entry(events=[event])], events=[event], attributes={"shop.name": "north"})))
    assert ["Waterfall", "Events", "Request headers", "Response headers", "Attributes"] == shown.texts("h2")
    assert ["cache.miss key=a"] * 2 == shown.texts(".log td:last-child")
    assert "north" == shown.one("section:last-child td").text


def test_everything_is_escaped():
    """Nothing that a request or a query says becomes markup."""
    evil = "<script>alert(1)</script>&\"'"
    trace = traced(
        method=evil, path=evil, query=evil, id=evil, route=evil, client=evil, error=evil,
        spans=[entry(name=evil, error=evil, attributes={evil: evil}), entry(2, query=evil)],
        request=[(evil, evil)], response=[(evil, evil)],
    )  # fmt: skip
    assert "<script>alert" not in single(trace)
    assert 1 == single(trace).count("<script ")


def test_one_as_json(ask):
    """A request by its id, or by the id of its span, with everything that the page shows."""
    for name in (b"/r3", b"/s3"):
        told = msgspec.json.decode(ask(REQUESTS + name).body)
        assert ("r3", 3, {"route": 1.0, "action": 8.0, "write": 1.0}) == (told["id"], told["queries"], told["stages"])
        assert ["select * from notes where id = ?"] * 3 == [each["query"] for each in told["spans"]]


@pytest.mark.parametrize("name", [b"/r9", b"/%3Cscript%3E", b"/../etc"])
def test_request_that_is_gone(ask, name):
    """One that is not kept any more is 404, and why it may be missing is said in both forms."""
    answer = ask(REQUESTS + name, HTML)
    assert 404 == answer.status
    assert "only the last 200 are kept" in page(answer).one("main").text
    assert {"error": "not_found"}.items() <= msgspec.json.decode(ask(REQUESTS + name).body).items()


# how it is served


def test_pages_pass_a_strict_policy(ask):
    """Pages have no inline style or script and load only from here, as their own policy demands."""
    for target in (REQUESTS, REQUESTS + b"/r3", REQUESTS + b"/none"):
        answer = ask(target, HTML)
        text = answer.body.decode()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|https?://", text)
        assert {"/__arlen__/requests.js", "/__arlen__/requests.css", "data:,"} == set(
            re.findall(r'(?:src|rel="(?:icon|stylesheet)" href)="([^"]*)"', text)
        )
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["css", "js"])
def test_files_are_in_the_package(ask, name):
    """Style and script come from the package, with their types, and name no other origin."""
    answer = ask(f"{REQUESTS.decode()}.{name}".encode())
    assert {"css": "text/css", "js": "text/javascript"}[name] == answer.media
    assert b"http" not in answer.body


def test_nothing_is_cached(ask):
    """A page of the past helps nobody, and no other site may load it."""
    headers = ask().headers
    assert ("no-store", "same-origin") == (headers["cache-control"], headers["cross-origin-resource-policy"])
    assert ("nosniff", "no-referrer") == (headers["x-content-type-options"], headers["referrer-policy"])


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_other_methods(ask, method):
    """The page is only read."""
    answer = ask(method=method)
    assert (405, "GET, HEAD") == (answer.status, answer.headers["allow"])


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("localhost:3000", 200), ("app.localhost", 200), ("127.0.0.1", 200), ("[::1]:3000", 200), ("web:3000", 200)),
        *(("192.168.0.7:80", 200), ("board.test", 200), ("mac.local", 200), ("LOCALHOST.", 200)),
        *(("evil.example", 403), ("127.0.0.1.evil.example", 403), ("localhost.evil.example:3000", 403), ("", 403)),
        ("[evil.example]", 403),
    ],
)
def test_only_under_a_local_name(ask, host, status):
    """A site elsewhere that gives its own name this machine's address reads nothing (DNS rebinding)."""
    assert status == ask(host=(b"host", host.encode())).status


def test_paths_of_the_viewer():
    """The page, its files and what is below it; nothing that only begins alike."""
    owned = [REQUESTS, REQUESTS + b"/x", REQUESTS + b".css", REQUESTS + b".js"]
    assert all(map(Viewer.owns, owned))
    assert not any(map(Viewer.owns, [b"/", b"/__arlen__/requestsx", REQUESTS + b".png", b"/requests"]))


# with an application


def test_requests_of_an_application_are_shown():
    """What an application answers is on the page, with its spans, lines and masked fields; the page itself is not."""
    app, traces = App("seen", environ={"ARLEN_ENV": "development", "ARLEN_LOG__ACCESS": "false"}), Traces()
    app.spans.listen(traces.tell)
    app.logs.heard = traces.hear

    @app.get("/notes/{id}")
    async def note(id: int):
        app.spans.add("select notes", perf_counter_ns(), kind="client", attributes={"db.query.text": "select 1"})
        with app.spans.span("note", **{"arlen.stage": "render"}):
            app.log.info("note.read", id=id)
        return html("<p>")

    async def main():
        await app.start()
        front = Refresh(app, Hub("a"), traces=traces)

        async def ask(target, *fields):
            request = Request("GET", target, query=b"token=x", headers=[LOCAL, *fields])
            answer = await front.handle(request)
            front.finish(request, answer, sent=3)
            return answer

        first = await ask(b"/notes/7", (b"authorization", b"Bearer x"), HTML)
        await ask(b"/nowhere")
        told = msgspec.json.decode((await ask(REQUESTS)).body)["requests"]
        one = msgspec.json.decode((await ask(REQUESTS + b"/" + told[1]["id"].encode())).body)
        again = msgspec.json.decode((await ask(REQUESTS)).body)["requests"]
        await app.stop()
        return first, told, one, again

    first, told, one, again = asyncio.run(main())
    assert [("/nowhere", 404), ("/notes/7", 200)] == [(each["path"], each["status"]) for each in told]
    assert told == again
    assert first.headers["x-request-id"] == one["id"]
    assert ["select notes", "note"] == [each["name"] for each in one["spans"]]
    assert ["note.read"] == [each["event"] for each in one["lines"]]
    assert ["authorization", "********"] in one["request"]
    assert "token=********" == one["query"]
    assert ["content-type", "text/html; charset=utf-8"] in one["response"]
    assert one["duration"] >= sum(one["stages"].values()) - 0.003


def test_refresh_without_traces_has_no_page():
    """Where nothing is kept the path is the application's."""

    class Fake:
        async def handle(self, request):
            return html("mine")

    answer = asyncio.run(Refresh(Fake(), Hub("a")).handle(Request("GET", REQUESTS, headers=[LOCAL])))
    assert b"mine" == answer.body
