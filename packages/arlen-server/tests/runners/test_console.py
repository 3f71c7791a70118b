"""Console: what boomhauer tells the person in front of it."""

from __future__ import annotations

import io

import msgspec
import pytest

from arlen_server.console import Console
from arlen_server.failures import Failure


def said(event, **fields):
    """What is written for an event."""
    stream = io.StringIO()
    Console(stream)(event, **fields)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("event", "fields", "line"),
    [
        ("ready", {"seconds": 0.314, "worker_pid": 7}, "boomhauer: ready in 0.31 s\n"),
        ("changed", {"files": ["app.py", "b.py"]}, "boomhauer: app.py, b.py changed, restarting\n"),
        ("refreshed", {"files": ["a.css"]}, "boomhauer: a.css changed, refreshing\n"),
        ("moved", {"addresses": ["http://[::1]:1"]}, "boomhauer: now on http://[::1]:1\n"),
        ("stopped", {}, "boomhauer: stopped\n"),
        ("something_new", {}, "boomhauer: something_new\n"),
    ],
)
def test_sentence(event, fields, line):
    """Each event is one sentence; an unknown one is its name."""
    assert line == said(event, **fields)


def test_route_table_is_aligned():
    """Routes are printed in columns."""
    rows = [
        {"method": "GET", "path": "/", "name": "home", "handler": "app:home"},
        {"method": "DELETE", "path": "/notes/{id}", "name": "", "handler": "app:delete"},
    ]
    assert "  GET     /            home  app:home\n  DELETE  /notes/{id}        app:delete\n" == said(
        "routes", routes=rows
    )


def test_no_routes():
    """An application without routes is told so."""
    assert "  no routes\n" == said("routes", routes=[])


def test_failure_shows_place_and_snippet():
    """A failure is told with message, place, lines, hint and traceback; a syntax error has no use for that."""
    failure = Failure(
        stage="load",
        message="NameError: x",
        file="app.py",
        line=3,
        snippet="> 3 | x",
        hint="define it",
        trace="trace\n",
    )
    text = said("broken", **msgspec.to_builtins(failure), retry_seconds=2.0)
    assert [
        "trace",
        "boomhauer: NameError: x",
        "  app.py:3",
        "  > 3 | x",
        "  define it",
        "boomhauer: trying again in 2 s, waiting for a change; the error is on the page too",
    ] == text.splitlines()
    bare = msgspec.structs.replace(failure, kind="SyntaxError", snippet="", file="")
    lines = said("broken", **msgspec.to_builtins(bare), retry_seconds=0).splitlines()
    assert ["boomhauer: NameError: x", "  define it"] == lines[:2]
    assert "boomhauer: waiting for a change; the error is on the page too" == lines[2]
