"""Refresh: the script gets into pages, and pages hear of changes."""

from __future__ import annotations

import asyncio

import pytest

from arlen_core.requests import Request
from arlen_core.responses import Response, Stream, html, json
from arlen_server.refresh import EVENTS, SCRIPT, STATE, Hub, Refresh, allow, inject

HTML = [(b"accept", b"text/html,*/*;q=0.8")]
TAG = b'<script src="/__arlen__/refresh.js?v=a1.0" defer></script>'


class Fake:
    """An application that answers with what it was given."""

    debug = True

    def __init__(self, answer=None):
        self.answer = answer
        self.seen, self.finished = [], []

    async def handle(self, request):
        self.seen.append(request)
        return self.answer

    def finish(self, request, response, **outcome):
        self.finished.append((request.target, outcome))


def ask(app, target=b"/", *, method="GET", headers=HTML, **options):
    """What a `Refresh` around the application answers."""
    return asyncio.run(Refresh(app, Hub("a1"), **options).handle(Request(method, target, headers=list(headers))))


# pages


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (b"<p>hi</p>", b"<p>hi</p>" + TAG),
        (b"<body><p>hi</p></body></html>", b"<body><p>hi</p>" + TAG + b"</body></html>"),
        (b"<BODY></BODY >", b"<BODY>" + TAG + b"</BODY >"),
        (b"<pre></body></pre></body>", b"<pre></body></pre>" + TAG + b"</body>"),
        (b"", TAG),
    ],
)
def test_script_goes_before_the_end_of_the_body(page, expected):
    """The script goes before the last end of the body, or to the end of the page."""
    assert expected == ask(Fake(Response(page, media="text/html; charset=utf-8"))).body


@pytest.mark.parametrize(
    "answer",
    [
        json({"ok": True}),
        Response(b"<p>", 206, media="text/html"),
        Response(b"\x1f\x8b", media="text/html", headers={"content-encoding": "gzip"}),
        Response(b"text", media="text/plain"),
    ],
)
def test_other_answers_are_left_alone(answer):
    """What is no whole, plain HTML page is sent as it is."""
    before = answer.body
    assert before == ask(Fake(answer)).body


def test_only_navigations_get_the_script():
    """A client that does not ask for HTML, or does not GET, gets the page as it is."""
    assert b"<p>" == ask(Fake(html("<p>")), headers=[(b"accept", b"*/*")]).body
    assert b"<p>" == ask(Fake(html("<p>")), method="POST").body
    assert b"<p>" == ask(Fake(html("<p>")), browser=False).body


def test_page_is_asked_for_anew_and_plain():
    """The application sees a navigation without conditions and without compression, and all its other fields."""
    app = Fake(html("<p>"))
    fields = [(b"if-none-match", b'"x"'), (b"accept-encoding", b"gzip"), (b"cookie", b"a=b")]
    ask(app, headers=[*HTML, *fields])
    assert [*HTML, (b"cookie", b"a=b")] == app.seen[0].raw


def test_content_length_is_not_kept():
    """A length that the handler set would be wrong with the script in the page."""
    page = html("<p>", headers={"content-length": "3"})
    assert "content-length" not in ask(Fake(page)).headers


def test_stream_is_followed_by_the_script_and_closed():
    """A streamed page gets the script at its end; the stream is closed when the client goes."""
    closed = []

    async def parts():
        try:
            yield "<p>"
            yield b"hi"
        finally:
            closed.append(True)

    async def main():
        answer = inject(Stream(parts(), media="text/html"), Hub("a1"))
        assert [part async for part in answer.stream] == ["<p>", b"hi", TAG]
        early = inject(Stream(parts(), media="text/html"), Hub("a1"))
        assert await anext(early.stream) == "<p>"
        await early.stream.aclose()

    asyncio.run(main())
    assert [True, True] == closed


def test_file_is_sent_whole_without_its_tag():
    """A page from a file loses the validators of the file, which is not what is sent."""

    async def parts():
        yield b"<p>"

    page = Stream(
        parts(), media="text/html", headers={"etag": '"x"', "content-length": "3", "cache-control": "no-cache"}
    )
    raw = dict(inject(page, Hub("a1")).raw)
    assert {b"content-type": b"text/html", b"cache-control": b"no-cache"} == raw


# policies


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("default-src 'self'", "default-src 'self'"),
        ("default-src 'none'", "default-src 'none'; script-src 'self'; connect-src 'self'"),
        ("script-src 'none'", "script-src 'self'"),
        ("script-src https://cdn.test; connect-src 'self'", "script-src https://cdn.test 'self'; connect-src 'self'"),
        ("default-src https:", "default-src https:; script-src https: 'self'; connect-src https: 'self'"),
        ("img-src 'self'", "img-src 'self'"),
        (" default-src 'self' ;; ", "default-src 'self'"),
        ("", ""),
    ],
)
def test_policy_lets_the_script_through(policy, expected):
    """A policy is widened by its own origin for scripts and connections, no further, and only where it must."""
    assert expected == allow(policy)[0]


def test_nonce_of_the_page_is_used():
    """The script carries the nonce of a policy that has one."""
    page = html("<p>", headers={"content-security-policy": "script-src 'nonce-abc123' 'strict-dynamic'"})
    assert b'v=a1.0" nonce="abc123" defer' in ask(Fake(page)).body


# paths


def test_script_is_served():
    """The script is a file of its own origin, as a policy of `default-src 'self'` wants it."""
    answer = ask(Fake(), SCRIPT)
    assert ("text/javascript", 200) == (answer.media, answer.status)
    assert b"EventSource" in answer.body
    assert EVENTS in answer.body


def test_state_says_that_all_is_well():
    """The path that tells what is broken tells also that nothing is."""
    answer = ask(Fake(), STATE)
    assert (200, b'{"status":"ok","error":null}\n') == (answer.status, answer.body)


def test_application_does_not_see_the_reserved_paths():
    """The application neither handles nor finishes a request of ours; it does both for its own."""
    app = Fake(html("<p>"))
    front = Refresh(app, Hub("a1"))

    async def main():
        for target in (SCRIPT, EVENTS, STATE, b"/own"):
            request = Request("GET", target)
            front.finish(request, await front.handle(request), sent=3, error=None)

    asyncio.run(main())
    assert [b"/own"] == [request.target for request in app.seen]
    assert [(b"/own", {"sent": 3, "error": None})] == app.finished


def test_everything_else_is_the_application():
    """What the server asks of an application reaches the application."""
    assert Refresh(Fake(), Hub("a1")).debug is True
    with pytest.raises(AttributeError, match="nothing"):
        _ = Refresh(Fake(), Hub("a1")).nothing


# events


def test_listeners_hear_the_version_and_each_change():
    """A stream tells the version at once, then each change, and ends when the hub closes."""

    async def main():
        hub = Hub("a1")
        stream = hub.answer(EVENTS).stream
        heard = [await anext(stream)]
        hub.tell(css=True)
        hub.tell(css=False)
        hub.close()
        heard += [event async for event in stream]
        return heard

    assert [
        "retry: 300\nevent: version\ndata: a1.0\n\n",
        "event: css\ndata: a1.1\n\n",
        "event: version\ndata: a1.2\n\n",
    ] == asyncio.run(main())


def test_listener_that_leaves_is_forgotten():
    """A page that is closed costs nothing any more."""

    async def main():
        hub = Hub("a1")
        stream = hub.answer(EVENTS).stream
        await anext(stream)
        assert len(hub._queues) == 1
        await stream.aclose()
        assert len(hub._queues) == 0

    asyncio.run(main())


def test_versions_of_two_processes_differ():
    """A page of a process that is gone is never current."""
    assert Hub("a1").version != Hub("a2").version
