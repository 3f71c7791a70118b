"""Refusals: the server's own errors look like the application's."""

import msgspec
import pytest

from arlen_server.refusals import Refusal, answer, busy


def test_problem():
    """A refusal is a problem with a code and a request id (RFC 9457)."""
    made = answer(Refusal(400, "host_missing", "a request needs a Host header"))
    members = msgspec.json.decode(made.body)
    assert (400, "application/problem+json") == (made.status, made.headers["content-type"])
    assert ("host_missing", "a request needs a Host header") == (members["code"], members["detail"])
    assert members["request_id"] == made.headers["x-request-id"]
    assert 32 == len(members["request_id"])


@pytest.mark.parametrize(
    ("accept", "start"),
    [(b"text/plain", b"too slow\n"), (b"text/html", b"<!doctype html>"), (b"", b"{"), (b"x/y", b"{")],
)
def test_negotiated(accept, start):
    """It comes as the client prefers it; what cannot be satisfied is ignored."""
    made = answer(Refusal(408, "x", "too slow"), "GET", [(b"accept", accept)])
    assert made.body.startswith(start)


def test_busy():
    """An overload says when to come back, and what there is too much of."""
    made = answer(busy("http_session_limit", 3))
    assert (503, "3", "http_session_limit") == (
        made.status,
        made.headers["retry-after"],
        made.headers["x-arlen-backpressure-reason"],
    )
