"""Pages: the answer while the application does not run, for people and for tools."""

from __future__ import annotations

import asyncio
import re

import msgspec
import pytest

from arlen_core.requests import Request
from arlen_server.failures import Failure
from arlen_server.pages import Broken
from arlen_server.refresh import EVENTS, SCRIPT, STATE, Hub

FAILURE = Failure(
    stage="load",
    kind="SyntaxError",
    message="SyntaxError: '(' was never closed <b>",
    hint="close it & save",
    file="app.py",
    line=3,
    column=11,
    snippet="> 3 | if a < b(:",
    trace="Traceback <x>",
    output="printed\nTraceback <x>",
    exit_code=1,
    timestamp_utc="2026-01-01T00:00:00+00:00",
)


def broken(failure=FAILURE, **options):
    """An application that answers with a failure."""
    return Broken(failure, Hub("b1"), **({"retry": 2.0, "refresh": 3} | options))


def ask(app, target=b"/", accept=b"", method="GET"):
    """What it answers."""
    return asyncio.run(app.handle(Request(method, target, headers=[(b"accept", accept)] if accept else [])))


@pytest.mark.parametrize(
    ("target", "accept", "media"),
    [
        (b"/", b"text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        (b"/", b"application/json", "application/problem+json"),
        (b"/", b"application/problem+json", "application/problem+json"),
        (b"/", b"*/*", "text/plain"),
        (b"/", b"", "text/plain"),
        (b"/", b"image/png", "text/plain"),
        (b"/api/notes", b"", "application/problem+json"),
        (b"/api/notes", b"text/html", "text/html"),
        (b"/notes.json", b"text/html", "application/problem+json"),
        (STATE, b"text/html", "application/problem+json"),
    ],
)
def test_form_is_negotiated(target, accept, media):
    """A browser gets a page, a client of an API a problem document, a terminal text; each is 503."""
    answer = ask(broken(), target, accept)
    assert (media, 503) == (answer.media, answer.status)
    assert {"2", "no-store"} == {answer.headers["retry-after"], answer.headers["cache-control"]}
    assert "Accept" == answer.headers["vary"].title()


def test_problem_document_is_complete():
    """The problem document tells everything that is known, in one flat object (RFC 9457)."""
    assert {
        "type": "about:blank",
        "title": "The application could not be loaded",
        "status": 503,
        "detail": FAILURE.message,
        "code": "dev_build_failed",
        "errors": [],
        "stage": "load",
        "kind": "SyntaxError",
        "message": FAILURE.message,
        "hint": "close it & save",
        "file": "app.py",
        "line": 3,
        "column": 11,
        "snippet": "> 3 | if a < b(:",
        "trace": "Traceback <x>",
        "output": "printed\nTraceback <x>",
        "exit_code": 1,
        "timestamp_utc": "2026-01-01T00:00:00+00:00",
        "auto_retry_seconds": 2.0,
        "auto_refresh_seconds": 3,
    } == msgspec.json.decode(ask(broken(), STATE).body)


def test_page_shows_everything_escaped():
    """The page shows message, place, lines, hint and output, and nothing of them is markup."""
    page = ask(broken(), accept=b"text/html").body.decode()
    for shown in ("never closed &lt;b&gt;", "app.py:3", "if a &lt; b(:", "close it &amp; save", "Traceback &lt;x&gt;"):
        assert shown in page
    assert "<b>" not in page
    assert "<x>" not in page


def test_page_loads_itself_again():
    """The page comes back with and without JavaScript."""
    page = ask(broken(refresh=7), accept=b"text/html").body.decode()
    assert '<meta http-equiv="refresh" content="7">' in page
    assert f'<script src="{SCRIPT.decode()}?v=b1.0" defer></script>' in page
    assert "<script" not in ask(broken(browser=False), accept=b"text/html").body.decode()


def test_policy_of_the_page_allows_just_what_it_uses():
    """The page's policy allows its own style by nonce and the script, nothing else."""
    answer = ask(broken(), accept=b"text/html")
    policy = answer.headers["content-security-policy"]
    nonce = re.search(r'<style nonce="([^"]+)">', answer.body.decode())[1]
    assert f"style-src 'nonce-{nonce}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "script-src 'self'; connect-src 'self'" in policy
    assert "unsafe-inline" not in policy


def test_text_for_a_terminal():
    """Text has the message, the place, the lines and the hint."""
    assert (
        "The application could not be loaded: SyntaxError: '(' was never closed <b>\n\n"
        "app.py:3\n\n> 3 | if a < b(:\n\nclose it & save\n"
    ) == ask(broken()).body.decode()


def test_failure_without_a_place():
    """What is not known is left out."""
    app = broken(Failure(stage="exit", message="ended", hint="see above"))
    assert "The application ended: ended\n\nsee above\n" == ask(app).body.decode()
    assert b'class="where"' not in ask(app, accept=b"text/html").body


@pytest.mark.parametrize(("retry", "seconds"), [(0.0, "3"), (0.2, "1"), (29.6, "30")])
def test_retry_after_is_a_whole_number(retry, seconds):
    """Retry-After is the next try, or the next refresh when there is none; at least a second."""
    assert seconds == ask(broken(retry=retry)).headers["retry-after"]


def test_any_method_gets_the_answer():
    """A form that is posted meanwhile gets the page too."""
    assert 503 == ask(broken(), method="POST", accept=b"text/html").status


def test_development_paths_work():
    """Pages that are open hear from the stand-in as from the application."""
    assert 200 == ask(broken(), SCRIPT).status
    assert "text/event-stream" == ask(broken(), EVENTS).media


def test_pages_reload_only_for_another_failure():
    """The same failure again does not reload the page; another one does."""
    hub = Hub("b1")
    app = Broken(FAILURE, hub, retry=2.0, refresh=3)
    app.change(msgspec.structs.replace(FAILURE, timestamp_utc="later"), 4.0)
    assert ("b1.0", 4.0) == (hub.version, app.retry)
    app.change(msgspec.structs.replace(FAILURE, line=4), 2.0)
    assert "b1.1" == hub.version


def test_it_is_an_application():
    """A server can start, drain, finish and stop it."""
    app = broken()

    async def main():
        await app.start()
        app.drain()
        app.finish(Request(), await app.handle(Request()), sent=0, error=None)
        await app.stop()

    asyncio.run(main())
