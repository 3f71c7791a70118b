"""Micro-benchmarks of arlen-core."""

from typing import Any

from arlen_core.dates import format_date
from arlen_core.headers import Headers
from arlen_core.ids import new_id, trace_parent
from arlen_core.matcher import Matcher
from arlen_core.queries import Query
from arlen_core.requests import Request
from arlen_core.responses import json
from arlen_core.router import Router

__all__: list[str] = []

_FIELDS = [(b"host", b"example.org"), (b"accept", b"*/*"), (b"user-agent", b"curl/8.5.0")]


def _matcher() -> Matcher:
    router = Router()

    async def handler() -> None:
        """Do nothing: nobody calls it."""

    for number in range(100):
        router.get(f"/static/{number}", name=f"s{number}")(handler)
        router.get(f"/dynamic{number}/{{id:int}}", name=f"d{number}")(handler)
    return Matcher(router.flat())


def test_match_static(benchmark: Any) -> None:
    """Find a route without placeholders among 200."""
    benchmark(_matcher().match, "GET", b"/static/99", Request("GET", b"/static/99"))


def test_match_dynamic(benchmark: Any) -> None:
    """Find a route with a placeholder among 200."""
    benchmark(_matcher().match, "GET", b"/dynamic99/7", Request("GET", b"/dynamic99/7"))


def test_request(benchmark: Any) -> None:
    """Make a request."""
    benchmark(Request, "GET", b"/json", b"", _FIELDS)


def test_headers_get(benchmark: Any) -> None:
    """Look up a header."""
    benchmark(Headers(_FIELDS).get, "user-agent")


def test_query(benchmark: Any) -> None:
    """Parse a query string of three parameters."""
    benchmark(Query.parse, b"page=3&size=50&sort=born")


def test_json(benchmark: Any) -> None:
    """Make a JSON response."""
    benchmark(json, {"message": "Hello, World!"})


def test_new_id(benchmark: Any) -> None:
    """Make a request id."""
    benchmark(new_id)


def test_trace_parent(benchmark: Any) -> None:
    """Make a new trace."""
    benchmark(trace_parent)


def test_format_date(benchmark: Any) -> None:
    """Format a date for a header."""
    benchmark(format_date, 784111777)
